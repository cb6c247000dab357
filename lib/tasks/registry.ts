/** Tasks by name, so that a run can be written down as data. */
import { checkChoice, fail } from '../check.js';
import { literal, object, variant, type Data, type Entries, type ObjectSchema, type Schema } from '../schema.js';
import { associativeRecall, associativeRecallOptions } from './sequences/associative-recall.js';
import { babi, babiOptions } from './babi/babi.js';
import { copy, copyOptions, repeatCopy, repeatCopyOptions } from './sequences/copy.js';
import { mapping } from './mapping/mapping.js';
import { mappingOptions } from './mapping/mapping-options.js';
import { mnistOptions, mnistRecall, mnistSorting } from './lists/mnist.js';
import { recall, recallOptions } from './lists/recall.js';
import { sorting, sortingOptions } from './lists/sorting.js';
import type { Task } from './task.js';

interface TaskRow<E extends Entries> {
  make(options: object): unknown;
  /** What a run says of it beside its name. */
  readonly options: ObjectSchema<E>;
  /** Options that name the user's copy of a data set. */
  readonly files: readonly string[];
}

const row = <E extends Entries>(
  make: (options: never) => unknown,
  options: ObjectSchema<E>,
  ...files: string[]
): TaskRow<E> => ({ make: make as (options: object) => unknown, options, files });

/** By the name that run files, checkpoints and the task itself have. */
const rows = {
  'mapping': row(mapping, mappingOptions),
  'recall': row(recall, recallOptions),
  'sorting': row(sorting, sortingOptions),
  'mnist-recall': row(mnistRecall, mnistOptions, 'images', 'labels'),
  'mnist-sorting': row(mnistSorting, mnistOptions, 'images', 'labels'),
  'babi': row(babi, babiOptions, 'folder'),
  'copy': row(copy, copyOptions),
  'repeat-copy': row(repeatCopy, repeatCopyOptions),
  'associative-recall': row(associativeRecall, associativeRecallOptions),
};

export type TaskName = keyof typeof rows;
export const TASK_NAMES = Object.keys(rows) as readonly TaskName[];

/** A task and its options. Data sets belong to the user: their files or folder have to be named. */
export type TaskSpec = { [K in TaskName]: Data<(typeof rows)[K]['options']> & { readonly name: K } }[TaskName];
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
  const { make, files } = rows[known];
  for (const key of files) {
    if (!Object.hasOwn(options, key)) {
      fail('ERR_MG_ARGUMENT', known, `${key} of your copy of the data set`, undefined, `name it as task.${key} in the run`);
    }
  }
  return make(options) as Task<unknown>;
}
