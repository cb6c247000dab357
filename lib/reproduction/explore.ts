/** The row of a policy: the memory it stands on is a row of its own and comes first; then the policy learns and is scored. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../check.js';
import { RunFolder, RUN_FILES, runFiles } from '../files/run-folder.js';
import { readTensors } from '../files/safetensors.js';
import { A2C } from '../rl/a2c/a2c.js';
import { explorationScores } from '../runs/exploration-scores.js';
import { checkExploration, explorationMazes, explorationOn, explorationRun, type ExplorationRun } from '../runs/exploration.js';
import { loadTensors } from '../tensor/tensor-file.js';
import { loadWeights } from '../train/checkpoint.js';
import type { Callback, Training } from '../train/events.js';
import { clock, writeRecord, type SeedRecord } from './record.js';
import { endingOf } from './reproduce.js';
import type { Recipe } from './rows.js';
import { hashOf, TEST_ITEMS, TEST_SEED } from './test-set.js';

export interface ExploreOptions {
  readonly row: string;
  /** Of the memory and, in name, of the policy, whose settings were not published: both recipes train it alike. */
  readonly recipe: Recipe;
  readonly seed: number;
  /** As of `reproduce`; the weights of the memory lie in it as those of its own row. */
  readonly out: string;
  /** As of `reproduce`. */
  readonly signal?: AbortSignal;
  readonly stop?: AbortSignal;
  readonly callbacks?: readonly Callback<Training>[];
  readonly change?: Partial<ExplorationRun>;
  /** Test mazes. Default {@link TEST_ITEMS}. */
  readonly items?: number;
}

/** The row of the memory that the row of a policy stands on. */
export const memoryRow = (row: string): string => explorationRun(row).memory;

/** Where the weights of a row lie. */
export const weightsOf = (out: string, row: string, recipe: Recipe, seed: number): string =>
  join(out, row, `${recipe}-${seed}.safetensors`);

/**
 * Trains the policy until its run ends or `signal` aborts, on the weights that the row of its memory has left in `out`; goes on
 * with what is in the folder. Throws ERR_MG_ARGUMENT where there are no such weights.
 */
export async function reproduceExploration(
  options: ExploreOptions,
): Promise<{ record: SeedRecord; folder: string; isFinished: boolean }> {
  const { row, recipe, seed, out, stop, items = TEST_ITEMS } = options;
  const path = join(out, row, `${recipe}-${seed}`);
  const run: ExplorationRun = { ...explorationRun(row), ...options.change, seed };
  const file = join(path, RUN_FILES.checkpoint);
  const isResumed = existsSync(file);
  if (isResumed && JSON.stringify(checkExploration(runFiles.config(path))) !== JSON.stringify(run)) {
    fail('ERR_MG_CONFIG', path, `the run ${JSON.stringify(run)}`, runFiles.config(path), 'choose another --out');
  }
  const setup = isResumed
    ? await resumed(run, file)
    : await fresh(run, weightsOf(out, run.memory, recipe, seed));
  const time = clock<Training>();
  const callbacks = [time.callback, ...(options.callbacks ?? [])];
  const training = isResumed ? await A2C.resume(file, { ...setup, callbacks }) : new A2C({ ...setup, callbacks });
  const folder = isResumed ? await RunFolder.resume(path, training.step) : await RunFolder.create(path, run);
  try {
    const { step } = await training.fit({
      steps: run.steps,
      validate: run.validate,
      checkpoint: { folder, every: Math.max(1, Math.ceil(run.steps / 100)) },
      ...endingOf(options),
    });
    stop?.throwIfAborted();
    const heeded = stop === undefined ? {} : { signal: stop };
    const { agent } = setup;
    const all = await explorationScores({ agent, run, items, steps: run.episodeSteps, seed: TEST_SEED, ...heeded });
    const scores = Object.fromEntries(Object.entries(all).filter(([, score]) => Number.isFinite(score)));
    const test = { items, sha256: mazesHash(run, items), scores };
    const known = { row, recipe, seed, run, step, steps: run.steps, test };
    const record = await writeRecord(path, known, time.spent(), setup.agent.stateDict());
    return { record, folder: path, isFinished: step >= run.steps };
  } finally {
    folder.close();
  }
}

async function fresh(run: ExplorationRun, weights: string): ReturnType<typeof resumed> {
  if (!existsSync(weights)) {
    fail('ERR_MG_ARGUMENT', 'reproduce', `the weights of ${run.memory} in ${weights}`, 'none', `reproduce ${run.memory} first`);
  }
  const { tensors } = await loadTensors(weights);
  try {
    return explorationOn(run, (memory) => memory.loadStateDict(tensors));
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}

async function resumed(run: ExplorationRun, file: string) {
  const { tensors } = await readTensors(file);
  return explorationOn(run, (memory) => loadWeights(memory, 'memory', tensors));
}

/** SHA-256 of the test mazes. */
function mazesHash(run: ExplorationRun, items: number): string {
  const { walks } = explorationMazes(run, { episodes: items, seed: TEST_SEED, staggered: false });
  return hashOf('mazes', walks.map(({ cells }) => cells));
}
