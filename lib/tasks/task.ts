// What every task offers: pure episodes, windows of host arrays, and a scorer.
import { checkInteger } from '../check.js';

export interface HostArray {
  readonly data: Float32Array | Int32Array;
  readonly shape: readonly number[];
}

/** The grids of one pyramid by level, each [T, B, side, side, channels] in 2-D or [T, B, positions, channels] in 1-D. */
export type HostPyramid = Readonly<Record<number, HostArray>>;

/** How a network is run on a task.
 *  `stepwise`: a reader answers one query at every time step.
 *  `recall`: the writer sees the whole window, then each reader answers once, on the memory after the last step.
 *  `encodeDecode`: after the window a decoder runs for as many steps as the target has, on zero input of the input's shape.
 *  `tagging`: the network itself emits an output at every time step; there is no query. */
export type TaskForm = 'stepwise' | 'recall' | 'encodeDecode' | 'tagging';

export type TaskLoss = 'bceWithLogits' | 'crossEntropy';

/** One question put to the network: a reader's query and what it should answer. */
export interface WindowOutput {
  readonly name: string;
  /** What the reader sees, [Q, B, …] per level; asked at the last Q steps unless `askedAt` is given: Q = T when stepwise, 1 when
   *  recalled. */
  readonly query?: HostPyramid;
  /** Step of the window at which each question is asked; the last Q when absent. */
  readonly askedAt?: readonly number[];
  /** bceWithLogits: 0 or 1, [Q, B, side, side, 1]. crossEntropy: int32 class numbers, [Q, B]. */
  readonly target: HostArray;
  /** Weight of each answer in the loss, [Q, B]; all 1 when absent. */
  readonly mask?: HostArray;
  /** 1 where an answer counts for the metrics, [Q, B]; all 1 when absent. */
  readonly scored?: HostArray;
  /** Of practice: the lesson that each answer belongs to, from 0, [Q, B] int32; −1 where none is due. */
  readonly lesson?: HostArray;
  /** Question answering: number of the question that an answer belongs to, from 1 in each episode, [Q, B] int32; else 0. */
  readonly question?: HostArray;
}

/** A run of time steps of one batch of episodes. All arrays are fresh and belong to the caller. */
export interface Window {
  /** Place of the window in its batch, from 0. */
  readonly index: number;
  /** Time steps before this window since the episode began. */
  readonly start: number;
  /** T, the time steps of this window. The last window of an episode may be shorter. */
  readonly steps: number;
  readonly batch: number;
  /** True when the recurrent state starts at zero. */
  readonly first: boolean;
  readonly last: boolean;
  /** What the writer or encoder sees, [T, B, …] per level. */
  readonly input: HostPyramid;
  readonly outputs: readonly WindowOutput[];
  /** Question answering: number of the task that each episode of the batch comes from. */
  readonly kinds?: readonly number[];
}

export interface OutputDescription {
  readonly name: string;
  /** Shape of one query of one episode, per level. */
  readonly query?: Readonly<Record<number, readonly number[]>>;
  /** Shape of the logits of one answer. */
  readonly logits: readonly number[];
  readonly loss: TaskLoss;
}

/** The direction of a score. */
export type Better = 'higher' | 'lower';

/** Of the levels of a pyramid that a task delivers. */
export const MOST_LEVEL = 6;

/** Parts of a data set that share no example: what training draws from, what it is watched by, what it is judged by at last. */
export type Split = 'train' | 'validation' | 'test';
export const splits = ['train', 'validation', 'test'] as const satisfies readonly Split[];

export interface TaskDescription {
  readonly form: TaskForm;
  /** Shape of one time step of one episode, per level. */
  readonly input: Readonly<Record<number, readonly number[]>>;
  readonly outputs: readonly OutputDescription[];
  /** Names in a scorer's result; the first one is the headline, by which the best weights of a run are chosen. */
  readonly metrics: readonly string[];
  /** Which way each score is better. Nothing is guessed from a name: a score that is not listed chooses nothing. */
  readonly better?: Readonly<Record<string, Better>>;
  /** Time steps of an episode; null when episodes differ. */
  readonly steps: number | null;
  /** Time steps of a training window as published (truncated back-propagation); null for whole episodes. */
  readonly window: number | null;
}

export interface WindowOptions {
  /** Time steps per window; the whole episode when absent. */
  readonly length?: number;
  /** Seed of the draws that a batch shares (the query index of each step). */
  readonly seed: number;
  /** Number of the batch in its run. Draws depend on (seed, batch, time step) alone. Default 0. */
  readonly batch?: number;
  /** First window to deliver. Windows before it are not computed. Default 0. */
  readonly from?: number;
}

export interface Scorer {
  /** Adds one window. `logits[k]` answers `window.outputs[k]`, with the elements in the order of its target. */
  add(logits: readonly ArrayLike<number>[], window: Window): void;
  result(): Record<string, number>;
}

export interface Task<Item> {
  readonly name: string;
  /** Goes up when the same seed and index would give another item. */
  readonly version: number;
  describe(): TaskDescription;
  /** Episode `index` of the stream `seed`: the same on every machine, in any order of calls. */
  generate(seed: number, index: number): Item;
  /** Cuts a batch of episodes into windows, in order of time. */
  windows(items: readonly Item[], options: WindowOptions): Iterable<Window>;
  scorer(): Scorer;
  /** Lessons on the way to the task, the first ones first; absent: none. */
  readonly lessons?: number;
  /**
   * As `windows`, but made to learn by: questions belong to lessons, which come in proportion to their `weights`, 0 for those not
   * open. Scores never come from it.
   */
  practice?(items: readonly Item[], weights: readonly number[], options: WindowOptions): Iterable<Window>;
  /** Of a task of lists: the same task on lists of so many items. */
  ofItems?(items: number): Task<Item>;
  /** Of a task whose episodes are longer or shorter: the highest level that it draws them of. */
  readonly levels?: number;
  /** The same task with all episodes of that level, from 1; also of levels above those that it draws. */
  atLevel?(level: number): Task<Item>;
  /** Of a data set: the parts that there are. Tasks that draw their episodes have none: another seed gives other episodes. */
  readonly splits?: readonly Split[];
  /** The same task on another part of the data set. ERR_MG_ARGUMENT for one that there is not. */
  split?(name: Split): Task<Item>;
}

/** Side of level l in 2-D: 3·2^l. */
export function levelSide(level: number): number {
  checkInteger('levelSide', 'level', level, 0);
  return 3 * 2 ** level;
}

/** Whether score `a` is better than `b`: any number is better than none (NaN). */
export function isBetter(better: Better, a: number, b: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return !Number.isNaN(a);
  return better === 'higher' ? a > b : a < b;
}

/** The direction of every one of `names`. */
export function directions(better: Better, names: readonly string[]): Record<string, Better> {
  return Object.fromEntries(names.map((name) => [name, better]));
}
