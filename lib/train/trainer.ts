/** The training loop: truncated back-propagation through time over windows, with the state carried by value. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkChoice, checkInteger, checkNumber, checkOptions, fail } from '../check.js';
import { MgError } from '../errors.js';
import type { Optimizer } from '../optim/optimizer.js';
import { isBetter, type Task, type Window } from '../tasks/task.js';
import type { FloatDType } from '../tensor/dtype.js';
import { scope, unscoped } from '../tensor/scope.js';
import { memory, type Tensor } from '../tensor/tensor.js';
import { loadTrainer, saveTrainer, type Snapshot } from './checkpoint.js';
import { evaluate } from './evaluate.js';
import type { Callback, FitResult, StepEvent, TrainContext } from './events.js';
import { locateNonFinite, type Guard } from './guard.js';
import type { ModelInput, ModelState, TrainableModel } from './model.js';
import { RunFolder } from './run-folder.js';
import { backwardBySegments, segmentLength } from './segments.js';
import { uploadWindow, windowLoss } from './window-loss.js';
import { windowStream, type Position } from './window-stream.js';

export type LossFunction = (logits: readonly Tensor[], window: Window) => Tensor;

export interface TrainerSetup {
  readonly model: TrainableModel;
  readonly task: Task<never> | Task<unknown>;
  readonly optimizer: Optimizer;
  /** Default: the task's own loss, summed. */
  readonly loss?: LossFunction;
  /** Episodes side by side. Default 32. */
  readonly batchSize?: number;
  /** Seed of the training episodes. Default 0. */
  readonly seed?: number;
  /** Largest global norm of the gradient. Default: no clipping. */
  readonly clipNorm?: number;
  /** Time steps per window. Default: the whole episode. */
  readonly truncate?: number;
  /** What to do about NaN and infinity: throw (default), skip the window, or go back to the last saved weights. */
  readonly guard?: Guard;
  /**
   * Bytes that training may take. A window that needs more is run forward once, and then backward in segments, each of them forward
   * again; the loss must be a sum over steps, as the tasks' own is. ERR_MG_CONFIG names the least there is. Default: no limit.
   */
  readonly memoryBudget?: number;
  readonly callbacks?: readonly Callback[];
  /** Goes into checkpoints as JSON, so that a run can be rebuilt from its file alone. */
  readonly config?: unknown;
}

export interface CheckpointOptions {
  /** A run folder, or its path: made at step 0, opened and cut back to this trainer's step otherwise. */
  readonly folder: string | RunFolder;
  /** Time steps between saves. */
  readonly every: number;
}

export interface FitOptions {
  /** Time steps at which training ends, counted from the very start: a resumed run is given the same number. */
  readonly steps: number;
  readonly signal?: AbortSignal;
  /** Reject with the signal's reason instead of resolving with 'aborted'. */
  readonly throwOnAbort?: boolean;
  /** Held-out episodes to score, and time steps between scorings. */
  readonly validate?: { readonly every: number; readonly items: number };
  readonly checkpoint?: CheckpointOptions;
}

/** A step whose numbers have not been read yet. */
interface Pending {
  readonly window: Window;
  readonly numbers: Promise<[loss: number, norm: number]>;
  readonly gradients: readonly (readonly [string, Tensor])[];
  readonly step: number;
  readonly update: number;
  readonly lr: number;
}

const SETUP_KEYS = ['model', 'task', 'optimizer', 'loss', 'batchSize', 'seed', 'clipNorm', 'truncate', 'guard', 'memoryBudget', 'callbacks', 'config'];
const FIT_KEYS = ['steps', 'signal', 'throwOnAbort', 'validate', 'checkpoint'];

/** Whether a multiple of `every` lies in (before, after]. */
const crosses = (every: number, before: number, after: number): boolean => Math.floor(after / every) > Math.floor(before / every);

/**
 * Trains a model on a task, one optimizer update per window. Equal setups give equal bits, whatever the number of
 * threads, and a run that was saved and resumed is bit for bit the run that was not.
 */
export class Trainer {
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

  constructor(setup: TrainerSetup) {
    checkOptions('Trainer', setup, SETUP_KEYS);
    this.#setup = setup;
    this.model = setup.model;
    this.task = setup.task as Task<unknown>;
    this.optimizer = setup.optimizer;
    this.batchSize = checkInteger('Trainer', 'batchSize', setup.batchSize ?? 32, 1);
    this.seed = checkInteger('Trainer', 'seed', setup.seed ?? 0, 0);
    this.truncate = setup.truncate === undefined ? undefined : checkInteger('Trainer', 'truncate', setup.truncate, 1);
    if (setup.clipNorm !== undefined) checkNumber('Trainer', 'clipNorm', setup.clipNorm, 0);
    if (setup.memoryBudget !== undefined) checkNumber('Trainer', 'memoryBudget', setup.memoryBudget, 0);
    this.#guard = checkChoice('Trainer', 'guard', setup.guard ?? 'throw', ['throw', 'skip', 'rollback']);
    this.config = setup.config ?? null;
    const [first] = setup.model.parameters();
    this.#dtype = (first?.dtype ?? 'float32') as FloatDType;
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

  /** Trains until `steps` time steps have been done in all. Saves, validates and calls back on the way. */
  async fit(options: FitOptions): Promise<FitResult> {
    checkOptions('fit', options, FIT_KEYS);
    const steps = checkInteger('fit', 'steps', options.steps, 0);
    const { signal, validate, checkpoint } = options;
    if (validate !== undefined) checkInteger('fit', 'validate.every', validate.every, 1);
    if (checkpoint !== undefined) checkInteger('fit', 'checkpoint.every', checkpoint.every, 1);
    const callbacks = this.#setup.callbacks ?? [];
    const context: TrainContext = { trainer: this, steps };
    const folder = checkpoint === undefined ? null : await this.#openFolder(checkpoint.folder);
    const history: StepEvent[] = [];
    let best: FitResult['best'];
    let reason: FitResult['reason'] = 'completed';
    const save = async (which: 'checkpoint' | 'best' = 'checkpoint') => {
      if (folder === null) return;
      this.#fallback = await saveTrainer(this, (tensors, metadata) => folder.save(tensors, metadata, which));
      for (const callback of callbacks) await callback.onCheckpoint?.(folder.file(which), context);
    };
    try {
      if (this.#guard === 'rollback') this.#fallback ??= await saveTrainer(this, async () => {});
      for (const callback of callbacks) await callback.onStart?.(context);
      let before = this.#step;
      for await (const event of this.run({ steps, ...(signal === undefined ? {} : { signal }) })) {
        history.push(event);
        folder?.log.append({ step: event.step, loss: event.loss, lr: event.lr, gradNorm: event.gradNorm });
        let stop = false;
        for (const callback of callbacks) if ((await callback.onStep?.(event, context)) === 'stop') stop = true;
        if (validate !== undefined && (crosses(validate.every, before, event.step) || event.step >= steps)) {
          const metrics = await this.evaluate({ items: validate.items, ...(signal === undefined ? {} : { signal }) });
          folder?.log.append({ step: event.step, ...metrics });
          const headline = this.task.describe().metrics[0]!;
          if (best === undefined || isBetter(headline, metrics[headline]!, best.metrics[headline]!)) {
            best = { step: event.step, metrics };
            await save('best');
          }
          for (const callback of callbacks) if ((await callback.onValidate?.(metrics, context)) === 'stop') stop = true;
        }
        if (checkpoint !== undefined && crosses(checkpoint.every, before, event.step)) await save();
        before = event.step;
        if (stop) {
          reason = 'stopped';
          break;
        }
      }
      if (signal?.aborted === true && this.#step < steps) reason = 'aborted';
      await save();
    } catch (error) {
      const isAbort = signal?.aborted === true && error === signal.reason;
      await save().catch(() => {});
      if (!isAbort) throw error;
      reason = 'aborted';
    } finally {
      if (typeof checkpoint?.folder === 'string') folder?.close();
    }
    const result: FitResult = { reason, step: this.#step, history, ...(best === undefined ? {} : { best }) };
    for (const callback of callbacks) await callback.onEnd?.(result, context);
    if (reason === 'aborted' && options.throwOnAbort === true) throw signal!.reason;
    return result;
  }

  /** The same loop, pulled by the caller: one event per update. Ends at `steps`, or after the step during which `signal` aborts. */
  async *run({ steps, signal }: { steps: number; signal?: AbortSignal }): AsyncGenerator<StepEvent> {
    checkInteger('run', 'steps', steps, 0);
    const started = performance.now();
    const startStep = this.#step;
    let workedMs = 0; // without what the caller does between events
    const stream = windowStream({ task: this.task, seed: this.seed, batchSize: this.batchSize, ...(this.truncate === undefined ? {} : { truncate: this.truncate }) }, this.#position);
    let upcoming = stream.next().value!;
    while (this.#step < steps && signal?.aborted !== true) {
      const began = performance.now();
      const pending = await this.#advance(upcoming.window, upcoming.next);
      await nextTurn(); // queueing a window and making one are turns of their own, so that neither holds up the event loop for long
      upcoming = stream.next().value!; // made while the device works
      const [loss, gradNorm] = await pending.numbers;
      await this.#settle(pending, loss, gradNorm);
      const now = performance.now();
      workedMs += now - began;
      yield {
        step: pending.step, update: pending.update, loss, lr: pending.lr, gradNorm, elapsedMs: now - started,
        stepsPerSecond: ((pending.step - startStep) / workedMs) * 1000, memoryBytes: memory().bytes,
      };
      await nextTurn();
    }
  }

  /** Pooled scores over `items` episodes that training never draws (their stream is that of `seed`, by default one of its own). */
  async evaluate(options: { items: number; seed?: number; signal?: AbortSignal }): Promise<Record<string, number>> {
    checkOptions('evaluate', options, ['items', 'seed', 'signal']);
    const items = checkInteger('evaluate', 'items', options.items, 1);
    const seed = options.seed ?? (this.seed + HELD_OUT) % Number.MAX_SAFE_INTEGER;
    const { model, task, batchSize, truncate } = this;
    const wasTraining = model.isTraining;
    model.eval();
    try {
      return await evaluate({
        model, task, dtype: this.#dtype, seed, items, batchSize,
        ...(truncate === undefined ? {} : { truncate }), ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
    } finally {
      model.train(wasTraining);
    }
  }

  /** Writes weights, optimizer, state and position crash-safely to one safetensors file. */
  async save(file: string): Promise<void> {
    await saveTrainer(this, file);
  }

  /** A trainer that goes on where `file` was saved, bit for bit. The setup must be that of the saved run. */
  static async resume(file: string, setup: TrainerSetup): Promise<Trainer> {
    const trainer = new Trainer(setup);
    const at = await loadTrainer(trainer, file);
    trainer.#step = at.step;
    trainer.#update = at.update;
    trainer.#position = at.position;
    trainer.#state = at.state;
    return trainer;
  }

  /** Queues forward, backward and update of one window; one that would exceed the memory budget runs segment by segment. */
  async #advance(window: Window, next: Position): Promise<Pending> {
    using _ = scope();
    const { memoryBudget } = this.#setup;
    const state = window.first || this.#state === null ? this.model.initialState(window.batch) : this.#state;
    const run = (part: Window, from: ModelState): { loss: Tensor; state: ModelState } => {
      const description = this.task.describe();
      const result = this.model.forward(uploadWindow(part, description.form, this.#dtype), from as never);
      return { loss: this.#setup.loss?.(result.logits, part) ?? windowLoss(result.logits, part, description), state: result.state };
    };
    if (memoryBudget === undefined) {
      const result = run(window, state);
      result.loss.backward();
      return this.#apply(window, next, result);
    }
    const length = segmentLength(this.model, window, memoryBudget);
    const upload = (part: Window): ModelInput => uploadWindow(part, this.task.describe().form, this.#dtype);
    const result = await backwardBySegments({ model: this.model, window, length, state, run, upload });
    const pending = this.#apply(window, next, result);
    result.loss.dispose();
    result.state[Symbol.dispose]();
    return pending;
  }

  #apply(window: Window, next: Position, result: { loss: Tensor; state: ModelState }): Pending {
    const { norm, lr } = this.optimizer.step({
      timeSteps: window.steps, ...(this.#setup.clipNorm === undefined ? {} : { maxNorm: this.#setup.clipNorm }),
    });
    const gradients = this.#takeGradients();
    const carried = window.last ? null : unscoped(() => result.state.detach());
    this.#state?.[Symbol.dispose]();
    this.#state = carried;
    this.#position = next;
    this.#step += window.steps;
    this.#update += 1;
    const numbers = Promise.all([result.loss.item(), norm.item()]);
    return { window, numbers, gradients, step: this.#step, update: this.#update, lr };
  }

  #takeGradients(): (readonly [string, Tensor])[] {
    const taken: (readonly [string, Tensor])[] = [];
    for (const [name, parameter] of this.model.namedParameters()) {
      if (parameter.grad !== null) taken.push([name, parameter.grad]);
      parameter.grad = null;
    }
    return taken;
  }

  /** Looks at the numbers of a finished step. The optimizer has left weights alone if its norm was not finite. */
  async #settle(pending: Pending, loss: number, norm: number): Promise<void> {
    const { window, gradients, step } = pending;
    try {
      if (Number.isFinite(loss) && Number.isFinite(norm)) return;
      const parameters = this.model.namedParameters();
      const where = await locateNonFinite({ window, parameters, state: this.#state?.toTensors() ?? new Map(), loss, gradients });
      if (this.#guard === 'throw') {
        throw new MgError('ERR_MG_NON_FINITE', `train: expected finite numbers at step ${step}, got a non-finite ${where}`, { op: 'train', got: where });
      }
      if (this.#guard === 'rollback') this.#fallback?.restore();
      this.#state?.[Symbol.dispose]();
      this.#state = null;
    } finally {
      for (const [, gradient] of gradients) gradient.dispose();
    }
  }

  async #openFolder(folder: string | RunFolder): Promise<RunFolder> {
    if (folder instanceof RunFolder) return folder;
    if (typeof folder !== 'string') fail('ERR_MG_ARGUMENT', 'fit', 'checkpoint.folder to be a path or a RunFolder', folder);
    return this.#step === 0 ? await RunFolder.create(folder, this.config) : await RunFolder.resume(folder, this.#step);
  }
}

/** Distance between the seeds of training and held-out episodes. */
const HELD_OUT = 0x5eed_0001;
