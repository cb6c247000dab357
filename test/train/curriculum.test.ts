/** Practice before the task: levels follow the loss, are recorded, and a resumed run is the run that was not interrupted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { models, optim, Rng, tasks, Trainer, type CurriculumOptions } from '../../lib/index.js';
import { Curriculum } from '../../lib/train/curriculum.js';
import { modelBits } from './tiny.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-curriculum-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ITEMS = 5;
const config = {
  task: 'recall',
  input: { 0: 1 },
  writer: [[0, 0, 2], [0, 0, 2]],
  front: [[0, 0, 2], [0, 0, 2]],
  tail: [[0, 0, 2], [0, 0, 1]],
} as const;

function setup(curriculum?: CurriculumOptions) {
  const model = new models.MultigridMemory(config as never, { rng: new Rng(3) });
  const optimizer = new optim.Muon(model, { lr: 1e-2 });
  const task = tasks.recall({ items: ITEMS });
  return { model, task, optimizer, batchSize: 2, seed: 4, ...(curriculum === undefined ? {} : { curriculum }) };
}

describe('a curriculum', () => {
  it('goes up when enough updates were below the bound, two batches later, and stays at the last level', async () => {
    const always = new Trainer(setup({ below: 1e9, over: 3 }));
    await always.fit({ steps: 30 * ITEMS });
    // updates 0, 1, 2 are at level 1; the next level begins at batch 2 + 2, and so on
    expect(always.levels).toEqual([[0, 1], [4, 2], [8, 3], [12, 4], [16, 5]]);
    const never = new Trainer(setup({ below: 0, over: 3, start: 2 }));
    await never.fit({ steps: 10 * ITEMS });
    expect(never.levels).toEqual([[0, 2]]);
    expect(new Trainer(setup()).levels).toEqual([]);
  });

  it('counts nats for each bit that was asked for', () => {
    // two questions for each of two lists, 9 bits each: of 36 bits the loss is 0.5 nats a bit
    const bound = (below: number): number => {
      const curriculum = new Curriculum(tasks.recall({ items: ITEMS }), { below, over: 1 });
      const { task } = curriculum;
      const lists = [0, 1].map((index) => task.generate(1, index));
      expect([...task.windows(lists, { seed: 1, batch: 0 })][0]!.outputs[0]!.target.data.length).toBe(36);
      curriculum.add(18, 0);
      return curriculum.levels.length;
    };
    expect([bound(0.51), bound(0.5)]).toEqual([2, 1]);
  });

  it.each([1, 3, 4, 7])('resumed after %i updates it has the bits and the levels of the whole run', async (updates) => {
    const options = { below: 1e9, over: 2 };
    const reference = new Trainer(setup(options));
    await reference.fit({ steps: 12 * ITEMS });
    const before = new Trainer(setup(options));
    await before.fit({ steps: updates * ITEMS });
    const file = join(folder, `${updates}.safetensors`);
    await before.save(file);
    const resumed = await Trainer.resume(file, setup(options));
    await resumed.fit({ steps: 12 * ITEMS });
    expect(resumed.levels).toEqual(reference.levels);
    expect(await modelBits(resumed)).toBe(await modelBits(reference));
  });

  it('scores the task itself', async () => {
    const scores = (trainer: Trainer) => trainer.evaluate({ items: 20 });
    expect(await scores(new Trainer(setup({ below: 1, start: 3 })))).toEqual(await scores(new Trainer(setup())));
  });

  it('refuses tasks without levels, levels that there are not, and what is no saved curriculum', () => {
    const make = (task: unknown, options: CurriculumOptions) => () => new Curriculum(task as never, options);
    expect(make(tasks.copy(), { below: 1 })).toThrow(/curriculum: expected a task with levels of practice, got copy/);
    expect(make(tasks.recall(), { below: 1, start: 11 })).toThrow(/start/);
    expect(make(tasks.recall(), { below: 1, patience: 2 } as never)).toThrow(/patience/);
    const curriculum = new Curriculum(tasks.recall(), { below: 1 });
    for (const saved of [null, {}, { levels: [[1, 1]], losses: [] }, { levels: [[0, 1]], losses: ['x'] }]) {
      expect(() => curriculum.restore(saved)).toThrow();
    }
  });
});
