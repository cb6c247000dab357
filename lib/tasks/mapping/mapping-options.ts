// Options of the mapping task, their defaults, and the values behind the published configurations.

import { checkChoice, checkInteger, checkNumber, checkOptions, fail } from '../../check.js';
import { checkMazeShape } from './maze.js';
import { walkStart, type MoveRule } from './motion.js';
import { levelSide } from '../task.js';

export interface MappingOptions {
  /** Side n of the maze, odd. Default 25. */
  readonly size?: number;
  /** Maze complexity and density; see `makeMaze`. Defaults 0.05 and 0.2. */
  readonly complexity?: number;
  readonly density?: number;
  /** `spiral`: outwards from the centre through walls, all mazes in step. `random`: a walk of each agent on its own. */
  readonly motion?: 'spiral' | 'random';
  /** Rule of the random walk. Default `free`: choose among the free neighbours. `mixed`: `free` in episodes of even number,
   *  `stay` in the others, so that the memory also learns what standing before a wall looks like. */
  readonly moveRule?: MoveRule | 'mixed';
  /** Time steps of an episode. Default (n−2)² for the spiral (which cannot be longer), 500 for the walk. */
  readonly pathLength?: number;
  /** Row and column where a random walk starts, both odd. Default 2⌊n/4⌋+1. The spiral starts at (⌊n/2⌋, ⌊n/2⌋). */
  readonly startCell?: readonly [row: number, col: number];
  /** Side of the window that the agent sees. Default 3. */
  readonly view?: 3 | 9;
  /** Side of the queried window. Default: the view. 9 with a view of 3 adds a second query, answered by a second reader. */
  readonly query?: 3 | 9;
  /** `observed`: the target holds the cells observed so far. `official`: also the next one, as in the published code. */
  readonly targetTiming?: 'observed' | 'official';
  /** Side of the output map. Default: the smallest 3·2^l that is at least n. */
  readonly outputSide?: number;
  /** Where the start cell lies on the output map, on both axes. Default n where 3n/2 fits, else the middle. */
  readonly center?: number;
  /** Factor on the location channels. Default 1: raw integers. */
  readonly locationScale?: number;
  /** Levels that the view is delivered on, by nearest-neighbour resizing to 3·2^l. Default [0], for a view of 9 [0, 1, 2]. */
  readonly inputLevels?: readonly number[];
}

export interface ResolvedMapping extends Required<MappingOptions> {
  readonly levels: readonly { level: number; side: number }[];
}

const KNOWN = [
  'size',
  'complexity',
  'density',
  'motion',
  'moveRule',
  'pathLength',
  'startCell',
  'view',
  'query',
  'targetTiming',
  'outputSide',
  'center',
  'locationScale',
  'inputLevels',
] as const satisfies (keyof MappingOptions)[];

/** Fills in the defaults. ERR_MG_ARGUMENT for unknown names, wrong values, and values that do not fit each other. */
export function resolveMapping(options: MappingOptions): ResolvedMapping {
  const where = 'mapping';
  checkOptions(where, options, KNOWN);
  const { size = 25, complexity = 0.05, density = 0.2, locationScale = 1 } = options;
  checkMazeShape(where, { size, complexity, density });
  checkNumber(where, 'locationScale', locationScale);
  const motion = checkChoice(where, 'motion', options.motion ?? 'spiral', ['spiral', 'random']);
  const moveRule = checkChoice(where, 'moveRule', options.moveRule ?? 'free', ['free', 'stay', 'mixed']);
  const targetTiming = checkChoice(where, 'targetTiming', options.targetTiming ?? 'observed', ['observed', 'official']);
  const spiralSteps = (size - 2) ** 2;
  const pathLength = checkInteger(
    where,
    'pathLength',
    options.pathLength ?? (motion === 'spiral' ? spiralSteps : 500),
    1,
    motion === 'spiral' ? spiralSteps : 1_000_000,
  );
  const view = checkSide('view', options.view ?? 3);
  const query = checkSide('query', options.query ?? view);
  if (query < view) fail('ERR_MG_ARGUMENT', where, 'query to be 9 with a view of 9', query);
  const startCell = checkStart(options.startCell, size, motion);
  const outputSide = checkInteger(where, 'outputSide', options.outputSide ?? smallestSide(size), 1, 4096);
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
    locationScale,
    inputLevels,
    levels,
  };
}

function checkSide(name: string, value: unknown): 3 | 9 {
  return value === 3 || value === 9 ? value : fail('ERR_MG_ARGUMENT', 'mapping', `${name} to be 3 or 9`, value);
}

function checkStart(start: unknown, size: number, motion: 'spiral' | 'random'): readonly [number, number] {
  const middle = motion === 'spiral' ? (size - 1) / 2 : walkStart(size);
  if (start === undefined) return [middle, middle];
  if (motion === 'spiral') fail('ERR_MG_ARGUMENT', 'mapping', 'no startCell with the spiral', start);
  const isOdd = (value: unknown): value is number =>
    Number.isInteger(value) && (value as number) % 2 === 1
    && (value as number) >= 1 && (value as number) <= size - 2;
  if (!Array.isArray(start) || start.length !== 2 || !isOdd(start[0]) || !isOdd(start[1])) {
    const expected = `startCell to be [row, col], both odd in 1…${size - 2}`;
    fail('ERR_MG_ARGUMENT', 'mapping', expected, start, 'such cells are never walls');
  }
  return [start[0] as number, start[1] as number];
}

function checkCenter(center: unknown, size: number, side: number, start: readonly [number, number]): number {
  const low = Math.max(...start) - 1; // farthest that an agent gets to the left or up
  const high = size - 2 - Math.min(...start); // … and to the right or down
  const fits = (value: number): boolean => value - low >= 0 && value + high < side;
  const value = checkInteger('mapping', 'center', center ?? (1.5 * size <= side ? size : Math.floor(side / 2)), 0);
  if (!fits(value)) {
    const range = `${value - low}…${value + high}`;
    fail('ERR_MG_ARGUMENT', 'mapping', `an outputSide and center that hold positions ${range}`, [side, value]);
  }
  return value;
}

function checkLevels(levels: unknown): readonly number[] {
  if (!Array.isArray(levels) || levels.length === 0 || new Set(levels).size !== levels.length) {
    fail('ERR_MG_ARGUMENT', 'mapping', 'inputLevels to be a list of distinct levels', levels);
  }
  for (const level of levels) checkInteger('mapping', 'every input level', level, 0, 6);
  return [...(levels as number[])].sort((a, b) => a - b);
}

function smallestSide(size: number): number {
  let side = 3;
  while (side < size) side *= 2;
  return side;
}
