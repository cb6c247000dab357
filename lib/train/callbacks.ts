/** Ready-made listeners for a run. */
import { checkInteger, checkNumber } from '../check.js';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Callback } from './events.js';
import { fileError } from './atomic-file.js';
import { MetricsLog } from './metrics-log.js';
import { Progress, type ProgressOptions } from './progress.js';
import { EventWriter } from './tensorboard.js';

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

/** Ends the run when `metric` of the validations has not risen by `minDelta` for `patience` of them. */
export function earlyStop({ metric, patience = 5, minDelta = 0 }: { metric: string; patience?: number; minDelta?: number }): Callback {
  checkInteger('earlyStop', 'patience', patience, 1);
  checkNumber('earlyStop', 'minDelta', minDelta, 0);
  let best = -Infinity;
  let misses = 0;
  return {
    onValidate: (metrics) => {
      const value = metrics[metric] ?? -Infinity;
      misses = value > best + minDelta ? 0 : misses + 1;
      best = Math.max(best, value);
      if (misses >= patience) return 'stop';
    },
  };
}

/** Ends the run when `metric` of a validation reaches `target`. */
export function stopOnTarget({ metric, target }: { metric: string; target: number }): Callback {
  checkNumber('stopOnTarget', 'target', target);
  return { onValidate: (metrics) => ((metrics[metric] ?? -Infinity) >= target ? 'stop' : undefined) };
}

/** Writes loss, learning rate, gradient norm and validation scores as TensorBoard event files into `folder`. */
export function tensorBoard(folder: string): Callback {
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
