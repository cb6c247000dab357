/** Tasks by name, so that a run can be written down as data. */
import { checkChoice, fail } from '../check.js';
import { associativeRecall, type AssociativeRecallOptions } from './associative-recall.js';
import { babi, type BabiOptions } from './babi.js';
import { copy, repeatCopy, type CopyOptions, type RepeatCopyOptions } from './copy.js';
import { mapping } from './mapping/mapping.js';
import type { MappingOptions } from './mapping/mapping-options.js';
import { mnistRecall, mnistSorting, type MnistOptions } from './mnist.js';
import { recall, type RecallOptions } from './recall.js';
import { sorting, type SortingOptions } from './sorting.js';
import type { Task } from './task.js';

export type MappingSpec = MappingOptions & { readonly name: 'mapping' };

/** A task and its options. Data sets belong to the user: their files or folder have to be named. */
export type TaskSpec =
  | MappingSpec
  | (RecallOptions & { readonly name: 'recall' })
  | (SortingOptions & { readonly name: 'sorting' })
  | (Partial<MnistOptions> & { readonly name: 'mnist-recall' | 'mnist-sorting' })
  | (Partial<BabiOptions> & { readonly name: 'babi' })
  | (CopyOptions & { readonly name: 'copy' })
  | (RepeatCopyOptions & { readonly name: 'repeat-copy' })
  | (AssociativeRecallOptions & { readonly name: 'associative-recall' });

const MAKERS: Record<TaskSpec['name'], (options: never) => unknown> = {
  mapping,
  recall,
  sorting,
  'mnist-recall': mnistRecall,
  'mnist-sorting': mnistSorting,
  babi,
  copy,
  'repeat-copy': repeatCopy,
  'associative-recall': associativeRecall,
};

/** The task of a specification. ERR_MG_ARGUMENT for unknown names and options, and for data sets without their files. */
export function makeTask(spec: TaskSpec): Task<unknown> {
  if (typeof spec !== 'object' || spec === null) fail('ERR_MG_ARGUMENT', 'task', 'a task, as { name: "mapping", … }', spec);
  const { name, ...options } = spec;
  const known = checkChoice('task', 'name', name, Object.keys(MAKERS) as TaskSpec['name'][]);
  const needed = known === 'babi' ? ['folder'] : known.startsWith('mnist') ? ['images', 'labels'] : [];
  for (const key of needed) {
    if (!Object.hasOwn(options, key)) {
      fail('ERR_MG_ARGUMENT', known, `${key} of your copy of the data set`, undefined, `name it as task.${key} in the run`);
    }
  }
  return MAKERS[known](options as never) as Task<unknown>;
}
