import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeMaze, parseMaze } from '../../../lib/tasks/mapping/maze.js';
import { spiralPath, walkPath, walkStart } from '../../../lib/tasks/mapping/motion.js';
import { Rng } from '../../../lib/tensor/rng.js';
import { cases } from '../../helpers/promises.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });

function offsets(size: number): [number, number][] {
  const center = (size - 1) / 2;
  return [...spiralPath(size)].map((cell) => [Math.floor(cell / size) - center, (cell % size) - center]);
}

describe('spiralPath', () => {
  it('begins and ends at the published offsets', () => {
    const first = [
      [0, 0],
      [0, 1],
      [1, 1],
      [1, 0],
      [1, -1],
      [0, -1],
      [-1, -1],
      [-1, 0],
      [-1, 1],
      [-1, 2],
      [0, 2],
      [1, 2],
      [2, 2],
      [2, 1],
    ];
    for (const size of [15, 25]) expect(offsets(size).slice(0, first.length)).toEqual(first);
    expect(offsets(15).at(-1)).toEqual([-6, 6]);
    expect(offsets(25).at(-1)).toEqual([-11, 11]);
  });

  it.each([[9, 49], [15, 169], [25, 529]])('visits each interior cell of side %d once, in %d steps', (size, steps) => {
    const path = offsets(size);
    expect(path).toHaveLength(steps);
    expect(new Set(path.map(String)).size).toBe(steps);
    const reach = (size - 3) / 2;
    path.forEach(([dr, dc], t) => {
      expect(Math.max(Math.abs(dr), Math.abs(dc))).toBeLessThanOrEqual(reach);
      if (t > 0) expect(Math.abs(dr - path[t - 1]![0]) + Math.abs(dc - path[t - 1]![1])).toBe(1);
    });
  });

  it('refuses even sizes', () => {
    for (const size of [10, 3, NaN]) expect(() => spiralPath(size)).toThrow(argument);
  });
});

describe('walkPath', () => {
  const cells = (seed: number): Uint8Array => makeMaze({ size: 15 }, new Rng(seed));
  const start = 15 * 7 + 7;

  it('starts near the centre on an odd–odd cell', () => {
    expect([9, 15, 25].map(walkStart)).toEqual([5, 7, 13]);
  });

  it('moves at every step under `free`, at most one cell under `stay`, always over free cells', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.constantFrom('free' as const, 'stay' as const), (seed, rule) => {
        const maze = cells(seed);
        const path = walkPath(maze, start, 200, rule, new Rng(seed));
        expect(path).toHaveLength(200);
        expect(path[0]).toBe(start);
        path.forEach((cell, t) => {
          expect(maze[cell]).toBe(0);
          const step = t === 0 ? 1 : Math.abs(cell - path[t - 1]!);
          expect(rule === 'free' ? [1, 15] : [0, 1, 15]).toContain(step);
        });
      }),
      { numRuns: cases(40) },
    );
  });

  it('in a corridor `free` goes each way half the time and `stay` moves half the time (seed 1)', () => {
    const corridor = parseMaze(['#######', '#.....#', '#.###.#', '#.###.#', '#.###.#', '#.....#', '#######']);
    const count = (rule: 'free' | 'stay'): { moved: number; forward: number } => {
      const path = walkPath(corridor, 8, 20_001, rule, new Rng(1));
      let moved = 0;
      let forward = 0;
      for (let t = 1; t < path.length; t++) {
        if (path[t] !== path[t - 1]) moved++;
        if (path[t]! > path[t - 1]!) forward++;
      }
      return { moved, forward };
    };
    expect(count('free').moved).toBe(20_000);
    expect(Math.abs(count('free').forward - 10_000)).toBeLessThan(5 * Math.sqrt(5000));
    expect(Math.abs(count('stay').moved - 10_000)).toBeLessThan(5 * Math.sqrt(5000));
  });

  it.each(
    [
      ['free', [75.6, 112.7, 141.6]],
      ['stay', [57.8, 87.3, 111.0]],
    ] as const,
  )('finds as many cells as a Python program does, rule %s (1000 walks in 25×25, seed 3)', (rule, expected) => {
    const sums = [0, 0, 0];
    for (let index = 0; index < 1000; index++) {
      const rng = new Rng(3).split(index);
      const path = walkPath(makeMaze({ size: 25 }, rng), 25 * 13 + 13, 1500, rule, rng);
      [500, 1000, 1500].forEach((steps, k) => {
        sums[k]! += new Set(path.subarray(0, steps)).size;
      });
    }
    expected.forEach((mean, k) => expect(Math.abs(sums[k]! / 1000 - mean)).toBeLessThan(5));
  });

  it('refuses to start in a wall or to walk no step', () => {
    expect(() => walkPath(cells(1), 0, 5, 'free', new Rng(1))).toThrow(argument);
    for (const length of [0, -1, 1.5, NaN]) expect(() => walkPath(cells(1), start, length, 'free', new Rng(1))).toThrow(argument);
  });
});
