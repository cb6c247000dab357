/** One seed of one row: trained, stopped and gone on with at will, scored on the test set of the row, and noted. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fail } from '../check.js';
import { writeFileAtomic } from '../files/atomic-file.js';
import type { MetricsRecord } from '../files/metrics-log.js';
import { RunFolder, RUN_FILES, runFiles } from '../files/run-folder.js';
import { packageRoot } from '../native.js';
import { buildRun, checkRunConfig } from '../runs/run-config.js';
import { asFile } from '../runs/run-file.js';
import type { RunConfig } from '../runs/run.js';
import { device, diagnostics } from '../tensor/device.js';
import { saveTensors } from '../tensor/tensor-file.js';
import { Trainer } from '../train/trainer.js';
import type { Callback } from '../train/events.js';
import { recipeRun, type Recipe } from './rows.js';
import { TEST_ITEMS, TEST_SEED, testSetHash } from './test-set.js';

/** What one seed came to: one JSON file. */
export interface SeedRecord {
  readonly row: string;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly run: RunConfig;
  /** Time steps trained, of those of the recipe; fewer where a budget ended it. */
  readonly step: number;
  readonly steps: number;
  /** Of training, without scoring: by the clock, and of all threads. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Validation scores on the way, from episodes that training never draws. */
  readonly curve: readonly MetricsRecord[];
  readonly test: { readonly items: number; readonly sha256: string; readonly scores: Readonly<Record<string, number>> };
  /** Version of the package, the commit of a checkout, and the machine in general terms. */
  readonly engine: { readonly version: string; readonly commit: string | null };
  readonly machine: { readonly processor: string; readonly device: string; readonly simd: string; readonly threads: number };
}

export interface ReproduceOptions {
  readonly row: string;
  readonly recipe: Recipe;
  readonly seed: number;
  /**
   * Each seed gets a folder `<row>/<recipe>-<seed>` in it, and beside it the record (`.json`) and the weights (`.safetensors`).
   */
  readonly out: string;
  /** The user's copy of the data set of the row, see {@link withData}. */
  readonly data?: string;
  readonly signal?: AbortSignal;
  readonly callbacks?: readonly Callback[];
  /** What is changed of the recipe, for a trial of the whole path; it stands in the record. */
  readonly change?: Partial<RunConfig>;
  /** Test episodes. Default {@link TEST_ITEMS}. */
  readonly items?: number;
}

const MNIST = {
  images: 'train-images-idx3-ubyte.gz',
  labels: 'train-labels-idx1-ubyte.gz',
  testImages: 't10k-images-idx3-ubyte.gz',
  testLabels: 't10k-labels-idx1-ubyte.gz',
} as const;

/**
 * The run with its data set: for MNIST the folder of its four gzipped files, for bAbI that of its `qa…_train.txt` and
 * `_test.txt`.
 */
export function withData(run: RunConfig, folder: string | undefined): RunConfig {
  const { name } = run.task;
  const isMnist = name === 'mnist-recall' || name === 'mnist-sorting';
  if (!isMnist && name !== 'babi') return run;
  if (folder === undefined) {
    fail(
      'ERR_MG_ARGUMENT',
      'reproduce',
      `the folder of your copy of ${isMnist ? 'MNIST' : 'bAbI'}`,
      undefined,
      'name it with --data',
    );
  }
  const files = isMnist
    ? Object.fromEntries(Object.entries(MNIST).map(([key, file]) => [key, join(folder, file)]))
    : { folder };
  return { ...run, task: { ...run.task, ...files } as RunConfig['task'] };
}

/** Counts seconds of training, which go on counting in a resumed run. */
function clock(): { readonly spent: () => { seconds: number; cpuSeconds: number }; readonly callback: Callback } {
  let spent = { seconds: 0, cpuSeconds: 0 };
  let [started, cpu] = [performance.now(), process.cpuUsage()];
  const restart = (): void => {
    [started, cpu] = [performance.now(), process.cpuUsage()];
  };
  const callback: Callback = {
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
      spent = saved as typeof spent;
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

/** Trains until the recipe ends or `signal` aborts; goes on with what is in the folder. Resolves with what it came to. */
export async function reproduce(options: ReproduceOptions): Promise<{ record: SeedRecord; folder: string; isFinished: boolean }> {
  const { row, recipe, seed, out, signal, items = TEST_ITEMS } = options;
  if (seed === TEST_SEED) fail('ERR_MG_ARGUMENT', 'reproduce', 'another seed than that of the test set', seed);
  const path = join(out, row, `${recipe}-${seed}`);
  const wanted = withData({ ...recipeRun(row, recipe), ...options.change, name: row, seed }, options.data);
  const isResumed = existsSync(join(path, RUN_FILES.checkpoint));
  const run = isResumed ? sameRun(path, wanted) : wanted;
  const setup = buildRun(run);
  const time = clock();
  const callbacks = [time.callback, ...(options.callbacks ?? [])];
  const trainer = isResumed
    ? await Trainer.resume(join(path, RUN_FILES.checkpoint), { ...setup, callbacks })
    : new Trainer({ ...setup, callbacks });
  const folder = isResumed ? await RunFolder.resume(path, trainer.step) : await RunFolder.create(path, asFile(run, path));
  try {
    const { step } = await trainer.fit({
      steps: run.steps,
      validate: run.validate,
      checkpoint: { folder, every: Math.max(1, Math.ceil(run.steps / 100)) },
      ...(signal === undefined ? {} : { signal }),
    });
    const scores = await trainer.evaluate({ items, seed: TEST_SEED, split: 'test' });
    const { binary } = diagnostics();
    const record: SeedRecord = {
      row,
      recipe,
      seed,
      run: withoutPaths(run),
      step,
      steps: run.steps,
      seconds: Math.round(time.spent().seconds),
      cpuSeconds: Math.round(time.spent().cpuSeconds),
      curve: runFiles.metrics(path).filter((line) => !('loss' in line)),
      test: { items, sha256: testSetHash(trainer.task, items), scores },
      engine: { version: version(), commit: commit() },
      machine: { processor: cpus()[0]?.model ?? 'unknown', device: device().id, simd: binary.simd, threads: binary.threads },
    };
    await writeFileAtomic(`${path}.json`, [Buffer.from(`${JSON.stringify(record, null, 1)}\n`)]);
    await saveTensors(`${path}.safetensors`, setup.model.stateDict());
    return { record, folder: path, isFinished: step >= run.steps };
  } finally {
    folder.close();
  }
}

/** The run of a folder, if it is the one that is wanted: data sets may have moved. */
function sameRun(path: string, wanted: RunConfig): RunConfig {
  const saved = checkRunConfig(runFiles.config(path));
  const [before, now] = [saved, wanted].map((run) => JSON.stringify(withoutPaths(run)));
  if (before !== now) fail('ERR_MG_CONFIG', path, `the run ${now}`, before, 'choose another --out');
  return wanted;
}

/** Where somebody's data lie is no part of a record. */
function withoutPaths(run: RunConfig): RunConfig {
  const paths = new Set(['folder', ...Object.keys(MNIST)]);
  const task = Object.fromEntries(Object.entries(run.task).filter(([key]) => !paths.has(key)));
  return { ...run, task: task as RunConfig['task'] };
}

/** The test scores of weights that were saved, on the test set of the row. Throws what loading and the data set throw. */
export async function scoreWeights(
  row: string,
  recipe: Recipe,
  load: (model: Trainer['model']) => Promise<void>,
  { data, items = TEST_ITEMS }: { data?: string; items?: number },
): Promise<{ scores: Record<string, number>; sha256: string }> {
  const setup = buildRun(withData(recipeRun(row, recipe), data));
  using model = setup.model;
  await load(model);
  const trainer = new Trainer(setup);
  const scores = await trainer.evaluate({ items, seed: TEST_SEED, split: 'test' });
  return { scores, sha256: testSetHash(trainer.task, items) };
}
