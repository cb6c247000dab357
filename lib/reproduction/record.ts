/** The record of one seed: what it came to, what it took, and where. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../files/atomic-file.js';
import type { MetricsRecord } from '../files/metrics-log.js';
import { runFiles } from '../files/run-folder.js';
import { packageRoot } from '../native.js';
import type { ExplorationRun } from '../runs/exploration.js';
import type { RunConfig } from '../runs/run.js';
import { device, diagnostics } from '../tensor/device.js';
import type { Tensor } from '../tensor/tensor.js';
import { saveTensors } from '../tensor/tensor-file.js';
import type { Callback } from '../train/events.js';
import type { Training } from '../train/training.js';
import type { Recipe } from './rows.js';
import type { Baselines } from './test-set.js';

/** What one seed came to: one JSON file. */
export interface SeedRecord {
  readonly row: string;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly run: RunConfig | ExplorationRun;
  /** Time steps trained, of those of the recipe; fewer where a budget ended it. */
  readonly step: number;
  readonly steps: number;
  /** Of training, without scoring: by the clock, and of all threads. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Validation scores on the way, from episodes that training never draws. */
  readonly curve: readonly MetricsRecord[];
  readonly test: { readonly items: number; readonly sha256: string; readonly scores: Readonly<Record<string, number>> };
  /** Scores of answers that need no memory, see `answersWithout`; of a policy none. */
  readonly baselines?: Baselines;
  /** What is to be known of the user's data set: files that are missing, what was left out. */
  readonly notes?: readonly string[];
  /** Version of the package, the commit of a checkout, and the machine in general terms. */
  readonly engine: { readonly version: string; readonly commit: string | null };
  readonly machine: { readonly processor: string; readonly device: string; readonly simd: string; readonly threads: number };
}

/** Of training: by the clock, and of all threads. */
export interface Spent {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Counts seconds of training, which go on counting in a resumed run. */
export function clock<On extends Training>(): { readonly spent: () => Spent; readonly callback: Callback<On> } {
  let spent: Spent = { seconds: 0, cpuSeconds: 0 };
  let [started, cpu] = [performance.now(), process.cpuUsage()];
  const restart = (): void => {
    [started, cpu] = [performance.now(), process.cpuUsage()];
  };
  const callback: Callback<On> = {
    name: 'clock',
    onStart: restart,
    onStep() {
      const { user, system } = process.cpuUsage(cpu);
      const seconds = spent.seconds + (performance.now() - started) / 1000;
      spent = { seconds, cpuSeconds: spent.cpuSeconds + (user + system) / 1e6 };
      restart();
    },
    onValidate: restart,
    save: () => spent,
    restore(saved) {
      spent = saved as Spent;
    },
  };
  return { spent: () => spent, callback };
}

const version = (): string =>
  (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;

/** The commit that a checkout is at; null in an installed package, and where git is not. */
function commit(): string | null {
  try {
    const ask = (...words: string[]): string =>
      execFileSync('git', ['rev-parse', ...words], { cwd: packageRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
        .trim();
    return ask('--show-toplevel') === packageRoot ? ask('HEAD') : null;
  } catch {
    return null;
  }
}

/** The record of a run folder, written beside it as `<folder>.json`, and the weights as `<folder>.safetensors`. */
export async function writeRecord(
  folder: string,
  known: Omit<SeedRecord, 'seconds' | 'cpuSeconds' | 'curve' | 'engine' | 'machine'>,
  spent: Spent,
  weights: ReadonlyMap<string, Tensor>,
): Promise<SeedRecord> {
  const { binary } = diagnostics();
  const { row, recipe, seed, run, step, steps, test, baselines, notes = [] } = known;
  const record: SeedRecord = {
    row,
    recipe,
    seed,
    run,
    step,
    steps,
    seconds: Math.round(spent.seconds),
    cpuSeconds: Math.round(spent.cpuSeconds),
    curve: runFiles.metrics(folder).filter((line) => !('loss' in line)),
    test,
    ...(baselines === undefined ? {} : { baselines }),
    ...(notes.length === 0 ? {} : { notes }),
    engine: { version: version(), commit: commit() },
    machine: { processor: cpus()[0]?.model ?? 'unknown', device: device().id, simd: binary.simd, threads: binary.threads },
  };
  await writeFileAtomic(`${folder}.json`, [Buffer.from(`${JSON.stringify(record, null, 1)}\n`)]);
  await saveTensors(`${folder}.safetensors`, weights);
  return record;
}
