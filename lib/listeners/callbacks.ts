/** Ready-made listeners for a run. All but `live` look at a run's step alone, so that they listen to any training. */
import { closeSync, existsSync, openSync, truncateSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkChoice, checkInteger, checkNumber, checkOptions, checkString, fail, words } from '../check.js';
import { isBetter, type Better } from '../tasks/task.js';
import type { Callback, TaskTraining, TrainContext, Training } from '../train/events.js';
import type { LiveOptions } from '../view/live.js';
import { fileError } from '../files/atomic-file.js';
import { makeFolder, readRegularFile } from '../files/folders.js';
import { MetricsLog } from '../files/metrics-log.js';
import { Progress, type ProgressOptions, type ProgressStream } from './progress.js';
import { cutEvents, EventWriter } from '../files/event-file.js';

export type { LiveOptions, ProgressOptions, ProgressStream };

/** Shows step, loss, learning rate, speed and time left: one rewritten line on a terminal, a line every ten seconds elsewhere. */
export function progress(options: Omit<ProgressOptions, 'total' | 'start'> = {}): Callback<Training> {
  checkOptions('progress', options, ['label', 'stream', 'clock', 'env']);
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

/** A system's refusal as an error that names the log. */
function attempt(file: string, fn: () => void): void {
  try {
    fn();
  } catch (cause) {
    throw fileError(file, 'a log that can be written', cause);
  }
}

/** Writes each update and each validation to a JSON-lines file; makes its folder. */
export function jsonLines(file: string): Callback<Training> {
  checkString('jsonLines', 'file', file);
  let log: MetricsLog | undefined;
  let step = 0;
  return {
    onStart: ({ trainer }) => {
      attempt(file, () => makeFolder(dirname(file)));
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
const CSV_HEAD = CSV_COLUMNS.join(',');

/** Bytes of the log of a run that goes on at `step`: the column names and the lines up to that step. ERR_MG_CHECKPOINT. */
function csvBytesUpTo(file: string, step: number): number {
  const [head = '', ...lines] = readRegularFile(file).toString('latin1').split('\n'); // a character for each byte
  if (head.replace(/^\u00ef\u00bb\u00bf|\r$/g, '') !== CSV_HEAD)
    fail('ERR_MG_CHECKPOINT', file, `a log that begins with ${CSV_HEAD}`, head, 'name another file');
  const past = lines.findIndex((line) => !(Number.parseInt(line, 10) <= step)); // the last one, after the last line feed, is none
  return [head, ...lines.slice(0, past), ''].join('\n').length;
}

/**
 * Writes each update as a line of comma-separated values, after a line with the column names, and makes the file's folder. A
 * resumed run goes on behind the lines up to its step.
 */
export function csv(file: string): Callback<Training> {
  checkString('csv', 'file', file);
  let descriptor: number | undefined;
  return {
    onStart: ({ trainer: { step } }) => {
      attempt(file, () => {
        makeFolder(dirname(file));
        const isResumed = step > 0 && existsSync(file);
        if (isResumed) truncateSync(file, csvBytesUpTo(file, step));
        descriptor = openSync(file, isResumed ? 'a' : 'w');
        if (!isResumed) writeSync(descriptor, `${CSV_HEAD}\n`);
      });
    },
    onStep: (event) => attempt(file, () => writeSync(descriptor!, `${CSV_COLUMNS.map((column) => event[column]).join(',')}\n`)),
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

/** The direction of a score: what the user says, else what the task does. */
function directionOf(where: string, metric: string, own: Better | undefined, context: TrainContext<Training>): Better {
  const declared = own ?? context.better[metric];
  if (declared !== undefined) return declared;
  const remedy = 'give better: \'higher\' or \'lower\'';
  return fail('ERR_MG_ARGUMENT', where, `a task that says which way ${metric} is better`, declared, remedy);
}

/** A listener to scores hears none in a run that is not scored. */
function checkScored(where: string, { validates }: TrainContext<Training>): void {
  if (validates === false) fail('ERR_MG_ARGUMENT', where, 'a run with validate', words('one that is never scored'));
}

/**
 * Ends the run when `metric` of the validations has not become better by `minDelta` for `patience` of them; NaN is no
 * improvement. `better` is that of the task unless it is given. What it has seen is saved with the run.
 */
export function earlyStop(
  options: { metric: string; patience?: number; minDelta?: number; better?: Better },
): Callback<Training> {
  checkOptions('earlyStop', options, ['metric', 'patience', 'minDelta', 'better']);
  const metric = checkString('earlyStop', 'metric', options.metric);
  const patience = checkInteger('earlyStop', 'patience', options.patience ?? 5, 1);
  const minDelta = checkNumber('earlyStop', 'minDelta', options.minDelta ?? 0, 0);
  const own = options.better === undefined ? undefined : checkChoice('earlyStop', 'better', options.better, ['higher', 'lower']);
  let best: number | null = null;
  let misses = 0;
  return {
    name: `earlyStop ${metric}`,
    onStart: (context) => checkScored('earlyStop', context),
    onValidate: (metrics, context) => {
      const value = scoreOf('earlyStop', metric, metrics);
      const better = directionOf('earlyStop', metric, own, context);
      const bar = best === null ? NaN : better === 'higher' ? best + minDelta : best - minDelta;
      misses = isBetter(better, value, bar) ? 0 : misses + 1;
      if (isBetter(better, value, best ?? NaN)) best = value;
      if (misses >= patience) return 'stop';
    },
    save: () => ({ best, misses }),
    restore(saved) {
      const { best: before, misses: count } = saved as { best: number | null; misses: number };
      best = before === null ? null : checkNumber('earlyStop', 'saved best', before);
      misses = checkInteger('earlyStop', 'saved misses', count, 0);
    },
  };
}

/** Ends the run when `metric` of a validation reaches `target`, from above where less is better: as the task or `better` says. */
export function stopOnTarget(options: { metric: string; target: number; better?: Better }): Callback<Training> {
  checkOptions('stopOnTarget', options, ['metric', 'target', 'better']);
  const metric = checkString('stopOnTarget', 'metric', options.metric);
  const target = checkNumber('stopOnTarget', 'target', options.target);
  const own = options.better === undefined
    ? undefined
    : checkChoice('stopOnTarget', 'better', options.better, ['higher', 'lower']);
  return {
    onStart: (context) => checkScored('stopOnTarget', context),
    onValidate(metrics, context) {
      const score = scoreOf('stopOnTarget', metric, metrics);
      const better = directionOf('stopOnTarget', metric, own, context);
      return score === target || isBetter(better, score, target) ? 'stop' : undefined;
    },
  };
}

/**
 * Writes loss, learning rate, gradient norm and validation scores as TensorBoard event files into `folder`. On resume, files that
 * are there are cut back to the step.
 */
export function tensorBoard(folder: string): Callback<Training> {
  checkString('tensorBoard', 'folder', folder);
  let writer: EventWriter | undefined;
  let step = 0;
  const write = (values: Readonly<Record<string, number>>): void => {
    for (const [tag, value] of Object.entries(values)) writer?.scalar(tag, value, step);
  };
  return {
    onStart: ({ trainer }) => {
      if (trainer.step > 0) cutEvents(folder, trainer.step);
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

/**
 * A page on this machine that shows the run while it trains: loss and scores, and after each scoring the memory at work in one
 * episode that training never draws. `port`: default one that is free; `token`: the secret part of the address, default random;
 * `announce` hears the address, default a line on standard error. Weights are the same bits with and without it. It listens on
 * 127.0.0.1 alone and ends with the run.
 */
export function live(options: LiveOptions = {}): Callback<TaskTraining> {
  checkOptions('live', options, ['port', 'token', 'announce']);
  let made: Callback<TaskTraining> | undefined;
  return {
    async onStart(context) {
      made = (await import('../view/live.js')).live(options); // what few need is not loaded by all
      await made.onStart!(context);
    },
    onStep: (event, context) => made!.onStep!(event, context),
    onValidate: (metrics, context) => made!.onValidate!(metrics, context),
    onEnd: (result, context) => made?.onEnd!(result, context),
  };
}
