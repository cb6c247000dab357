/** Practice by levels that double: episodes grow as the loss falls (Rae et al. 2016, supplement E). */
import { checkInteger, fail, words } from '../../check.js';
import { checkData, integer, number, object, optional, type Data } from '../../schema.js';
import type { Task, TaskDescription, Window, WindowOptions } from '../../tasks/task.js';
import { Rng } from '../../tensor/rng.js';
import { answerLoss, PractisedTask, type Practice } from './practice.js';

export const levelOptions = object({
  /**
   * The highest level doubles when the mean loss of `batches` batches in a row is below: bits for each class, or for each bit
   * of an answer. Default 0.01.
   */
  below: optional(number(0)),
  /** Default 100. */
  batches: optional(integer(1)),
  /** The highest level at the start. Default 4, or that of the task where it is lower. */
  start: optional(integer(1)),
  /**
   * The lowest level that is drawn, at most `start`. Default 0. Lists of one or two items can be learned without the memory, and
   * then teach nothing of it.
   */
  least: optional(integer(0)),
  /** The highest level that there will be; it may be above what the task draws. Default: that of the task. */
  most: optional(integer(1)),
});

export interface LevelOptions extends Data<typeof levelOptions> {}

/** An episode that is drawn when the level of its batch is known. */
interface Place {
  readonly seed: number;
  readonly index: number;
}

/** What a checkpoint keeps. */
interface Saved {
  readonly opened: (readonly [batch: number, most: number])[];
  /** Mean losses of the last batches at the highest level, oldest first. */
  readonly recent: number[];
  /** Nats and number of the answers of a batch that has begun. */
  readonly begun: readonly [nats: number, answers: number];
}

/**
 * Each batch draws a level from the lowest one, by default 0, to the highest one alike, 0 standing for 1, and all its episodes
 * are of that level. What a batch brings counts from the second one after it on, since one is always made ahead: a resumed run
 * is bit for bit the run that was not.
 */
export class Levels<Item> implements Practice {
  readonly name = 'levels';
  readonly task: Task<Place>;
  readonly #rule: { readonly below: number; readonly batches: number; readonly least: number; readonly most: number };
  readonly #outputs: TaskDescription['outputs'];
  #saved: Saved;

  /** ERR_MG_ARGUMENT for a task without levels. */
  constructor(task: Task<Item>, options: LevelOptions) {
    const own = checkData('levels', levelOptions, options);
    if (task.levels === undefined || task.atLevel === undefined) {
      fail('ERR_MG_ARGUMENT', 'levels', 'a task whose episodes have levels', words(task.name));
    }
    const { below = 0.01, batches = 100, least: lowest = 0, most = task.levels } = own;
    const start = checkInteger('levels', 'start', own.start ?? Math.min(4, most), 1, most);
    const least = checkInteger('levels', 'least', lowest, 0, start);
    this.#rule = { below, batches, least, most };
    this.#outputs = task.describe().outputs;
    this.#saved = { opened: [[0, start]], recent: [], begun: [0, 0] };
    this.task = new PractisedTask<Item, Place>(
      task,
      (places, given) => this.#windows(task, places, given),
      (seed, index) => ({ seed, index }),
    );
  }

  /** The highest level, and the batch from which on it was. */
  get opened(): readonly (readonly [batch: number, most: number])[] {
    return this.#saved.opened;
  }

  /** The level of a batch. */
  levelOf({ seed, batch = 0 }: Pick<WindowOptions, 'seed' | 'batch'>): number {
    const [, most] = this.#saved.opened.findLast(([from]) => from <= batch)!;
    const { least } = this.#rule;
    return Math.max(1, least + new Rng(seed).split('level').split(batch).integer(most - least + 1));
  }

  #windows(task: Task<Item>, places: readonly Place[], options: WindowOptions): Iterable<Window> {
    const level = task.atLevel!(this.levelOf(options));
    return level.windows(places.map(({ seed, index }) => level.generate(seed, index)), options);
  }

  add(window: Window, batch: number, logits: readonly ArrayLike<number>[]): void {
    const { opened, recent, begun } = this.#saved;
    let [nats, answers] = begun;
    for (const [k, output] of window.outputs.entries()) {
      const rows = output.target.shape[0]! * output.target.shape[1]!;
      for (let row = 0; row < rows; row++) {
        if ((output.mask?.data[row] ?? 1) === 0) continue;
        nats += answerLoss(logits[k]!, output, this.#outputs[k]!.loss, row);
        answers++;
      }
    }
    if (!window.last) {
      this.#saved = { opened, recent, begun: [nats, answers] };
      return;
    }
    const [since, highest] = opened.at(-1)!;
    const bits = nats / Math.LN2 / answers;
    // Batches that were made before the level rose say nothing of it, and answers that are no numbers nothing at all.
    const kept = batch < since || !Number.isFinite(bits) ? recent : [...recent, bits].slice(-this.#rule.batches);
    const mean = kept.reduce((sum, each) => sum + each, 0) / kept.length;
    const isKnown = kept.length === this.#rule.batches && mean < this.#rule.below && highest < this.#rule.most;
    this.#saved = isKnown
      ? { opened: [...opened, [batch + 2, Math.min(2 * highest, this.#rule.most)]], recent: [], begun: [0, 0] }
      : { opened, recent: kept, begun: [0, 0] };
  }

  save(): unknown {
    return this.#saved;
  }

  restore(saved: unknown): void {
    const { opened, recent, begun } = (saved ?? {}) as Partial<Saved>;
    const isNumbers = (x: unknown): x is number[] => Array.isArray(x) && x.every((n) => typeof n === 'number' && n >= 0);
    const isPair = (x: unknown): boolean => isNumbers(x) && x.length === 2;
    const isLevel = (x: readonly number[]): boolean => x.every(Number.isSafeInteger) && x[1]! >= 1 && x[1]! <= this.#rule.most;
    const known = Array.isArray(opened) && opened.length > 0 && opened.every((x) => isPair(x) && isLevel(x)) &&
      opened[0]![0] === 0 &&
      isNumbers(recent) && recent.length <= this.#rule.batches && isPair(begun);
    if (!known) fail('ERR_MG_CHECKPOINT', 'levels', 'levels and losses as they were saved', saved);
    this.#saved = structuredClone(saved) as Saved;
  }
}
