// What the paper shows beside its tables: each figure can be drawn, and shows what it claims.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { oneStep } from '../../lib/bench/one-step.js';
import { provenReach, routing } from '../../lib/pictures/routing.js';
import { reproduce } from '../../lib/reproduction/reproduce.js';
import { FIGURES, stepTable, type StepRecord } from '../../lib/reproduction/figures.js';

const COMMITTED = fileURLToPath(new URL('../../bench/results/reproduction', import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'mg-figures-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));
const draw = async (name: string, folders: readonly string[]) =>
  await FIGURES.find((row) => row.name === name)!.draw({ folders });

describe('routing', () => {
  it('is proven for the cells that the formula of the paper names, by hand', () => {
    // layer 2: the coarsest grid as far as a kernel of 3 reaches twice over, and the next grid, doubled
    expect([provenReach(2, 1), provenReach(2, 2), provenReach(3, 2), provenReach(2, 3)]).toEqual([2, 3, 5, 0]);
  });

  it('reaches every cell that is proven, and in the first step no more than the neighbours of the corner', () => {
    const reached = routing({ side: 6, grids: 3, layers: 5 });
    expect(reached).toHaveLength(12);
    for (const { layer, grid, side, changed, proven } of reached) {
      const square = changed.filter((_, cell) => Math.floor(cell / side) < proven && cell % side < proven);
      expect(square, `layer ${layer}, grid ${grid}`).toEqual(Array.from({ length: proven ** 2 }, () => true));
    }
    const first = reached.find(({ layer, grid }) => layer === 2 && grid === 1)!;
    const cells = first.changed.flatMap((is, cell) => (is ? [[Math.floor(cell / 6), cell % 6]] : []));
    expect(cells).toEqual([[0, 0], [0, 1], [1, 0], [1, 1]]);
  });
});

describe('figures', () => {
  it('are drawn: routing, memories of mazes, learning curves', async () => {
    const [[paths], [maze], [curves]] = await Promise.all([
      draw('figure-8', []),
      draw('figure-4', []),
      draw('figure-6', [COMMITTED]),
    ]);
    expect(paths!.content).toContain('24 × 24');
    expect(maze).toMatchObject({ file: join('figure-4', 'map9.svg') });
    expect(maze!.content).toContain('deepest hidden states, 12×12');
    expect(curves!.content).toContain('recall-8k, fast 1');
    expect(curves!.content).not.toContain('recall-8k, official 1'); // ended before it was scored on the way
  });

  it('of slots and of policies say what to train first', async () => {
    await expect(draw('figure-12', [out])).rejects.toThrow(/weights of a DNC.*reproduce map15-dnc first/);
    await expect(draw('figure-5', [out])).rejects.toThrow(/reproduce explore25-77k first/);
  });

  it('show where a DNC writes, once its weights are there; a record found twice counts once', async () => {
    const change = { batchSize: 1, steps: 1, validate: { every: 1, items: 1 }, task: { name: 'recall', items: 3 } } as const;
    await reproduce({ row: 'recall-dnc', recipe: 'official', seed: 2, out, items: 1, change });
    const copy = mkdtempSync(join(tmpdir(), 'mg-figures-'));
    cpSync(out, copy, { recursive: true });
    const drawn = await draw('figure-12', [out, copy]);
    rmSync(copy, { recursive: true });
    expect(drawn.map(({ file }) => file)).toEqual([join('figure-12', 'recall-dnc-official-2.svg')]);
    expect(drawn[0]!.content).toContain('Read from, head 4');
  });
});

describe('times of a step', () => {
  it('are told with their deviation', async () => {
    const { batch, runs, mean, deviation } = await oneStep('map15-8k', 1, 2);
    expect([batch, runs]).toEqual([1, 2]);
    expect(mean).toBeGreaterThan(0);
    expect(deviation).toBeGreaterThanOrEqual(0);
  });

  it('stand beside the published ones, in milliseconds', () => {
    const times = (row: string, batch: number, mean: number) => ({ row, batch, runs: 10, mean, deviation: 0.0001 });
    const rows = [
      times('map15-8k', 1, 0.002),
      times('map15-8k', 32, 0.02),
      times('map15-dnc', 1, 0.001),
      times('map15-dnc', 32, 0.03),
    ];
    expect(stepTable({ rows } as unknown as StepRecord).split('\n').slice(2)).toEqual([
      '| `map15-8k` | 0.018 ± 0.003 | 2.00 ± 0.10 | 20.00 ± 0.10 |',
      '| `map15-dnc` | 0.017 ± 0.001 | 1.00 ± 0.10 | 30.00 ± 0.10 |',
    ]);
  });
});
