// Options of the mapping task, their defaults, and the values behind the published configurations.

import { checkInteger, fail } from '../../check.js';
import { checkData, choice, integer, list, number, object, optional, tuple, type Data } from '../../schema.js';
import { checkMazeShape } from './maze.js';
import { walkStart } from './motion.js';
import { levelSide, MOST_LEVEL } from '../task.js';

export const mappingOptions = object({
  /** Side n of the maze, odd. Default 25. */
  size: optional(integer(5, 255)),
  /** Maze complexity; see `makeMaze`. Default 0.05. */
  complexity: optional(number(0, 10)),
  /** Maze density; see `makeMaze`. Default 0.2. */
  density: optional(number(0, 1)),
  /** `spiral`: outwards from the centre through walls, all mazes in step. `random`: a walk of each agent on its own. */
  motion: optional(choice('spiral', 'random')),
  /** Rule of the random walk. Default `free`: choose among the free neighbours. `mixed`: `free` in episodes of even number,
   *  `stay` in the others, so that the memory also learns what standing before a wall looks like. */
  moveRule: optional(choice('free', 'stay', 'mixed')),
  /** Time steps of an episode. Default (n−2)² for the spiral (which cannot be longer), 500 for the walk. */
  pathLength: optional(integer(1, 1_000_000)),
  /** Row and column where a random walk starts, both odd. Default 2⌊n/4⌋+1. The spiral starts at (⌊n/2⌋, ⌊n/2⌋). */
  startCell: optional(tuple('[row, col], both odd', integer(1), integer(1))),
  /** Side of the window that the agent sees. Default 3. */
  view: optional(choice(3, 9)),
  /** Side of the queried window. Default: the view. 9 with a view of 3 adds a second query, answered by a second reader. */
  query: optional(choice(3, 9)),
  /** `observed`: the target holds the cells observed so far. `official`: also the next one, as in the published code. */
  targetTiming: optional(choice('observed', 'official')),
  /** Side of the output map. Default: the smallest 3·2^l that is at least n. */
  outputSide: optional(integer(1, 4096)),
  /** Where the start cell lies on the output map, on both axes. Default n where 3n/2 fits, else the middle. */
  center: optional(integer(0)),
  /** Where the location channels count rows and columns from: `map` (default), the corner of the output map, where the start
   *  is at `center`; `start`, the start cell. */
  locationOrigin: optional(choice('map', 'start')),
  /** Factor on the location channels. Default 1: raw integers. */
  locationScale: optional(number()),
  /** Levels that the view is delivered on, by nearest-neighbour resizing to 3·2^l. Default [0], for a view of 9 [0, 1, 2]. */
  inputLevels: optional(list(integer(0, MOST_LEVEL), 'a list of distinct levels', 1)),
});

export interface MappingOptions extends Data<typeof mappingOptions> {}

export interface ResolvedMapping extends Required<MappingOptions> {
  readonly levels: readonly { level: number; side: number }[];
}

/** Fills in the defaults. ERR_MG_ARGUMENT for unknown names, wrong values, and values that do not fit each other. */
export function resolveMapping(options: MappingOptions): ResolvedMapping {
  const where = 'mapping';
  const own = checkData(where, mappingOptions, options);
  const { size = 25, complexity = 0.05, density = 0.2, locationScale = 1, motion = 'spiral', moveRule = 'free' } = own;
  const { targetTiming = 'observed', view = 3, query = view, outputSide = smallestSide(size), locationOrigin = 'map' } = own;
  checkMazeShape(where, { size, complexity, density });
  const spiralSteps = (size - 2) ** 2;
  const pathLength = checkInteger(
    where,
    'pathLength',
    options.pathLength ?? (motion === 'spiral' ? spiralSteps : 500),
    1,
    motion === 'spiral' ? spiralSteps : 1_000_000,
  );
  if (query < view) fail('ERR_MG_ARGUMENT', where, 'query to be 9 with a view of 9', query);
  const startCell = checkStart(options.startCell, size, motion);
  const center = checkCenter(options.center, size, outputSide, startCell);
  const inputLevels = checkLevels(options.inputLevels ?? (view === 9 ? [0, 1, 2] : [0]));
  const levels = inputLevels.map((level) => ({ level, side: levelSide(level) }));
  return {
    size,
    complexity,
    density,
    motion,
    moveRule,
    pathLength,
    startCell,
    view,
    query,
    targetTiming,
    outputSide,
    center,
    locationOrigin,
    locationScale,
    inputLevels,
    levels,
  };
}

/** What the location channels show of a cell of the output map. */
export function shownLocation(
  { locationOrigin, locationScale: scale, center }: ResolvedMapping,
  row: number,
  col: number,
): [row: number, col: number] {
  const origin = locationOrigin === 'start' ? center : 0;
  return [scale * (row - origin), scale * (col - origin)];
}

function checkStart(start: MappingOptions['startCell'], size: number, motion: 'spiral' | 'random'): readonly [number, number] {
  const middle = motion === 'spiral' ? (size - 1) / 2 : walkStart(size);
  if (start === undefined) return [middle, middle];
  if (motion === 'spiral') fail('ERR_MG_ARGUMENT', 'mapping', 'no startCell with the spiral', start);
  if (start.some((cell) => cell % 2 === 0 || cell > size - 2)) {
    const expected = `startCell to be [row, col], both odd in 1…${size - 2}`;
    fail('ERR_MG_ARGUMENT', 'mapping', expected, start, 'such cells are never walls');
  }
  return start;
}

function checkCenter(center: number | undefined, size: number, side: number, start: readonly [number, number]): number {
  const low = Math.max(...start) - 1; // farthest that an agent gets to the left or up
  const high = size - 2 - Math.min(...start); // … and to the right or down
  const fits = (value: number): boolean => value - low >= 0 && value + high < side;
  const value = center ?? (1.5 * size <= side ? size : Math.floor(side / 2));
  if (!fits(value)) {
    const range = `${value - low}…${value + high}`;
    fail('ERR_MG_ARGUMENT', 'mapping', `an outputSide and center that hold positions ${range}`, [side, value]);
  }
  return value;
}

function checkLevels(levels: readonly number[]): readonly number[] {
  if (new Set(levels).size !== levels.length) {
    fail('ERR_MG_ARGUMENT', 'mapping', 'inputLevels to be a list of distinct levels', levels);
  }
  return levels.toSorted((a, b) => a - b);
}

function smallestSide(size: number): number {
  let side = 3;
  while (side < size) side *= 2;
  return side;
}
