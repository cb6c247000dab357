// Recall and sorting of random patches.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recall } from '../../lib/tasks/lists/recall.js';
import { BitScorer } from '../../lib/tasks/scorers.js';
import { sorting } from '../../lib/tasks/lists/sorting.js';
import type { HostArray } from '../../lib/tasks/task.js';
import { cases } from '../helpers/promises.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });

const size = fc.integer({ min: 1, max: 4 });

/** Row [t, b] of a [T, B, …] array. */
function row({ data, shape }: HostArray, t: number, b: number): number[] {
  const size = data.length / (shape[0]! * shape[1]!);
  const at = (t * shape[1]! + b) * size;
  return [...data.subarray(at, at + size)];
}

/** Patches with one bit each: item k has bit k. */
function marked(items: number): Uint8Array {
  return Uint8Array.from({ length: 9 * items }, (_, k) => (k % 9 === Math.floor(k / 9) ? 1 : 0));
}

describe('recall', () => {
  it('by eye: three items, the second shown again, so the third is the answer', () => {
    const patches = marked(3);
    const [window] = recall({ items: 3 }).windows([{ patches, query: 1 }], { seed: 1 });
    expect([...window!.input[0]!.data]).toEqual([...patches]);
    expect([...window!.outputs[0]!.query![0]!.data]).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect([...window!.outputs[0]!.target.data]).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 0]);
  });

  it('shows each item in its step and asks for what followed the query', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), size, fc.maxSafeNat(), (items, batch, seed) => {
        const task = recall({ items });
        const lists = Array.from({ length: batch }, (_, index) => task.generate(seed, index));
        const [window, ...rest] = task.windows(lists, { seed });
        expect([rest.length, window!.first, window!.last]).toEqual([0, true, true]);
        expect(window!.input[0]!.shape).toEqual([items, batch, 3, 3, 1]);
        const { query, target } = window!.outputs[0]!;
        expect([query![0]!.shape, target.shape]).toEqual([[1, batch, 3, 3, 1], [1, batch, 3, 3, 1]]);
        lists.forEach((list, b) => {
          const shown = Array.from({ length: items }, (_, t) => row(window!.input[0]!, t, b));
          expect(shown.flat()).toEqual([...list.patches]);
          expect(row(query![0]!, 0, b)).toEqual(row(window!.input[0]!, list.query, b));
          expect(row(target, 0, b)).toEqual(row(window!.input[0]!, list.query + 1, b));
        });
      }),
      { numRuns: cases(40) },
    );
  });

  it('draws bits evenly and every query but the last item (900 lists, seed 2)', () => {
    const task = recall();
    const counts = Array.from({ length: 10 }, () => 0);
    let ones = 0;
    for (let index = 0; index < 900; index++) {
      const { patches, query } = task.generate(2, index);
      counts[query]!++;
      ones += patches.reduce((sum, bit) => sum + bit, 0);
    }
    expect(counts[9]).toBe(0);
    expect(counts.slice(0, 9).reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0)).toBeLessThan(26.12); // χ², 8, 0.1 %
    expect(Math.abs(ones - 40_500)).toBeLessThan(5 * Math.sqrt(81_000 / 4));
  });

  it('distinct: no item twice, as many as there are patches, and the same lists where none was twice', () => {
    const items = (patches: Uint8Array) =>
      Array.from({ length: patches.length / 9 }, (_, k) => patches.subarray(9 * k, 9 * k + 9).join(''));
    let same = 0;
    for (let index = 0; index < 300; index++) {
      const [plain, distinct] = [recall(), recall({ distinct: true })].map((task) => task.generate(3, index));
      expect(new Set(items(distinct!.patches)).size).toBe(10);
      if (new Set(items(plain!.patches)).size < 10) continue;
      expect(distinct).toEqual(plain);
      same += 1;
    }
    // a list of ten has no twins with probability Π(1 − k/512) = 0.916; five deviations of 300 draws
    expect(Math.abs(same / 300 - 0.916)).toBeLessThan(5 * Math.sqrt((0.916 * 0.084) / 300));
    expect(new Set(items(recall({ items: 512, distinct: true }).generate(1, 0).patches)).size).toBe(512);
    expect(() => recall({ items: 513, distinct: true })).toThrow(argument);
    expect(() => recall({ distinct: 1 as never })).toThrow(argument);
  });

  it('practice asks at the last six steps, ten times at the last, about open lessons by weight; lesson a is a items old', () => {
    const task = recall({ items: 8, distinct: true });
    expect(task.lessons).toBe(7);
    const lists = Array.from({ length: 300 }, (_, index) => task.generate(4, index));
    const place = (list: { patches: Uint8Array }, patch: number[]): number =>
      Array.from({ length: 8 }, (_, k) => k).find((k) => list.patches.subarray(9 * k, 9 * k + 9).join() === patch.join())!;
    for (const weights of [[1, 0, 0, 0, 0, 0, 0], [1, 3, 0, 0, 0, 0, 0], [2, 1, 1, 1, 1, 1, 1]]) {
      const [window] = task.practice!(lists, weights, { seed: 1, batch: 5 });
      const { query, target, lesson, askedAt } = window!.outputs[0]!;
      expect([query![0]!.shape, target.shape]).toEqual([[15, 300, 3, 3, 1], [15, 300, 3, 3, 1]]);
      expect(lesson!.shape).toEqual([15, 300]);
      expect(askedAt).toEqual([2, 3, 4, 5, 6, ...new Array<number>(10).fill(7)]);
      askedAt!.forEach((step, q) => {
        const possible = weights.slice(0, step); // of what has been shown
        const counts = possible.map(() => 0);
        lists.forEach((list, b) => {
          const age = lesson!.data[q * 300 + b]!;
          counts[age]!++;
          const answer = step - age;
          expect(place(list, row(target, q, b))).toBe(answer);
          expect(place(list, row(query![0]!, q, b))).toBe(answer - 1);
        });
        const all = possible.reduce((sum, weight) => sum + weight, 0);
        possible.forEach((weight, age) => {
          const p = weight / all;
          expect(Math.abs(counts[age]! / 300 - p), `step ${step}, lesson ${age}`).toBeLessThanOrEqual(
            4 * Math.sqrt((p * (1 - p)) / 300),
          );
        });
      });
    }
    const even = new Array<number>(7).fill(1);
    const bits = (batch: number) => [...task.practice!(lists, even, { seed: 1, batch })][0]!.outputs[0]!.target.data;
    expect(bits(5)).toEqual(bits(5));
    expect(bits(5)).not.toEqual(bits(6));
    for (const weights of [[1], [...even, 1], [0, 1, 1, 1, 1, 1, 1], [1, -1, 0, 0, 0, 0, 0], 1]) {
      expect(() => task.practice!(lists, weights as number[], { seed: 1 })).toThrow(argument);
    }
    expect([...recall({ items: 2 }).practice!([recall({ items: 2 }).generate(1, 0)], [1], { seed: 1 })]).toHaveLength(1);
  });

  it('is pure', () => {
    expect(recall().generate(1, 7)).toEqual(recall().generate(1, 7));
    expect(recall().generate(1, 7)).not.toEqual(recall().generate(1, 8));
    expect(recall().generate(1, 7)).not.toEqual(recall().generate(2, 7));
  });
});

describe('sorting', () => {
  it('priorityScale: a factor on the priority channel alone', () => {
    const [plain, scaled] = [sorting({ items: 3 }), sorting({ items: 3, priorityScale: -4 })].map((task) => {
      const [window] = task.windows([task.generate(1, 0)], { seed: 1 });
      return { input: Array.from(window!.input[0]!.data), target: window!.outputs[0]!.target };
    });
    expect(scaled!.input).toEqual(plain!.input.map((x, k) => (k % 2 === 0 ? x : -4 * x)));
    expect(scaled!.target).toEqual(plain!.target);
    expect(() => sorting({ priorityScale: NaN })).toThrow(argument);
  });

  it('by eye: priorities 0.25, −0.5, 0.75, −1 put the items in the order 4, 2, 1, 3', () => {
    const patches = marked(4);
    const list = { patches, priorities: Float32Array.of(0.25, -0.5, 0.75, -1) };
    const orderOf = (order: 'ascending' | 'descending'): number[] => {
      const [window] = sorting({ items: 4, order }).windows([list], { seed: 1 });
      return [0, 1, 2, 3].map((t) => row(window!.outputs[0]!.target, t, 0).indexOf(1) + 1);
    };
    expect(orderOf('ascending')).toEqual([4, 2, 1, 3]);
    expect(orderOf('descending')).toEqual([3, 1, 2, 4]);
    const [window] = sorting({ items: 4 }).windows([list], { seed: 1 });
    expect(row(window!.input[0]!, 1, 0)).toEqual([0, -0.5, 1, -0.5, ...Array.from({ length: 7 }, () => [0, -0.5]).flat()]);
  });

  it('practice sorts the first items of the lists, lesson k those of k + 1 items, lengths by weight', () => {
    const task = sorting({ items: 12 });
    expect(task.lessons).toBe(12);
    const lists = [0, 1, 2].map((index) => task.generate(7, index));
    const weights = [3, 0, 1, ...new Array<number>(9).fill(0)];
    const drawn = new Map<number, number>();
    const batches = 400;
    for (let batch = 0; batch < batches; batch++) {
      const [window] = task.practice!(lists, weights, { seed: 1, batch });
      const items = window!.steps;
      drawn.set(items, (drawn.get(items) ?? 0) + 1);
      const short = lists.map((list) => ({
        patches: list.patches.subarray(0, 9 * items),
        priorities: list.priorities.subarray(0, items),
      }));
      const [sorted] = sorting({ items }).windows(short, { seed: 1 });
      const { lesson, ...answers } = window!.outputs[0]!;
      expect({ ...window!, outputs: [answers] }).toEqual(sorted);
      expect(lesson).toEqual({ data: new Int32Array(3 * items).fill(items - 1), shape: [items, 3] });
    }
    expect([...drawn.keys()].sort()).toEqual([1, 3]);
    expect(Math.abs(drawn.get(1)! / batches - 0.75)).toBeLessThanOrEqual(4 * Math.sqrt((0.75 * 0.25) / batches));
    expect(() => task.practice!(lists, weights.slice(1), { seed: 1 })).toThrow(argument);
  });

  it('puts out the items that it saw, in order of priority', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), size, fc.maxSafeNat(), (items, batch, seed) => {
        const task = sorting({ items });
        const lists = Array.from({ length: batch }, (_, index) => task.generate(seed, index));
        const [window] = task.windows(lists, { seed });
        expect(window!.input[0]!.shape).toEqual([items, batch, 3, 3, 2]);
        expect(window!.outputs[0]!.target.shape).toEqual([items, batch, 3, 3, 1]);
        expect(window!.outputs[0]!.query).toBeUndefined();
        for (let b = 0; b < batch; b++) {
          const seen = Array.from({ length: items }, (_, t) => row(window!.input[0]!, t, b));
          const sorted = [...seen].sort((x, y) => x[1]! - y[1]!).map((cells) => cells.filter((_, k) => k % 2 === 0));
          expect(Array.from({ length: items }, (_, t) => row(window!.outputs[0]!.target, t, b))).toEqual(sorted);
          for (const cells of seen) {
            expect(new Set(cells.filter((_, k) => k % 2 === 1))).toEqual(new Set([cells[1]]));
            expect(cells[1]! >= -1 && cells[1]! < 1).toBe(true);
          }
        }
      }),
      { numRuns: cases(40) },
    );
  });

  it('keeps equal priorities in the order seen', () => {
    const patches = marked(3);
    for (const order of ['ascending', 'descending'] as const) {
      const [window] = sorting({ items: 3, order }).windows([{ patches, priorities: new Float32Array(3) }], { seed: 1 });
      expect([0, 1, 2].map((t) => row(window!.outputs[0]!.target, t, 0).indexOf(1))).toEqual([0, 1, 2]);
    }
  });
});

describe('both', () => {
  it('count wrong bits, and patches with any wrong bit', () => {
    const task = sorting({ items: 2 });
    const lists = [task.generate(1, 0)];
    const [window] = task.windows(lists, { seed: 1 });
    const logits = window!.outputs[0]!.target.data.map((bit) => bit - 0.5);
    const scorer = task.scorer();
    scorer.add([logits], window!);
    expect(scorer.result()).toEqual({ errorRate: 0, vectorErrorRate: 0 });
    scorer.add([logits.map((logit, k) => (k === 3 || k === 5 ? -logit : logit))], window!);
    expect(scorer.result()).toEqual({ errorRate: 2 / 36, vectorErrorRate: 1 / 4 });
    expect(new BitScorer().result()).toEqual({ errorRate: 0, vectorErrorRate: 0 });
    expect(Object.keys(scorer.result())).toEqual(recall().describe().metrics);
  });

  it('are trained as a whole', () => {
    for (const task of [recall({ items: 5 }), sorting({ items: 5 })]) {
      const lists = [task.generate(1, 0)] as never[];
      expect([...task.windows(lists, { seed: 1, length: 20 })]).toHaveLength(1);
      expect([...task.windows(lists, { seed: 1, from: 1 })]).toEqual([]);
      expect(() => task.windows(lists, { seed: 1, length: 4 })).toThrow('length of at least 5');
    }
  });

  it('refuse wrong options, seeds and lists', () => {
    for (const items of [1, 0, -1, 2.5, NaN, '10']) expect(() => recall({ items: items as number })).toThrow(argument);
    expect(() => sorting({ order: 'up' as never })).toThrow(argument);
    expect(() => sorting({ item: 3 } as never)).toThrow('options among');
    expect(() => recall(null as never)).toThrow(argument);
    const list = recall({ items: 5 }).generate(1, 0);
    for (
      const call of [
        () => recall().windows([list], { seed: 1 }),
        () => recall({ items: 5 }).windows([], { seed: 1 }),
        () => recall({ items: 5 }).windows([{ ...list, query: 4 }], { seed: 1 }),
        () => recall().generate(-1, 0),
        () => sorting().generate(1, -1),
        () => sorting().windows([sorting({ items: 3 }).generate(1, 0)], { seed: 1 }),
        () => recall({ items: 5 }).windows([list], { seed: 0.5 }),
      ]
    ) expect(call).toThrow(argument);
  });
});
