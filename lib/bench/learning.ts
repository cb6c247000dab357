// Multigrid memory and DNC on the same task, seed and budget: loss and score against time steps and against seconds.

import { checkChoice } from '../check.js';
import { DNC } from '../models/dnc.js';
import { MultigridMemory } from '../models/multigrid-memory.js';
import type { MultigridConfig } from '../models/config.js';
import type { Module } from '../nn/module.js';
import { RMSProp } from '../optim/rmsprop.js';
import { lineChart } from '../plot/line-chart.js';
import { associativeRecall } from '../tasks/associative-recall.js';
import { copy } from '../tasks/copy.js';
import { flat } from '../tasks/flat.js';
import { recall } from '../tasks/recall.js';
import { makeTask, taskOptions } from '../tasks/registry.js';
import type { Task } from '../tasks/task.js';
import { Rng } from '../tensor/rng.js';
import type { TrainableModel } from '../train/model.js';
import { Trainer } from '../train/trainer.js';

export const LEARNING_TASKS = ['map9', 'recall', 'copy', 'associative-recall'] as const;
export type LearningTask = (typeof LEARNING_TASKS)[number];

export interface LearningOptions {
  readonly task: LearningTask;
  readonly sides: readonly ('multigrid' | 'dnc')[];
  readonly seeds: readonly number[];
  readonly steps: number;
  readonly seconds: number;
  readonly batchSize: number;
}

export interface Curve {
  readonly model: 'multigrid' | 'dnc';
  readonly seed: number;
  readonly parameters: number;
  readonly memory: number;
  readonly steps: readonly number[];
  readonly seconds: readonly number[];
  /** Mean loss of the windows since the last record, in nats for each sample and time step. */
  readonly loss: readonly number[];
  readonly scores: readonly { readonly step: number; readonly seconds: number; readonly scores: Readonly<Record<string, number>> }[];
}

interface Setup {
  readonly task: Task<unknown>;
  readonly model: (rng: Rng) => Module & TrainableModel;
  readonly lr: number;
  readonly clipNorm: number;
  readonly truncate?: number;
}

/** A network on grids for a task of bit sequences shown in every cell of a 3×3 grid. */
const sequenceLadder = (inputs: number, bits: number): MultigridConfig => ({
  input: { 0: inputs }, lstm: [[0, 0, 8], [0, 1, 8], [0, 1, 8], [0, 2, 8], [0, 1, 8]], tail: [[0, 0, 8]], fc: [72, bits],
});

function setupOf(name: LearningTask, side: 'multigrid' | 'dnc'): Setup {
  if (name === 'map9') {
    const task = makeTask(taskOptions('map9'));
    const [output] = task.describe().outputs;
    return side === 'multigrid'
      ? { task, model: (rng) => new MultigridMemory('map9', { rng }), lr: 2e-3, clipNorm: 10_000, truncate: 20 }
      : { task, model: (rng) => new DNC({ inputs: 72, outputs: output!.logits, slots: 225, hidden: 128, rng }), lr: 1e-3, clipNorm: 50, truncate: 20 };
  }
  if (name === 'recall') {
    const task = recall({ items: 4 }) as Task<unknown>;
    return side === 'multigrid'
      ? { task, model: (rng) => new MultigridMemory('recall-8k', { rng }), lr: 1e-3, clipNorm: 100_000 }
      : { task: flat(task), model: (rng) => new DNC({ inputs: 10, outputs: 9, slots: 64, hidden: 64, rng }), lr: 1e-3, clipNorm: 50 };
  }
  const presentation = side === 'multigrid' ? 'grid' : 'flat';
  const task = name === 'copy' ? copy({ bits: 6, lengths: [1, 10], presentation }) : associativeRecall({ presentation });
  return {
    task: task as Task<unknown>, lr: 1e-3, clipNorm: 50,
    model: (rng) => (side === 'dnc'
      ? new DNC({ inputs: task.inputs, outputs: task.bits, slots: 32, wordSize: 16, readHeads: name === 'copy' ? 1 : 2, hidden: 64, rng })
      : new MultigridMemory(sequenceLadder(task.inputs, task.bits), { rng })),
  };
}

/** Trains one model until the steps or the seconds are used up; scores it ten times on the way. */
export async function learn(side: 'multigrid' | 'dnc', seed: number, options: LearningOptions, onRecord: (line: string) => void): Promise<Curve> {
  const { task, model: make, lr, clipNorm, truncate } = setupOf(checkChoice('bench', 'task', options.task, LEARNING_TASKS), side);
  using model = make(new Rng(seed).split('weights'));
  const trainer = new Trainer({
    model, task, optimizer: new RMSProp(model, { lr }), batchSize: options.batchSize, seed, clipNorm,
    ...(truncate === undefined ? {} : { truncate }),
  });
  const curve = { steps: [] as number[], seconds: [] as number[], loss: [] as number[], scores: [] as Curve['scores'][number][] };
  let [trained, losses, samples, before] = [0, 0, 0, 0];
  const parts = 10;
  let next = 1;
  let started = performance.now();
  for await (const event of trainer.run({ steps: options.steps })) {
    trained += performance.now() - started;
    losses += event.loss;
    samples += options.batchSize * (event.step - before);
    before = event.step;
    const share = Math.max(event.step / options.steps, trained / 1000 / options.seconds);
    if (event.update % 20 === 0 || share >= 1) {
      curve.steps.push(event.step);
      curve.seconds.push(trained / 1000);
      curve.loss.push(losses / samples);
      [losses, samples] = [0, 0];
    }
    if (share >= next / parts) {
      next = Math.floor(share * parts) + 1;
      const scores = await trainer.evaluate({ items: 128 });
      curve.scores.push({ step: event.step, seconds: trained / 1000, scores });
      onRecord(`${options.task} ${side} seed ${seed}: ${event.step} steps, ${(trained / 1000).toFixed(0)} s, ${JSON.stringify(scores)}`);
    }
    if (share >= 1) break;
    started = performance.now();
  }
  const { parameters, memory } = model.count();
  return { model: side, seed, parameters, memory, ...curve };
}

export async function runLearning(options: LearningOptions, onRecord: (line: string) => void = () => {}): Promise<Curve[]> {
  const curves: Curve[] = [];
  for (const side of options.sides) for (const seed of options.seeds) curves.push(await learn(side, seed, options, onRecord));
  return curves;
}

/** Loss against seconds, and the task's headline score. */
export function learningChart(task: LearningTask, curves: readonly Curve[]): string {
  const name = (c: Curve): string => `${c.model}, seed ${c.seed}`;
  const headline = Object.keys(curves[0]?.scores[0]?.scores ?? {})[0] ?? 'score';
  const scores = curves.map((c) => ({
    name: name(c), x: c.scores.map((s) => s.seconds), y: c.scores.map((s) => s.scores[headline] ?? NaN), hasMarkers: true,
  }));
  return lineChart({
    title: `Learning ${task}`, xLabel: 'seconds of training',
    panels: [
      { title: 'loss, nats for each sample and step', yScale: 'log', series: curves.map((c) => ({ name: name(c), x: c.seconds, y: c.loss })) },
      { title: headline, series: scores },
    ],
  });
}
