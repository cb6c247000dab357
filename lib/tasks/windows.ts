// What the tasks share when they cut a batch of episodes into windows.

import { types } from 'node:util';
import { checkInteger, checkObject, checkOptions, fail, words } from '../check.js';
import type { Window, WindowOptions } from './task.js';

/** One window's place in its episode. */
export type Cut = Pick<Window, 'index' | 'start' | 'steps' | 'first' | 'last'>;

/** The windows of an episode of `total` steps: ⌈total/length⌉ of them, the last one shorter where it does not divide.
 *  One window when there is no length. `from` leaves out the windows before it. */
export function cuts(where: string, total: number, length: number | undefined, from = 0): Cut[] {
  const size = length === undefined ? total : checkInteger(where, 'length', length, 1);
  const count = Math.ceil(total / size);
  checkInteger(where, 'from', from, 0, count);
  return Array.from({ length: count - from }, (_, k) => {
    const index = from + k;
    const start = index * size;
    return { index, start, steps: Math.min(size, total - start), first: index === 0, last: index === count - 1 };
  });
}

/** The one window of a task whose sequences are never cut. ERR_MG_ARGUMENT for a length that would cut them. */
export function whole(where: string, total: number, length: number | undefined, from = 0): Cut[] {
  if (length !== undefined && length < total) {
    fail(
      'ERR_MG_ARGUMENT',
      where,
      `length of at least ${total} steps`,
      words(`${length} steps`),
      'these sequences are trained as a whole',
    );
  }
  return cuts(where, total, undefined, from);
}

/** Maps while iterating, so that one window lives at a time. Every iteration starts anew. */
export function lazily<A, B>(items: Iterable<A>, make: (item: A) => B): Iterable<B> {
  return {
    *[Symbol.iterator]() {
      for (const item of items) yield make(item);
    },
  };
}

/** Checks window options; gives seed and batch number. */
export function checkWindows(where: string, options: WindowOptions): { seed: number; batch: number } {
  checkOptions(where, options, ['length', 'seed', 'batch', 'from'] satisfies (keyof WindowOptions)[]);
  const seed = checkInteger(where, 'seed', options.seed, 0);
  return { seed, batch: checkInteger(where, 'batch', options.batch ?? 0, 0) };
}

/** Checks the arguments of `generate`. */
export function checkItemIndex(where: string, seed: unknown, index: unknown): void {
  checkInteger(where, 'seed', seed, 0);
  checkInteger(where, 'index', index, 0);
}

/** Checks that there is at least one item, and that the named parts of each are arrays of numbers, as the task makes them. */
export function checkBatch<Item extends object>(
  where: string,
  items: readonly Item[],
  arrays: readonly (keyof Item)[] = [],
): void {
  if (!Array.isArray(items) || items.length === 0) {
    fail('ERR_MG_ARGUMENT', where, 'items to be a non-empty array', items);
  }
  for (const item of items as readonly Item[]) {
    checkObject(where, 'each item', item);
    for (const name of arrays) {
      const part = item[name];
      if (types.isTypedArray(part) || Array.isArray(part)) continue;
      fail('ERR_MG_ARGUMENT', where, `items with ${String(name)}, an array`, part);
    }
  }
}

/** As {@link checkBatch}, of items whose arrays have the lengths that the task makes. */
export function checkLists<Item extends object>(
  where: string,
  items: readonly Item[],
  lengths: Partial<Record<keyof Item, number>>,
): void {
  const arrays = Object.entries(lengths) as [keyof Item, number][];
  checkBatch(where, items, arrays.map(([name]) => name));
  for (const [name, expected] of arrays) {
    for (const item of items) {
      const { length } = item[name] as ArrayLike<number>;
      if (length !== expected) {
        fail('ERR_MG_ARGUMENT', where, `items with arrays of ${expected} numbers`, words(`one of ${length} numbers`));
      }
    }
  }
}

/** A zeroed float32 array of a shape. */
export function zeros(...shape: number[]): { data: Float32Array; shape: readonly number[] } {
  return { data: new Float32Array(shape.reduce((size, side) => size * side, 1)), shape };
}
