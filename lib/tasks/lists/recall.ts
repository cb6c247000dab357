// Associative recall of random patches: after a list of items, one of them again; answer the item that followed it.
// Huynh, Maire, Walter 2020, "Algorithmic tasks"; bit probability and metric are our reading.

import { checkInteger } from '../../check.js';
import { boolean, checkData, integer, object, optional, type Data } from '../../schema.js';
import { Rng } from '../../tensor/rng.js';
import { PATCH, randomBits } from '../bits.js';
import { BitScorer } from '../scorers.js';
import { directions } from '../task.js';
import type { Task, TaskDescription, Window, WindowOptions } from '../task.js';
import { checkWeights, recallQuestions } from '../lessons.js';
import { checkItemIndex, checkLists, checkWindows, lazily, whole, zeros, type Cut } from '../windows.js';

export const recallOptions = object({
  /** Items per list. Default 10; the extended task of the paper has 20. */
  items: optional(integer(2, 100_000)),
  /**
   * Whether an item equal to an earlier one is drawn again, so that every question has one answer. Default false: of ten random
   * items the one asked for has a twin among those that can be asked for in 1.6 % of the lists, and then nobody can know which
   * was meant: 0.39 % of the bits are wrong at best, more than the 0.30 % published.
   */
  distinct: optional(boolean()),
});

export interface RecallOptions extends Data<typeof recallOptions> {}

export interface RecallList {
  /** Bits of the items, [items, 9]. */
  readonly patches: Uint8Array;
  /** Place of the item shown again: 0 … items−2. */
  readonly query: number;
}

/** The recall task. **Sees** one 3×3 patch of bits per step. **Is asked** once, after the last item, with one of the items
 *  but the last, drawn uniformly for each list. **Answers** the patch that followed it. **Scored** by the share of wrong bits,
 *  and of patches with any wrong bit. */
export function recall(options: RecallOptions = {}): Task<RecallList> {
  const { items = 10, distinct = false } = checkData('recall', recallOptions, options);
  return new RecallTask(distinct ? checkInteger('recall', 'items', items, 2, 2 ** PATCH) : items, distinct);
}

/** Items no two of which are equal; the bits of `randomBits` as long as none is drawn twice. */
function distinctBits(rng: Rng, items: number): Uint8Array {
  const patches = new Uint8Array(PATCH * items);
  const drawn = new Set<string>();
  while (drawn.size < items) {
    const patch = randomBits(rng, PATCH);
    patches.set(patch, PATCH * drawn.size); // what is drawn again is written over
    drawn.add(patch.join(''));
  }
  return patches;
}

class RecallTask implements Task<RecallList> {
  readonly name = 'recall';
  readonly version = 1;
  readonly lessons: number;
  readonly #items: number;
  readonly #distinct: boolean;

  constructor(items: number, distinct: boolean) {
    this.#items = items;
    this.#distinct = distinct;
    this.lessons = items - 1;
  }

  describe(): TaskDescription {
    const patch = [3, 3, 1];
    return {
      form: 'recall',
      input: { 0: patch },
      outputs: [{ name: 'recall', query: { 0: patch }, logits: patch, loss: 'bceWithLogits' }],
      metrics: ['errorRate', 'vectorErrorRate'],
      better: directions('lower', ['errorRate', 'vectorErrorRate']),
      steps: this.#items,
      window: null,
    };
  }

  generate(seed: number, index: number): RecallList {
    checkItemIndex('recall.generate', seed, index);
    const rng = new Rng(seed).split('recall').split(index);
    const patches = this.#distinct ? distinctBits(rng, this.#items) : randomBits(rng, PATCH * this.#items);
    return { patches, query: rng.integer(this.#items - 1) };
  }

  windows(lists: readonly RecallList[], options: WindowOptions): Iterable<Window> {
    this.#check('recall.windows', lists);
    checkWindows('recall.windows', options);
    const asked = [lists.map(({ query }) => query)];
    return lazily(whole('recall.windows', this.#items, options.length, options.from), (cut) => this.#window(cut, lists, asked));
  }

  /**
   * Lesson a is the question whose answer was shown a items ago. Asked at each of the last six steps, ten times at the last,
   * about one of the open lessons, in proportion to their weights. As old items are not asked about, it is of no use to keep all
   * in one sum under keys that are alike in part: the network learns to keep items apart, one more with each lesson, and
   * compares whole patches.
   */
  practice(lists: readonly RecallList[], weights: readonly number[], options: WindowOptions): Iterable<Window> {
    const where = 'recall.practice';
    this.#check(where, lists);
    checkWeights(where, weights, this.lessons);
    const { seed, batch } = checkWindows(where, options);
    const rng = new Rng(seed).split('practice').split(batch);
    const { asked, askedAt, lesson } = recallQuestions(rng, this.#items, lists.length, weights);
    return lazily(whole(where, this.#items, options.length, options.from), (cut) => {
      const window = this.#window(cut, lists, asked);
      return { ...window, outputs: [{ ...window.outputs[0]!, askedAt, lesson }] };
    });
  }

  ofItems(items: number): Task<RecallList> {
    return recall({ items, distinct: this.#distinct });
  }

  scorer(): BitScorer {
    return new BitScorer();
  }

  #check(where: string, lists: readonly RecallList[]): void {
    checkLists(where, lists, { patches: PATCH * this.#items });
    for (const { query } of lists) checkInteger(where, 'query', query, 0, this.#items - 2);
  }

  /** One window: `asked` holds the places asked for at each of the last steps, by list. */
  #window(cut: Cut, lists: readonly RecallList[], asked: readonly (readonly number[])[]): Window {
    const batch = lists.length;
    const input = zeros(cut.steps, batch, 3, 3, 1);
    const query = zeros(asked.length, batch, 3, 3, 1);
    const target = zeros(asked.length, batch, 3, 3, 1);
    lists.forEach((list, b) => {
      const patch = (item: number): Uint8Array => list.patches.subarray(PATCH * item, PATCH * (item + 1));
      for (let t = 0; t < cut.steps; t++) input.data.set(patch(t), (t * batch + b) * PATCH);
      asked.forEach((places, q) => {
        query.data.set(patch(places[b]!), (q * batch + b) * PATCH);
        target.data.set(patch(places[b]! + 1), (q * batch + b) * PATCH);
      });
    });
    return { ...cut, batch, input: { 0: input }, outputs: [{ name: 'recall', query: { 0: query }, target }] };
  }
}
