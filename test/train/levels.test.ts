/** Practice by levels: they double as the loss falls, are recorded, and a resumed run is the run that was not interrupted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { models, optim, Rng, tasks, Trainer, type LevelOptions } from '../../lib/index.js';
import type { Task, Window } from '../../lib/tasks/task.js';
import { Levels } from '../../lib/train/practice/levels.js';
import { modelBits } from './tiny.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-levels-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function setup(levels: LevelOptions) {
  const task = tasks.copy({ bits: 2, lengths: [1, 3] });
  const model = new models.LSTMNetwork({ inputs: 3, outputs: 2, hidden: 4, rng: new Rng(3) });
  return { model, task, optimizer: new optim.Adam(model, { lr: 1e-3 }), batchSize: 2, seed: 4, levels };
}

const always: LevelOptions = { below: 9, batches: 2, most: 10 };

describe('levels', () => {
  it('double when so many batches in a row were known, two batches later, up to the most', async () => {
    const trainer = new Trainer(setup(always));
    await trainer.fit({ steps: 200 });
    // Batches 0 and 1 are known: level 6 from batch 3 on, which with batch 4 opens the last from batch 6 on.
    expect(trainer.lessons).toEqual([[0, 4], [3, 8], [6, 10]]);
    const never = new Trainer(setup({ below: 0 }));
    await never.fit({ steps: 50 });
    expect(never.lessons).toEqual([[0, 3]]); // the task has no more
  });

  it('draw a level from 0, which is 1, to the highest for each batch, of which all episodes are', () => {
    const task = tasks.copy({ lengths: [1, 20] });
    const levels = new Levels(task as Task<unknown>, { start: 4 });
    const seen = new Map<number, number>();
    for (let batch = 0; batch < 1000; batch++) {
      const items = [0, 1, 2].map((k) => levels.task.generate(7, 3 * batch + k));
      const [window] = [...levels.task.windows(items, { seed: 7, batch })];
      const level = levels.levelOf({ seed: 7, batch });
      expect(window!.steps).toBe(2 * level + 1);
      seen.set(level, (seen.get(level) ?? 0) + 1);
    }
    expect([...seen.keys()].sort()).toEqual([1, 2, 3, 4]);
    // 0 and 1 are both 1: 400, 200, 200, 200, within five standard deviations
    for (const [level, count] of seen)
      expect(Math.abs(count - (level === 1 ? 400 : 200))).toBeLessThan(5 * Math.sqrt(level === 1 ? 240 : 160));
  });

  it('draw from the lowest level where one is named', () => {
    const levels = new Levels(tasks.copy() as Task<unknown>, { least: 3, start: 6 });
    const seen = new Map([3, 4, 5, 6].map((level) => [level, 0]));
    for (let batch = 0; batch < 1000; batch++) {
      const level = levels.levelOf({ seed: 7, batch });
      seen.set(level, (seen.get(level) ?? NaN) + 1);
    }
    // 250 each, within five standard deviations; another level would be no number
    for (const count of seen.values()) expect(Math.abs(count - 250)).toBeLessThan(5 * Math.sqrt(188));
    expect(seen.size).toBe(4);
  });

  it('count the mean loss in bits of answers that are due, over the windows of a batch', () => {
    const levels = new Levels(tasks.copy({ bits: 1 }) as Task<unknown>, { below: 0.5, batches: 2 });
    const window = (last: boolean, mask: number[]) => ({
      last,
      outputs: [{
        name: 'copy',
        target: { data: new Float32Array(mask.length).fill(1), shape: [mask.length, 1, 1] },
        mask: { data: Float32Array.from(mask), shape: [mask.length, 1] },
      }],
    } as unknown as Window);
    const bits = (z: number): number => Math.log2(1 + Math.exp(-z)); // of a bit 1
    levels.add(window(false, [0, 1]), 0, [[-50, 2]]);
    levels.add(window(true, [1]), 0, [[3]]);
    levels.add(window(true, [1]), 1, [[NaN]]); // a window that was left out
    levels.add(window(true, [1, 1]), 2, [[1, 2]]);
    const { recent } = levels.save() as { recent: number[] };
    expect(recent).toEqual([]); // the mean of both is below one half
    expect(levels.opened).toEqual([[0, 4], [4, 8]]);
    expect(((bits(2) + bits(3)) / 2 + (bits(1) + bits(2)) / 2) / 2).toBeLessThan(0.5);
    levels.add(window(true, [1]), 3, [[1]]); // made before the level rose
    levels.add(window(true, [1]), 4, [[-1]]);
    levels.add(window(true, [1]), 5, [[0]]);
    levels.add(window(true, [1]), 6, [[1]]);
    expect((levels.save() as { recent: number[] }).recent).toEqual([expect.closeTo(1, 12), expect.closeTo(bits(1), 12)]);
  });

  it.each([1, 2, 3, 5, 8])('resumed after %i updates it has the bits and the levels of the whole run', async (updates) => {
    const reference = new Trainer({ ...setup(always), truncate: 3 });
    await reference.fit({ steps: 60 });
    const before = new Trainer({ ...setup(always), truncate: 3 });
    for await (const _ of before.run({ steps: 60 })) if (before.update === updates) break;
    const file = join(folder, `${updates}.safetensors`);
    await before.save(file);
    const resumed = await Trainer.resume(file, { ...setup(always), truncate: 3 });
    await resumed.fit({ steps: 60 });
    expect(resumed.lessons).toEqual(reference.lessons);
    expect(resumed.lessons.length).toBeGreaterThan(1);
    expect(await modelBits(resumed)).toBe(await modelBits(reference));
  });

  it('of every task with levels make episodes of that level', () => {
    const lengths = (task: Task<unknown>, level: number): number => (
      [...task.atLevel!(level).windows([task.atLevel!(level).generate(1, 0)], { seed: 0 })][0]!.steps
    );
    expect(lengths(tasks.copy() as Task<unknown>, 30)).toBe(61);
    expect(lengths(tasks.associativeRecall({ form: 'pairs', vectors: 2 }) as Task<unknown>, 9)).toBe(2 * 2 * 9 + 4);
    expect(lengths(tasks.associativeRecall() as Task<unknown>, 1)).toBe(4 * 2 + 5 + 3);
    expect(lengths(tasks.prioritySort() as Task<unknown>, 5)).toBe(5 + 4);
    expect(lengths(tasks.prioritySort() as Task<unknown>, 40)).toBe(40 + 32);
  });

  it.each<[string, () => unknown, string]>([
    ['a task without levels', () => new Levels(tasks.nGrams() as Task<unknown>, {}), 'ERR_MG_ARGUMENT'],
    ['a start above the most', () => new Levels(tasks.copy() as Task<unknown>, { start: 9, most: 8 }), 'ERR_MG_ARGUMENT'],
    ['a least above the start', () => new Levels(tasks.copy() as Task<unknown>, { least: 5, start: 4 }), 'ERR_MG_ARGUMENT'],
    [
      'an option of another name',
      () => new Levels(tasks.copy() as Task<unknown>, { under: 1 } as LevelOptions),
      'ERR_MG_ARGUMENT',
    ],
    ['both ways of practice', () => new Trainer({ ...setup(always), curriculum: { below: 1 } }), 'ERR_MG_ARGUMENT'],
    ['a memory budget', () => new Trainer({ ...setup(always), memoryBudget: 1e9 }), 'ERR_MG_ARGUMENT'],
    ...[null, {}, { opened: [], recent: [], begun: [0, 0] }, { opened: [[0, 2 ** 40]], recent: [], begun: [0, 0] }, {
      opened: [[1, 4]],
      recent: [],
      begun: [0, 0],
    }, { opened: [[0, 4]], recent: ['1'], begun: [0, 0] }]
      .map((saved): [string, () => unknown, string] => [
        `a checkpoint with ${JSON.stringify(saved)}`,
        () => new Levels(tasks.copy() as Task<unknown>, {}).restore(saved),
        'ERR_MG_CHECKPOINT',
      ]),
  ])('refuse %s', (_, call, code) => {
    expect(call).toThrow(expect.objectContaining({ code }) as Error);
  });
});
