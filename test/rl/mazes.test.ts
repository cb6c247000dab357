/** The environment of mazes: moves, rewards, views, cuts, staggered starts, and where it stands as data. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapping } from '../../lib/tasks/mapping/mapping.js';
import { parseMaze } from '../../lib/tasks/mapping/maze.js';
import { MazeWalk, mazes, type MazesEnvironment } from '../../lib/rl/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { cases } from '../helpers/promises.js';

const [UP, DOWN, LEFT, RIGHT] = [0, 1, 2, 3];
const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });

/** Drives an environment with drawn actions; rewards by row, and the cuts. */
function drive(env: MazesEnvironment, steps: number, seed = 3): { rewards: number[][]; cuts: [step: number, row: number][] } {
  const rng = new Rng(seed);
  const rewards: number[][] = [];
  const cuts: [number, number][] = [];
  for (let step = 0; step < steps; step++) {
    const { reward, truncated, terminated } = env.step(Int32Array.from({ length: env.episodes }, () => rng.integer(4)));
    expect(Array.from(terminated)).toEqual(new Array(env.episodes).fill(0));
    rewards.push(Array.from(reward));
    const ended = Array.from(truncated).flatMap((cut, row) => (cut === 1 ? [row] : []));
    cuts.push(...ended.map((row): [number, number] => [step, row]));
    env.begin(ended);
  }
  return { rewards, cuts };
}

describe('a walk', () => {
  it('is worth +1 for a cell never visited, −1 for a bump, 0 for a cell known', () => {
    const walk = new MazeWalk(0, parseMaze(['#####', '#...#', '#.#.#', '#...#', '#####']), 6, 3);
    const rewards = [UP, RIGHT, LEFT, DOWN, RIGHT, DOWN].map((action) => walk.move(action));
    expect(rewards).toEqual([-1, 1, 0, 1, -1, 1]);
    expect(walk).toMatchObject({ reward: 1, bumps: 2, visited: 4, freeCells: 8, coverage: 0.5, at: 16, from: 11 });
    expect(walk.path).toEqual([6, 6, 7, 6, 11, 11, 16]);
    expect([walk.visits[6], walk.visits[7], walk.visits[8], walk.visits[11]]).toEqual([2, 1, 0, 1]);
    expect(walk.open()).toEqual([UP, RIGHT]);
    const unseen = [...walk.seen].flatMap((seen, cell) => (seen === 0 ? [cell] : []));
    expect(unseen).toEqual([4, 9, 14, 18, 19, 23, 24]); // column 4, and column 3 below row 2
  });
});

describe('mazes', () => {
  it.each([
    ['3×3', { size: 9, locationScale: 0.05 }],
    ['3×3, counted from the start', { size: 9, locationOrigin: 'start' as const }],
    ['9×9 on three grids', { size: 15, view: 9 as const }],
  ])('show what the mapping task shows on the same walk, %s', (_, view) => {
    const steps = 40;
    const env = mazes({ ...view, episodes: 3, steps: 60, staggered: false, seed: 5 });
    const shown = [env.observe()];
    const rng = new Rng(9);
    for (let step = 1; step < steps; step++) {
      env.step(Int32Array.from({ length: 3 }, () => rng.integer(4)));
      shown.push(env.observe());
    }
    const { size } = env.view;
    const items = env.walks.map(({ cells, path }) => ({ size, cells, path: Int32Array.from(path) }));
    const task = mapping({ ...view, motion: 'random', pathLength: steps });
    const [window] = task.windows(items, { seed: 1 });
    for (const [level, grid] of Object.entries(window!.input)) {
      const own = shown.flatMap((seen) => Array.from(seen[Number(level)]!.data));
      expect(own).toEqual(Array.from(grid.data));
      expect(shown[0]![Number(level)]!.shape).toEqual(grid.shape.slice(1));
      expect(env.observation[Number(level)]).toEqual(grid.shape.slice(2));
    }
  });

  it('row e is cut e·⌊steps/episodes⌋ steps early at first, then every `steps` steps, and takes every E-th maze', () => {
    const env = mazes({ size: 9, episodes: 4, steps: 10 });
    const { cuts } = drive(env, 30);
    expect(cuts.filter(([step]) => step < 10)).toEqual([[3, 3], [5, 2], [7, 1], [9, 0]]);
    expect(cuts.filter(([, row]) => row === 3)).toEqual([[3, 3], [13, 3], [23, 3]]);
    expect(env.walks.map(({ index }) => index)).toEqual([12, 13, 14, 15]);
  });

  it('follow from the seed and the actions; a maze does not depend on how many run beside it', () => {
    const [a, b] = [mazes({ size: 9, episodes: 4, steps: 20, seed: 2 }), mazes({ size: 9, episodes: 4, steps: 20, seed: 2 })];
    expect(drive(a, 50)).toEqual(drive(b, 50));
    expect(a.observe()).toEqual(b.observe());
    const alone = mazes({ size: 9, episodes: 1, seed: 2 });
    expect(alone.walks[0]!.cells).toEqual(mazes({ size: 9, episodes: 4, seed: 2 }).walks[0]!.cells);
    alone.begin([0]);
    expect(alone.walks[0]!.cells).toEqual(mazes({ size: 9, episodes: 4, seed: 2 }).walks[1]!.cells);
    expect(mazes({ size: 9, seed: 3 }).walks[0]!.cells).not.toEqual(mazes({ size: 9, seed: 2 }).walks[0]!.cells);
  });

  it('go on from saved data as if they had not stopped', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(1000), (steps, seed) => {
        const make = () => mazes({ size: 9, episodes: 3, steps: 25, seed });
        const [env, again] = [make(), make()];
        drive(env, steps);
        again.restore(JSON.parse(JSON.stringify(env.save())));
        expect(again.observe()).toEqual(env.observe());
        expect(drive(again, 40, 8)).toEqual(drive(env, 40, 8));
      }),
      { numRuns: cases(15) },
    );
  });

  it('held-out mazes are others, and begin all at once', () => {
    const env = mazes({ size: 9, episodes: 4, steps: 12, seed: 1 });
    const held = env.heldOut({ episodes: 6, seed: 2 });
    expect(held.walks).toHaveLength(6);
    expect(held.walks[0]!.cells).not.toEqual(env.walks[0]!.cells);
    expect(drive(held, 12).cuts).toEqual([0, 1, 2, 3, 4, 5].map((row) => [11, row]));
  });

  it.each([
    [{ size: 8 }, 'size to be odd'],
    [{ episodes: 0 }, 'episodes'],
    [{ steps: 0 }, 'steps'],
    [{ seed: -1 }, 'seed'],
    [{ staggered: 1 }, 'staggered'],
    [{ sise: 9 }, 'options among'],
    [{ query: 9 }, 'options among'],
    [{ startCell: [2, 3] }, 'both odd'],
  ])('refuses %o', (options, message) => {
    expect(() => mazes(options as never)).toThrow(argument);
    expect(() => mazes(options as never)).toThrow(message);
  });

  it('refuses actions, rows and saved data that do not fit', () => {
    const env = mazes({ size: 9, episodes: 2 });
    expect(() => env.step(Int32Array.of(0))).toThrow('2 actions');
    expect(() => env.step(Int32Array.of(0, 4))).toThrow('each action');
    expect(() => env.begin([2])).toThrow('each row');
    for (const bad of [null, [], [{ index: 0, spared: 0, actions: '4' }, { index: 1, spared: 0, actions: '' }]]) {
      expect(() => env.restore(bad)).toThrow(expect.objectContaining({ code: 'ERR_MG_CHECKPOINT' }));
    }
  });
});
