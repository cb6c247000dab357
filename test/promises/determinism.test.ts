/** Row D1: training gives the same bits on any number of threads, each time. */
import { createHash } from 'node:crypto';
import { afterAll, expect, it } from 'vitest';
import { models, optim, Rng, setThreads, tasks, Trainer, type TrainableModel } from '../../lib/index.js';
import { kinds, VECTOR_NAMES } from '../../lib/runs/kinds.js';
import { tinyConfig, tinyTask } from '../train/tiny.js';
import { isPromised, promised, shown } from '../helpers/promises.js';

const STEPS = promised('D1');
const [THREADS, REPEATS] = isPromised ? [[1, 2, 4, 8], 3] : [[1, 2, 4, 8], 1];
afterAll(() => setThreads(2));

const small = { slots: 12, readHeads: 2, hidden: 24 };
const makers: Record<string, () => TrainableModel> = {
  multigrid: () => new models.MultigridMemory(tinyConfig, { rng: new Rng(2) }),
  ...Object.fromEntries(VECTOR_NAMES.map((name) => [name, () => {
    const own = name === 'lstm' ? { hidden: 24, layers: 2 } : kinds[name].beside(small);
    return kinds[name].build(own as never, { inputs: 5, outputs: 4, rng: new Rng(3) });
  }])),
};

async function hashOf(make: () => TrainableModel, isGrid: boolean, threads: number): Promise<string> {
  setThreads(threads);
  using model = make();
  const task = isGrid ? tinyTask() : tasks.copy({ bits: 4, lengths: [3, 6] });
  const trainer = new Trainer({
    model,
    task,
    optimizer: new optim.Adam(model, { lr: 1e-3 }),
    batchSize: 8,
    seed: 4,
    clipNorm: 10,
  });
  await trainer.fit({ steps: STEPS });
  const hash = createHash('sha256');
  for (const [name, tensor] of model.stateDict()) hash.update(name).update(await tensor.data());
  return hash.digest('hex');
}

it.each(Object.entries(makers))(`%s: one hash of the weights after ${STEPS} steps`, async (name, make) => {
  const hashes = [];
  for (const threads of THREADS!) {
    for (let repeat = 0; repeat < REPEATS!; repeat += 1) hashes.push(await hashOf(make, name === 'multigrid', threads));
  }
  expect(new Set(hashes)).toEqual(new Set([hashes[0]]));
  shown('D1', STEPS, `${name}: ${hashes.length} runs on ${THREADS!.join(', ')} threads`);
});
