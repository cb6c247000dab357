/** Ready-made listeners for a run. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { checkChoice, checkInteger, checkNumber, checkOptions, checkString } from '../check.js';
import { isBetter } from '../tasks/task.js';
import type { Callback as CallbackOf, Training } from '../train/events.js';
import { fileError } from '../files/atomic-file.js';
import { MetricsLog } from '../files/metrics-log.js';
import { Progress, type ProgressOptions } from './progress.js';
import { EventWriter } from '../files/event-file.js';

/** They look at a run's step alone, so that they listen to any training. */
type Callback = CallbackOf<Training>;

/** Shows step, loss, learning rate, speed and time left: one rewritten line on a terminal, a line every ten seconds elsewhere. */
export function progress(options: Omit<ProgressOptions, 'total' | 'start'> = {}): Callback {
  let shown: Progress | undefined;
  return {
    onStart: ({ steps, trainer }) => {
      shown = new Progress({ ...options, total: steps, start: trainer.step });
    },
    onStep: ({ step, loss, lr }) => shown?.update({ step, loss, lr }),
    onValidate: (metrics, { trainer }) => shown?.update({ step: trainer.step, metrics }),
    onEnd: () => shown?.done(),
  };
}

/** Writes each update and each validation to a JSON-lines file. */
export function jsonLines(file: string): Callback {
  checkString('jsonLines', 'file', file);
  let log: MetricsLog | undefined;
  let step = 0;
  return {
    onStart: ({ trainer }) => {
      log = new MetricsLog(file, trainer.step === 0 ? {} : { resumeAt: trainer.step });
    },
    onStep: ({ step: now, loss, lr, gradNorm }) => {
      step = now;
      log?.append({ step, loss, lr, gradNorm });
    },
    onValidate: (metrics) => log?.append({ step, ...metrics }),
    onEnd: () => log?.close(),
  };
}

const CSV_COLUMNS = ['step', 'update', 'loss', 'lr', 'gradNorm'] as const;

/** Writes each update as a line of comma-separated values, after a line with the column names. */
export function csv(file: string): Callback {
  checkString('csv', 'file', file);
  let descriptor: number | undefined;
  const write = (line: string): void => {
    try {
      descriptor ??= openSync(file, 'w');
      writeSync(descriptor, `${line}\n`);
    } catch (cause) {
      throw fileError(file, 'to write a line', cause);
    }
  };
  return {
    onStart: () => write(CSV_COLUMNS.join(',')),
    onStep: (event) => write(CSV_COLUMNS.map((column) => event[column]).join(',')),
    onEnd: () => {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}

/** A score by name; ERR_MG_ARGUMENT with the names there are. */
function scoreOf(where: string, metric: string, metrics: Readonly<Record<string, number>>): number {
  return metrics[checkChoice(where, 'metric', metric, Object.keys(metrics))]!;
}

/**
 * Ends the run when `metric` of the validations has not become better by `minDelta` for `patience` of them; less errors are
 * better.
 */
export function earlyStop(options: { metric: string; patience?: number; minDelta?: number }): Callback {
  checkOptions('earlyStop', options, ['metric', 'patience', 'minDelta']);
  const metric = checkString('earlyStop', 'metric', options.metric);
  const patience = checkInteger('earlyStop', 'patience', options.patience ?? 5, 1);
  const minDelta = checkNumber('earlyStop', 'minDelta', options.minDelta ?? 0, 0);
  const sign = isBetter(metric, 1, 0) ? 1 : -1;
  let best = -Infinity;
  let misses = 0;
  return {
    onValidate: (metrics) => {
      const value = sign * scoreOf('earlyStop', metric, metrics);
      misses = value > best + minDelta ? 0 : misses + 1;
      best = Math.max(best, value);
      if (misses >= patience) return 'stop';
    },
  };
}

/** Ends the run when `metric` of a validation reaches `target`, from above where it counts errors. */
export function stopOnTarget(options: { metric: string; target: number }): Callback {
  checkOptions('stopOnTarget', options, ['metric', 'target']);
  const metric = checkString('stopOnTarget', 'metric', options.metric);
  const target = checkNumber('stopOnTarget', 'target', options.target);
  return {
    onValidate(metrics) {
      const score = scoreOf('stopOnTarget', metric, metrics);
      return score === target || isBetter(metric, score, target) ? 'stop' : undefined;
    },
  };
}

/** Writes loss, learning rate, gradient norm and validation scores as TensorBoard event files into `folder`. */
export function tensorBoard(folder: string): Callback {
  checkString('tensorBoard', 'folder', folder);
  let writer: EventWriter | undefined;
  let step = 0;
  const write = (values: Readonly<Record<string, number>>): void => {
    for (const [tag, value] of Object.entries(values)) writer?.scalar(tag, value, step);
  };
  return {
    onStart: () => {
      writer = new EventWriter(folder);
    },
    onStep: ({ step: now, loss, lr, gradNorm }) => {
      step = now;
      write({ loss, lr, gradNorm });
    },
    onValidate: write,
    onEnd: () => writer?.close(),
  };
}
