/** What a training run reports, and who listens. */
import type { Better } from '../tasks/task.js';
import type { Scoring, StepEvent, TaskTraining, Training } from './training.js';

export type { StepEvent, TaskTraining, Training };

export interface FitResult {
  /** 'failed' is what `onEnd` hears of a run that threw; `fit` rejects then. */
  readonly reason: 'completed' | 'stopped' | 'aborted' | 'failed';
  readonly step: number;
  /** The last 1,000 updates; a callback hears of all, and the log of a run folder has them. */
  readonly history: readonly StepEvent[];
  /** The best validation by the headline of the task, since the run began; none while no score was a number. */
  readonly best?: Scoring;
}

export interface TrainContext<T extends Training = TaskTraining> {
  readonly trainer: T;
  /** Time steps at which the run ends. */
  readonly steps: number;
  /** Whether the run is scored on the way. */
  readonly validates: boolean;
  /** Which way each score is better, as the task says. */
  readonly better: Readonly<Record<string, Better>>;
}

/**
 * Hooks into a run. A hook that throws ends the run after an attempt to save; `fit` rejects with what it threw. `onEnd` comes
 * always.
 */
export interface Callback<T extends Training = TaskTraining> {
  /** Under which `save` is kept in a checkpoint. */
  readonly name?: string;
  onStart?(context: TrainContext<T>): void | Promise<void>;
  onStep?(event: StepEvent, context: TrainContext<T>): void | 'stop' | Promise<void | 'stop'>;
  onValidate?(metrics: Readonly<Record<string, number>>, context: TrainContext<T>): void | 'stop' | Promise<void | 'stop'>;
  onCheckpoint?(file: string, context: TrainContext<T>): void | Promise<void>;
  onEnd?(result: FitResult, context: TrainContext<T>): void | Promise<void>;
  /** What must outlive the process, as JSON: goes into each checkpoint. It needs a `name`. */
  save?(): unknown;
  /** Told by `Trainer.resume` what `save` gave. */
  restore?(saved: unknown): void;
}
