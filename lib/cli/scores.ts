// Scores as a person reads them.

import type { Split, Task } from '../tasks/task.js';

/** A number of steps that was not reached is infinite. */
const shown = (value: number): string => (value === Infinity ? 'not reached' : value.toFixed(4));

/** Scores as a person reads them: `F 0.942   precision 0.951   recall 0.933`. */
export function scoreLine(metrics: Readonly<Record<string, number>>): string {
  return Object.entries(metrics).map(([name, value]) => `${name === 'f' ? 'F' : name} ${shown(value)}`).join('   ');
}

const isDataSet = (task: Pick<Task<never>, 'splits'>): boolean => (task.splits ?? []).length > 0;

/** What a run is judged by at last: the test set where there is one. */
export function lastSplit({ splits = [] }: Pick<Task<never>, 'splits'>): Split {
  return splits.includes('test') ? 'test' : 'validation';
}

/** Which episodes a score is of, in words that are true. */
export function episodesOf(task: Pick<Task<never>, 'splits'>, split: Split, items: number): string {
  if (!isDataSet(task)) return `${items} episodes of another seed than training`;
  if (split === 'validation') return `${items} episodes of examples kept back from training`;
  return `${items} episodes of the ${split === 'test' ? 'test' : 'training'} set`;
}
