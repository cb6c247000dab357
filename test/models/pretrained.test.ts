// Weights that come with the package score what stands beside them, on mazes that training never drew.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { models, optim, tasks, Trainer } from '../../lib/index.js';
import { PRETRAINED, weightsFolder } from '../../lib/models/pretrained.js';

interface Note {
  task: { size: number; locationScale: number };
  training: { seed: number };
  test: { items: number; scores: { f: number } };
  short: { items: number; seed: number; scores: { f: number } };
}

it.each(PRETRAINED)('%s', async (name) => {
  const note = JSON.parse(readFileSync(join(weightsFolder, `${name}.json`), 'utf8')) as Note;
  using model = await models.pretrained(name);
  const { size, locationScale } = note.task;
  const task = tasks.mapping({ size, locationScale });
  const trainer = new Trainer({ model, task, batchSize: 32, optimizer: new optim.SGD(model, { lr: 0 }) });
  const { items, seed, scores } = note.short;
  expect(seed).not.toBe(note.training.seed);
  const { f } = await trainer.evaluate({ items, seed });
  expect(f).toBeCloseTo(scores.f, 3); // of 64 mazes some cells lie at the threshold and may fall to either side by rounding
  expect(note.test.items).toBe(1000);
  expect(note.test.scores.f).toBeGreaterThan(0.9);
});

it('a name without weights is refused', async () => {
  await expect(models.pretrained('map25' as never)).rejects.toThrow(/pretrained: expected name to be one of "map9", got "map25"/);
});
