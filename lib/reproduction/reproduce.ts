/** One seed of one row: trained, stopped and gone on with at will, scored on the test set of the row, and noted. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../check.js';
import { RunFolder, RUN_FILES, runFiles } from '../files/run-folder.js';
import { buildRun, checkRunConfig } from '../runs/run-config.js';
import { asFile } from '../runs/run-file.js';
import type { RunConfig } from '../runs/run.js';
import { isDataSet, withData as inFolder, withoutData } from '../tasks/registry.js';
import type { Task } from '../tasks/task.js';
import { Trainer } from '../train/trainer.js';
import type { Callback } from '../train/events.js';
import { clock, writeRecord, type SeedRecord } from './record.js';
import { recipeRun, type Recipe } from './rows.js';
import { answersWithout, TEST_ITEMS, TEST_SEED, testItems, testSetHash } from './test-set.js';

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
  /** Ends training early; what there is is saved and scored. */
  readonly signal?: AbortSignal;
  /** Ends everything: what there is is saved, nothing is scored, and the promise rejects with the reason. */
  readonly stop?: AbortSignal;
  readonly callbacks?: readonly Callback[];
  /** What is changed of the recipe, for a trial of the whole path; it stands in the record. */
  readonly change?: Partial<RunConfig>;
  /** Test episodes. Default {@link TEST_ITEMS}. */
  readonly items?: number;
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
  return fail('ERR_MG_ARGUMENT', 'reproduce', copy, undefined, 'name it with --data');
}

/** Signals of which the first to abort ends training. */
export const endingOf = ({ signal, stop }: Pick<ReproduceOptions, 'signal' | 'stop'>): { signal: AbortSignal } => (
  { signal: AbortSignal.any([signal, stop].filter((one) => one !== undefined)) }
);

/** Trains until the recipe ends or `signal` aborts; goes on with what is in the folder. Resolves with what it came to. */
export async function reproduce(options: ReproduceOptions): Promise<{ record: SeedRecord; folder: string; isFinished: boolean }> {
  const { row, recipe, seed, out, stop } = options;
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
      ...endingOf(options),
    });
    stop?.throwIfAborted();
    const heeded = stop === undefined ? {} : { signal: stop };
    const items = testItems(trainer.task, options.items ?? TEST_ITEMS);
    const reached = run.levels === undefined ? {} : { trainedTo: trainer.lessons.at(-1)![1] };
    const scores = { ...await trainer.evaluate({ items, seed: TEST_SEED, split: 'test', ...heeded }), ...reached };
    const test = { items, sha256: testSetHash(trainer.task, items), scores };
    const [baselines, notes] = [answersWithout(setup.task as Task<unknown>, items), notesOn(run)];
    const known = { row, recipe, seed, run: withoutPaths(run), step, steps: run.steps, test, baselines, notes };
    const record = await writeRecord(path, known, time.spent(), setup.model.stateDict());
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
