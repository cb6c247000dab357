/** A model and a task small enough to train in milliseconds. */
import { MultigridMemory } from '../../lib/models/multigrid-memory.js';
import type { MultigridConfig } from '../../lib/models/config.js';
import { RMSProp } from '../../lib/optim/rmsprop.js';
import { mapping } from '../../lib/tasks/mapping.js';
import type { Task } from '../../lib/tasks/task.js';
import { Rng } from '../../lib/tensor/rng.js';
import { Trainer, type TrainerSetup } from '../../lib/train/trainer.js';

export const tinyConfig: MultigridConfig = {
  task: 'mapping', input: { 0: 4 }, writer: [[0, 0, 4], [0, 1, 4]], front: [[0, 0, 4], [0, 1, 4]], tail: [[1, 1, 4], [1, 1, 1]],
};

export const tinyTask = (): Task<unknown> => mapping({ size: 5, outputSide: 6 }) as Task<unknown>;

export function tinySetup(overrides: Partial<TrainerSetup> = {}): TrainerSetup & { model: MultigridMemory } {
  const model = new MultigridMemory(tinyConfig, { rng: new Rng(2) });
  return {
    model, task: tinyTask(), optimizer: new RMSProp(model, { lr: 2e-3 }), batchSize: 4, seed: 5, truncate: 4, clipNorm: 100, config: { tiny: true },
    ...overrides,
  } as TrainerSetup & { model: MultigridMemory };
}

export const tinyTrainer = (overrides: Partial<TrainerSetup> = {}): Trainer => new Trainer(tinySetup(overrides));

/** All weights of a trainer as one comparable string. */
export async function weightBits(trainer: Trainer): Promise<string> {
  const parts: string[] = [];
  for (const [name, tensor] of [...trainer.model.stateDict(), ...trainer.optimizer.stateDict()]) {
    parts.push(`${name}:${Buffer.from((await tensor.data()).buffer).toString('base64')}`);
  }
  return parts.join('\n');
}
