/** One step of a model from one state to the next, without gradients and in eval mode. */
import { noGrad } from '../autograd/tape.js';
import { MultigridMemory } from '../models/multigrid/multigrid-memory.js';
import type { MultigridMemoryState } from '../models/multigrid/multigrid-memory-state.js';
import type { SessionNumbers } from '../models/session-parts.js';
import type { HostPyramid, TaskForm, Window } from '../tasks/task.js';
import { arrayOf } from '../tensor/dtype.js';
import { scope, unscoped } from '../tensor/scope.js';
import { dtypeOf, type ModelState, type TrainableModel } from '../train/model.js';
import { uploadWindow } from '../train/window-loss.js';

export interface Advanced {
  readonly logits: readonly ArrayLike<number>[];
  /** Belongs to no scope. */
  readonly state: ModelState;
}

export interface Advance extends Disposable {
  /** By a window of one step. The state that is given stays as it is. */
  step(window: Window, state: ModelState): Promise<Advanced>;
}

/** Any model, by its window of one step. */
class Forward implements Advance {
  readonly #model: TrainableModel;
  readonly #form: TaskForm;

  constructor(model: TrainableModel, form: TaskForm) {
    this.#model = model;
    this.#form = form;
  }

  async step(window: Window, state: ModelState): Promise<Advanced> {
    const { reads, state: next } = this.#forward(window, state);
    return { logits: await Promise.all(reads), state: next };
  }

  /** Nothing is awaited while the scope is open: others may make tensors meanwhile. */
  #forward(window: Window, state: ModelState): { reads: readonly Promise<ArrayLike<number>>[]; state: ModelState } {
    using s = scope();
    const uploaded = uploadWindow(window, this.#form, dtypeOf(this.#model));
    const result = this.#model.evaluating(() => noGrad(() => this.#model.forward(uploaded, state)));
    const next = result.state.detach();
    s.keep([...next.toTensors().values()]);
    return { reads: result.logits.map((logits) => logits.data()), state: next };
  }

  [Symbol.dispose](): void {}
}

/** Grids of a window of one step as a session takes them: the coarsest first, without their first axis. */
const gridsOf = (pyramid: HostPyramid, model: TrainableModel): SessionNumbers[] =>
  Object.keys(pyramid).map(Number).sort((a, b) => a - b)
    .map((level) => arrayOf(dtypeOf(model), pyramid[level]!.data) as SessionNumbers);

/** A multigrid memory by a session, which saves making the tensors of its many grids anew: half of the time of a step. */
class InSession implements Advance {
  readonly #model: MultigridMemory;
  #session: ReturnType<MultigridMemory['session']> | null = null;
  /** The state that the session has. */
  #now: ModelState | null = null;

  constructor(model: MultigridMemory) {
    this.#model = model;
  }

  async step({ input, outputs }: Window, state: ModelState): Promise<Advanced> {
    const session = this.#session ??= this.#model.session({ batch: 1 });
    if (state !== this.#now) session.setState(state as MultigridMemoryState);
    const queries = outputs.flatMap(({ query }) => (query === undefined ? [] : [gridsOf(query, this.#model)]));
    const { logits } = await session.step({
      input: gridsOf(input, this.#model),
      ...(queries.length === 0 ? {} : { queries }),
    });
    this.#now = unscoped(() => session.state());
    return { logits: logits.map((answer) => answer!.slice()), state: this.#now };
  }

  [Symbol.dispose](): void {
    this.#session?.dispose();
  }
}

export function advanceOf(model: TrainableModel, form: TaskForm): Advance {
  return model instanceof MultigridMemory && form !== 'encodeDecode' ? new InSession(model) : new Forward(model, form);
}
