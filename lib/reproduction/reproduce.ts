/** The row of a memory: its run with its data, trained by its recipe and scored on its test set. */
import { readdirSync } from 'node:fs';
import { fail, words } from '../check.js';
import { runFiles } from '../files/run-folder.js';
import { buildRun, checkRunConfig } from '../runs/run-config.js';
import { asFile } from '../runs/run-file.js';
import type { RunConfig } from '../runs/run.js';
import { isDataSet, withData as inFolder, withoutData } from '../tasks/registry.js';
import type { Task } from '../tasks/task.js';
import { Trainer } from '../train/trainer.js';
import { recipeRun } from './rows.js';
import { checkSameRun, savedIn, seedFolder, trainSeed, type SeedOptions, type SeedResult } from './seed.js';
import { answersWithout, TEST_ITEMS, TEST_SEED, testItems, testSetHash } from './test-set.js';

export interface ReproduceOptions extends SeedOptions<RunConfig> {
  /** The user's copy of the data set of the row, see {@link withData}. */
  readonly data?: string;
}

/** Whether a run needs the user's copy of a data set. */
export const needsData = ({ task }: RunConfig): boolean => isDataSet(task);

/** As people write them. */
const TITLES: Readonly<Record<string, string>> = {
  'mnist-recall': 'MNIST',
  'mnist-sorting': 'MNIST',
  'babi': 'bAbI',
  'omniglot': 'Omniglot',
};

/**
 * The run with its data set: for MNIST the folder of its four gzipped files, for bAbI that of its `qa…_train.txt` and
 * `_test.txt`, for Omniglot that of its two archives.
 */
export function withData(run: RunConfig, folder: string | undefined): RunConfig {
  if (!needsData(run)) return run;
  if (folder !== undefined) return { ...run, task: inFolder(withoutData(run.task), folder) };
  const copy = `the folder of your copy of ${TITLES[run.task.name]}`;
  return fail('ERR_MG_ARGUMENT', 'reproduce', copy, words('none'), 'name it with --data');
}

/** Trains and scores a seed of a row of memories, see {@link trainSeed}. */
export async function reproduce(options: ReproduceOptions): Promise<SeedResult> {
  const { row, recipe, seed, out } = options;
  if (seed === TEST_SEED) fail('ERR_MG_ARGUMENT', 'reproduce', 'another seed than that of the test set', seed);
  const path = seedFolder(out, row, recipe, seed);
  const wanted = withData({ ...recipeRun(row, recipe), ...options.change, name: row, seed }, options.data);
  const run = savedIn(path) === null ? wanted : sameRun(path, wanted);
  const setup = buildRun(run);
  return await trainSeed<Trainer, RunConfig>(options, {
    path,
    run,
    config: asFile(run, path),
    weights: () => setup.model.stateDict(),
    open: (saved, callbacks) => (
      saved === null ? new Trainer({ ...setup, callbacks }) : Trainer.resume(saved, { ...setup, callbacks })
    ),
    async score(trainer, until) {
      const items = testItems(trainer.task, options.items ?? TEST_ITEMS);
      const reached = run.levels === undefined ? {} : { trainedTo: trainer.lessons.at(-1)![1] };
      const scores = { ...await trainer.evaluate({ items, seed: TEST_SEED, split: 'test', ...until }), ...reached };
      const test = { items, sha256: testSetHash(trainer.task, items), scores };
      return { run: withoutPaths(run), test, baselines: answersWithout(setup.task as Task<unknown>, items), notes: notesOn(run) };
    },
  });
}

/** The run of a folder, if it is the one that is wanted: data sets may have moved. */
function sameRun(path: string, wanted: RunConfig): RunConfig {
  const saved = checkRunConfig(runFiles.config(path));
  checkSameRun(path, withoutPaths(saved), withoutPaths(wanted));
  return wanted;
}

/** Of bAbI: files of the 20 tasks that the folder lacks. No story is ever left out. */
export function notesOn({ task }: RunConfig): string[] {
  if (task.name !== 'babi') return [];
  const names = readdirSync(task.folder!);
  const missing = Array.from({ length: 20 }, (_, k) => k + 1).flatMap((number) =>
    ['train', 'test'].filter((part) => !names.some((name) => new RegExp(`^qa${number}(_.+)?_${part}\\.txt$`).test(name)))
      .map((part) => `${part === 'train' ? 'training' : 'test'} file of task ${number} missing`)
  );
  return ['no story left out', ...missing];
}

/** Where somebody's data lie is no part of a record. */
const withoutPaths = (run: RunConfig): RunConfig => ({ ...run, task: withoutData(run.task) });

/** The test scores of weights that a run left, on its test set. Throws what loading and the data set throw. */
export async function scoreWeights(
  run: RunConfig,
  load: (model: Trainer['model']) => Promise<void>,
  { data, items = TEST_ITEMS }: { data?: string; items?: number },
): Promise<{ scores: Record<string, number>; sha256: string }> {
  const setup = buildRun(withData(run, data));
  using model = setup.model;
  await load(model);
  const trainer = new Trainer(setup);
  const scores = await trainer.evaluate({ items, seed: TEST_SEED, split: 'test' });
  return { scores, sha256: testSetHash(trainer.task, items) };
}
