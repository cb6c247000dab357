/** What happens around the updates of a run: saving, scoring, logging and calling back. */
import { fail } from '../check.js';
import { MgError } from '../errors.js';
import { isBetter, type Better } from '../tasks/task.js';
import type { Sink } from './checkpoint.js';
import type { Callback, FitResult, StepEvent, TrainContext, Training } from './events.js';
import { RunFolder } from '../files/run-folder.js';
import { refuseNonFinite } from './guard.js';
import { savedRecord, type RunRecord } from './record.js';
import type { FitOptions } from './trainer-setup.js';

export interface FitHooks<T extends Training> {
  readonly callbacks: readonly Callback<T>[];
  /** The score by which the best step is found; only asked for in a run that is scored. */
  readonly headline: string | undefined;
  /** Which way each score is better. */
  readonly better: Readonly<Record<string, Better>>;
  /** Of the training; what is found here goes into it. */
  readonly record: RunRecord;
  /** Hands all there is to save to a sink. */
  readonly save: (sink: Sink) => Promise<void>;
  /** The loop of updates. */
  readonly updates: (options: { steps: number; signal?: AbortSignal }) => AsyncIterable<StepEvent>;
}

/** ERR_MG_ARGUMENT where nobody says by which score, and which way of it, the best weights are chosen. */
function checkHeadline(headline: string | undefined, better: Readonly<Record<string, Better>>): void {
  if (headline === undefined) fail('ERR_MG_ARGUMENT', 'fit', 'a task with metrics, to be scored', headline);
  const direction = better[headline];
  if (direction === 'higher' || direction === 'lower') return;
  const remedy = `put better: { ${JSON.stringify(headline)}: 'lower' } or 'higher' into its description`;
  fail('ERR_MG_ARGUMENT', 'fit', `a task that says which way ${headline} is better`, direction, remedy);
}

/** Updates that a result keeps: a long run takes no more memory than a short one. */
const HISTORY = 1_000;

/** Whether a multiple of `every` lies in (before, after]. */
const crosses = (every: number, before: number, after: number): boolean => Math.floor(after / every) > Math.floor(before / every);

/** What ended a run, and that its checkpoint could not be saved; the first alone where both are of the file system. */
function bothOf(error: unknown, fault: unknown): unknown {
  if (error instanceof MgError && error.code === 'ERR_MG_CHECKPOINT') return error;
  const [first, second] = [error, fault].map((each) => (each instanceof Error ? each.message : String(each)));
  return new AggregateError([error, fault], `${first}; and then the run could not be saved: ${second}`, { cause: error });
}

/** One call of `Trainer.fit`. */
export class Fit<T extends Training> {
  readonly #trainer: T;
  readonly #options: FitOptions;
  readonly #hooks: FitHooks<T>;
  readonly #context: TrainContext<T>;
  #history: StepEvent[] = [];
  #folder: RunFolder | null = null;

  constructor(trainer: T, options: FitOptions, hooks: FitHooks<T>) {
    this.#trainer = trainer;
    this.#options = options;
    this.#hooks = hooks;
    const validates = options.validate !== undefined;
    if (validates) checkHeadline(hooks.headline, hooks.better);
    this.#context = { trainer, steps: options.steps, validates, better: hooks.better };
  }

  /** Runs to the end and tells all listeners of it, whatever it was. */
  async run(): Promise<FitResult> {
    const { signal, checkpoint, throwOnAbort } = this.#options;
    this.#folder = checkpoint === undefined ? null : await this.#openFolder(checkpoint.folder);
    if (this.#folder !== null) await this.#knowBest(this.#folder);
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
      if (error instanceof MgError && error.code === 'ERR_MG_NON_FINITE') throw error; // the file that is there is the good one
      const isAbort = signal?.aborted === true && error === signal.reason;
      try {
        await this.#save();
      } catch (fault) {
        if (isAbort) throw fault; // a stop that lost what was trained is no clean one
        throw bothOf(error, fault);
      }
      if (isAbort) return 'aborted';
      throw error;
    } finally {
      if (typeof checkpoint?.folder === 'string') this.#folder?.close();
    }
  }

  async #loop(): Promise<FitResult['reason']> {
    const { steps, signal, validate } = this.#options;
    for (const callback of this.#hooks.callbacks) await callback.onStart?.(this.#context);
    if (validate !== undefined && this.#hooks.record.isScoringDue && await this.#validate(validate)) return 'stopped';
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
    // What follows from the seed alone.
    const { update: _, elapsedMs: _e, stepsPerSecond: _s, memoryBytes: _m, ...logged } = event;
    const { step } = event;
    this.#history.push(event);
    if (this.#history.length >= 2 * HISTORY) this.#history = this.#history.slice(-HISTORY);
    this.#folder?.log.append(logged);
    let stop = false;
    for (const callback of this.#hooks.callbacks) if ((await callback.onStep?.(event, this.#context)) === 'stop') stop = true;
    if (validate !== undefined && (crosses(validate.every, before, step) || step >= steps)) {
      if (await this.#validate(validate)) stop = true;
    }
    if (checkpoint !== undefined && crosses(checkpoint.every, before, step)) await this.#save();
    return stop;
  }

  /** Scores the present step, tells the listeners and keeps the best; whether a listener asks to stop. */
  async #validate({ items, split }: NonNullable<FitOptions['validate']>): Promise<boolean> {
    const { signal } = this.#options;
    const { record } = this.#hooks;
    const { step } = this.#trainer;
    record.isScoringDue = true; // until it is made: an interrupted one is saved as due
    const which = { ...(split === undefined ? {} : { split }), ...(signal === undefined ? {} : { signal }) };
    const metrics = await this.#trainer.evaluate({ items, ...which });
    this.#folder?.log.append({ step, ...metrics });
    record.isScoringDue = false;
    const headline = this.#hooks.headline!;
    if (!(headline in metrics)) {
      fail('ERR_MG_ARGUMENT', 'fit', `a scorer that gives ${headline}, the headline of the task`, Object.keys(metrics));
    }
    const isBest = isBetter(this.#hooks.better[headline]!, metrics[headline]!, record.best?.metrics[headline] ?? NaN);
    if (isBest) record.best = { step, metrics };
    let stop = false;
    try {
      for (const callback of this.#hooks.callbacks) {
        if ((await callback.onValidate?.(metrics, this.#context)) === 'stop') stop = true;
      }
    } finally {
      if (isBest) await this.#save('best');
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
    const { keep } = this.#options.checkpoint!;
    if (which === 'checkpoint' && keep !== undefined) await folder.keep(this.#trainer.step, keep);
    for (const callback of this.#hooks.callbacks) await callback.onCheckpoint?.(folder.file(which), this.#context);
  }

  /** Tells all listeners, then throws what the first of them threw. */
  async #end(reason: FitResult['reason']): Promise<FitResult> {
    const best = this.#hooks.record.best === null ? {} : { best: this.#hooks.record.best };
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

  /**
   * The best of a folder is what its file of the best says of itself: a kill may fall between the best and the next checkpoint,
   * and a disk may have taken only one of them. Where there is none, or none that can be read, it is still to come.
   */
  async #knowBest(folder: RunFolder): Promise<void> {
    const { record } = this.#hooks;
    const saved = folder.has('best') ? await savedRecord(folder.file('best')).catch(() => null) : null;
    record.best = saved === undefined ? record.best : saved?.best ?? null; // undefined: a file from before records were kept
  }

  async #openFolder(folder: string | RunFolder): Promise<RunFolder> {
    if (folder instanceof RunFolder) return folder;
    if (typeof folder !== 'string') fail('ERR_MG_ARGUMENT', 'fit', 'checkpoint.folder to be a path or a RunFolder', folder);
    const { step, config } = this.#trainer;
    return step === 0 ? await RunFolder.create(folder, config) : await RunFolder.resume(folder, step);
  }
}
