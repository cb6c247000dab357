// Trains a tiny network with all that a run has around it: `node trainee.mjs INDEX FOLDER UPDATES [saves]`, goes on where it was.
// Prints what memory is in use at each quarter of the way, collected where --expose-gc is given.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Writable } from 'node:stream';

const [, , index, folder, updates, saves = '100'] = process.argv;
const { callbacks, memory, models, optim, Rng, tasks, Trainer } = await import(index);

const STEPS = 3; // of an episode, which is one update: a bit shown, and asked for again
const steps = STEPS * Number(updates);
const model = new models.LSTMNetwork({ inputs: 2, outputs: 1, hidden: 4, rng: new Rng(1) });
const task = tasks.copy({ bits: 1, lengths: [1, 1] });

async function tell(update) {
  globalThis.gc?.();
  await pause(50); // for finalizers
  globalThis.gc?.();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const { bytes, tensors } = memory();
  console.log(JSON.stringify({ update, rss, heapUsed, external, arrayBuffers, bytes, tensors }));
}

const quarter = Math.max(1, Math.floor(Number(updates) / 4));
const watch = { onStep: async ({ update }) => (update % quarter === 0 ? await tell(update) : undefined) };
const setup = {
  model,
  task,
  optimizer: new optim.Adam(model, { lr: 1e-3 }),
  batchSize: 1,
  seed: 3,
  config: { tiny: true },
  callbacks: [
    callbacks.csv(join(folder, 'log.csv')),
    callbacks.jsonLines(join(folder, 'log.jsonl')),
    callbacks.tensorBoard(join(folder, 'events')),
    callbacks.progress({ stream: new Writable({ write: (_, _encoding, done) => done() }) }),
    callbacks.earlyStop({ metric: 'bits', patience: 1e9 }),
    watch,
  ],
};
const checkpoint = join(folder, 'run/checkpoint.safetensors');
const trainer = existsSync(checkpoint) ? await Trainer.resume(checkpoint, setup) : new Trainer(setup);
console.log(JSON.stringify({ begins: trainer.step }));
const { reason, step } = await trainer.fit({
  steps,
  validate: { every: STEPS * Number(saves), items: 2 },
  checkpoint: { folder: join(folder, 'run'), every: STEPS * Number(saves), keep: 2 },
});
console.log(JSON.stringify({ reason, step }));
