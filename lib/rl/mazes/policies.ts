/** Who decides where to go in a maze without having learned it: what exploration is measured against. */
import { checkInteger, checkOptions, fail } from '../../check.js';
import { Rng } from '../../tensor/rng.js';
import { MOVES, neighbours, type MazeWalk } from './maze-walk.js';
import type { MazesEnvironment } from './mazes.js';
import type { Policy } from '../policy.js';

/** Chooses for one walk; `rng` is the walk's own stream. */
type Rule = (walk: MazeWalk, rng: Rng) => number;

/** The same rule for every row. Draws of a walk depend on the seed, on the walk and on its earlier draws. */
function policy(name: string, rule: () => Rule): (options?: { seed?: number }) => Policy<MazesEnvironment> {
  return (options = {}) => {
    checkOptions(name, options, ['seed']);
    const stream = new Rng(checkInteger(name, 'seed', options.seed ?? 0, 0)).split(name);
    const known = new WeakMap<MazeWalk, { rng: Rng; choose: Rule }>();
    const of = (walk: MazeWalk): { rng: Rng; choose: Rule } => {
      const found = known.get(walk) ?? { rng: stream.split(walk.index), choose: rule() };
      known.set(walk, found);
      return found;
    };
    const act = (env: MazesEnvironment): Int32Array => {
      if (!Array.isArray(env?.walks)) fail('ERR_MG_ARGUMENT', name, 'an environment of mazes, as rl.mazes makes it', env);
      return Int32Array.from(env.walks, (walk) => {
        const { rng, choose } = of(walk);
        return choose(walk, rng);
      });
    };
    return { name, act };
  };
}

const any = (rng: Rng, choices: readonly number[]): number => choices[rng.integer(choices.length)]!;
const cellOf = (walk: MazeWalk, action: number): number => neighbours(walk.at, walk.size)[action]!;
const fresh = (walk: MazeWalk): number[] => walk.open().filter((action) => walk.visits[cellOf(walk, action)] === 0);

/** One of the four moves, walls or not: an agent that has learned nothing. */
export const uniform = policy('uniform', () => (_walk, rng) => rng.integer(MOVES));

/** One of the free neighbours. */
export const free = policy('free', () => (walk, rng) => any(rng, walk.open()));

/** A free neighbour other than the cell it came from, which it takes where there is no other: one bit of memory. */
export const noUturn = policy('no U-turn', () => (walk, rng) => {
  const { from } = walk;
  const onward = walk.open().filter((action) => cellOf(walk, action) !== from);
  return any(rng, onward.length > 0 ? onward : walk.open());
});

/** The free neighbour that was entered least often. */
export const leastVisited = policy('least visited', () => (walk, rng) => {
  const counts = walk.open().map((action) => walk.visits[cellOf(walk, action)]!);
  const least = Math.min(...counts);
  return any(rng, walk.open().filter((_, i) => counts[i] === least));
});

/** A free neighbour not visited yet, else back by the way it came: never more than two passes of a cell's edge. */
export const depthFirst = policy('depth-first', () => {
  const trail: number[] = [];
  return (walk, rng) => {
    const onward = fresh(walk);
    if (onward.length > 0) {
      trail.push(walk.at);
      return any(rng, onward);
    }
    const back = trail.pop();
    return back === undefined ? any(rng, walk.open()) : neighbours(walk.at, walk.size).indexOf(back);
  };
});

/** The first move of a shortest way, over free cells seen so far, to one not visited yet. */
export const frontier = policy('nearest frontier', () => (walk, rng) => firstMove(walk) ?? any(rng, walk.open()));

/** Breadth first; null when every free cell seen was visited. */
function firstMove({ at: start, size, cells, seen, visits, coverage }: MazeWalk): number | null {
  if (coverage === 1) return null;
  const first = new Int8Array(cells.length).fill(-1);
  const open = [start];
  for (let next = 0; next < open.length; next++) {
    const at = open[next]!;
    for (const [action, cell] of neighbours(at, size).entries()) {
      if (cell === start || cells[cell] !== 0 || seen[cell] !== 1 || first[cell] !== -1) continue;
      first[cell] = at === start ? action : first[at]!;
      if (visits[cell] === 0) return first[cell]!;
      open.push(cell);
    }
  }
  return null;
}
