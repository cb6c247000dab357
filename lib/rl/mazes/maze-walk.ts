/** One episode of exploration: where the agent is, where it has been, and what it has seen. */
import { types } from 'node:util';
import { checkInteger, fail } from '../../check.js';
import type { Padded } from '../../tasks/patch.js';
import { pad } from '../../tasks/patch.js';

/** Actions are moves up, down, left, right. */
export const MOVES = 4;

/** The four cells around `cell` in a maze of side n, in the order of the actions. */
export const neighbours = (cell: number, n: number): [number, number, number, number] => [cell - n, cell + n, cell - 1, cell + 1];

/**
 * A walk through one maze. Entering a free cell for the first time is worth +1, bumping into a wall −1 (the agent stays), any
 * other step 0; the start counts as visited. Source: Huynh, Maire, Walter 2020, §4.2.
 */
export class MazeWalk {
  /** Number of the maze in its stream. */
  readonly index: number;
  readonly size: number;
  /** [n, n] row-major, 0 free, 1 wall: what the agent cannot know before it has seen it. */
  readonly cells: Uint8Array;
  /** The same with walls around it. @internal */
  readonly padded: Padded;
  readonly freeCells: number;
  /** Where the agent was at each time step, the start first: row·n + column. */
  readonly path: number[];
  /** What it did at each of them. */
  readonly actions: number[] = [];
  /** How often each cell was entered; the start once. */
  readonly visits: Uint16Array;
  /** 1 for each cell that was in view. */
  readonly seen: Uint8Array;
  readonly #reach: number;
  #visited = 1;
  #bumps = 0;
  #reward = 0;

  /** `view`: side of the square that the agent sees around it. */
  constructor(index: number, cells: Uint8Array, start: number, view: number) {
    this.index = checkInteger('MazeWalk', 'index', index, 0);
    this.size = Math.sqrt(types.isUint8Array(cells) ? cells.length : NaN);
    if (!Number.isInteger(this.size) || this.size === 0) {
      fail('ERR_MG_ARGUMENT', 'MazeWalk', 'the cells of a maze, a Uint8Array of n·n', cells);
    }
    checkInteger('MazeWalk', 'start', start, 0);
    if (cells[start] !== 0) fail('ERR_MG_ARGUMENT', 'MazeWalk', 'a free start cell', start);
    checkInteger('MazeWalk', 'view', view, 1);
    this.cells = cells;
    this.padded = pad(cells, view >> 1);
    this.freeCells = cells.reduce((count, cell) => count + (cell === 0 ? 1 : 0), 0);
    this.path = [start];
    this.visits = new Uint16Array(cells.length);
    this.visits[start] = 1;
    this.seen = new Uint8Array(cells.length);
    this.#reach = view >> 1;
    this.#look();
  }

  get at(): number {
    return this.path.at(-1)!;
  }
  /** Where it came from when it last moved; the start when it has not moved yet. */
  get from(): number {
    const { at, path } = this;
    for (let step = path.length - 2; step >= 0; step--) if (path[step] !== at) return path[step]!;
    return at;
  }
  /** Distinct cells visited. */
  get visited(): number {
    return this.#visited;
  }
  /** Share of the free cells that were visited. */
  get coverage(): number {
    return this.#visited / this.freeCells;
  }
  get bumps(): number {
    return this.#bumps;
  }
  /** Sum of the rewards so far. */
  get reward(): number {
    return this.#reward;
  }

  /** The actions that lead to free cells. */
  open(): number[] {
    return neighbours(this.at, this.size).flatMap((cell, action) => (this.cells[cell] === 0 ? [action] : []));
  }

  /** One time step; gives its reward. */
  move(action: number): number {
    const next = neighbours(this.at, this.size)[checkInteger('MazeWalk', 'action', action, 0, MOVES - 1)]!;
    const reward = this.#enter(next);
    this.#reward += reward;
    this.actions.push(action);
    return reward;
  }

  #enter(next: number): number {
    if (this.cells[next] !== 0) {
      this.path.push(this.at);
      this.#bumps += 1;
      return -1;
    }
    this.path.push(next);
    this.#look();
    const isNew = this.visits[next] === 0;
    this.visits[next]! += 1;
    if (isNew) this.#visited += 1;
    return isNew ? 1 : 0;
  }

  #look(): void {
    const { at, size: n } = this;
    const [row, col] = [Math.floor(at / n), at % n];
    const reach = this.#reach;
    for (let y = Math.max(0, row - reach); y <= Math.min(n - 1, row + reach); y++) {
      for (let x = Math.max(0, col - reach); x <= Math.min(n - 1, col + reach); x++) this.seen[y * n + x] = 1;
    }
  }
}
