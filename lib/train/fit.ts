/** What happens around the updates of a run: saving, scoring, logging and calling back. */
import { fail } from '../check.js';
import { MgError } from '../errors.js';
import { isBetter } from '../tasks/task.js';
import type { Sink } from './checkpoint.js';
import type { Callback, FitResult, StepEvent, TrainContext, Training } from './events.js';
import { RunFolder } from '../files/run-folder.js';
import { refuseNonFinite } from './guard.js';
import type { FitOptions } from './trainer-setup.js';

export interface FitHooks<T extends Training> {
  readonly callbacks: readonly Callback<T>[];
  /** The score by which the best step is found. */
  readonly headline: string;
  /** Hands all there is to save to a sink. */
  readonly save: (sink: Sink) => Promise<void>;
  /** The loop of updates. */
  readonly updates: (options: { steps: number; signal?: AbortSignal }) => AsyncIterable<StepEvent>;
}

/** Updates that a result keeps: a long run takes no more memory than a short one. */
const HISTORY = 1_000;

/** Whether a multiple of `every` lies in (before, after]. */
const crosses = (every: number, before: number, after: number): boolean => Math.floor(after / every) > Math.floor(before / every);

/** One call of `Trainer.fit`. */
export class Fit<T extends Training> {
  readonly #trainer: T;
  readonly #options: FitOptions;
  readonly #hooks: FitHooks<T>;
  readonly #context: TrainContext<T>;
  #history: StepEvent[] = [];
  #folder: RunFolder | null = null;
  #best: FitResult['best'];

  constructor(trainer: T, options: FitOptions, hooks: FitHooks<T>) {
    this.#trainer = trainer;
    this.#options = options;
    this.#hooks = hooks;
    this.#context = { trainer, steps: options.steps };
  }

  /** Runs to the end and tells all listeners of it, whatever it was. */
  async run(): Promise<FitResult> {
    const { signal, checkpoint, throwOnAbort } = this.#options;
    this.#folder = checkpoint === undefined ? null : await this.#openFolder(checkpoint.folder);
    let reason: FitResult['reason'];
    try {
      reason = await this.#train();
    } catch (error) {
      await this.#end('failed').catch(() => {}); // what ended the run is what to tell
      throw error;
    }
    const result = await this.#end(reason);
    if (reason === 'aborted' && throwOnAbort === true) throw signal!.reason;
    return result;
  }

  /** The loop and the save after it. What went wrong is thrown after an attempt to save. */
  async #train(): Promise<FitResult['reason']> {
    const { signal, checkpoint } = this.#options;
    try {
      const reason = await this.#loop();
      await this.#save();
      return reason;
    } catch (error) {
      if (!(error instanceof MgError && error.code === 'ERR_MG_NON_FINITE')) await this.#save().catch(() => {});
      if (signal?.aborted === true && error === signal.reason) return 'aborted';
      throw error;
    } finally {
      if (typeof checkpoint?.folder === 'string') this.#folder?.close();
    }
  }

  async #loop(): Promise<FitResult['reason']> {
    const { steps, signal } = this.#options;
    for (const callback of this.#hooks.callbacks) await callback.onStart?.(this.#context);
    let before = this.#trainer.step;
    for await (const event of this.#hooks.updates({ steps, ...(signal === undefined ? {} : { signal }) })) {
      if (await this.#after(event, before)) return 'stopped';
      before = event.step;
    }
    return signal?.aborted === true && this.#trainer.step < steps ? 'aborted' : 'completed';
  }

  /** All that one update brings about; whether a listener asks to stop. */
  async #after(event: StepEvent, before: number): Promise<boolean> {
    const { steps, validate, checkpoint } = this.#options;
    const { update: _, elapsedMs: _e, stepsPerSecond: _s, memoryBytes: _m, ...logged } = event; // what follows from the seed alone
    const { step } = event;
    this.#history.push(event);
    if (this.#history.length >= 2 * HISTORY) this.#history = this.#history.slice(-HISTORY);
    this.#folder?.log.append(logged);
    let stop = false;
    for (const callback of this.#hooks.callbacks) if ((await callback.onStep?.(event, this.#context)) === 'stop') stop = true;
    if (validate !== undefined && (crosses(validate.every, before, step) || step >= steps)) {
      if (await this.#validate(step, validate.items)) stop = true;
    }
    if (checkpoint !== undefined && crosses(checkpoint.every, before, step)) await this.#save();
    return stop;
  }

  async #validate(step: number, items: number): Promise<boolean> {
    const { signal } = this.#options;
    const metrics = await this.#trainer.evaluate({ items, ...(signal === undefined ? {} : { signal }) });
    this.#folder?.log.append({ step, ...metrics });
    const { headline } = this.#hooks;
    if (this.#best === undefined || isBetter(headline, metrics[headline]!, this.#best.metrics[headline]!)) {
      this.#best = { step, metrics };
      await this.#save('best');
    }
    let stop = false;
    for (const callback of this.#hooks.callbacks) {
      if ((await callback.onValidate?.(metrics, this.#context)) === 'stop') stop = true;
    }
    return stop;
  }

  async #save(which: 'checkpoint' | 'best' = 'checkpoint'): Promise<void> {
    const folder = this.#folder;
    if (folder === null) return;
    await this.#hooks.save((tensors, metadata) => {
      refuseNonFinite(folder.file(which), tensors);
      return folder.save(tensors, metadata, which);
    });
    for (const callback of this.#hooks.callbacks) await callback.onCheckpoint?.(folder.file(which), this.#context);
  }

  /** Tells all listeners, then throws what the first of them threw. */
  async #end(reason: FitResult['reason']): Promise<FitResult> {
    const best = this.#best === undefined ? {} : { best: this.#best };
    const result: FitResult = { reason, step: this.#trainer.step, history: this.#history.slice(-HISTORY), ...best };
    const faults: unknown[] = [];
    for (const callback of this.#hooks.callbacks) {
      try {
        await callback.onEnd?.(result, this.#context);
      } catch (fault) {
        faults.push(fault);
      }
    }
    if (faults.length > 0) throw faults[0];
    return result;
  }

  async #openFolder(folder: string | RunFolder): Promise<RunFolder> {
    if (folder instanceof RunFolder) return folder;
    if (typeof folder !== 'string') fail('ERR_MG_ARGUMENT', 'fit', 'checkpoint.folder to be a path or a RunFolder', folder);
    const { step, config } = this.#trainer;
    return step === 0 ? await RunFolder.create(folder, config) : await RunFolder.resume(folder, step);
  }
}
