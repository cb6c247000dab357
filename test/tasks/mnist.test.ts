import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { mnistRecall, mnistSorting } from '../../lib/tasks/lists/mnist.js';
import { nearestRows } from '../../lib/tasks/patch.js';
import { ClassScorer } from '../../lib/tasks/scorers.js';
import type { HostPyramid } from '../../lib/tasks/task.js';
import { describeWith, sharedFile } from './shared-data.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });
const folder = mkdtempSync(path.join(tmpdir(), 'mnist-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, bytes: Uint8Array): string {
  writeFileSync(path.join(folder, name), bytes);
  return path.join(folder, name);
}

/** An IDX file of unsigned bytes. */
function idx(sizes: number[], bytes: ArrayLike<number>): Buffer {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt32BE(0x0800 + sizes.length);
  sizes.forEach((size, k) => header.writeUInt32BE(size, 4 + 4 * k));
  return Buffer.concat([header, Uint8Array.from(bytes)]);
}

// A hundred made-up images, no two alike on any grid.
const pixels = Array.from({ length: 100 * 784 }, (_, k) => (Math.floor(k / 784) * 2 + (k % 784) * 37) % 256);
const classes = Array.from({ length: 100 }, (_, place) => (place * 7 + 3) % 10);
const plain = idx([100, 28, 28], pixels);
const plainLabels = idx([100], classes);
const images = write('images', plain);
const labels = write('labels', plainLabels);
const files = { images, labels, validation: 0 };

/** Image `place` of the file, resized: pixel [i, j] is [⌊28i/S⌋, ⌊28j/S⌋]. */
function resized(place: number, side: number): number[] {
  return Array.from({ length: side * side }, (_, k) => {
    const row = Math.floor((Math.floor(k / side) * 28) / side);
    return pixels[784 * place + 28 * row + Math.floor(((k % side) * 28) / side)]!;
  });
}

function imageAt(grids: HostPyramid, level: number, t: number, b: number): number[] {
  const { data: values, shape } = grids[level]!;
  const size = shape[2]! * shape[3]!;
  return [...values.subarray((t * shape[1]! + b) * size, (t * shape[1]! + b + 1) * size)];
}

describe('resizing', () => {
  it('takes the rows that TensorFlow 1 takes', () => {
    expect([...nearestRows(28, 3)]).toEqual([0, 9, 18]);
    expect([...nearestRows(28, 6)]).toEqual([0, 4, 9, 14, 18, 23]);
    expect([...nearestRows(28, 12)]).toEqual([0, 2, 4, 7, 9, 11, 14, 16, 18, 21, 23, 25]);
  });
});

describe('mnistRecall', () => {
  const task = mnistRecall({ ...files, batch: 5 });
  const lists = Array.from({ length: 5 }, (_, index) => task.generate(3, index));

  it('deals the first slice in file order, time-major', () => {
    lists.forEach((list, b) => expect([...list.images]).toEqual(Array.from({ length: 10 }, (_, t) => 5 * t + b)));
    expect([...task.generate(3, 7).images]).toEqual(Array.from({ length: 10 }, (_, t) => 50 + 5 * t + 2));
  });

  it('of other lengths is the task made with that many images', () => {
    const [made, other] = [task.ofItems!(6), mnistRecall({ ...files, batch: 5, items: 6 })];
    const [dealt, expected] = [made, other].map((each) => Array.from({ length: 9 }, (_, index) => each.generate(3, index)));
    expect(dealt).toEqual(expected);
    expect([made.lessons, Array.from(made.windows(dealt!, { seed: 1 }))]).toEqual([
      5,
      Array.from(other.windows(dealt!, { seed: 1 })),
    ]);
    expect(() => task.ofItems!(1)).toThrow(argument);
  });

  it('permutes each later pass anew, every image once, whatever the order of calls', () => {
    const passOf = (pass: number, seed: number): number[] => (
      Array.from({ length: 10 }, (_, index) => [...task.generate(seed, 10 * pass + index).images]).flat()
    );
    const first = passOf(0, 3);
    const second = passOf(1, 3);
    expect([...second].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, k) => k));
    expect(second).not.toEqual(first);
    expect(passOf(2, 3)).not.toEqual(second);
    expect(passOf(1, 4)).not.toEqual(second);
    expect(passOf(1, 3)).toEqual(second);
  });

  it('leaves out what does not fill a slice, as the published sample does', () => {
    const uneven = mnistRecall({ ...files, batch: 3 }); // slices of 30: three per pass, ten images left out
    expect([...uneven.generate(1, 8).images]).toEqual(Array.from({ length: 10 }, (_, t) => 60 + 3 * t + 2));
    const next = Array.from({ length: 9 }, (_, k) => [...uneven.generate(1, 9 + k).images]).flat();
    expect(new Set(next).size).toBe(90);
  });

  it('shows raw pixels on three grids, asks for one place in all lists, answers with the class of the next image', () => {
    const asked = new Set<number>();
    for (let batch = 0; batch < 40; batch++) {
      const [window] = task.windows(lists, { seed: 1, batch });
      const { query, target } = window!.outputs[0]!;
      expect(target.shape).toEqual([1, 5]);
      const places = Array.from({ length: 10 }, (_, t) => t).filter((t) =>
        lists.every((list, b) => (
          [0, 1, 2].every((level) => String(imageAt(query!, level, 0, b)) === String(resized(list.images[t]!, 3 * 2 ** level)))
        ))
      );
      expect(places).toHaveLength(1);
      expect([...target.data]).toEqual(lists.map((list) => classes[list.images[places[0]! + 1]!]));
      asked.add(places[0]!);
      for (let t = 0; t < 10; t++) {
        lists.forEach((list, b) => {
          for (const [level, side] of [[0, 3], [1, 6], [2, 12]] as const) {
            expect(imageAt(window!.input, level, t, b)).toEqual(resized(list.images[t]!, side));
          }
        });
      }
    }
    expect([...asked].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('practice asks at the last six steps, ten times at the last, of all lists the same place; lesson a is a images old', () => {
    const task = mnistRecall({ ...files, items: 8, batch: 4 });
    expect(task.lessons).toBe(7);
    const lists = [0, 1, 2, 3].map((index) => task.generate(1, index));
    const [window] = task.practice!(lists, [1, 1, 1, 0, 0, 0, 0], { seed: 1 });
    const { query, target, lesson, askedAt } = window!.outputs[0]!;
    expect([query![0]!.shape, target.shape, lesson!.shape]).toEqual([[15, 4, 3, 3, 1], [15, 4], [15, 4]]);
    expect(askedAt).toEqual([2, 3, 4, 5, 6, ...new Array<number>(10).fill(7)]);
    const asked = [...lesson!.data];
    expect(asked).toEqual(asked.map((_, row) => asked[row - (row % 4)]));
    const batches = Array.from(
      { length: 5 },
      (_, batch) => [...task.practice!(lists, [1, 1, 1, 0, 0, 0, 0], { seed: 1, batch })],
    );
    expect(new Set(batches.flat().flatMap(({ outputs }) => [...outputs[0]!.lesson!.data]))).toEqual(new Set([0, 1, 2]));
    askedAt!.forEach((step, q) => {
      lists.forEach((list, b) => {
        const answer = step - lesson!.data[4 * q + b]!;
        expect(imageAt(query!, 2, q, b)).toEqual(resized(list.images[answer - 1]!, 12));
        expect(target.data[4 * q + b]).toBe(classes[list.images[answer]!]);
      });
    });
    expect(() => task.practice!(lists, [1, 1], { seed: 1 })).toThrow(argument);
  });

  it('reads gzipped files, scales pixels and delivers other levels when asked to', () => {
    const zipped = { images: write('images.gz', gzipSync(plain)), labels: write('labels.gz', gzipSync(plainLabels)) };
    const other = mnistRecall({ ...zipped, batch: 5, inputLevels: [4], pixelScale: 1 / 256 });
    const [window] = other.windows(lists, { seed: 1 });
    expect(Object.keys(window!.input)).toEqual(['4']);
    expect(imageAt(window!.input, 4, 2, 1)).toEqual(resized(lists[1]!.images[2]!, 48).map((value) => value / 256));
  });
});

describe('mnistSorting', () => {
  it('answers with the classes of all images in increasing order, one per step', () => {
    const task = mnistSorting({ ...files, batch: 5 });
    expect(task.describe()).toMatchObject({ form: 'encodeDecode', steps: 20, outputs: [{ logits: [10], loss: 'crossEntropy' }] });
    const lists = Array.from({ length: 5 }, (_, index) => task.generate(1, index));
    const [window] = task.windows(lists, { seed: 1 });
    const { target, query } = window!.outputs[0]!;
    expect([target.shape, query]).toEqual([[20, 5], undefined]);
    lists.forEach((list, b) => {
      const expected = [...list.images].map((place) => classes[place]!).sort((x, y) => x - y);
      expect(Array.from({ length: 20 }, (_, t) => target.data[5 * t + b])).toEqual(expected);
    });
  });

  it('practice sorts the first images of the lists, lesson k those of k + 1 images', () => {
    const task = mnistSorting({ ...files, items: 8, batch: 5 });
    expect(task.lessons).toBe(8);
    const lists = Array.from({ length: 5 }, (_, index) => task.generate(1, index));
    const weights = [1, 1, 0, 1, 0, 0, 0, 0];
    const lengths = Array.from({ length: 60 }, (_, batch) => {
      const [window] = task.practice!(lists, weights, { seed: 1, batch });
      const items = window!.steps;
      const short = lists.map(({ images }) => ({ images: images.subarray(0, items) }));
      const { lesson, ...answers } = window!.outputs[0]!;
      const expected = short.map(({ images }) => [...images].map((place) => classes[place]!).sort((x, y) => x - y));
      expect([...answers.target.data]).toEqual(Array.from({ length: items }, (_, t) => expected.map((list) => list[t]!)).flat());
      expect(imageAt(window!.input, 2, items - 1, 4)).toEqual(resized(short[4]!.images[items - 1]!, 12));
      expect(lesson).toEqual({ data: new Int32Array(5 * items).fill(items - 1), shape: [items, 5] });
      return items;
    });
    expect([...new Set(lengths)].sort()).toEqual([1, 2, 4]);
    expect(() => task.practice!(lists, [1, 1], { seed: 1 })).toThrow(argument);
  });
});

describe('ClassScorer', () => {
  it('is the share of wrong classes, the first of equal logits predicted', () => {
    const task = mnistRecall({ ...files, batch: 5 });
    const [window] = task.windows([task.generate(1, 0), task.generate(1, 1)], { seed: 1 });
    const { data: target } = window!.outputs[0]!.target;
    const scorer = task.scorer();
    const right = Array.from({ length: 20 }, (_, k) => (target[Math.floor(k / 10)] === k % 10 ? 1 : 0));
    scorer.add([right], window!);
    expect(scorer.result()).toEqual({ errorRate: 0 });
    scorer.add([Array.from({ length: 20 }, () => 0)], window!); // class 0 everywhere
    const zeros = [...target].filter((label) => label === 0).length;
    expect(scorer.result()).toEqual({ errorRate: (2 - zeros) / 4 });
    expect(() => scorer.add([[1]], window!)).toThrow(expect.objectContaining({ code: 'ERR_MG_SHAPE' }));
    expect(new ClassScorer(10).result()).toEqual({ errorRate: 0 });
  });
});

describe('bad files and options', () => {
  it('names what is wrong with a file', () => {
    const cases: [string, string][] = [
      [path.join(folder, 'none'), 'readable file'],
      [folder, 'readable file'],
      [labels, 'IDX file'],
      [write('empty', new Uint8Array()), 'IDX file'],
      [write('short', plain.subarray(0, 15)), 'IDX file'],
      [write('cut', plain.subarray(0, 5000)), '78400 bytes after the header'],
      [write('long', Buffer.concat([plain, plain])), '78400 bytes after the header'],
      [write('huge', Buffer.from([0, 0, 8, 3, ...Array.from({ length: 12 }, () => 255)])), 'bytes after the header'],
      [write('half.gz', gzipSync(plain).subarray(0, 200)), 'readable file'],
      [write('text', Buffer.from('not an image file at all')), 'IDX file'],
    ];
    for (const [file, text] of cases) {
      expect(() => mnistRecall({ images: file, labels, batch: 5 }), file).toThrow(text);
      expect(() => mnistRecall({ images: file, labels, batch: 5 })).toThrow(argument);
    }
    expect(() => mnistRecall({ images, labels: write('fewer', idx([99], classes.slice(1))), batch: 5 })).toThrow('100 labels');
    const strange = write('strange', idx([100], classes.with(12, 10)));
    expect(() => mnistRecall({ images, labels: strange, batch: 5 })).toThrow('labels 0…9');
    const oblong = write('oblong', idx([100, 14, 56], pixels));
    expect(() => mnistRecall({ images: oblong, labels, batch: 5 })).toThrow('square images, got [14, 56]');
  });

  it('refuses options and lists that do not fit', () => {
    expect(() => mnistRecall(files)).toThrow('at least 10 × 32 images');
    for (
      const options of [
        { ...files, items: 1 },
        { ...files, batch: 0 },
        { ...files, batch: 5, inputLevels: [] },
        { images },
        { ...files, batch: 5, inputLevels: [0, 0] },
        { ...files, batch: 5, pixelScale: NaN },
        { ...files, size: 3 },
        null,
      ]
    ) {
      expect(() => mnistRecall(options as typeof files)).toThrow(argument);
    }
    const task = mnistRecall({ ...files, batch: 5 });
    for (
      const call of [
        () => task.generate(1, -1),
        () => task.windows([], { seed: 1 }),
        () => task.windows([{ images: Int32Array.of(1, 2) }], { seed: 1 }),
        () => task.windows([{ images: new Int32Array(10).fill(100) }], { seed: 1 }),
        () => task.windows([task.generate(1, 0)], { seed: 1, length: 5 }),
      ]
    ) expect(call).toThrow(argument);
  });
});

describeWith('data/mnist', 'the real sets', () => {
  it('deal the first 320 training images to the first 32 lists, and 187 slices per pass', () => {
    const task = mnistRecall({
      images: sharedFile('data/mnist/train-images-idx3-ubyte.gz'),
      labels: sharedFile('data/mnist/train-labels-idx1-ubyte.gz'),
      validation: 0,
    });
    expect(task.generate(1, 187 * 32 - 1).images.at(-1)).toBe(187 * 320 - 1);
    expect(task.generate(1, 187 * 32).images[0]).not.toBe(0);
  });

  it('answer with the labels of the test images: 7 2 1 0 4 1 4 9 5 9, and their pixels add up', () => {
    const fixture = 'data/fixtures/mnist/t10k-first100';
    const task = mnistSorting({
      images: sharedFile(`${fixture}-images-idx3-ubyte.gz`),
      labels: sharedFile(`${fixture}-labels-idx1-ubyte`),
      items: 2,
      batch: 5,
      validation: 0,
    });
    const order = task.generate(1, 0).images;
    expect([...order]).toEqual([0, 5]);
    const lists = Array.from({ length: 10 }, (_, k) => ({ images: Int32Array.of(k, k) }));
    const [window] = task.windows(lists, { seed: 1 });
    expect([...window!.outputs[0]!.target.data.subarray(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    const bytes = readFileSync(sharedFile(`${fixture}-images-idx3-ubyte`)).subarray(16);
    expect(bytes.reduce((sum, pixel) => sum + pixel, 0)).toBe(2_396_707);
    const center = Array.from({ length: 10 }, (_, k) => bytes[784 * k + 28 * 9 + 9]!); // rows and columns 0, 9, 18
    expect(center).toEqual(lists.map((_, b) => imageAt(window!.input, 0, 0, b)[4]));
  });
});
