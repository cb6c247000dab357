/** Row D1: training gives the same bits on any number of threads, each time. */
import { createHash } from 'node:crypto';
import { afterAll, expect, it } from 'vitest';
import { setThreads } from '../../lib/index.js';
import { MODELS, trainerOf } from '../helpers/every-kind.js';
import { isPromised, promised, shown } from '../helpers/promises.js';

const STEPS = promised('D1');
const THREADS = [1, 2, 4, 8];
const REPEATS = isPromised ? 3 : 1;
afterAll(() => setThreads(2));

async function hashOf(name: string, threads: number): Promise<string> {
  setThreads(threads);
  using model = MODELS[name]!();
  await trainerOf(name, model).fit({ steps: STEPS });
  const hash = createHash('sha256');
  for (const [key, tensor] of model.stateDict()) hash.update(key).update(await tensor.data());
  return hash.digest('hex');
}

it.each(Object.keys(MODELS))(`%s: one hash of the weights after ${STEPS} steps`, async (name) => {
  const hashes = [];
  for (const threads of THREADS) {
    for (let repeat = 0; repeat < REPEATS; repeat += 1) hashes.push(await hashOf(name, threads));
  }
  expect(new Set(hashes)).toEqual(new Set([hashes[0]]));
  shown('D1', STEPS, `${name}: ${hashes.length} runs on ${THREADS.join(', ')} threads`);
});
