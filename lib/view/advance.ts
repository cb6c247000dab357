/** A model in one episode of one row, without gradients and in eval mode: a step, a look at its memory, and one step back. */
import { noGrad } from '../autograd/tape.js';
import { MultigridMemory } from '../models/multigrid/multigrid-memory.js';
import type { MultigridMemoryState } from '../models/multigrid/multigrid-memory-state.js';
import type { SessionNumbers } from '../models/session-parts.js';
import { numbersOf, type Read, type Remembered } from '../pictures/remembered.js';
import type { View } from '../runs/kinds.js';
import type { HostPyramid, TaskForm, Window } from '../tasks/task.js';
import { arrayOf } from '../tensor/dtype.js';
import { scope, unscoped } from '../tensor/scope.js';
import { Copies, Readings } from '../tensor/transfers.js';
import { dtypeOf, type ModelState, type TrainableModel } from '../train/model.js';
import { uploadWindow } from '../train/window-loss.js';

type Answers = readonly ArrayLike<number>[];

/** Its tensors belong to no scope. */
export interface Advance extends Disposable {
  /** By a window of one step; its answers, in arrays of their own. */
  step(window: Window): Promise<Answers>;
  /** To before the last step. False where that is not kept: at the beginning, and a second time. */
  back(): boolean;
  /** To the beginning of an episode. */
  reset(): void;
  /** The memory now, in arrays that are good until the next look. */
  look(view: View): Promise<Remembered>;
}

/** Frees what no other state shares. */
function dispose(state: ModelState | null, ...others: (ModelState | null)[]): void {
  if (state === null) return;
  const kept = new Set(others.flatMap((other) => (other === null ? [] : [...other.toTensors().values()])));
  for (const tensor of state.toTensors().values()) if (!kept.has(tensor)) tensor.dispose();
}

/** Any model, by its window of one step. */
class Forward implements Advance {
  readonly #model: TrainableModel;
  readonly #form: TaskForm;
  #state: ModelState | null = null;
  #before: ModelState | null = null;

  constructor(model: TrainableModel, form: TaskForm) {
    this.#model = model;
    this.#form = form;
    this.reset();
  }

  async step(window: Window): Promise<Answers> {
    return await Promise.all(this.#forward(window));
  }

  back(): boolean {
    if (this.#before === null) return false;
    dispose(this.#state, this.#before);
    [this.#state, this.#before] = [this.#before, null];
    return true;
  }

  reset(): void {
    this.#forget();
    using s = scope();
    const state = noGrad(() => this.#model.initialState(1));
    s.keep([...state.toTensors().values()]); // without what was made on the way to it
    this.#state = state;
  }

  async look(view: View): Promise<Remembered> {
    using _ = scope();
    const asked = numbersOf(noGrad(() => view(this.#state!, this.#before)));
    return asked;
  }

  /** Nothing is awaited while the scope is open: others may make tensors meanwhile. */
  #forward(window: Window): readonly Promise<ArrayLike<number>>[] {
    using s = scope();
    const uploaded = uploadWindow(window, this.#form, dtypeOf(this.#model));
    const state = this.#state!;
    const result = this.#model.evaluating(() => noGrad(() => this.#model.forward(uploaded, state)));
    const next = result.state.detach();
    s.keep([...next.toTensors().values()]);
    dispose(this.#before, state, next);
    [this.#before, this.#state] = [state, next];
    return result.logits.map((logits) => logits.data());
  }

  #forget(): void {
    dispose(this.#before, this.#state);
    dispose(this.#state);
    [this.#state, this.#before] = [null, null];
  }

  [Symbol.dispose](): void {
    this.#forget();
  }
}

/** Grids of a window of one step as a session takes them: the coarsest first, without their first axis. */
const gridsOf = (pyramid: HostPyramid, model: TrainableModel): SessionNumbers[] =>
  Object.keys(pyramid).map(Number).sort((a, b) => a - b)
    .map((level) => arrayOf(dtypeOf(model), pyramid[level]!.data) as SessionNumbers);

/** A multigrid memory by a session: its many grids are not made anew, neither at a step nor when they are looked at. */
class InSession implements Advance {
  readonly #model: MultigridMemory;
  readonly #session: ReturnType<MultigridMemory['session']>;
  /** The state before the last step, and whether it is. */
  readonly #before: MultigridMemoryState;
  #isKept = false;
  readonly #keeping: Copies;
  #readings: Readings | null = null;

  constructor(model: MultigridMemory) {
    this.#model = model;
    this.#session = model.session({ batch: 1 });
    this.#before = unscoped(() => this.#session.state());
    this.#keeping = new Copies(this.#session.live.tensors(), this.#before.tensors());
  }

  async step({ input, outputs }: Window): Promise<Answers> {
    const queries = outputs.flatMap(({ query }) => (query === undefined ? [] : [gridsOf(query, this.#model)]));
    const seen = { input: gridsOf(input, this.#model), ...(queries.length === 0 ? {} : { queries }) };
    this.#isKept = true;
    const [, { logits }] = await Promise.all([this.#keeping.run(), this.#session.step(seen)]); // in the order of the queue
    return logits.map((answer) => answer!.slice());
  }

  back(): boolean {
    if (!this.#isKept) return false;
    this.#session.setState(this.#before);
    this.#isKept = false;
    return true;
  }

  reset(): void {
    this.#session.reset();
    this.#isKept = false;
  }

  async look(view: View): Promise<Remembered> {
    const read: Read = (tensors) => (this.#readings ??= new Readings(tensors)).read();
    return await numbersOf(view(this.#session.live, this.#isKept ? this.#before : null), read);
  }

  [Symbol.dispose](): void {
    this.#readings?.dispose();
    this.#keeping.dispose();
    this.#session.dispose();
    this.#before.dispose();
  }
}

export function advanceOf(model: TrainableModel, form: TaskForm): Advance {
  return model instanceof MultigridMemory && form !== 'encodeDecode' ? new InSession(model) : new Forward(model, form);
}
