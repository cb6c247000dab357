/** A model and a task small enough to train in milliseconds. */
import { MultigridMemory } from '../../lib/models/multigrid/multigrid-memory.js';
import type { MultigridConfig } from '../../lib/models/multigrid/config.js';
import * as optim from '../../lib/optim/index.js';
import { mapping } from '../../lib/tasks/mapping/mapping.js';
import type { Task } from '../../lib/tasks/task.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { Rng } from '../../lib/tensor/rng.js';
import { Trainer } from '../../lib/train/trainer.js';
import type { TrainerSetup } from '../../lib/train/trainer-setup.js';

export const tinyConfig: MultigridConfig = {
  task: 'mapping',
  input: { 0: 4 },
  writer: [[0, 0, 4], [0, 1, 4]],
  front: [[0, 0, 4], [0, 1, 4]],
  tail: [[1, 1, 4], [1, 1, 1]],
};

export const tinyTask = (): Task<unknown> => mapping({ size: 5, outputSide: 6 }) as Task<unknown>;

export const tinyModel = (): MultigridMemory => new MultigridMemory(tinyConfig, { rng: new Rng(2) });

export function tinySetup(overrides: Partial<TrainerSetup> = {}): TrainerSetup & { model: MultigridMemory } {
  const model = tinyModel();
  return {
    model,
    task: tinyTask(),
    optimizer: new optim.RMSProp(model, { lr: 2e-3 }),
    batchSize: 4,
    seed: 5,
    truncate: 4,
    clipNorm: 100,
    config: { tiny: true },
    ...overrides,
  } as TrainerSetup & { model: MultigridMemory };
}

export const tinyTrainer = (overrides: Partial<TrainerSetup> = {}): Trainer => new Trainer(tinySetup(overrides));

/** All weights of a trainer's model as one comparable string. */
export const modelBits = (trainer: Trainer): Promise<string> => bitsOf(trainer.model.stateDict());

/** Model and optimizer, counters included. */
export const weightBits = (trainer: Trainer): Promise<string> =>
  bitsOf([...trainer.model.stateDict(), ...trainer.optimizer.stateDict()]);

async function bitsOf(tensors: Iterable<readonly [string, Tensor]>): Promise<string> {
  const parts: string[] = [];
  for (const [name, tensor] of tensors) {
    parts.push(`${name}:${Buffer.from((await tensor.data()).buffer).toString('base64')}`);
  }
  return parts.join('\n');
}

/** One of each kind, of any parameters. */
export const OPTIMIZERS = {
  SGD: (model) => new optim.SGD(model, { lr: 1e-3, momentum: 0.9 }),
  Adam: (model) => new optim.Adam(model),
  AdamW: (model) => new optim.AdamW(model),
  tensorflow: (model) => new optim.RMSProp(model, { lr: 1e-3 }),
  pytorch: (model) => new optim.RMSProp(model, { lr: 1e-3, flavor: 'pytorch' }),
  graves: (model) => new optim.RMSProp(model, { lr: 1e-3, flavor: 'graves' }),
} satisfies Record<string, (parameters: optim.Parameters) => optim.Optimizer>;
export const optimizerKinds = Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[];
