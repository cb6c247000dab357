// What `bench --learning` trains: for each task the same episodes for both models, and for each model the setting it learns best with.

import type { MultigridConfig } from '../models/config.js';
import { presetRun, type RunConfig } from '../train/run-config.js';
import type { VectorModel } from '../train/run-model.js';

export const LEARNING_TASKS = ['map9', 'recall', 'copy', 'associative-recall'] as const;
export type LearningTask = (typeof LEARNING_TASKS)[number];
export type LearningSide = 'multigrid' | 'dnc';

const STEPS: Readonly<Record<LearningTask, number>> = { 'map9': 49_000, 'recall': 400_000, 'copy': 200_000, 'associative-recall': 300_000 };

/** For bit sequences shown in every cell of a 3×3 grid. */
const ladder = (inputs: number, bits: number): MultigridConfig => ({
  input: { 0: inputs }, lstm: [[0, 0, 8], [0, 1, 8], [0, 1, 8], [0, 2, 8], [0, 1, 8]], tail: [[0, 0, 8]], fc: [72, bits],
});

const dnc = (slots: number, readHeads: number, hidden: number): VectorModel => ({ kind: 'dnc', slots, wordSize: 16, readHeads, hidden });

/** Sequences are trained whole, with Adam and a rate that falls to a tenth over the run. */
function sequences(task: LearningTask, side: LearningSide, rate: number): Omit<RunConfig, 'model' | 'task'> {
  const steps = STEPS[task];
  return {
    name: `${task} ${side}`, steps, batchSize: 16, truncate: null, optimizer: { name: 'adam' }, lr: { from: rate, to: rate / 10, steps },
    clipNorm: 50, seed: 1, validate: { every: steps, items: 256 },
  };
}

/** The run of one model on one task. */
export function learningRun(task: LearningTask, side: LearningSide): RunConfig {
  if (task === 'map9') {
    const run = presetRun('map9');
    if (side === 'multigrid') return run;
    // As many memory cells: 225 slots of 16.
    return { ...run, ...sequences(task, side, 1e-3), model: dnc(225, 4, 128), truncate: run.truncate, batchSize: run.batchSize };
  }
  if (task === 'recall') {
    const model = side === 'multigrid' ? 'recall-8k' : dnc(64, 2, 100);
    return { ...sequences(task, side, 1e-3), model, task: { name: 'recall', items: 4 } };
  }
  const presentation = side === 'multigrid' ? 'grid' : 'flat';
  if (task === 'copy') {
    const model = side === 'multigrid' ? ladder(7, 6) : dnc(16, 1, 64);
    return { ...sequences(task, side, side === 'multigrid' ? 2e-3 : 1e-3), model, task: { name: 'copy', bits: 6, lengths: [1, 10], presentation } };
  }
  const model = side === 'multigrid' ? ladder(8, 6) : dnc(32, 2, 100);
  return { ...sequences(task, side, side === 'multigrid' ? 2e-3 : 1e-3), model, task: { name: 'associative-recall', presentation } };
}
