import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawMaze, makeMaze, parseMaze } from '../../../lib/tasks/mapping/maze.js';
import { Rng } from '../../../lib/tensor/rng.js';
import { cases, shown } from '../../helpers/promises.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });

/** The published recipe on a list of lists, drawing through `pick(choices)`. */
function naiveMaze(n: number, complexity: number, density: number, pick: (choices: number) => number): number[][] {
  const grid = Array.from({ length: n }, (_, y) =>
    Array.from({ length: n }, (_, x) => (
      y === 0 || x === 0 || y === n - 1 || x === n - 1 ? 1 : 0
    )));
  for (let walk = 0; walk < Math.floor(density * Math.floor(n / 2) ** 2); walk++) {
    let x = pick(Math.floor(n / 2) + 1) * 2;
    let y = pick(Math.floor(n / 2) + 1) * 2;
    grid[y]![x] = 1;
    for (let step = 0; step < Math.floor(complexity * 5 * 2 * n); step++) {
      const nodes: [number, number][] = [];
      if (x > 1) nodes.push([y, x - 2]);
      if (x < n - 2) nodes.push([y, x + 2]);
      if (y > 1) nodes.push([y - 2, x]);
      if (y < n - 2) nodes.push([y + 2, x]);
      const [ny, nx] = nodes[pick(nodes.length)]!;
      if (grid[ny]![nx] === 0) {
        grid[ny]![nx] = 1;
        grid[(y + ny) / 2]![(x + nx) / 2] = 1;
        [y, x] = [ny, nx];
      }
    }
  }
  return grid;
}

/** Free cells that a flood from the first free cell reaches, and all free cells. */
function flood(cells: Uint8Array, n: number): { reached: number; free: number } {
  const free = [...cells.keys()].filter((cell) => cells[cell] === 0);
  const reached = new Set(free.slice(0, 1));
  for (const cell of reached) {
    for (const next of [cell - 1, cell + 1, cell - n, cell + n]) if (cells[next] === 0) reached.add(next);
  }
  return { reached: reached.size, free: free.length };
}

/** Share of interior walls and frequency of a wall at the centre over 1500 mazes (seed 1). */
function statistics(n: number): { walls: number; center: number } {
  const mazes = 1500;
  let walls = 0;
  let center = 0;
  for (let index = 0; index < mazes; index++) {
    const cells = makeMaze({ size: n }, new Rng(1).split(index));
    walls += (cells.reduce((sum, cell) => sum + cell, 0) - 4 * (n - 1)) / (n - 2) ** 2;
    center += cells[(n * n - 1) / 2]!;
  }
  return { walls: walls / mazes, center: center / mazes };
}

const odd = fc.integer({ min: 2, max: 16 }).map((half) => 2 * half + 1);

describe('makeMaze', () => {
  it('follows the published recipe draw by draw', () => {
    fc.assert(
      fc.property(
        odd,
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.maxSafeNat(),
        (size, complexity, density, seed) => {
          const rng = new Rng(seed);
          const expected = naiveMaze(size, complexity, density, (choices) => rng.integer(choices));
          expect([...makeMaze({ size, complexity, density }, new Rng(seed))]).toEqual(expected.flat());
        },
      ),
      { numRuns: cases(60) },
    );
  });

  it('closes the border, keeps odd–odd cells free and connects all free cells', () => {
    fc.assert(fc.property(odd, fc.maxSafeNat(), (n, seed) => {
      const cells = makeMaze({ size: n, complexity: 0.2, density: 0.9 }, new Rng(seed));
      for (let i = 0; i < n; i++) {
        expect([cells[i], cells[n * (n - 1) + i], cells[n * i], cells[n * i + n - 1]]).toEqual([1, 1, 1, 1]);
      }
      for (let y = 1; y < n; y += 2) for (let x = 1; x < n; x += 2) expect(cells[y * n + x]).toBe(0);
      const { reached, free } = flood(cells, n);
      expect(reached).toBe(free);
    }));
  });

  it('walls 0.352 of a 25×25 interior, and four centres of five (6000 mazes of the recipe in Python: 0.80)', () => {
    const { walls, center } = statistics(25);
    expect(Math.abs(walls - 0.352)).toBeLessThan(0.005);
    expect(Math.abs(center - 0.80)).toBeLessThan(0.03);
    shown('N5b', 1, 'walls of 25×25 mazes');
  });

  it('walls 0.258 of a 15×15 interior and never the centre', () => {
    const { walls, center } = statistics(15);
    expect(Math.abs(walls - 0.258)).toBeLessThan(0.005);
    expect(center).toBe(0);
    shown('N5b', 1, 'walls of 15×15 mazes');
  });

  it('refuses sizes, complexities and densities that make no maze', () => {
    for (const size of [4, 3, 24, 257, -5, 5.5, NaN, '25', undefined]) {
      expect(() => makeMaze({ size: size as number }, new Rng(1))).toThrow(argument);
    }
    for (const wrong of [-0.1, NaN, Infinity, '0.1']) {
      expect(() => makeMaze({ size: 9, complexity: wrong as number }, new Rng(1))).toThrow(argument);
      expect(() => makeMaze({ size: 9, density: wrong as number }, new Rng(1))).toThrow(argument);
    }
    expect(() => makeMaze({ size: 9, density: 1.01 }, new Rng(1))).toThrow(argument);
    expect(() => makeMaze({ size: 24 }, new Rng(1))).toThrow('size to be odd, got 24; take 23 or 25');
  });
});

describe('drawings', () => {
  it('draws what it parses', () => {
    const drawing = ['#####', '#..##', '#.#.#', '#...#', '#####'];
    expect(drawMaze(parseMaze(drawing))).toEqual(drawing);
    expect(parseMaze(drawing)[1 * 5 + 3]).toBe(1);
  });

  it('refuses open borders, other letters and lines that are no square', () => {
    for (
      const drawing of [
        ['#####', '#..##', '#.#..', '#...#', '#####'],
        ['#####', '#.o##', '#.#.#', '#...#', '#####'],
        ['#####', '#..#', '#.#.#', '#...#', '#####'],
        ['####', '#..#', '#..#', '####'],
      ]
    ) expect(() => parseMaze(drawing)).toThrow(argument);
  });
});
