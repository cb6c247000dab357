// Associative recall of items of several vectors (Graves, Wayne, Danihelka 2014, §4.3).

import { checkInteger, fail } from '../../check.js';
import { checkData, choice, integer, object, optional, type Data } from '../../schema.js';
import { Rng } from '../../tensor/rng.js';
import { randomVectors } from './copy.js';
import { inRange, range, type Range } from './range.js';
import { PATCH } from '../bits.js';
import { BitWriter, presentations, SequenceScorer, SequenceTask, type BitSequence, type Presentation } from './sequence-task.js';
import type { Task, TaskDescription, Window, WindowOptions } from '../task.js';
import { checkBatch, checkItemIndex, checkLists, checkWindows, lazily, whole, zeros, type Cut } from '../windows.js';

export const associativeRecallOptions = object({
  /** Items of a list, drawn for each list; default 2 to 6. */
  items: optional(range(2)),
  /** Vectors of an item; default 3. */
  vectors: optional(integer(1)),
  /** Bits of a vector; default 6. */
  bits: optional(integer(1)),
  /**
   * `next` (default): the answer is the item that followed the query. `pairs`, as Rae et al. 2016 have it: an item is a key and a
   * value, each of so many vectors; asked is the value of one of the keys, which all are distinct.
   */
  form: optional(choice('next', 'pairs')),
  /**
   * `flat` (default) and `grid`: a vector per step, the query among them; `patch`: an item per step, and a reader gets the query.
   */
  presentation: optional(choice(...presentations, 'patch')),
});

export interface AssociativeRecallOptions extends Data<typeof associativeRecallOptions> {}

/** Items, and the place of the one that is shown again: 0 … items−2. */
export interface AssociativeList {
  /** Bits of each item, vector after vector. */
  readonly items: readonly Uint8Array[];
  readonly query: number;
}

/**
 * One of a list of items is shown again; the answer is the item that followed it. **Scored** as copy. The same seed and index
 * give the same items and query in each presentation.
 *
 * `flat` and `grid`: **sees** a delimiter before each item, its vectors step by step, then the query between two query
 * delimiters. **Answers** one vector per step, on zero input.
 * `pairs`: **sees** the vectors of each key, with a flag, then those of its value; at last those of one of the keys with another
 * flag. **Answers** the vectors of its value. The flags and that nothing stands between the pairs are our reading.
 * `patch`, as random patches are shown by Huynh, Maire, Walter 2020: **sees** one item per step; its bits fill the cells of a
 * 3×3 grid in order, vectors·bits/9 channels in each (by default a row per vector, two bits in a cell). Shorter lists of a batch
 * begin later, after zeros. **Is asked** once, after the last item, with the query. **Answers** all bits of the item at once.
 */
export function associativeRecall(options?: AssociativeRecallOptions & { readonly presentation?: Presentation }): SequenceTask;
export function associativeRecall(options: AssociativeRecallOptions & { readonly presentation: 'patch' }): Task<AssociativeList>;
export function associativeRecall(options: AssociativeRecallOptions = {}): SequenceTask | Task<AssociativeList> {
  const name = 'associativeRecall';
  const own = checkData(name, associativeRecallOptions, options);
  const { items = [2, 6], vectors = 3, bits = 6, form = 'next', presentation = 'flat' } = own;
  if (form === 'pairs') {
    if (presentation === 'patch') fail('ERR_MG_ARGUMENT', name, 'presentation flat or grid of pairs', presentation);
    return new PairRecallTask(items, vectors, bits, presentation);
  }
  if (presentation !== 'patch') return new AssociativeRecallTask(items, vectors, bits, presentation);
  if ((vectors * bits) % PATCH !== 0) {
    fail('ERR_MG_ARGUMENT', name, `vectors times bits to be a multiple of ${PATCH}`, vectors * bits);
  }
  return new PatchRecallTask(items, vectors, bits);
}

function drawList(
  seed: number,
  index: number,
  range: Range,
  vectors: number,
  bits: number,
): { items: Uint8Array[][]; query: number } {
  const rng = new Rng(seed).split('associativeRecall').split(index);
  const count = inRange(rng, range);
  const items = Array.from({ length: count }, () => randomVectors(rng, vectors, bits));
  return { items, query: rng.integer(count - 1) };
}

class AssociativeRecallTask extends SequenceTask {
  readonly version = 1;
  readonly levels: number;
  constructor(readonly items: Range, readonly vectors: number, bits: number, presentation: Presentation) {
    super('associative-recall', bits + 2, bits, presentation);
    this.levels = items[1];
  }

  /** Lists of `level` items, of 2 at least. */
  atLevel(level: number): AssociativeRecallTask {
    const items = Math.max(2, checkInteger(this.name, 'level', level, 1));
    return new AssociativeRecallTask([items, items], this.vectors, this.bits, this.presentation);
  }

  protected draw(seed: number, index: number): BitSequence {
    const { items, query } = drawList(seed, index, this.items, this.vectors, this.bits);
    return encodeAssociativeRecall(items, query);
  }
}

class PairRecallTask extends SequenceTask {
  readonly version = 1;
  readonly levels: number;
  constructor(readonly pairs: Range, readonly vectors: number, bits: number, presentation: Presentation) {
    super('associative-recall', bits + 2, bits, presentation);
    this.levels = pairs[1];
    const keys = 2 ** (vectors * bits);
    if (pairs[1] > keys / 2) fail('ERR_MG_ARGUMENT', 'associativeRecall', `at most ${keys / 2} pairs of such keys`, pairs[1]);
  }

  /** Lists of `level` pairs. */
  atLevel(level: number): PairRecallTask {
    checkInteger(this.name, 'level', level, 1);
    return new PairRecallTask([level, level], this.vectors, this.bits, this.presentation);
  }

  protected draw(seed: number, index: number): BitSequence {
    const rng = new Rng(seed).split('pairs').split(index);
    const count = inRange(rng, this.pairs);
    const seen = new Set<string>();
    const pairs = Array.from({ length: count }, () => {
      let key: Uint8Array[];
      do key = randomVectors(rng, this.vectors, this.bits); while (seen.has(key.join()));
      seen.add(key.join());
      return { key, value: randomVectors(rng, this.vectors, this.bits) };
    });
    return encodePairs(pairs, rng.integer(count));
  }
}

/** The episode of these pairs, asked for the value of pair `query`. */
export function encodePairs(
  pairs: readonly { readonly key: readonly ArrayLike<number>[]; readonly value: readonly ArrayLike<number>[] }[],
  query: number,
): BitSequence {
  const bits = pairs[0]!.key[0]!.length;
  const writer = new BitWriter(bits + 2, bits);
  for (const { key, value } of pairs) {
    for (const vector of key) writer.show([...Array.from(vector), 1]);
    for (const vector of value) writer.show(vector);
  }
  for (const vector of pairs[query]!.key) writer.show([...Array.from(vector), 0, 1]);
  for (const vector of pairs[query]!.value) writer.ask(vector);
  return writer.done();
}

class PatchRecallTask implements Task<AssociativeList> {
  readonly name = 'associative-recall';
  readonly version = 1;
  readonly #size: number;
  readonly #patch: readonly [number, number, number];

  constructor(readonly items: Range, readonly vectors: number, readonly bits: number) {
    this.#size = vectors * bits;
    this.#patch = [3, 3, this.#size / PATCH];
  }

  describe(): TaskDescription {
    return {
      form: 'recall',
      input: { 0: this.#patch },
      outputs: [{ name: this.name, query: { 0: this.#patch }, logits: this.#patch, loss: 'bceWithLogits' }],
      metrics: SequenceScorer.metrics,
      better: SequenceScorer.better,
      steps: null,
      window: null,
    };
  }

  generate(seed: number, index: number): AssociativeList {
    checkItemIndex(`${this.name}.generate`, seed, index);
    const { items, query } = drawList(seed, index, this.items, this.vectors, this.bits);
    return { items: items.map((vectors) => Uint8Array.from(vectors.flatMap((vector) => [...vector]))), query };
  }

  windows(lists: readonly AssociativeList[], options: WindowOptions): Iterable<Window> {
    const steps = this.#steps('windows', lists);
    checkWindows(`${this.name}.windows`, options);
    return lazily(whole(`${this.name}.windows`, steps, options.length, options.from), (cut) => this.#window(cut, lists));
  }

  scorer(): SequenceScorer {
    return new SequenceScorer();
  }

  #steps(where: string, lists: readonly AssociativeList[]): number {
    checkBatch(`${this.name}.${where}`, lists, ['items']);
    for (const { items, query } of lists) {
      checkLists(`${this.name}.${where}`, items.map((vectors) => ({ vectors })), { vectors: this.#size });
      checkInteger(`${this.name}.${where}`, 'query', query, 0, items.length - 2);
    }
    return Math.max(...lists.map(({ items }) => items.length));
  }

  #window(cut: Cut, lists: readonly AssociativeList[]): Window {
    const batch = lists.length;
    const size = this.#size;
    const input = zeros(cut.steps, batch, ...this.#patch);
    const query = zeros(1, batch, ...this.#patch);
    const target = zeros(1, batch, ...this.#patch);
    lists.forEach((list, b) => {
      const first = cut.steps - list.items.length;
      list.items.forEach((item, k) => input.data.set(item, ((first + k) * batch + b) * size));
      query.data.set(list.items[list.query]!, b * size);
      target.data.set(list.items[list.query + 1]!, b * size);
    });
    return { ...cut, batch, input: { 0: input }, outputs: [{ name: this.name, query: { 0: query }, target }] };
  }
}

/** The episode of these items, asked for the one behind `query`. */
export function encodeAssociativeRecall(items: readonly (readonly ArrayLike<number>[])[], query: number): BitSequence {
  const bits = items[0]![0]!.length;
  const writer = new BitWriter(bits + 2, bits);
  for (const item of items) {
    writer.show([1], bits);
    for (const vector of item) writer.show(vector);
  }
  writer.show([1], bits + 1);
  for (const vector of items[query]!) writer.show(vector);
  writer.show([1], bits + 1);
  for (const vector of items[query + 1]!) writer.ask(vector);
  return writer.done();
}
