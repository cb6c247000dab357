/**
 * Row F6: checkpoints of each release open for ever. `checkpoints/<version>.safetensors` is one as that version wrote it, in
 * float64, and `.json` what its model then answered. Another vector width may round the last bits otherwise: 1e-12 of numbers
 * below 1.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { models, optim, Rng, tasks, Tensor, Trainer } from '../../lib/index.js';
import { shown } from '../helpers/promises.js';

const folder = fileURLToPath(new URL('checkpoints/', import.meta.url));
const versions = readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));

function setup() {
  const model = new models.LSTMNetwork({ inputs: 3, outputs: 2, hidden: 5, dtype: 'float64', rng: new Rng(1) });
  const optimizer = new optim.Adam(model, { lr: 1e-2 });
  return { model, optimizer, task: tasks.copy({ bits: 2, lengths: [1, 3] }), batchSize: 2, seed: 7, truncate: 3 };
}

it.each(versions)('a checkpoint of %s gives the same answers, and training goes on from it', async (version) => {
  const file = join(folder, `${version}.safetensors`);
  const { step, answers, next } = JSON.parse(readFileSync(join(folder, `${version}.json`), 'utf8')) as {
    step: number;
    answers: number[];
    next: number[];
  };
  const trainer = await Trainer.resume(file, setup());
  expect(trainer.step).toBe(step);
  const x = Tensor.from(Float64Array.from({ length: 12 }, (_, i) => Math.sin(i)), [4, 1, 3]);
  const said = async (): Promise<number[]> => [...await (trainer.model as models.LSTMNetwork).forward(x).y.data()];
  const near = (got: number[], expected: number[]): void => {
    expect(got).toHaveLength(expected.length);
    got.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1e-12));
  };
  near(await said(), answers);
  await trainer.fit({ steps: step + 12 });
  near(await said(), next);
  shown('F6', versions.length, `checkpoints of ${versions.join(', ')}`);
});
