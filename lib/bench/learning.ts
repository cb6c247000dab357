// Multigrid memory and other models on the same task, seed and budget: loss and score against time steps and against seconds
// (Huynh, Maire, Walter 2020, figure 6).

import { buildRun } from '../runs/run-config.js';
import type { Better } from '../tasks/task.js';
import { Trainer } from '../train/trainer.js';
import { comparedRun, type ComparedTask } from '../runs/comparisons.js';
import type { KindName } from '../runs/kinds.js';

export interface LearningOptions {
  readonly task: ComparedTask;
  readonly sides: readonly KindName[];
  readonly seeds: readonly number[];
  /**
   * Time steps and seconds of training at most; null: the steps of the run, and no limit of time. The rate falls over the steps.
   */
  readonly steps: number | null;
  readonly seconds: number | null;
}

/** A score on held-out episodes, and what had been spent until then. */
export interface Score {
  readonly step: number;
  readonly seconds: number;
  /** Of all threads; what counts on a machine that is shared. */
  readonly cpuSeconds: number;
  readonly scores: Readonly<Record<string, number>>;
}

/** A score as it is made: whose it is. */
export interface Scored extends Score {
  readonly task: ComparedTask;
  readonly model: KindName;
  readonly seed: number;
}

export interface Curve {
  readonly model: KindName;
  readonly seed: number;
  readonly parameters: number;
  readonly memory: number;
  /** Time steps, seconds and CPU seconds of training at which the loss was noted; scoring is not counted. */
  readonly steps: readonly number[];
  readonly seconds: readonly number[];
  readonly cpuSeconds: readonly number[];
  /**
   * Mean since the note before, in nats: for each sequence, or where sequences are trained in windows, for each of their time
   * steps.
   */
  readonly loss: readonly number[];
  readonly scores: readonly Score[];
  /** Which way the first score is better. */
  readonly better: Better;
}

const NOTES = 200;
const SCORES = 20;
const HELD_OUT = 256;

/**
 * Trains one model until the steps or the seconds are used up. A loss or gradient that is not finite throws ERR_MG_NON_FINITE.
 */
export async function learn(
  side: KindName,
  seed: number,
  options: LearningOptions,
  onScore: (scored: Scored) => void,
): Promise<Curve> {
  const base = comparedRun(options.task, side);
  const steps = options.steps ?? base.steps;
  const setup = buildRun({ ...base, seed, steps, lr: { ...base.lr, steps } });
  using model = setup.model;
  const trainer = new Trainer(setup);
  const curve = {
    steps: [] as number[],
    seconds: [] as number[],
    cpuSeconds: [] as number[],
    loss: [] as number[],
    scores: [] as Score[],
  };
  const { batchSize } = base;
  let [trainedMs, losses, samples, before, noted, scored] = [0, 0, 0, 0, 0, 0];
  let trainedCpu = 0;
  let started = performance.now();
  let cpu = process.cpuUsage();
  for await (const event of trainer.run({ steps })) {
    trainedMs += performance.now() - started;
    const spent = process.cpuUsage(cpu);
    trainedCpu += (spent.user + spent.system) / 1e6;
    const seconds = trainedMs / 1000;
    losses += event.loss;
    samples += batchSize * (base.truncate === null ? 1 : event.step - before);
    before = event.step;
    const share = Math.min(1, Math.max(event.step / steps, options.seconds === null ? 0 : seconds / options.seconds));
    if (share >= (noted + 1) / NOTES) {
      noted = Math.max(noted + 1, Math.floor(share * NOTES)); // (k / 200) · 200 can round to below k
      curve.steps.push(event.step);
      curve.seconds.push(seconds);
      curve.cpuSeconds.push(trainedCpu);
      curve.loss.push(losses / samples);
      [losses, samples] = [0, 0];
    }
    if (share >= (scored + 1) / SCORES) {
      scored = Math.max(scored + 1, Math.floor(share * SCORES));
      const scores = await trainer.evaluate({ items: HELD_OUT });
      const score = { step: event.step, seconds, cpuSeconds: trainedCpu, scores };
      curve.scores.push(score);
      onScore({ task: options.task, model: side, seed, ...score });
    }
    if (share >= 1) break;
    started = performance.now();
    cpu = process.cpuUsage();
  }
  const { parameters, memory } = model.count();
  const { metrics, better } = trainer.task.describe();
  return { model: side, seed, parameters, memory, better: better![metrics[0]!]!, ...curve };
}

export async function runLearning(options: LearningOptions, onScore: (scored: Scored) => void = () => {}): Promise<Curve[]> {
  const curves: Curve[] = [];
  for (const side of options.sides) for (const seed of options.seeds) curves.push(await learn(side, seed, options, onScore));
  return curves;
}
