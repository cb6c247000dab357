/** Data sets: validation and test draw from what training never shows. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { tasks } from '../../lib/index.js';
import { episodesOf, lastSplit } from '../../lib/cli/scores.js';
import { keptBack } from '../../lib/tasks/splits.js';
import type { Split } from '../../lib/tasks/task.js';
import { Rng } from '../../lib/tensor/rng.js';

const folder = mkdtempSync(path.join(tmpdir(), 'splits-'));
afterAll(() => rmSync(folder, { recursive: true }));
const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }) as Error;

/** An IDX file of unsigned bytes. */
function idx(name: string, sizes: number[], bytes: ArrayLike<number>): string {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt32BE(0x0800 + sizes.length);
  sizes.forEach((size, k) => header.writeUInt32BE(size, 4 + 4 * k));
  writeFileSync(path.join(folder, name), Buffer.concat([header, Uint8Array.from(bytes)]));
  return path.join(folder, name);
}

// Every pixel of image p has the value p in the training file and 200 + p in the test file.
const flatImages = (count: number, from: number): number[] =>
  Array.from({ length: count * 9 }, (_, k) => from + Math.floor(k / 9));
const files = {
  images: idx('images', [100, 3, 3], flatImages(100, 0)),
  labels: idx('labels', [100], new Uint8Array(100)),
  testImages: idx('test-images', [30, 3, 3], flatImages(30, 200)),
  testLabels: idx('test-labels', [30], new Uint8Array(30)),
};

type Mnist = ReturnType<typeof tasks.mnistRecall>;
/** The values that the windows of `count` lists show. */
function shown(task: Mnist, seed: number, count: number): Set<number> {
  const lists = Array.from({ length: count }, (_, index) => task.generate(seed, index));
  return new Set([...task.windows(lists, { seed })].flatMap(({ input }) => [...input[0]!.data]));
}

describe.each(['mnistRecall', 'mnistSorting'] as const)('%s', (kind) => {
  const make = (more: object = {}): Mnist => tasks[kind]({ ...files, items: 4, batch: 5, inputLevels: [0], ...more });
  const task = make();
  const seen = (split: Split, of = task): Set<number> => shown(of.split!(split), 7, 200);

  it('has three parts, which share no image and together are the files', () => {
    const [train, validation, test] = [seen('train'), seen('validation'), seen('test')];
    expect([train.size, validation.size, test.size]).toEqual([90, 10, 30]);
    expect([...train].some((image) => validation.has(image))).toBe(false);
    expect(new Set([...train, ...validation]).size).toBe(100);
    expect([...test].every((image) => image >= 200)).toBe(true);
  });

  it('trains on the part for training, whatever the seed and however long', () => {
    const kept = seen('validation');
    for (const seed of [0, 1, 99]) expect([...shown(task, seed, 300)].some((image) => kept.has(image))).toBe(false);
  });

  it('keeps back as many as it is told, by seed', () => {
    expect(seen('validation', make({ validation: 20 })).size).toBe(20);
    expect(seen('validation', make({ validation: 20, validationSeed: 1 }))).not.toEqual(
      seen('validation', make({ validation: 20 })),
    );
    expect(make({ validation: 0 }).splits).toEqual(['train', 'test']);
    const { testImages: _, testLabels: __, ...rest } = files;
    expect(tasks[kind]({ ...rest, items: 4, batch: 5 }).splits).toEqual(['train', 'validation']);
  });

  it.each([
    ['a split that there is not', () => make({ validation: 0 }).split!('validation')],
    ['a split of another name', () => make().split!('valid' as Split)],
    ['test images without their labels', () => make({ testLabels: undefined })],
    ['fewer kept back than a list has', () => make({ validation: 3 })],
    ['more kept back than leave a slice', () => make({ validation: 90 })],
    ['more kept back than there are', () => make({ validation: 101 })],
  ])('refuses %s', (_, call) => {
    expect(call).toThrow(argument);
  });
});

describe('babi', () => {
  const story = (n: number): string => `1 Mary went to place${n}.\n2 Where is Mary? \tplace${n}\t1\n`;
  const write = (name: string, texts: Record<string, readonly number[]>): string => {
    const where = path.join(folder, name);
    mkdirSync(where);
    for (const [file, numbers] of Object.entries(texts)) writeFileSync(path.join(where, file), numbers.map(story).join(''));
    return where;
  };
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, k) => from + k);
  const plain = write('plain', {
    'qa1_x_train.txt': range(0, 40),
    'qa1_x_test.txt': range(100, 110),
    'qa2_y_train.txt': range(200, 220),
    'qa2_y_test.txt': range(300, 305),
  });
  const valid = write('valid', {
    'qa1_train.txt': range(0, 20),
    'qa1_valid.txt': range(50, 56),
    'qa1_test.txt': range(100, 110),
  });
  type Babi = ReturnType<typeof tasks.babi>;
  const places = (task: Babi, count = 200): Set<number> =>
    new Set(Array.from({ length: count }, (_, k) => Number(task.vocabulary[Math.max(...task.generate(3, k).targets)]!.slice(5))));
  const part = (task: Babi, split: Split): Set<number> => places(task.split!(split) as Babi);

  it('keeps a tenth of each task back for validation, and tests on the test files', () => {
    const task = tasks.babi({ folder: plain });
    const [train, validation, test] = [part(task, 'train'), part(task, 'validation'), part(task, 'test')];
    expect([train.size, validation.size, test.size]).toEqual([54, 6, 15]);
    expect([...validation].filter((n) => n < 40).length).toBe(4);
    expect([...validation].some((n) => train.has(n))).toBe(false);
    expect([...test].sort((a, b) => a - b)).toEqual([...range(100, 110), ...range(300, 305)]);
    expect([...places(task, 500)].some((n) => validation.has(n))).toBe(false);
  });

  it('takes the files `valid` where there are some, and then trains on all of `train`', () => {
    const task = tasks.babi({ folder: valid });
    expect([part(task, 'train').size, [...part(task, 'validation')].sort((a, b) => a - b)]).toEqual([20, range(50, 56)]);
  });

  it('says so where nothing is kept back', () => {
    const few = write('few', { 'qa1_x_train.txt': [1, 2, 3] });
    expect(tasks.babi({ folder: few }).splits).toEqual(['train']);
    expect(() => tasks.babi({ folder: few }).split!('validation')).toThrow(argument);
    expect(() => tasks.babi({ folder: plain, validation: 1.5 })).toThrow(argument);
  });
});

describe('the words for a score', () => {
  it.each(
    [
      [{}, 'validation', '8 episodes of another seed than training'],
      [{ splits: ['train', 'validation'] }, 'validation', '8 episodes of examples kept back from training'],
      [{ splits: ['train', 'validation', 'test'] }, 'test', '8 episodes of the test set'],
      [{ splits: ['train', 'test'] }, 'train', '8 episodes of the training set'],
    ] as const,
  )('of %j, %s: %s', (task, split, text) => {
    expect(episodesOf(task, split, 8)).toBe(text);
  });

  it('a run is judged by its test set where it has one', () => {
    expect([lastSplit({}), lastSplit({ splits: ['train', 'validation'] }), lastSplit({ splits: ['train', 'test'] })])
      .toEqual(['validation', 'validation', 'test']);
  });
});

describe('places kept back', () => {
  it.each([[10, 3], [10, 0], [10, 10], [1, 1], [1000, 100]])(
    'of %d are %d, in order, and no others are missing',
    (count, kept) => {
      const [others, back] = keptBack(count, kept, new Rng(4));
      expect([others.length, back.length]).toEqual([count - kept, kept]);
      for (const places of [others, back]) expect([...places]).toEqual([...places].sort((a, b) => a - b));
      expect([...others, ...back].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, k) => k));
    },
  );
});
