// A record of our own output, not a proof of correctness: item k of seed s keeps its bits on every platform and in every
// release. A hash that changes on purpose goes together with a higher `version` of its task.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { mapping } from '../../lib/tasks/mapping/mapping.js';
import { recall } from '../../lib/tasks/lists/recall.js';
import { sorting } from '../../lib/tasks/lists/sorting.js';
import type { Task, Window } from '../../lib/tasks/task.js';

const ITEMS = 1000;

function littleEndian(data: ArrayBufferView): Uint8Array {
  const values = data as unknown as ArrayLike<number>;
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i]!, true);
  return new Uint8Array(view.buffer);
}

function hashWindows(windows: Iterable<Window>): string {
  const hash = createHash('sha256');
  for (const { input, outputs } of windows) {
    for (const grid of Object.values(input)) hash.update(littleEndian(grid.data));
    for (const { query, target, scored } of outputs) {
      for (const grid of Object.values(query ?? {})) hash.update(littleEndian(grid.data));
      hash.update(littleEndian(target.data));
      if (scored !== undefined) hash.update(littleEndian(scored.data));
    }
  }
  return hash.digest('hex').slice(0, 32);
}

describe('stability record', () => {
  it.each(
    [
      ['spiral 25', {}, '89208a4e1238fe89e95580ca652cb93f'],
      ['spiral 9', { size: 9 }, 'd596140a9e139273418bfcb5875b41b0'],
      ['free walk 15', { size: 15, motion: 'random', pathLength: 200 }, '2eadd0511f408e0f2e97ccaceeef70f9'],
      ['staying walk 15', { size: 15, motion: 'random', moveRule: 'stay', pathLength: 200 }, '17bc8eb2f4f1937d795849ae0b6c82f5'],
    ] as const,
  )('1,000 items of %s', (_, options, expected) => {
    const task = mapping(options);
    const hash = createHash('sha256');
    for (let index = 0; index < ITEMS; index++) {
      const { cells, path } = task.generate(1, index);
      hash.update(cells).update(littleEndian(path));
    }
    expect([task.version, hash.digest('hex').slice(0, 32)]).toEqual([1, expected]);
  });

  it.each(
    [
      ['recall', () => recall(), 'a311d3b605c3f669cb0a3c5e61f15ef1'],
      ['sorting', () => sorting(), 'a01bae67b80a75d6a6063d7d86c0c735'],
    ] as const,
  )('1,000 items of %s', (_, make, expected) => {
    const task: Task<never> = make() as Task<never>;
    const items = Array.from({ length: ITEMS }, (__, index) => task.generate(1, index));
    expect([task.version, hashWindows(task.windows(items, { seed: 1 }))]).toEqual([1, expected]);
  });

  it('windows of two items with a 9×9 query', () => {
    const task = mapping({ size: 9, query: 9, motion: 'random', pathLength: 60 });
    const items = [task.generate(1, 0), task.generate(1, 1)];
    expect(hashWindows(task.windows(items, { length: 20, seed: 1, batch: 1 }))).toBe('5f0b7c110a82c642b000dd1f53e4e10b');
  });
});
