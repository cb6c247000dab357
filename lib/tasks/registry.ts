/** Tasks by name, so that a run can be written down as data. */
import { checkChoice, fail } from '../check.js';
import { associativeRecall, type AssociativeRecallOptions } from './sequences/associative-recall.js';
import { babi, type BabiOptions } from './babi/babi.js';
import { copy, repeatCopy, type CopyOptions, type RepeatCopyOptions } from './sequences/copy.js';
import { mapping } from './mapping/mapping.js';
import type { MappingOptions } from './mapping/mapping-options.js';
import { mnistRecall, mnistSorting, type MnistOptions } from './lists/mnist.js';
import { recall, type RecallOptions } from './lists/recall.js';
import { sorting, type SortingOptions } from './lists/sorting.js';
import type { Task } from './task.js';

interface TaskRow<Options> {
  make(options: Options): unknown;
  /** Options that name the user's copy of a data set. */
  readonly files: readonly string[];
}

const row = <Options>(make: (options: never) => unknown, ...files: string[]): TaskRow<Options> => (
  { make: make as (options: Options) => unknown, files }
);

/** By the name that run files, checkpoints and the task itself have. */
const rows = {
  'mapping': row<MappingOptions>(mapping),
  'recall': row<RecallOptions>(recall),
  'sorting': row<SortingOptions>(sorting),
  'mnist-recall': row<Partial<MnistOptions>>(mnistRecall, 'images', 'labels'),
  'mnist-sorting': row<Partial<MnistOptions>>(mnistSorting, 'images', 'labels'),
  'babi': row<Partial<BabiOptions>>(babi, 'folder'),
  'copy': row<CopyOptions>(copy),
  'repeat-copy': row<RepeatCopyOptions>(repeatCopy),
  'associative-recall': row<AssociativeRecallOptions>(associativeRecall),
};

export type TaskName = keyof typeof rows;
export const TASK_NAMES = Object.keys(rows) as readonly TaskName[];
type OptionsOf<Row> = Row extends TaskRow<infer Options> ? Options : never;

/** A task and its options. Data sets belong to the user: their files or folder have to be named. */
export type TaskSpec = { [K in TaskName]: OptionsOf<(typeof rows)[K]> & { readonly name: K } }[TaskName];
export type MappingSpec = Extract<TaskSpec, { readonly name: 'mapping' }>;

/** The task of a specification. ERR_MG_ARGUMENT for unknown names and options, and for data sets without their files. */
export function makeTask(spec: TaskSpec): Task<unknown> {
  if (typeof spec !== 'object' || spec === null) fail('ERR_MG_ARGUMENT', 'task', 'a task, as { name: "mapping", … }', spec);
  const { name, ...options } = spec;
  const known = checkChoice('task', 'name', name, TASK_NAMES);
  const { make, files } = rows[known] as TaskRow<object>;
  for (const key of files) {
    if (!Object.hasOwn(options, key)) {
      fail('ERR_MG_ARGUMENT', known, `${key} of your copy of the data set`, undefined, `name it as task.${key} in the run`);
    }
  }
  return make(options) as Task<unknown>;
}
