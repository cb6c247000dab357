/** Practice: lessons open as the loss falls, are recorded, and a resumed run is the run that was not interrupted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { models, optim, Rng, tasks, Trainer, type CurriculumOptions } from '../../lib/index.js';
import type { Task, Window } from '../../lib/tasks/task.js';
import { Curriculum } from '../../lib/train/practice/curriculum.js';
import { modelBits, tinyConfig } from './tiny.js';

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

const always = { below: 9 }; // known once asked about: bits begin near 0.7

describe('a curriculum', () => {
  it('opens a lesson when all open ones are known, two batches later, and none beyond the last', async () => {
    const trainer = new Trainer(setup(always));
    await trainer.fit({ steps: 12 * ITEMS });
    // known after batch 0, so the second lesson is open from batch 2 on; it has been asked about by the end of batch 2, and so on
    expect(trainer.lessons).toEqual([[0, 1], [2, 2], [4, 3], [6, 4]]);
    const never = new Trainer(setup({ below: 1e-9, start: 2 }));
    await never.fit({ steps: 5 * ITEMS });
    expect(never.lessons).toEqual([[0, 2]]);
    expect(new Trainer(setup()).lessons).toEqual([]);
  });

  it('keeps a lesson the last one for so many batches at least', async () => {
    const trainer = new Trainer(setup({ ...always, batches: 5 }));
    await trainer.fit({ steps: 18 * ITEMS });
    expect(trainer.lessons).toEqual([[0, 1], [5, 2], [10, 3], [15, 4]]);
  });

  it('ends when all lessons were open and known for so many batches, and what is trained then is the task itself', async () => {
    const ending = { ...always, start: ITEMS - 1, ends: 2 };
    const { task } = setup();
    const curriculum = new Curriculum(task, ending);
    const lists = [task.generate(1, 0), task.generate(1, 1)];
    const made = (batch: number) => Array.from(curriculum.task.windows(lists, { seed: 1, batch }));
    const own = (batch: number) => Array.from(task.windows(lists, { seed: 1, batch }));
    const [asked] = made(0); // about all lessons, as it happens
    curriculum.add(asked!, 0, [Float32Array.from(asked!.outputs[0]!.target.data, (bit) => 9 * (2 * bit - 1))]);
    expect(made(1)).not.toEqual(own(1)); // made ahead
    expect([made(2), made(3)]).toEqual([own(2), own(3)]);

    const reference = new Trainer(setup(ending));
    await reference.fit({ steps: 9 * ITEMS });
    const before = new Trainer(setup(ending));
    await before.fit({ steps: 5 * ITEMS });
    await before.save(join(folder, 'ended.safetensors'));
    const resumed = await Trainer.resume(join(folder, 'ended.safetensors'), setup(ending));
    await resumed.fit({ steps: 9 * ITEMS });
    const bits = await modelBits(reference);
    expect(await modelBits(resumed)).toBe(bits);
    const endless = new Trainer(setup({ ...ending, ends: 100 }));
    await endless.fit({ steps: 9 * ITEMS });
    expect(await modelBits(endless)).not.toBe(bits);
  });

  it('practises on lists of other lengths: weights are those of the longer task, scores those of the task', async () => {
    const longer = { ...setup(), task: tasks.recall({ items: ITEMS + 2 }) };
    const [other, here] = [new Trainer({ ...longer, curriculum: always }), new Trainer(setup({ ...always, items: ITEMS + 2 }))];
    for (const trainer of [other, here]) await trainer.fit({ steps: 12 * (ITEMS + 2) });
    expect(here.lessons).toEqual([[0, 1], [2, 2], [4, 3], [6, 4], [8, 5], [10, 6]]);
    expect(await modelBits(here)).toEqual(await modelBits(other));
    const items = 64;
    const scored = await here.evaluate({ items });
    expect(scored).toEqual(await new Trainer({ ...longer, task: tasks.recall({ items: ITEMS }) }).evaluate({ items }));
    expect(scored).not.toEqual(await other.evaluate({ items }));
    const one = tasks.mapping({ size: 9 }) as never;
    expect(() => new Curriculum(one, { ...always, items: 3 })).toThrow(/expected items for a task of lists alone, got mapping/);
  });

  it.each(
    [
      ['recall', tasks.recall({ items: 4, distinct: true }), tasks.recall({ items: 6, distinct: true })],
      ['sorting', tasks.sorting({ items: 4, order: 'descending' }), tasks.sorting({ items: 6, order: 'descending' })],
    ] as const,
  )('%s of other lengths is the task made with that many items, whatever else was chosen', (_, task, longer) => {
    const made = task.ofItems!(6) as typeof task;
    const items = [made, longer].map((each) => Array.from({ length: 3 }, (__, k) => each.generate(5, k)));
    expect(items[0]).toEqual(items[1]);
    const windows = [made, longer].map((each) => Array.from((each as Task<unknown>).windows(items[0]!, { seed: 5 })));
    expect(windows[0]).toEqual(windows[1]);
  });

  it('keeps a running loss of each lesson, 0.99 of it for each answer, and asks in proportion to it', () => {
    const asked: (readonly number[])[] = [];
    const task: Task<unknown> = {
      ...tasks.recall(),
      name: 'two lessons',
      version: 1,
      lessons: 2,
      describe: () => tasks.recall().describe(),
      practice(_items, weights) {
        asked.push(weights);
        return [];
      },
    };
    const curriculum = new Curriculum(task, { below: 0.5, start: 2, least: 0.1 });
    const window = (...lessons: number[]) => ({
      last: true,
      outputs: [{
        name: 'recall',
        target: { data: new Float32Array(2 * lessons.length).fill(1), shape: [lessons.length, 1, 2] },
        lesson: { data: Int32Array.from(lessons), shape: [lessons.length, 1] },
      }],
    } as unknown as Window);
    const nats = (z: number): number => Math.log(1 + Math.exp(-z)); // of a bit 1
    curriculum.add(window(0, 0, 1, -1), 0, [[3, 3, 1, 1, 2, 0, 8, 8]]); // the last row is no answer
    curriculum.add(window(1), 1, [[5, 5]]);
    const first = (nats(3) + nats(1)) / 2;
    const second = nats(5) + 0.99 * ((nats(2) + nats(0)) / 2 - nats(5));
    for (const batch of [2, 3]) curriculum.task.windows([], { seed: 1, batch });
    expect(asked[0]).toEqual([expect.closeTo(first, 12), expect.closeTo((nats(2) + nats(0)) / 2, 12)]);
    expect(asked[1]).toEqual([expect.closeTo(first, 12), expect.closeTo(second, 12)]);
    for (let batch = 2; batch < 9; batch++)
      curriculum.add(window(...new Array<number>(200).fill(0)), batch, [new Array<number>(400).fill(9)]);
    curriculum.task.windows([], { seed: 1, batch: 10 });
    expect(asked[2]![0]).toBe(0.1); // the least
    curriculum.add(window(0), 9, [[NaN, 1]]); // a window that was left out
    curriculum.task.windows([], { seed: 1, batch: 11 });
    expect(asked[3]).toEqual(asked[2]);
    expect(() => curriculum.task.windows([], { seed: 1, batch: 3 })).toThrow(/batches one after the other/);
  });

  it('of classes it counts the cross-entropy', () => {
    const task = {
      ...tasks.recall(),
      name: 'classes',
      version: 1,
      lessons: 1,
      practice: () => [],
      describe: () => ({
        ...tasks.recall().describe(),
        outputs: [{ name: 'class', logits: [3], loss: 'crossEntropy' }],
      }),
    } as unknown as Task<unknown>;
    const curriculum = new Curriculum(task, { below: 0.1 });
    const output = {
      name: 'class',
      target: { data: Int32Array.of(2), shape: [1, 1] },
      lesson: { data: Int32Array.of(0), shape: [1, 1] },
    };
    curriculum.add({ last: true, outputs: [output] } as unknown as Window, 0, [[1, 2, 4]]);
    const { losses } = curriculum.save() as { losses: number[] };
    expect(losses).toEqual([expect.closeTo(Math.log(Math.exp(1) + Math.exp(2) + Math.exp(4)) - 4, 12)]);
  });

  it.each([1, 2, 3, 4, 7])('resumed after %i updates it has the bits and the lessons of the whole run', async (updates) => {
    const reference = new Trainer(setup(always));
    await reference.fit({ steps: 10 * ITEMS });
    const before = new Trainer(setup(always));
    await before.fit({ steps: updates * ITEMS });
    const file = join(folder, `${updates}.safetensors`);
    await before.save(file);
    const resumed = await Trainer.resume(file, setup(always));
    await resumed.fit({ steps: 10 * ITEMS });
    expect(resumed.lessons).toEqual(reference.lessons);
    expect(await modelBits(resumed)).toBe(await modelBits(reference));
  });

  it.each([10, 20, 50, 60, 65])('of walks of growing length it is resumed within a walk, after %i steps', async (steps) => {
    const walks = () => {
      const model = new models.MultigridMemory(tinyConfig, { rng: new Rng(3) });
      const task = tasks.mapping({ size: 7, outputSide: 6 }); // walks of 25 steps in two lessons
      const curriculum = { ...always, batches: 2 };
      return { model, task, optimizer: new optim.Muon(model, { lr: 1e-2 }), batchSize: 2, seed: 4, truncate: 10, curriculum };
    };
    const reference = new Trainer(walks());
    await reference.fit({ steps: 120 });
    expect(reference.lessons).toEqual([[0, 1], [2, 2]]);
    const before = new Trainer(walks());
    await before.fit({ steps });
    const file = join(folder, `walks-${steps}.safetensors`);
    await before.save(file);
    const resumed = await Trainer.resume(file, walks());
    await resumed.fit({ steps: 120 });
    expect(resumed.lessons).toEqual(reference.lessons);
    expect(await modelBits(resumed)).toBe(await modelBits(reference));
  });

  it('scores the task itself', async () => {
    const scores = (trainer: Trainer) => trainer.evaluate({ items: 20 });
    expect(await scores(new Trainer(setup({ below: 1, start: 3 })))).toEqual(await scores(new Trainer(setup())));
  });

  it('refuses tasks without lessons, more than there are, and what is no saved curriculum', () => {
    const make = (task: unknown, options: CurriculumOptions) => () => new Curriculum(task as never, options);
    expect(make(tasks.copy(), { below: 1 })).toThrow(/curriculum: expected a task with lessons, got copy/);
    expect(make(tasks.recall(), { below: 1, start: 10 })).toThrow(/start/);
    expect(make(tasks.recall(), { below: 0 })).toThrow(/least above 0/);
    expect(make(tasks.recall(), { below: 1, patience: 2 } as never)).toThrow(/patience/);
    expect(() => new Trainer({ ...setup(always), memoryBudget: 1e9 })).toThrow(/no memoryBudget beside a curriculum/);
    const curriculum = new Curriculum(tasks.recall({ items: 3 }), { below: 1 });
    const saved = curriculum.save() as object;
    expect(() => curriculum.restore(saved)).not.toThrow();
    const changes = [{ losses: [1] }, { opened: [] }, { weights: [[0, [1, NaN]]] }, { ended: 'soon' }];
    for (const wrong of [null, {}, ...changes.map((change) => ({ ...saved, ...change }))]) {
      expect(() => curriculum.restore(wrong)).toThrow(/as a curriculum saves them/);
    }
  });
});
