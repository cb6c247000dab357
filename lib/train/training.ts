/** A training run as those see it who save, score and watch it. The trainer alone stands above. */
import type { Optimizer } from '../optim/optimizer.js';
import type { Split, Task } from '../tasks/task.js';
import type { ModelState, TrainableModel } from './model.js';
import type { Position } from './window-stream.js';

/** One update. */
export interface StepEvent {
  /** Time steps done, this update's included. */
  readonly step: number;
  /** Optimizer updates done. */
  readonly update: number;
  /** Summed loss of the window, before the update. */
  readonly loss: number;
  readonly lr: number;
  /** Global norm of the gradient before clipping. */
  readonly gradNorm: number;
  readonly stepsPerSecond: number;
  readonly elapsedMs: number;
  readonly memoryBytes: number;
}

/** A scoring of the validation episodes. */
export interface Scoring {
  readonly step: number;
  readonly metrics: Readonly<Record<string, number>>;
}

export interface RunRecord {
  /** Null until there is a score that is a number. */
  best: Scoring | null;
  /** Whether the scoring of the present step was interrupted; the next `fit` makes it up first. */
  isScoringDue: boolean;
  /** What listeners have saved, by name. */
  listeners: Record<string, unknown>;
}

/** What goes on step by step and can be scored and saved: a `Trainer`, or another algorithm with its habits. */
export interface Training {
  /** Time steps done. */
  readonly step: number;
  /** Goes into the run folder as JSON. */
  readonly config: unknown;
  evaluate(options: { items: number; split?: Split; signal?: AbortSignal }): Promise<Record<string, number>>;
}

/** The training of a model on a task. */
export interface TaskTraining extends Training {
  readonly model: TrainableModel;
  readonly task: Task<unknown>;
  readonly optimizer: Optimizer;
  readonly batchSize: number;
  readonly seed: number;
  readonly truncate: number | undefined;
  /** Optimizer updates done. */
  readonly update: number;
  /** The window that comes next. */
  readonly position: Position;
  /** The carried state; null before an episode's first window. */
  readonly state: ModelState | null;
  /** What a checkpoint keeps beside weights and position. */
  currentRecord(): RunRecord;
  save(file: string): Promise<void>;
}
