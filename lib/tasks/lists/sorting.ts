// Priority sort of random patches: a list of patches, each with a priority; output the patches in order of priority.
// Huynh, Maire, Walter 2020, "Algorithmic tasks"; how the priority is fed and the direction are our reading.

import { checkData, choice, integer, number, object, optional, type Data } from '../../schema.js';
import { Rng } from '../../tensor/rng.js';
import { PATCH, randomBits } from '../bits.js';
import { checkWeights, drawLength, lessonOfLength } from '../lessons.js';
import { BitScorer } from '../scorers.js';
import { directions } from '../task.js';
import type { Task, TaskDescription, Window, WindowOptions } from '../task.js';
import { checkItemIndex, checkLists, checkWindows, lazily, whole, zeros, type Cut } from '../windows.js';

export const sortingOptions = object({
  /** Items per list. Default 20; the extended task of the paper has 50. */
  items: optional(integer(1, 100_000)),
  /** Default `ascending`: the lowest priority first. */
  order: optional(choice('ascending', 'descending')),
  /** Factor on the priority channel. Default 1: priorities from −1 to 1. */
  priorityScale: optional(number()),
});

export interface SortingOptions extends Data<typeof sortingOptions> {}

export interface SortingList {
  /** Bits of the items, [items, 9]. */
  readonly patches: Uint8Array;
  /** In [−1, 1). */
  readonly priorities: Float32Array;
}

/** The sorting task. **Sees** one 3×3 patch of bits per step, with its priority as a second, constant channel. Then a decoder
 *  runs for as many steps on zero input. **Answers**, one patch per decoder step, in order of priority (equal ones in the order
 *  seen). **Scored** by the share of wrong bits, and of patches with any wrong bit. */
export function sorting(options: SortingOptions = {}): Task<SortingList> {
  const { items = 20, order = 'ascending', priorityScale = 1 } = checkData('sorting', sortingOptions, options);
  return new SortingTask({ items, order, priorityScale });
}

class SortingTask implements Task<SortingList> {
  readonly name = 'sorting';
  readonly version = 1;
  readonly lessons: number;
  readonly #options: Required<SortingOptions>;

  constructor(options: Required<SortingOptions>) {
    this.#options = options;
    this.lessons = options.items;
  }

  describe(): TaskDescription {
    return {
      form: 'encodeDecode',
      input: { 0: [3, 3, 2] },
      outputs: [{ name: 'sorted', logits: [3, 3, 1], loss: 'bceWithLogits' }],
      metrics: ['errorRate', 'vectorErrorRate'],
      better: directions('lower', ['errorRate', 'vectorErrorRate']),
      steps: this.#options.items,
      window: null,
    };
  }

  generate(seed: number, index: number): SortingList {
    checkItemIndex('sorting.generate', seed, index);
    const rng = new Rng(seed).split('sorting').split(index);
    const patches = randomBits(rng, PATCH * this.#options.items);
    return { patches, priorities: Float32Array.from({ length: this.#options.items }, () => 2 * rng.uniform() - 1) };
  }

  windows(lists: readonly SortingList[], options: WindowOptions): Iterable<Window> {
    this.#check('sorting.windows', lists);
    checkWindows('sorting.windows', options);
    return lazily(whole('sorting.windows', this.#options.items, options.length, options.from), (cut) => this.#window(cut, lists));
  }

  /** Lesson k is the sorting of lists of k + 1 items: the first ones of the lists given. */
  practice(lists: readonly SortingList[], weights: readonly number[], options: WindowOptions): Iterable<Window> {
    const where = 'sorting.practice';
    this.#check(where, lists);
    checkWeights(where, weights, this.lessons);
    const { seed, batch } = checkWindows(where, options);
    const shown = drawLength(new Rng(seed).split('practice').split(batch), weights);
    const short = lists.map(({ patches, priorities }) => ({
      patches: patches.subarray(0, PATCH * shown),
      priorities: priorities.subarray(0, shown),
    }));
    return lazily(whole(where, shown, options.length, options.from), (cut) => {
      const { outputs: [answers], ...window } = this.#window(cut, short);
      return { ...window, outputs: [{ ...answers!, lesson: lessonOfLength(shown, shown, lists.length) }] };
    });
  }

  ofItems(items: number): Task<SortingList> {
    return sorting({ ...this.#options, items });
  }

  #check(where: string, lists: readonly SortingList[]): void {
    checkLists(where, lists, { patches: PATCH * this.#options.items, priorities: this.#options.items });
  }

  scorer(): BitScorer {
    return new BitScorer();
  }

  #window(cut: Cut, lists: readonly SortingList[]): Window {
    const batch = lists.length;
    const { order: direction, priorityScale } = this.#options;
    const sign = direction === 'ascending' ? 1 : -1;
    const input = zeros(cut.steps, batch, 3, 3, 2);
    const target = zeros(cut.steps, batch, 3, 3, 1);
    lists.forEach(({ patches, priorities }, b) => {
      const order = Array.from(priorities.keys()).sort((i, j) => sign * (priorities[i]! - priorities[j]!));
      for (let t = 0; t < cut.steps; t++) {
        const at = (t * batch + b) * PATCH;
        for (let bit = 0; bit < PATCH; bit++) {
          input.data[2 * (at + bit)] = patches[PATCH * t + bit]!;
          input.data[2 * (at + bit) + 1] = priorityScale * priorities[t]!;
        }
        target.data.set(patches.subarray(PATCH * order[t]!, PATCH * (order[t]! + 1)), at);
      }
    });
    return { ...cut, batch, input: { 0: input }, outputs: [{ name: 'sorted', target }] };
  }
}
