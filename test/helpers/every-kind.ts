/** A small model of each kind, with a task for it, ready to be trained. */
import { models, optim, Rng, tasks, Trainer, type TrainableModel } from '../../lib/index.js';
import { kinds, VECTOR_NAMES } from '../../lib/runs/kinds.js';
import type { TrainerSetup } from '../../lib/train/trainer-setup.js';
import { tinyConfig, tinyTask } from '../train/tiny.js';

const small = { slots: 12, readHeads: 2, hidden: 24 };

export const MODELS: Readonly<Record<string, () => TrainableModel>> = {
  multigrid: () => new models.MultigridMemory(tinyConfig, { rng: new Rng(2) }),
  ...Object.fromEntries(VECTOR_NAMES.map((name) => [name, () => {
    const own = name === 'lstm' ? { hidden: 24, layers: 2 } : kinds[name].beside(small);
    return kinds[name].build(own as never, { inputs: 5, outputs: 4, rng: new Rng(3) });
  }])),
};

/** A trainer of the model of this kind, by Adam unless another optimizer is made. */
export function trainerOf(
  name: string,
  model: TrainableModel,
  more: Partial<TrainerSetup> = {},
  make = (of: TrainableModel): optim.Optimizer => new optim.Adam(of, { lr: 1e-3 }),
): Trainer {
  const task = name === 'multigrid' ? tinyTask() : tasks.copy({ bits: 4, lengths: [3, 6] });
  return new Trainer({ model, task, optimizer: make(model), batchSize: 8, seed: 4, clipNorm: 10, ...more } as TrainerSetup);
}
