/** Reference policies against coverages computed by another program, and by hand. */
import { describe, expect, it } from 'vitest';
import { parseMaze } from '../../lib/tasks/index.js';
import { MazeWalk, mazes, play, policies, type MazesEnvironment, type Policy } from '../../lib/rl/index.js';

interface Spread {
  readonly mean: number;
  /** Standard error of the mean. */
  readonly error: number;
}

function spread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}

/** Coverage in per cent at the marks, the reward at the last one, and the step at which each maze was covered. */
async function explore(policy: Policy<MazesEnvironment>, size: number, episodes: number, marks: readonly number[]) {
  const env = mazes({ size, episodes, steps: marks.at(-1)!, seed: 11, staggered: false });
  const covered = new Array<number>(episodes).fill(Infinity);
  const coverage: Spread[] = [];
  const onStep = (step: number): void => {
    env.walks.forEach((walk, row) => {
      if (walk.coverage === 1) covered[row] = Math.min(covered[row]!, step);
    });
    if (marks.includes(step)) coverage.push(spread(env.walks.map((walk) => 100 * walk.coverage)));
  };
  await play({ env, policy, onStep });
  return { coverage, reward: spread(env.walks.map((walk) => walk.reward)), full: covered.sort((a, b) => a - b)[episodes >> 1] };
}

/** Both programs draw as many mazes of their own, so that a difference has √2 times our error; three of those, and rounding. */
function expectSame({ mean, error }: Spread, published: number): void {
  expect(Math.abs(mean - published)).toBeLessThan(3 * Math.SQRT2 * error + 0.5);
}

describe('reference policies', () => {
  // Means over 200 mazes, by a simulation of another author: coverage after 250, 500 and 1000 steps, and the reward.
  it.each(
    [
      ['uniform', [11, 17, 27], -256],
      ['free', [14, 22, 33], 113],
      ['noUturn', [34, 53, 75], 257],
      ['leastVisited', [50, 80, 98], 335],
      ['depthFirst', [54, 88, 100], 340],
      ['frontier', [59, 98, 100], 341],
    ] as const,
  )('%s covers mazes of 25×25 as another program says', async (name, coverage, reward) => {
    const found = await explore(policies[name](), 25, 200, [250, 500, 1000]);
    coverage.forEach((percent, k) => expectSame(found.coverage[k]!, percent));
    expectSame(found.reward, reward);
  });

  it('cover 9×9 mazes as another program says: no U-turn 88 % after 100 steps, all after 48 by the frontier', async () => {
    const [turning, nearest] = [
      await explore(policies.noUturn(), 9, 200, [100]),
      await explore(policies.frontier(), 9, 200, [100]),
    ];
    expectSame(turning.coverage[0]!, 88);
    expect(Math.abs(nearest.full! - 48)).toBeLessThanOrEqual(2);
  });

  const corridor = parseMaze([
    '#######',
    '#.....#',
    '#.###.#',
    '#.#...#',
    '#.#.#.#',
    '#...#.#',
    '#######',
  ]);

  /** The walk of a policy through the drawing, from row 1, column 1, as text of the actions. */
  const route = (policy: Policy<MazesEnvironment>, steps: number): MazeWalk => {
    const walk = new MazeWalk(0, corridor, 8, 3);
    for (let step = 0; step < steps; step++) walk.move((policy.act({ walks: [walk] } as never) as Int32Array)[0]!);
    return walk;
  };

  it('the frontier takes a shortest way to the nearest cell it has seen and not visited', () => {
    // By hand, down first where ways are equal: 10 moves to (3, 5), up and round to (1, 2), 7 back into the dead end.
    expect(route(policies.frontier(), 21).visited).toBe(17);
    expect(route(policies.frontier(), 22).coverage).toBe(1);
  });

  it('depth-first turns back only where nothing new is left, by the way it came', () => {
    for (let seed = 0; seed < 10; seed++) {
      const { path, coverage } = route(policies.depthFirst({ seed }), 34); // each of the 17 edges of its tree there and back
      expect(coverage).toBe(1);
      expect(path[34]).toBe(path[0]);
    }
  });

  it('no U-turn turns in a dead end alone; least visited never prefers what it knows better', () => {
    for (let seed = 0; seed < 10; seed++) {
      const { path } = route(policies.noUturn({ seed }), 60);
      path.forEach((cell, t) => {
        if (t > 1 && cell === path[t - 2]) expect(path[t - 1]).toBe(40); // (5, 5)
      });
      const { visits } = route(policies.leastVisited({ seed }), 170);
      expect(Math.min(...[...corridor].flatMap((cell, at) => (cell === 0 ? [visits[at]!] : [])))).toBeGreaterThan(2);
    }
  });

  it('draws follow from the seed and the maze alone', async () => {
    const paths = async (seed: number, episodes: number) => {
      const env = mazes({ size: 9, episodes, steps: 30, staggered: false });
      await play({ env, policy: policies.free({ seed }) });
      return env.walks.map(({ path }) => path);
    };
    expect((await paths(1, 8)).slice(0, 4)).toEqual(await paths(1, 4));
    expect(await paths(2, 4)).not.toEqual(await paths(1, 4));
  });
});
