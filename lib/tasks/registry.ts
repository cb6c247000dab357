/** Tasks by name, so that a run can be written down as data. */
import path from 'node:path';
import { checkChoice, fail, words } from '../check.js';
import { literal, object, variant, type Entries, type ObjectSchema, type Schema } from '../schema.js';
import { associativeRecall, associativeRecallOptions, type AssociativeRecallOptions } from './sequences/associative-recall.js';
import { babi, babiOptions, type BabiOptions } from './babi/babi.js';
import { copy, copyOptions, repeatCopy, repeatCopyOptions, type CopyOptions, type RepeatCopyOptions } from './sequences/copy.js';
import { mapping } from './mapping/mapping.js';
import { mappingOptions, type MappingOptions } from './mapping/mapping-options.js';
import { mnistRecall, mnistSorting } from './lists/mnist.js';
import { mnistOptions, type MnistOptions } from './lists/mnist-data.js';
import { recall, recallOptions, type RecallOptions } from './lists/recall.js';
import { sorting, sortingOptions, type SortingOptions } from './lists/sorting.js';
import { nGrams, nGramsOptions, type NGramsOptions } from './sequences/n-grams.js';
import { prioritySort, prioritySortOptions, type PrioritySortOptions } from './sequences/priority-sort.js';
import { omniglot, omniglotOptions, type OmniglotOptions } from './omniglot/omniglot.js';
import type { Task } from './task.js';

interface TaskRow<E extends Entries> {
  make(options: object): unknown;
  /** What a run says of it beside its name. */
  readonly options: ObjectSchema<E>;
  /** Of a data set. */
  readonly data: DataSet;
}

/** Options that name the user's copy, and the names that the published files have in a folder; empty: the folder itself. */
interface DataSet {
  readonly needed: Readonly<Record<string, string>>;
  readonly more?: Readonly<Record<string, string>>;
}

const MNIST: DataSet = {
  needed: { images: 'train-images-idx3-ubyte.gz', labels: 'train-labels-idx1-ubyte.gz' },
  more: { testImages: 't10k-images-idx3-ubyte.gz', testLabels: 't10k-labels-idx1-ubyte.gz' },
};

const row = <E extends Entries>(
  make: (options: never) => unknown,
  options: ObjectSchema<E>,
  data: DataSet = { needed: {} },
): TaskRow<E> => ({ make: make as (options: object) => unknown, options, data });

/** By the name that run files, checkpoints and the task itself have. */
const rows = {
  'mapping': row(mapping, mappingOptions),
  'recall': row(recall, recallOptions),
  'sorting': row(sorting, sortingOptions),
  'mnist-recall': row(mnistRecall, mnistOptions, MNIST),
  'mnist-sorting': row(mnistSorting, mnistOptions, MNIST),
  'babi': row(babi, babiOptions, { needed: { folder: '' } }),
  'omniglot': row(omniglot, omniglotOptions, {
    needed: { background: 'images_background.zip' },
    more: { evaluation: 'images_evaluation.zip' },
  }),
  'copy': row(copy, copyOptions),
  'repeat-copy': row(repeatCopy, repeatCopyOptions),
  'associative-recall': row(associativeRecall, associativeRecallOptions),
  'priority-sort': row(prioritySort, prioritySortOptions),
  'n-grams': row(nGrams, nGramsOptions),
};

/** Options of each task, by its name. */
export interface TaskOptions {
  readonly 'mapping': MappingOptions;
  readonly 'recall': RecallOptions;
  readonly 'sorting': SortingOptions;
  readonly 'mnist-recall': Partial<MnistOptions>;
  readonly 'mnist-sorting': Partial<MnistOptions>;
  readonly 'babi': Partial<BabiOptions>;
  readonly 'omniglot': Partial<OmniglotOptions>;
  readonly 'copy': CopyOptions;
  readonly 'repeat-copy': RepeatCopyOptions;
  readonly 'associative-recall': AssociativeRecallOptions;
  readonly 'priority-sort': PrioritySortOptions;
  readonly 'n-grams': NGramsOptions;
}
export type TaskName = keyof TaskOptions;
export const TASK_NAMES = Object.keys(rows) as readonly TaskName[];

/** A task and its options. Data sets belong to the user: their files or folder have to be named. */
export type TaskSpec = { [K in TaskName]: TaskOptions[K] & { readonly name: K } }[TaskName];
export type MappingSpec = Extract<TaskSpec, { readonly name: 'mapping' }>;

/** A task as a run file has it. */
export const taskSchema = variant(
  'a task, as { "name": "mapping", … }',
  'name',
  ...TASK_NAMES.map((name) => object<Entries>({ name: literal(name), ...rows[name].options.entries })),
) as Schema<TaskSpec>;

/** The task of a specification. ERR_MG_ARGUMENT for unknown names and options, and for data sets without their files. */
export function makeTask(spec: TaskSpec): Task<unknown> {
  if (typeof spec !== 'object' || spec === null) fail('ERR_MG_ARGUMENT', 'task', 'a task, as { name: "mapping", … }', spec);
  const { name, ...options } = spec;
  const known = checkChoice('task', 'name', name, TASK_NAMES);
  const { make, data } = rows[known];
  for (const key of Object.keys(data.needed)) {
    if (!Object.hasOwn(options, key)) {
      fail(
        'ERR_MG_ARGUMENT',
        known,
        `${key} of your copy of the data set`,
        words('nothing'),
        `name it as task.${key} in the run`,
      );
    }
  }
  return make(options) as Task<unknown>;
}

const filesOf = ({ name }: TaskSpec): Readonly<Record<string, string>> => ({
  ...rows[name].data.needed,
  ...rows[name].data.more,
});

/** Whether a task draws from the user's copy of a data set. */
export const isDataSet = (spec: TaskSpec): boolean => Object.keys(filesOf(spec)).length > 0;

/** Whether a task says where its data set is; one that draws its episodes has nothing to say. */
export const hasData = (spec: TaskSpec): boolean =>
  Object.keys(rows[spec.name].data.needed).every((key) => Object.hasOwn(spec, key));

/**
 * The task with its data set in a folder, under the names that its files have in the task, or else as they are published. Files
 * that are not needed: all of them, or with `onlyNamed` those that the task names.
 */
export function withData(spec: TaskSpec, folder: string, options: { readonly onlyNamed?: boolean } = {}): TaskSpec {
  const { needed } = rows[spec.name].data;
  const given = spec as Readonly<Record<string, unknown>>;
  const files = Object.entries(filesOf(spec)).flatMap(([key, file]) => {
    const named = given[key];
    if (options.onlyNamed === true && named === undefined && !Object.hasOwn(needed, key)) return [];
    return [[key, file === '' ? folder : path.join(folder, typeof named === 'string' ? path.basename(named) : file)]];
  });
  return { ...spec, ...Object.fromEntries(files) };
}

/** The task without the places of its files, which are no part of what it is. */
export function withoutData(spec: TaskSpec): TaskSpec {
  const files = filesOf(spec);
  return Object.fromEntries(Object.entries(spec).filter(([key]) => !Object.hasOwn(files, key))) as TaskSpec;
}
