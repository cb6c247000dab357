// MNIST tasks: remember a list of digit images; recall the class of one, or all classes in order.
// Huynh, Maire, Walter 2020, "Algorithmic tasks"; batches, queries and resizing as in the published recall sample.

import { checkInteger, fail, words } from '../../check.js';
import { Rng } from '../../tensor/rng.js';
import { checkWeights, drawLength, lessonOfLength, recallQuestions, type RecallQuestions } from '../lessons.js';
import { CLASSES, readMnist, type MnistData, type MnistOptions } from './mnist-data.js';
import { nearestRows } from '../patch.js';
import { ClassScorer } from '../scorers.js';
import { checkSplit } from '../splits.js';
import { directions, splits, type HostArray, type HostPyramid, type Split, type Task } from '../task.js';
import type { TaskDescription, Window } from '../task.js';
import type { WindowOptions, WindowOutput } from '../task.js';
import { checkItemIndex, checkLists, checkWindows, lazily, whole, zeros, type Cut } from '../windows.js';

/** A list of images by their place in the file of their split: that of `images`, or of `testImages`. */
export interface MnistList {
  readonly images: Int32Array;
}

type Kind = 'mnist-recall' | 'mnist-sorting';

/** Recall and classify. **Sees** one image per step. **Is asked** once, after the last image, with one of the images but the
 *  last; its place is drawn once for the batch. **Answers** the class of the image that followed it. **Scored** by the share of
 *  wrong classes. ERR_MG_ARGUMENT for files that are not MNIST or too small. */
export function mnistRecall(options: MnistOptions): Task<MnistList> {
  return new MnistTask('mnist-recall', readMnist('mnist-recall', options, 10));
}

/** Sort and classify. **Sees** one image per step; then a decoder runs for as many steps on zero input. **Answers** the
 *  classes of all images in increasing order, one per decoder step. **Scored** by the share of wrong classes. */
export function mnistSorting(options: MnistOptions): Task<MnistList> {
  return new MnistTask('mnist-sorting', readMnist('mnist-sorting', options, 20));
}

class MnistTask implements Task<MnistList> {
  readonly name: Kind;
  readonly version = 2;
  readonly splits: readonly Split[];
  readonly lessons: number;
  readonly #data: MnistData;
  readonly #split: Split;
  readonly #items: number;
  readonly #batch: number;
  readonly #scale: number;
  readonly #levels: readonly { level: number; side: number }[];
  readonly #pixels: Uint8Array;
  readonly #labels: Uint8Array;
  readonly #side: number;
  readonly #drawn: Int32Array;
  #order: { seed: number; pass: number; places: Int32Array } | null = null;

  constructor(name: Kind, data: MnistData, split: Split = 'train') {
    this.name = name;
    this.#data = data;
    this.#split = split;
    this.splits = splits.filter((part) => data.places[part].length > 0);
    ({ items: this.#items, scale: this.#scale, levels: this.#levels } = data);
    ({ pixels: this.#pixels, labels: this.#labels, side: this.#side } = data.files[split === 'test' ? 'test' : 'train']!);
    this.lessons = name === 'mnist-recall' ? this.#items - 1 : this.#items;
    this.#drawn = data.places[split];
    this.#batch = Math.min(data.batch, Math.floor(this.#drawn.length / this.#items));
    if (this.#batch === 0) {
      fail('ERR_MG_ARGUMENT', name, `a ${split} set of at least ${this.#items} images`, words(`${this.#drawn.length} images`));
    }
  }

  split(name: Split): Task<MnistList> {
    return new MnistTask(this.name, this.#data, checkSplit(this.name, name, this.splits));
  }

  ofItems(items: number): Task<MnistList> {
    return new MnistTask(this.name, { ...this.#data, items: checkInteger(this.name, 'items', items, 2) }, this.#split);
  }

  describe(): TaskDescription {
    const input = Object.fromEntries(this.#levels.map(({ level, side }) => [level, [side, side, 1]]));
    const isRecall = this.name === 'mnist-recall';
    return {
      form: isRecall ? 'recall' : 'encodeDecode',
      input,
      outputs: [{ name: 'class', ...(isRecall ? { query: input } : {}), logits: [CLASSES], loss: 'crossEntropy' }],
      metrics: ['errorRate'],
      better: directions('lower', ['errorRate']),
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
    const perPass = Math.floor(this.#drawn.length / sliceSize);
    const places = this.#places(seed, Math.floor(slice / perPass));
    const first = (slice % perPass) * sliceSize + (index % this.#batch);
    return { images: Int32Array.from({ length: this.#items }, (_, t) => places[first + t * this.#batch]!) };
  }

  windows(lists: readonly MnistList[], options: WindowOptions): Iterable<Window> {
    const where = `${this.name}.windows`;
    this.#check(where, lists);
    const { seed, batch } = checkWindows(where, options);
    const place = new Rng(seed).split('query').split(batch).integer(this.#items - 1);
    const asked = [lists.map(() => place)];
    return lazily(whole(where, this.#items, options.length, options.from), (cut) => this.#window(cut, lists, asked));
  }

  /**
   * Of recall, as `recall` practises: lesson a is the question whose answer was shown a images ago. A question has one place for
   * all lists, as the task has it: what is normalised over a batch would else learn of mixtures that scoring never shows.
   * Of sorting, as `sorting` practises: lesson k is the sorting of lists of k + 1 images.
   */
  practice(lists: readonly MnistList[], weights: readonly number[], options: WindowOptions): Iterable<Window> {
    const where = `${this.name}.practice`;
    this.#check(where, lists);
    checkWeights(where, weights, this.lessons);
    const { seed, batch } = checkWindows(where, options);
    const rng = new Rng(seed).split('practice').split(batch);
    return this.name === 'mnist-recall'
      ? this.#recallPractice(lists, recallQuestions(rng, this.#items, 1, weights), options)
      : this.#sortingPractice(lists, drawLength(rng, weights), options);
  }

  #recallPractice(lists: readonly MnistList[], drawn: RecallQuestions, { length, from }: WindowOptions): Iterable<Window> {
    const asked = drawn.asked.map(([place]) => lists.map(() => place!));
    const ages = [...drawn.lesson.data].flatMap((age) => lists.map(() => age));
    const lesson = { data: Int32Array.from(ages), shape: [asked.length, lists.length] };
    return lazily(whole(`${this.name}.practice`, this.#items, length, from), (cut) => {
      const window = this.#window(cut, lists, asked);
      return { ...window, outputs: [{ ...window.outputs[0]!, askedAt: drawn.askedAt, lesson }] };
    });
  }

  #sortingPractice(lists: readonly MnistList[], shown: number, { length, from }: WindowOptions): Iterable<Window> {
    const short = lists.map(({ images }) => ({ images: images.subarray(0, shown) }));
    return lazily(whole(`${this.name}.practice`, shown, length, from), (cut) => {
      const window = this.#window(cut, short, []);
      return { ...window, outputs: [{ ...window.outputs[0]!, lesson: lessonOfLength(shown, shown, lists.length) }] };
    });
  }

  #check(where: string, lists: readonly MnistList[]): void {
    checkLists(where, lists, { images: this.#items });
    for (const place of lists.flatMap(({ images }) => [...images])) {
      checkInteger(where, 'every image', place, 0, this.#labels.length - 1);
    }
  }

  scorer(): ClassScorer {
    return new ClassScorer(CLASSES);
  }

  #places(seed: number, pass: number): Int32Array {
    if (this.#order === null || this.#order.seed !== seed || this.#order.pass !== pass) {
      const places = [...this.#drawn];
      if (pass > 0) new Rng(seed).split('mnist').split(pass).shuffle(places);
      this.#order = { seed, pass, places: Int32Array.from(places) };
    }
    return this.#order.places;
  }

  #window(cut: Cut, lists: readonly MnistList[], asked: readonly (readonly number[])[]): Window {
    const batch = lists.length;
    const shown = Array.from({ length: cut.steps }, (_, t) => lists.map(({ images }) => images[t]!));
    const answer = (rows: number[][]): HostArray => ({ data: Int32Array.from(rows.flat()), shape: [rows.length, batch] });
    const classes = (places: number[]): number[] => places.map((place) => this.#labels[place]!);
    let output: WindowOutput;
    if (this.name === 'mnist-recall') {
      const at = (after: number): number[][] => asked.map((places) => places.map((place, b) => shown[place + after]![b]!));
      output = { name: 'class', query: this.#pyramid(at(0)), target: answer(at(1).map(classes)) };
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
