// MNIST tasks: remember a list of digit images; recall the class of one, or all classes in order.
// Huynh, Maire, Walter 2020, "Algorithmic tasks"; batches, queries and resizing as in the published recall sample.

import { checkInteger, checkNumber, checkOptions, fail } from '../check.js';
import { Rng } from '../tensor/rng.js';
import { readIdx } from './idx.js';
import { nearestRows } from './patch.js';
import { ClassScorer } from './scorers.js';
import { levelSide, type HostArray, type HostPyramid, type Task, type TaskDescription, type Window } from './task.js';
import type { WindowOptions, WindowOutput } from './task.js';
import { checkBatch, checkItemIndex, checkLengths, checkWindows, lazily, whole, zeros, type Cut } from './windows.js';

const CLASSES = 10;

export interface MnistOptions {
  /** IDX files of the user, plain or gzipped. */
  readonly images: string;
  readonly labels: string;
  /** Images per list. Default 10 for recall, 20 for sorting. */
  readonly items?: number;
  /** Lists of a slice of the data set: list b of a slice holds its images b, b + batch, b + 2·batch, … Default 32. */
  readonly batch?: number;
  /** Levels to deliver, each by nearest-neighbour resizing to side 3·2^l. Default [0, 1, 2]. */
  readonly inputLevels?: readonly number[];
  /** Factor on the pixels. Default 1: raw values 0 … 255. */
  readonly pixelScale?: number;
}

/** A list of images by their place in the file. */
export interface MnistList {
  readonly images: Int32Array;
}

const KNOWN = ['images', 'labels', 'items', 'batch', 'inputLevels', 'pixelScale'] as const satisfies (keyof MnistOptions)[];

type Kind = 'mnist-recall' | 'mnist-sorting';

/** Recall and classify. **Sees** one image per step. **Is asked** once, after the last image, with one of the images but the
 *  last; its place is drawn once for the batch. **Answers** the class of the image that followed it. **Scored** by the share of
 *  wrong classes. ERR_MG_ARGUMENT for files that are not MNIST or too small. */
export function mnistRecall(options: MnistOptions): Task<MnistList> {
  return new MnistTask('mnist-recall', options, 10);
}

/** Sort and classify. **Sees** one image per step; then a decoder runs for as many steps on zero input. **Answers** the
 *  classes of all images in increasing order, one per decoder step. **Scored** by the share of wrong classes. */
export function mnistSorting(options: MnistOptions): Task<MnistList> {
  return new MnistTask('mnist-sorting', options, 20);
}

class MnistTask implements Task<MnistList> {
  readonly name: Kind;
  readonly version = 1;
  readonly #items: number;
  readonly #batch: number;
  readonly #scale: number;
  readonly #levels: readonly { level: number; side: number }[];
  readonly #pixels: Uint8Array;
  readonly #labels: Uint8Array;
  readonly #side: number;
  #order: { seed: number; pass: number; places: Int32Array } | null = null;

  constructor(name: Kind, options: MnistOptions, items: number) {
    this.name = name;
    checkOptions(name, options, KNOWN);
    this.#items = checkInteger(name, 'items', options.items ?? items, 2, 100_000);
    this.#batch = checkInteger(name, 'batch', options.batch ?? 32, 1);
    this.#scale = checkNumber(name, 'pixelScale', options.pixelScale ?? 1);
    const levels = options.inputLevels ?? [0, 1, 2];
    if (!Array.isArray(levels) || levels.length === 0 || new Set(levels).size !== levels.length) {
      fail('ERR_MG_ARGUMENT', name, 'inputLevels to be a list of distinct levels', levels);
    }
    for (const level of levels) checkInteger(name, 'every input level', level, 0, 6);
    this.#levels = levels.map((level) => ({ level, side: levelSide(level) }));
    const images = readIdx(name, options.images, 3);
    const labels = readIdx(name, options.labels, 1);
    const [count, rows, cols] = images.shape;
    if (rows !== cols) fail('ERR_MG_ARGUMENT', name, 'square images', [rows, cols]);
    if (labels.shape[0] !== count) fail('ERR_MG_ARGUMENT', name, `${count} labels`, labels.shape[0]);
    if (labels.data.some((label) => label >= CLASSES)) fail('ERR_MG_ARGUMENT', name, 'labels 0…9', options.labels);
    if (count! < this.#items * this.#batch) {
      fail('ERR_MG_ARGUMENT', name, `at least ${this.#items} × ${this.#batch} images`, count, 'take a smaller batch');
    }
    this.#pixels = images.data;
    this.#labels = labels.data;
    this.#side = rows!;
  }

  describe(): TaskDescription {
    const input = Object.fromEntries(this.#levels.map(({ level, side }) => [level, [side, side, 1]]));
    const isRecall = this.name === 'mnist-recall';
    return {
      form: isRecall ? 'recall' : 'encodeDecode',
      input,
      outputs: [{ name: 'class', ...(isRecall ? { query: input } : {}), logits: [CLASSES], loss: 'crossEntropy' }],
      metrics: ['errorRate'],
      steps: this.#items,
      window: null,
    };
  }

  /** List `index`: lists are dealt slice by slice, in file order on the first pass, in a new order on each later one.
   *  What does not fill a slice is left out of its pass. */
  generate(seed: number, index: number): MnistList {
    checkItemIndex(`${this.name}.generate`, seed, index);
    const slice = Math.floor(index / this.#batch);
    const sliceSize = this.#items * this.#batch;
    const perPass = Math.floor(this.#labels.length / sliceSize);
    const places = this.#places(seed, Math.floor(slice / perPass));
    const first = (slice % perPass) * sliceSize + (index % this.#batch);
    return { images: Int32Array.from({ length: this.#items }, (_, t) => places[first + t * this.#batch]!) };
  }

  windowCount(lists: readonly MnistList[], length?: number): number {
    checkBatch(`${this.name}.windowCount`, lists);
    return whole(`${this.name}.windowCount`, this.#items, length).length;
  }

  windows(lists: readonly MnistList[], options: WindowOptions): Iterable<Window> {
    const where = `${this.name}.windows`;
    checkBatch(where, lists);
    checkLengths(where, lists.map(({ images }) => images.length), this.#items);
    for (const place of lists.flatMap(({ images }) => [...images])) {
      checkInteger(where, 'every image', place, 0, this.#labels.length - 1);
    }
    const { seed, batch } = checkWindows(where, options);
    const asked = new Rng(seed).split('query').split(batch).integer(this.#items - 1);
    return lazily(whole(where, this.#items, options.length, options.from), (cut) => this.#window(cut, lists, asked));
  }

  scorer(): ClassScorer {
    return new ClassScorer(CLASSES);
  }

  #places(seed: number, pass: number): Int32Array {
    if (this.#order === null || this.#order.seed !== seed || this.#order.pass !== pass) {
      const places = Array.from(this.#labels.keys());
      if (pass > 0) new Rng(seed).split('mnist').split(pass).shuffle(places);
      this.#order = { seed, pass, places: Int32Array.from(places) };
    }
    return this.#order.places;
  }

  #window(cut: Cut, lists: readonly MnistList[], asked: number): Window {
    const batch = lists.length;
    const shown = Array.from({ length: this.#items }, (_, t) => lists.map(({ images }) => images[t]!));
    const answer = (rows: number[][]): HostArray => ({ data: Int32Array.from(rows.flat()), shape: [rows.length, batch] });
    const classes = (places: number[]): number[] => places.map((place) => this.#labels[place]!);
    let output: WindowOutput;
    if (this.name === 'mnist-recall') {
      output = { name: 'class', query: this.#pyramid([shown[asked]!]), target: answer([classes(shown[asked + 1]!)]) };
    } else {
      const sorted = lists.map(({ images }) => classes([...images]).sort((a, b) => a - b));
      output = { name: 'class', target: answer(shown.map((_, t) => sorted.map((list) => list[t]!))) };
    }
    return { ...cut, batch, input: this.#pyramid(shown), outputs: [output] };
  }

  /** Images by [step][list] as [T, B, S, S, 1] on each level; source row ⌊i·side/S⌋ (TensorFlow 1, nearest). */
  #pyramid(shown: readonly (readonly number[])[]): HostPyramid {
    const grids: Record<number, HostArray> = {};
    const area = this.#side * this.#side;
    for (const { level, side } of this.#levels) {
      const rows = nearestRows(this.#side, side);
      const grid = zeros(shown.length, shown[0]!.length, side, side, 1);
      let at = 0;
      for (const place of shown.flat()) {
        for (const row of rows) {
          for (const col of rows) grid.data[at++] = this.#scale * this.#pixels[place * area + row * this.#side + col]!;
        }
      }
      grids[level] = grid;
    }
    return grids;
  }
}
