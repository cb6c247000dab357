/** Practice on the way to a task: levels that follow one another as the loss falls. */
import { checkInteger, checkNumber, checkOptions, fail, words } from '../check.js';
import type { Split, Task, Window, WindowOptions } from '../tasks/task.js';

export interface CurriculumOptions {
  /** The level ends when the mean loss of its last `over` updates is below: nats for each answer, of patches for each bit. */
  readonly below: number;
  /** Default 50 updates. */
  readonly over?: number;
  /** Default 1. */
  readonly start?: number;
}

/** A level and the batch it begins with. */
export type LevelStart = readonly [batch: number, level: number];

/**
 * Practice on a task that offers levels of it. Training begins at level `start` and goes to the next one whenever the loss is
 * below the bound, up to the last level, at which it stays. A new level begins two batches after the update that brought it,
 * since one window is always made ahead: a resumed run is bit for bit the run that was not.
 */
export class Curriculum<Item> {
  readonly name = 'curriculum';
  /** The task with the windows of practice; it scores on the windows of the task itself. */
  readonly task: Task<Item>;
  readonly #progress: Progress;

  /** ERR_MG_ARGUMENT for a task without levels. */
  constructor(task: Task<Item>, options: CurriculumOptions) {
    checkOptions('curriculum', options, ['below', 'over', 'start']);
    const last = task.levels;
    if (last === undefined || task.practice === undefined) {
      fail('ERR_MG_ARGUMENT', 'curriculum', 'a task with levels of practice', words(task.name));
    }
    const below = checkNumber('curriculum', 'below', options.below, 0);
    const over = checkInteger('curriculum', 'over', options.over ?? 50, 1);
    const start = checkInteger('curriculum', 'start', options.start ?? 1, 1, last);
    this.#progress = new Progress({ below, over, last }, [[0, start]]);
    this.task = new PractisedTask(task, this.#progress);
  }

  /** The levels so far. */
  get levels(): readonly LevelStart[] {
    return this.#progress.levels;
  }
  /** Counts the loss of a window of that batch. */
  add(loss: number, batch: number): void {
    this.#progress.add(loss, batch);
  }
  /** What a checkpoint keeps. */
  save(): unknown {
    return this.#progress.save();
  }
  restore(saved: unknown): void {
    this.#progress.restore(saved);
  }
}

/** Weighted answers of a window: of patches, each bit is one. */
function answersOf(window: Window): number {
  return window.outputs.reduce((sum, { target, mask }) => {
    const perWeight = mask === undefined ? 1 : target.data.length / mask.data.length;
    return sum + (mask === undefined ? target.data.length : perWeight * (mask.data as Float32Array).reduce((a, b) => a + b, 0));
  }, 0);
}

/** Where a curriculum stands. */
class Progress {
  levels: LevelStart[];
  #losses: number[] = [];
  /** Answers of the windows that were made and not yet trained on, in order, and of the one trained on. */
  readonly #answers = new Map<number, number>();
  readonly #rule: { below: number; over: number; last: number };

  constructor(rule: { below: number; over: number; last: number }, levels: LevelStart[]) {
    this.#rule = rule;
    this.levels = levels;
  }

  levelOf(batch: number): number {
    return this.levels.findLast(([from]) => from <= batch)![1];
  }

  made(batch: number, window: Window): void {
    this.#answers.set(batch, answersOf(window));
    this.#answers.delete(batch - 3);
  }

  /** Counts the loss of a window of `batch`, and says where the next level begins. */
  add(loss: number, batch: number): void {
    const answers = this.#answers.get(batch) ?? 0;
    const [from, level] = this.levels.at(-1)!;
    if (batch < from || answers === 0 || !Number.isFinite(loss)) return;
    this.#losses = [...this.#losses, loss / answers].slice(-this.#rule.over);
    const mean = this.#losses.reduce((a, b) => a + b, 0) / this.#losses.length;
    if (level >= this.#rule.last || this.#losses.length < this.#rule.over || mean >= this.#rule.below) return;
    this.levels = [...this.levels, [batch + 2, level + 1]];
    this.#losses = [];
  }

  save(): { levels: readonly LevelStart[]; losses: readonly number[] } {
    return { levels: this.levels, losses: this.#losses };
  }

  restore(saved: unknown): void {
    const { levels, losses } = (saved ?? {}) as { levels?: unknown; losses?: unknown };
    const isPair = (x: unknown): boolean => Array.isArray(x) && x.length === 2 && x.every(Number.isSafeInteger);
    if (!Array.isArray(levels) || !levels.every(isPair) || levels[0]?.[0] !== 0 || !Array.isArray(losses)) {
      fail('ERR_MG_CHECKPOINT', 'curriculum', 'levels and losses as a curriculum saves them', saved);
    }
    this.levels = levels as LevelStart[];
    this.#losses = losses.map((loss) => checkNumber('curriculum', 'loss', loss, 0));
  }
}

/** Windows of practice under the name of the task, whose own windows are those of its splits. */
class PractisedTask<Item> implements Task<Item> {
  readonly name: string;
  readonly version: number;
  readonly splits: readonly Split[] = ['train', 'validation', 'test'];
  readonly #task: Task<Item>;
  readonly #progress: Progress;

  constructor(task: Task<Item>, progress: Progress) {
    [this.name, this.version, this.#task, this.#progress] = [
      task.name,
      task.version,
      task,
      progress,
    ];
  }

  describe(): ReturnType<Task<Item>['describe']> {
    return this.#task.describe();
  }
  generate(seed: number, index: number): Item {
    return this.#task.generate(seed, index);
  }
  windowCount(items: readonly Item[], length?: number): number {
    return this.#task.windowCount(items, length);
  }

  *windows(items: readonly Item[], options: WindowOptions): Iterable<Window> {
    const batch = options.batch ?? 0;
    for (const window of this.#task.practice!(items, this.#progress.levelOf(batch), options)) {
      this.#progress.made(batch, window);
      yield window;
    }
  }

  scorer(): ReturnType<Task<Item>['scorer']> {
    return this.#task.scorer();
  }
  split(name: Split): Task<Item> {
    const { splits = [] } = this.#task;
    return splits.length === 0 ? this.#task : this.#task.split!(name);
  }
}
