// What `bench --learning` trains: for each task the same episodes for all models, for each model the setting it learns best with.

import type { MultigridConfig } from '../models/multigrid/config.js';
import { presetRun } from '../runs/run-config.js';
import type { RunConfig } from '../runs/run.js';
import { KIND_NAMES, vectorKind, type KindName, type VectorModel, type VectorName } from '../runs/kinds.js';

export const LEARNING_TASKS = ['map9', 'recall', 'copy', 'associative-recall'] as const;
export type LearningTask = (typeof LEARNING_TASKS)[number];
export const LEARNING_SIDES = KIND_NAMES;
export type LearningSide = KindName;

/** Time steps of a whole run. */
const STEPS: Readonly<Record<LearningTask, number>> = {
  'map9': presetRun('map9').steps,
  'recall': 200_000,
  'copy': 200_000,
  'associative-recall': 300_000,
};

const ABOUT: Readonly<Record<LearningTask, string>> = {
  'map9': 'where in a 9×9 maze is what you are shown?',
  'recall': '4 patches of 9 bits; one is shown again: what followed it?',
  'copy': '1 to 10 vectors of 6 bits, to be given back in order',
  'associative-recall': '2 to 6 items of 3 vectors of 6 bits; one is shown again: what followed it?',
};

/** The tasks and the length of their runs, for the command's help. */
export const LEARNING_HELP = [
  'Tasks of --learning, and the time steps of a run:',
  ...LEARNING_TASKS.map((task) => `  ${task.padEnd(19)} ${STEPS[task].toLocaleString('en').padStart(7)}  ${ABOUT[task]}`),
].join('\n');

/** For bit sequences shown in every cell of a 3×3 grid. */
const COPY: MultigridConfig = {
  input: { 0: 7 },
  lstm: [[0, 0, 8], [0, 1, 8], [0, 1, 8], [0, 2, 8], [0, 1, 8]],
  tail: [[0, 0, 8]],
  fc: [72, 6],
};

/** One item is one patch, and the answer is read once: a window of 6 steps where the other models need 32. */
const LADDER: MultigridConfig['writer'] = [[0, 0, 8], [0, 1, 8], [0, 1, 8]];
const recall = (bitsOfCell: number): MultigridConfig => ({
  input: { 0: bitsOfCell },
  writer: LADDER,
  front: LADDER,
  mem: 'same-index',
  tail: [[0, 1, 16], [0, 0, 16], [0, 0, bitsOfCell]],
});

/** Of 16 numbers a slot. */
function vectors(kind: VectorName, slots: number, readHeads: number, hidden: number): VectorModel {
  return { kind, ...vectorKind(kind).beside({ slots, readHeads, hidden }) } as VectorModel;
}

/** Sequences are trained whole, with Adam and a rate that falls to a tenth over the run. */
function sequences(task: LearningTask, side: LearningSide): Omit<RunConfig, 'model' | 'task'> {
  const steps = STEPS[task];
  const rate = side === 'multigrid' ? 2e-3 : 1e-3;
  return {
    name: `${task} ${side}`,
    steps,
    batchSize: 16,
    truncate: null,
    optimizer: { name: 'adam' },
    lr: { from: rate, to: rate / 10, steps },
    clipNorm: 50,
    seed: 1,
    validate: { every: steps, items: 256 },
  };
}

/** The run of one model on one task. */
export function learningRun(task: LearningTask, side: LearningSide): RunConfig {
  const training = sequences(task, side);
  switch (task) {
    case 'map9': {
      const run = presetRun('map9');
      if (side === 'multigrid') return run;
      const { truncate, batchSize, steps } = run;
      // As many memory cells: 225 slots of 16. Of rates from 1e-3 to 2e-2 and of 128 and 256 units, these suit the DNC best.
      // NTM and LSTM take the same.
      return {
        ...run,
        ...training,
        lr: { from: 3e-3, to: 3e-4, steps },
        model: vectors(side, 225, 4, 256),
        truncate,
        batchSize,
      };
    }
    case 'recall': {
      const model = side === 'multigrid' ? recall(1) : vectors(side, 64, 2, 100);
      return { ...training, model, task: { name: 'recall', items: 4 } };
    }
    case 'copy': {
      const spec = { name: 'copy', bits: 6, lengths: [1, 10] } as const;
      if (side === 'multigrid') return { ...training, model: COPY, task: { ...spec, presentation: 'grid' } };
      return { ...training, model: vectors(side, 16, 1, 64), task: { ...spec, presentation: 'flat' } };
    }
    case 'associative-recall':
      if (side === 'multigrid') return { ...training, model: recall(2), task: { name: task, presentation: 'patch' } };
      return { ...training, model: vectors(side, 32, 2, 100), task: { name: task, presentation: 'flat' } };
  }
}
