/** A model taken through an episode step by step, with a look at its memory after each. */
import { noGrad } from '../autograd/tape.js';
import type { View } from '../runs/kinds.js';
import type { TaskForm, Window } from '../tasks/task.js';
import { scope } from '../tensor/scope.js';
import type { ModelState, TrainableModel } from '../train/model.js';
import { numbersOf, type Remembered } from '../pictures/remembered.js';
import { advanceOf, type Advance } from './advance.js';

/** What a step gave, in arrays of our own. */
export interface Step {
  readonly logits: readonly ArrayLike<number>[];
  /** Null where nothing is known of how the memory is looked at. */
  readonly memory: Remembered | null;
}

/** Frees what no other state shares. */
function dispose(state: ModelState | null, ...others: (ModelState | null)[]): void {
  if (state === null) return;
  const kept = new Set(others.flatMap((other) => (other === null ? [] : [...other.toTensors().values()])));
  for (const tensor of state.toTensors().values()) if (!kept.has(tensor)) tensor.dispose();
}

/** The state of a new episode, without what was made on the way to it. */
function begin(model: TrainableModel): ModelState {
  using s = scope();
  const state = noGrad(() => model.initialState(1));
  s.keep([...state.toTensors().values()]);
  return state;
}

/**
 * One episode of one row, in eval mode and without gradients. It can go one step back: a question may be put anew without going
 * through the whole episode. Its tensors belong to no scope; free it with `dispose()`.
 */
export class Runner implements Disposable {
  readonly #model: TrainableModel;
  readonly #view: View | null;
  readonly #advance: Advance;
  #state: ModelState | null;
  #before: ModelState | null = null;
  #position = 0;

  constructor(model: TrainableModel, view: View | null, form: TaskForm) {
    this.#model = model;
    this.#view = view;
    this.#advance = advanceOf(model, form);
    this.#state = begin(model);
  }

  /** Steps that were taken. */
  get position(): number {
    return this.#position;
  }

  /** The memory now. */
  async look(): Promise<Remembered | null> {
    return this.#view === null ? null : await this.#numbers();
  }

  /** One step on this window of one step; what was before it can be gone back to. */
  async step(window: Window): Promise<Step> {
    const logits = await this.#forward(window);
    return { logits, memory: await this.look() };
  }

  /** To before step `position` (from 0) by the windows that lead there. */
  async seek(position: number, windowOf: (step: number) => Window): Promise<void> {
    if (position === this.#position - 1 && this.#before !== null) {
      dispose(this.#state, this.#before);
      [this.#state, this.#before] = [this.#before, null];
      this.#position = position;
      return;
    }
    if (position < this.#position) this.#reset();
    while (this.#position < position) await this.#forward(windowOf(this.#position));
  }

  dispose(): void {
    this.#forget();
    this.#advance[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #reset(): void {
    this.#forget();
    this.#state = begin(this.#model);
    this.#position = 0;
  }

  #forget(): void {
    dispose(this.#before, this.#state);
    dispose(this.#state);
    [this.#state, this.#before] = [null, null];
  }

  async #forward(window: Window): Promise<readonly ArrayLike<number>[]> {
    const state = this.#state!;
    const { logits, state: next } = await this.#advance.step(window, state);
    dispose(this.#before, state, next);
    [this.#before, this.#state] = [state, next];
    this.#position += 1;
    return logits;
  }

  /** The reads are queued before this returns. */
  #numbers(): Promise<Remembered> {
    using _ = scope();
    return numbersOf(noGrad(() => this.#view!(this.#state!, this.#before)));
  }
}
