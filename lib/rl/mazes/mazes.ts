/** Exploration of mazes as an environment: the mazes and the view of the mapping task, with moves, rewards and a time limit. */
import { types } from 'node:util';
import { checkInteger, checkList, checkOptions, fail, words } from '../../check.js';
import { resolveMapping, shownLocation, type MappingOptions, type ResolvedMapping } from '../../tasks/mapping/mapping-options.js';
import { makeMaze } from '../../tasks/mapping/maze.js';
import { CHANNELS, encodePatch, nearestRows, readPatch } from '../../tasks/patch.js';
import type { HostPyramid } from '../../tasks/task.js';
import { zeros } from '../../tasks/windows.js';
import { Rng } from '../../tensor/rng.js';
import type { Environment, EnvironmentStep } from '../environment.js';
import { MazeWalk, MOVES } from './maze-walk.js';

const MAZE_KEYS = [
  'size',
  'complexity',
  'density',
  'startCell',
  'view',
  'outputSide',
  'center',
  'locationOrigin',
  'locationScale',
  'inputLevels',
] as const;

/** What a maze is and how it is seen, as in the mapping task. */
export type MazeView = Pick<MappingOptions, (typeof MAZE_KEYS)[number]>;

export interface MazesOptions extends MazeView {
  /** Episodes side by side. Default 32. */
  readonly episodes?: number;
  /** Time steps of an episode, after which it is cut. Default 1000. */
  readonly steps?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Whether first episodes are shorter, row e by e·⌊steps/episodes⌋ steps, so that an update sees all phases. Default true. */
  readonly staggered?: boolean;
}

/**
 * Mazes to explore. An agent sees the cells around it and its place relative to the start, moves up, down, left or right, is
 * given
 * +1 for a cell never visited, −1 for a bump, else 0, and is cut after `steps`; full coverage ends nothing. Row e takes the mazes
 * e, e + E, e + 2E … of the seed's stream. ERR_MG_ARGUMENT for options that do not fit.
 */
export function mazes(options: MazesOptions = {}): MazesEnvironment {
  return new MazesEnvironment(options);
}

/** What `save` gives: number of the maze, steps spared, and the actions as digits, for each row. */
export interface SavedRow {
  readonly index: number;
  readonly spared: number;
  readonly actions: string;
}

export class MazesEnvironment implements Environment {
  readonly name = 'mazes';
  readonly actions = MOVES;
  readonly episodes: number;
  readonly steps: number;
  readonly seed: number;
  readonly observation: Readonly<Record<number, readonly number[]>>;
  /** The mapping task's options that describe these mazes and this view. */
  readonly view: ResolvedMapping;
  readonly #options: MazesOptions;
  readonly #rng: Rng;
  #rows: { walk: MazeWalk; spared: number }[];

  constructor(options: MazesOptions) {
    const where = 'mazes';
    checkOptions(where, options, [...MAZE_KEYS, 'episodes', 'steps', 'seed', 'staggered']);
    const { episodes = 32, steps = 1000, seed = 0, staggered = true, ...view } = options;
    this.episodes = checkInteger(where, 'episodes', episodes, 1);
    this.steps = checkInteger(where, 'steps', steps, 1, 60_000);
    this.seed = checkInteger(where, 'seed', seed, 0);
    if (typeof staggered !== 'boolean') fail('ERR_MG_ARGUMENT', where, 'staggered to be true or false', staggered);
    this.#options = options;
    this.view = resolveMapping({ ...view, motion: 'random', pathLength: steps });
    this.observation = Object.fromEntries(this.view.levels.map(({ level, side }) => [level, [side, side, CHANNELS]]));
    this.#rng = new Rng(seed).split('mazes');
    const phase = staggered ? Math.floor(steps / episodes) : 0;
    this.#rows = Array.from({ length: episodes }, (_, row) => ({ walk: this.#walk(row), spared: row * phase }));
  }

  /** The walks under way, one for each row. */
  get walks(): readonly MazeWalk[] {
    return this.#rows.map(({ walk }) => walk);
  }

  observe(): HostPyramid {
    return Object.fromEntries(this.view.levels.map(({ level, side }) => {
      const grid = zeros(this.episodes, side, side, CHANNELS);
      const rows = nearestRows(this.view.view, side);
      this.#rows.forEach(({ walk }, e) => this.#show(walk, rows, grid.data, e * side * side * CHANNELS));
      return [level, grid];
    }));
  }

  /** As the mapping task shows it: the view around the agent, then row and column, with the start at (center, center). */
  #show(walk: MazeWalk, rows: Int32Array, out: Float32Array, offset: number): void {
    const { size, view, center } = this.view;
    const placed = (cell: number): [number, number] => [Math.floor(cell / size), cell % size];
    const [row, col] = placed(walk.at);
    const [startRow, startCol] = placed(walk.path[0]!);
    const patch = readPatch(walk.padded, row, col, view, new Uint8Array(view * view));
    const shown = shownLocation(this.view, row - startRow + center, col - startCol + center);
    encodePatch(patch, view, rows, ...shown, out, offset);
  }

  step(actions: Int32Array): EnvironmentStep {
    if (!types.isTypedArray(actions) && !Array.isArray(actions))
      fail('ERR_MG_ARGUMENT', this.name, 'actions as an Int32Array', actions);
    if (actions.length !== this.episodes)
      fail('ERR_MG_SHAPE', this.name, `${this.episodes} actions, one for each episode`, words(`${actions.length} actions`));
    const reward = new Float32Array(this.episodes);
    const truncated = new Uint8Array(this.episodes);
    this.#rows.forEach(({ walk, spared }, e) => {
      reward[e] = walk.move(checkInteger(this.name, 'each action', actions[e], 0, MOVES - 1));
      truncated[e] = walk.actions.length + spared >= this.steps ? 1 : 0;
    });
    return { reward, terminated: new Uint8Array(this.episodes), truncated };
  }

  begin(rows: readonly number[]): void {
    checkList(this.name, 'a list of rows', rows);
    for (const row of rows) {
      const { index } = this.#rows[checkInteger(this.name, 'each row', row, 0, this.episodes - 1)]!.walk;
      this.#rows[row] = { walk: this.#walk(index + this.episodes), spared: 0 };
    }
  }

  measures(): { coverage: Float64Array; bumps: Float64Array } {
    const { walks } = this;
    return {
      coverage: Float64Array.from(walks, (walk) => walk.coverage),
      bumps: Float64Array.from(walks, (walk) => walk.bumps),
    };
  }

  save(): SavedRow[] {
    return this.#rows.map(({ walk, spared }) => ({ index: walk.index, spared, actions: walk.actions.join('') }));
  }

  restore(saved: unknown): void {
    const rows = saved as readonly SavedRow[];
    const fits = Array.isArray(saved) && saved.length === this.episodes &&
      rows.every((row) => Number.isSafeInteger(row?.index) && Number.isSafeInteger(row.spared) && /^[0-3]*$/.test(row.actions));
    if (!fits) fail('ERR_MG_CHECKPOINT', this.name, `the rows of ${this.episodes} episodes`, words('something else'));
    this.#rows = rows.map(({ index, spared, actions }) => {
      const walk = this.#walk(index);
      for (const action of actions) walk.move(Number(action));
      return { walk, spared };
    });
  }

  /** All episodes begin at once, so that each is played in full. */
  heldOut(options: { episodes: number; seed: number }): MazesEnvironment {
    checkOptions(this.name, options, ['episodes', 'seed']);
    const { episodes, seed } = options;
    return new MazesEnvironment({ ...this.#options, episodes, seed, staggered: false });
  }

  #walk(index: number): MazeWalk {
    const { size, complexity, density, startCell, view } = this.view;
    const cells = makeMaze({ size, complexity, density }, this.#rng.split(index));
    return new MazeWalk(index, cells, startCell[0] * size + startCell[1], view);
  }
}
