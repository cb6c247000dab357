/** The training loop: truncated back-propagation through time over windows, with the state carried by value. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkInteger, checkOptions, checkSignal, checkString } from '../check.js';
import type { Optimizer } from '../optim/optimizer.js';
import type { Split, Task, Window } from '../tasks/task.js';
import type { DType, FloatDType, TypedArrayOf } from '../tensor/dtype.js';
import { scope, unscoped } from '../tensor/scope.js';
import { memory, type Tensor } from '../tensor/tensor.js';
import { queueReads } from '../tensor/transfers.js';
import { loadTrainer, saveTrainer, type Sink, type Snapshot } from './checkpoint.js';
import { Curriculum, type LessonsOpened } from './practice/curriculum.js';
import { evaluate, splitOf } from './evaluate.js';
import type { FitResult, StepEvent, TaskTraining } from './events.js';
import { Fit } from './fit.js';
import { Levels } from './practice/levels.js';
import type { Practice } from './practice/practice.js';
import { faultOf, KeptBuffers, locateNonFinite, type Guard } from './guard.js';
import type { ModelState, TrainableModel } from './model.js';
import { checkFitOptions, checkSetup, type FitOptions, type TrainerSetup } from './trainer-setup.js';
import { currentRecord, emptyRecord, restoreListeners, type Remembering, type RunRecord } from './record.js';
import { claim, Turns } from './turns.js';
import { dropGradients, takeGradients, windowGradients, type GradientSetup, type WindowGradients } from './window-gradients.js';
import { unlessAborted, windowStream, type Position } from './window-stream.js';

/** A step whose numbers have not been read yet. */
interface Pending {
  readonly window: Window;
  /** Loss, norm, and the norm again where the update was made. */
  readonly numbers: Promise<readonly TypedArrayOf<DType>[]>;
  readonly gradients: readonly (readonly [string, Tensor])[];
  /** What the network answered, for practice. */
  readonly answers: Promise<Float32Array[]> | null;
  readonly buffers: KeptBuffers;
  readonly step: number;
  readonly update: number;
  readonly lr: number;
}

/** Distance between the seeds of the episodes that training and scoring draw. */
const HELD_OUT = 0x5eed_0001;

function practiceOf(task: Task<unknown>, { curriculum, levels }: TrainerSetup): Practice | null {
  if (levels !== undefined) return new Levels(task, levels);
  return curriculum === undefined ? null : new Curriculum(task, curriculum);
}

/**
 * Trains a model on a task, one optimizer update per window. Equal setups give equal bits, whatever the number of
 * threads, and a run that was saved and resumed is bit for bit the run that was not.
 */
export class Trainer implements TaskTraining {
  readonly model: TrainableModel;
  readonly task: Task<unknown>;
  readonly optimizer: Optimizer;
  readonly batchSize: number;
  readonly seed: number;
  readonly truncate: number | undefined;
  readonly config: unknown;
  readonly #setup: TrainerSetup;
  readonly #guard: Guard;
  readonly #dtype: FloatDType;
  #state: ModelState | null = null;
  #position: Position = { batch: 0, window: 0 };
  #step = 0;
  #update = 0;
  #fallback: Snapshot | null = null;
  #record: RunRecord = emptyRecord();
  #leftOut = 0; // windows in a row that the guard has left out
  readonly #turns = new Turns();
  readonly #gradients: GradientSetup;
  readonly #practice: Practice | null;

  constructor(setup: TrainerSetup) {
    checkSetup(setup);
    this.#setup = setup;
    this.model = setup.model;
    const task = setup.task as Task<unknown>;
    this.#practice = practiceOf(task, setup);
    this.task = this.#practice?.task ?? task;
    this.optimizer = setup.optimizer;
    this.batchSize = setup.batchSize ?? 32;
    this.seed = setup.seed ?? 0;
    this.truncate = setup.truncate;
    this.#guard = setup.guard ?? 'throw';
    this.config = setup.config ?? null;
    const [first] = setup.model.parameters();
    this.#dtype = (first?.dtype ?? 'float32') as FloatDType;
    const { loss, memoryBudget } = setup;
    const isAsked = this.#practice !== null;
    this.#gradients = { model: this.model, task: this.task, dtype: this.#dtype, loss, memoryBudget, isAsked };
  }

  /** Time steps done. */
  get step(): number {
    return this.#step;
  }
  /** Optimizer updates done. */
  get update(): number {
    return this.#update;
  }
  /** The window that comes next. */
  get position(): Position {
    return this.#position;
  }
  /** The carried state; null before an episode's first window. */
  get state(): ModelState | null {
    return this.#state;
  }

  /** How many lessons of practice have been open, or the highest level, and since which batch; none without practice. */
  get lessons(): readonly LessonsOpened[] {
    return this.#practice?.opened ?? [];
  }

  /** The best score and what else goes into a checkpoint beside the weights. */
  currentRecord(): RunRecord {
    return currentRecord(this.#record, this.#remembering);
  }

  get #remembering(): Remembering[] {
    return [...(this.#setup.callbacks ?? []), ...(this.#practice === null ? [] : [this.#practice])];
  }

  /** Trains until `steps` time steps have been done in all. Saves, validates and calls back on the way. */
  async fit(options: FitOptions): Promise<FitResult> {
    checkFitOptions(options);
    using _ = claim('fit', { model: this.model, optimizer: this.optimizer });
    if (this.#guard === 'rollback') this.#fallback ??= await saveTrainer(this, async () => {});
    const save = async (sink: Sink): Promise<void> => {
      this.#fallback = await saveTrainer(this, sink);
    };
    const { metrics: [headline], better = {} } = this.task.describe();
    if (options.validate !== undefined) splitOf(this.task, options.validate.split ?? 'validation'); // there is one
    const updates = this.#updates.bind(this);
    const hooks = { callbacks: this.#setup.callbacks ?? [], headline, better, record: this.#record, save, updates };
    return await new Fit<Trainer>(this, options, hooks).run();
  }

  /**
   * The same loop, pulled by the caller: one event per update. Ends at `steps`, or after the step during which `signal` aborts;
   * within a memory budget before it, if that comes sooner.
   */
  async *run(options: { steps: number; signal?: AbortSignal }): AsyncGenerator<StepEvent> {
    checkOptions('run', options, ['steps', 'signal']);
    const { steps, signal } = options;
    checkInteger('run', 'steps', steps, 0);
    checkSignal('run', signal);
    using _ = claim('run', { model: this.model, optimizer: this.optimizer });
    yield* this.#updates({ steps, ...(signal === undefined ? {} : { signal }) });
  }

  async *#updates({ steps, signal }: { steps: number; signal?: AbortSignal }): AsyncGenerator<StepEvent> {
    dropGradients(this.model);
    const started = performance.now();
    const startStep = this.#step;
    let workedMs = 0; // without what the caller does between events
    const { task, seed, batchSize, truncate } = this;
    const stream = windowStream(
      { task, seed, batchSize, ...(truncate === undefined ? {} : { truncate }) },
      this.#position,
      signal,
    );
    let upcoming = settled(stream.next());
    while (this.#step < steps && signal?.aborted !== true) {
      const made = await upcoming;
      if (made.status === 'rejected') throw made.reason;
      if (made.value.done === true) return; // aborted while the next batch was being made
      const { window, next } = made.value.value;
      const { batch } = this.#position;
      let began = 0;
      const done = await this.#turns.take(async () => {
        began = performance.now();
        const queued = await this.#advance(window, next, signal);
        await nextTurn(); // queueing a window and making one are turns of their own: neither holds up the event loop for long
        upcoming = settled(stream.next()); // made while the device works; if it cannot be, this step still ends well
        return [queued, ...(await this.#settle(queued))] as const;
      }).catch(unlessAborted(signal));
      if (done === null) return; // aborted between the segments of a window, of which nothing stays
      const [pending, loss, gradNorm] = done;
      if (pending.answers !== null) this.#practice?.add(window, batch, await pending.answers);
      const now = performance.now();
      workedMs += now - began;
      yield {
        step: pending.step,
        update: pending.update,
        loss,
        lr: pending.lr,
        gradNorm,
        elapsedMs: now - started,
        stepsPerSecond: ((pending.step - startStep) / workedMs) * 1000,
        memoryBytes: memory().bytes,
      };
      await nextTurn();
    }
  }

  /**
   * Pooled scores over `items` episodes: of a data set those of `split`, by default `validation`, which training never draws;
   * of a task that draws its episodes those of the stream `seed`, by default one of its own.
   * While the trainer trains, its next step waits until they are made, so that all are of the same weights.
   */
  async evaluate(
    options: { items: number; seed?: number; split?: Split; signal?: AbortSignal },
  ): Promise<Record<string, number>> {
    checkOptions('evaluate', options, ['items', 'seed', 'split', 'signal']);
    const items = checkInteger('evaluate', 'items', options.items, 1);
    checkSignal('evaluate', options.signal);
    const seed = checkInteger('evaluate', 'seed', options.seed ?? (this.seed + HELD_OUT) % Number.MAX_SAFE_INTEGER, 0);
    const task = splitOf(this.task, options.split ?? 'validation');
    const { model, batchSize, truncate } = this;
    return await this.#turns.take(() =>
      evaluate({
        model,
        task,
        dtype: this.#dtype,
        seed,
        items,
        batchSize,
        ...(truncate === undefined ? {} : { truncate }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      })
    );
  }

  /** Writes weights, optimizer, state and position crash-safely to one safetensors file. */
  async save(file: string): Promise<void> {
    checkString('Trainer.save', 'file', file);
    await this.#turns.take(() => saveTrainer(this, file));
  }

  /** A trainer that goes on where `file` was saved, bit for bit. The setup must be that of the saved run. */
  static async resume(file: string, setup: TrainerSetup): Promise<Trainer> {
    checkString('Trainer.resume', 'file', file);
    const trainer = new Trainer(setup);
    const at = await loadTrainer(trainer, file);
    trainer.#step = at.step;
    trainer.#update = at.update;
    trainer.#position = at.position;
    trainer.#state = at.state;
    trainer.#record = at.record;
    restoreListeners(at.record, trainer.#remembering);
    return trainer;
  }

  /** Queues forward, backward and update of one window. If any of it fails, no gradient stays behind. */
  async #advance(window: Window, next: Position, signal?: AbortSignal): Promise<Pending> {
    const buffers = new KeptBuffers(this.model);
    using _ = scope();
    const state = window.first || this.#state === null ? this.model.initialState(window.batch) : this.#state;
    try {
      const result = await windowGradients(this.#gradients, window, state, signal);
      try {
        return this.#apply(window, next, result, buffers);
      } finally {
        result.loss.dispose();
        result.state[Symbol.dispose]();
      }
    } catch (error) {
      dropGradients(this.model);
      buffers.restore();
      buffers[Symbol.dispose]();
      throw error;
    }
  }

  #apply(window: Window, next: Position, result: WindowGradients, buffers: KeptBuffers): Pending {
    const watched = [result.loss.detach(), ...result.state.toTensors().values()].filter(({ dtype }) => dtype === this.#dtype);
    const { norm, made, lr, make } = this.optimizer.prepare({
      timeSteps: window.steps,
      watched,
      ...(this.#setup.clipNorm === undefined ? {} : { maxNorm: this.#setup.clipNorm }),
    });
    const numbers = queueReads([result.loss, norm, made]);
    const answers = result.logits === null ? null : queueReads(result.logits) as Promise<Float32Array[]>;
    answers?.catch(() => {});
    numbers.catch(() => {}); // a fault of the device comes to light in #settle, turns later
    make(); // the last for which memory might lack is behind us
    const gradients = takeGradients(this.model);
    const carried = window.last ? null : unscoped(() => result.state.detach());
    this.#state?.[Symbol.dispose]();
    this.#state = carried;
    this.#position = next;
    this.#step += window.steps;
    this.#update += 1;
    return { window, numbers, answers, gradients, buffers, step: this.#step, update: this.#update, lr };
  }

  /** Reads the numbers of a step and looks at them. The optimizer has left weights alone if one of them was not finite. */
  async #settle({ window, numbers, gradients, buffers, step }: Pending): Promise<[loss: number, norm: number]> {
    try {
      const [loss, norm, made] = (await numbers).map(([value]) => value!) as [number, number, number];
      if (Number.isFinite(loss) && Number.isFinite(made)) {
        this.#leftOut = 0;
        return [loss, norm];
      }
      const parameters = this.model.namedParameters();
      const [optimizer, state] = [this.optimizer.stateDict(), this.#state?.toTensors() ?? new Map<string, Tensor>()];
      const where = await locateNonFinite({ window, parameters, optimizer, state, loss, norm, gradients });
      buffers.restore();
      this.#leftOut += 1;
      const fault = faultOf(this.#guard, step, where, this.#leftOut);
      if (fault !== null) throw fault;
      if (this.#guard === 'rollback') this.#fallback?.restore();
      this.#state?.[Symbol.dispose]();
      this.#state = null;
      return [loss, norm];
    } finally {
      for (const [, gradient] of gradients) gradient.dispose();
      buffers[Symbol.dispose]();
    }
  }
}

/** What the promise gives or rejects with, to be looked at later. */
async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([promise]);
  return result;
}
