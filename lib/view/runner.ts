/** A model taken through an episode step by step, with a look at its memory after each. */
import type { View } from '../runs/kinds.js';
import type { TaskForm, Window } from '../tasks/task.js';
import type { TrainableModel } from '../train/model.js';
import type { Remembered } from '../pictures/remembered.js';
import { advanceOf, type Advance } from './advance.js';

/** What a step gave. */
export interface Step {
  readonly logits: readonly ArrayLike<number>[];
  /** In arrays that are good until the next step; null where nothing is known of how the memory is looked at. */
  readonly memory: Remembered | null;
}

/**
 * One episode of one row. It can go one step back: a question may be put anew without going through the whole episode. Free it
 * with `dispose()`.
 */
export class Runner implements Disposable {
  readonly #view: View | null;
  readonly #advance: Advance;
  #position = 0;

  constructor(model: TrainableModel, view: View | null, form: TaskForm) {
    this.#view = view;
    this.#advance = advanceOf(model, form);
  }

  /** Steps that were taken. */
  get position(): number {
    return this.#position;
  }

  /** The memory now. */
  async look(): Promise<Remembered | null> {
    return this.#view === null ? null : await this.#advance.look(this.#view);
  }

  /** One step on this window of one step; what was before it can be gone back to. */
  async step(window: Window): Promise<Step> {
    const logits = await this.#forward(window);
    return { logits, memory: await this.look() };
  }

  /** To before step `position` (from 0) by the windows that lead there. */
  async seek(position: number, windowOf: (step: number) => Window): Promise<void> {
    if (position === this.#position - 1 && this.#advance.back()) this.#position = position;
    if (position < this.#position) {
      this.#advance.reset();
      this.#position = 0;
    }
    while (this.#position < position) await this.#forward(windowOf(this.#position));
  }

  dispose(): void {
    this.#advance[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #forward(window: Window): Promise<readonly ArrayLike<number>[]> {
    const logits = await this.#advance.step(window);
    this.#position += 1;
    return logits;
  }
}
