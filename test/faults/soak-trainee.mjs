// Trains a small multigrid memory until it is killed, with saves, scorings and logs: `node soak-trainee.mjs INDEX FOLDER SEED`.
// Goes on from the last checkpoint of the folder.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const [, , index, folder, seed] = process.argv;
const { callbacks, models, optim, Rng, tasks, Trainer } = await import(index);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {}); // Ctrl-C is for the soak alone

const EVERY = 5_000; // time steps
const model = new models.MultigridMemory({
  task: 'mapping',
  input: { 0: 4 },
  writer: [[0, 0, 4], [0, 1, 4]],
  front: [[0, 0, 4], [0, 1, 4]],
  tail: [[1, 1, 4], [1, 1, 1]],
}, { rng: new Rng(Number(seed)) });
const setup = {
  model,
  task: tasks.mapping({ size: 5, outputSide: 6 }),
  optimizer: new optim.RMSProp(model, { lr: 1e-3 }),
  batchSize: 64,
  seed: Number(seed),
  config: { soak: true },
  callbacks: [callbacks.csv(join(folder, 'log.csv')), callbacks.earlyStop({ metric: 'f', patience: 1e9 })],
};
const checkpoint = join(folder, 'checkpoint.safetensors');
const trainer = existsSync(checkpoint) ? await Trainer.resume(checkpoint, setup) : new Trainer(setup);
await trainer.fit({
  steps: Number.MAX_SAFE_INTEGER,
  validate: { every: EVERY, items: 8 },
  checkpoint: { folder, every: EVERY, keep: 10_000 },
});
