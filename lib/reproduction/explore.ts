/** The row of a policy: the memory it stands on is a row of its own and comes first; then the policy learns and is scored. */
import { existsSync } from 'node:fs';
import { fail, words } from '../check.js';
import { runFiles } from '../files/run-folder.js';
import { readTensors } from '../files/safetensors.js';
import { A2C } from '../rl/a2c/a2c.js';
import { explorationScores } from '../runs/exploration-scores.js';
import { checkExploration, explorationMazes, explorationOn, explorationRun, type ExplorationRun } from '../runs/exploration.js';
import { loadTensors } from '../tensor/tensor-file.js';
import { loadWeights } from '../train/checkpoint.js';
import type { Training } from '../train/events.js';
import type { Recipe } from './rows.js';
import { checkSameRun, savedIn, seedFolder, trainSeed, type SeedOptions, type SeedResult } from './seed.js';
import { hashOf, TEST_ITEMS, TEST_SEED } from './test-set.js';

/** The row of the memory that the row of a policy stands on. */
export const memoryRow = (row: string): string => explorationRun(row).memory;

/** Where the weights of a row lie. */
export const weightsOf = (out: string, row: string, recipe: Recipe, seed: number): string =>
  `${seedFolder(out, row, recipe, seed)}.safetensors`;

/**
 * Trains and scores a policy, see {@link trainSeed}, on the weights that the row of its memory has left in `out`. The recipe is
 * that of the memory and, in name, of the policy, whose settings were not published: both recipes train it alike. Throws
 * ERR_MG_ARGUMENT where there are no such weights.
 */
export async function reproduceExploration(options: SeedOptions<ExplorationRun, Training>): Promise<SeedResult> {
  const { row, recipe, seed, out, items = TEST_ITEMS } = options;
  const path = seedFolder(out, row, recipe, seed);
  const run: ExplorationRun = { ...explorationRun(row), ...options.change, seed };
  const file = savedIn(path);
  if (file !== null) checkSameRun(path, checkExploration(runFiles.config(path)), run);
  const setup = file === null ? await fresh(run, weightsOf(out, run.memory, recipe, seed)) : await resumed(run, file);
  const { agent } = setup;
  return await trainSeed<A2C, ExplorationRun>(options, {
    path,
    run,
    config: run,
    weights: () => agent.stateDict(),
    open: (saved, callbacks) => (saved === null ? new A2C({ ...setup, callbacks }) : A2C.resume(saved, { ...setup, callbacks })),
    async score(_, until) {
      const all = await explorationScores({ agent, run, items, steps: run.episodeSteps, seed: TEST_SEED, ...until });
      const scores = Object.fromEntries(Object.entries(all).filter(([, score]) => Number.isFinite(score)));
      return { run, test: { items, sha256: mazesHash(run, items), scores } };
    },
  });
}

async function fresh(run: ExplorationRun, weights: string): ReturnType<typeof resumed> {
  if (!existsSync(weights)) {
    fail(
      'ERR_MG_ARGUMENT',
      'reproduce',
      `the weights of ${run.memory} in ${weights}`,
      words('none'),
      `reproduce ${run.memory} first`,
    );
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
