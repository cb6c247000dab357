// Episodes as they are drawn: each is read as a solver would, from what it shows alone, and must ask for what follows from that.
import { describe, expect, it } from 'vitest';
import { tasks } from '../../lib/index.js';

const EPISODES = 1200;
const SEED = 5;

const rowsOf = (values: ArrayLike<number>, width: number): number[][] => (
  Array.from({ length: values.length / width }, (_, t) => Array.from({ length: width }, (_unused, k) => values[t * width + k]!))
);
const zeros = (size: number): number[] => new Array<number>(size).fill(0);
const none = (count: number, width: number): number[][] => Array.from({ length: count }, () => zeros(width));
const flag = (place: number, width: number, value = 1): number[] => zeros(width).with(place, value);
const count = (tally: Record<number, number>, what: number): void => {
  tally[what] = (tally[what] ?? 0) + 1;
};

/** χ² over equally likely values; `limit` is passed once in a thousand. */
function expectEven(tally: Record<number, number>, values: readonly number[], limit: number): void {
  expect(Object.keys(tally).map(Number)).toEqual(values);
  const each = Object.values(tally).reduce((a, b) => a + b, 0) / values.length;
  expect(Object.values(tally).reduce((sum, n) => sum + (n - each) ** 2 / each, 0)).toBeLessThan(limit);
}

/** Bits are drawn with probability ½: within five standard deviations. */
function expectFair(bits: readonly number[]): void {
  expect(bits.every((bit) => bit === 0 || bit === 1)).toBe(true);
  expect(Math.abs(bits.reduce((a, b) => a + b, 0) - bits.length / 2)).toBeLessThan(2.5 * Math.sqrt(bits.length));
}

describe(`episodes 0 to ${EPISODES - 1} of seed ${SEED}`, () => {
  it.each(['end', 'startEnd'] as const)('copy, delimiters %s: 2 to 6 vectors, then the same on zero input', (delimiters) => {
    const bits = 5;
    const task = tasks.copy({ bits, lengths: [2, 6], delimiters });
    const before = delimiters === 'end' ? 0 : 1;
    const width = bits + 1 + before;
    const [lengths, drawn]: [Record<number, number>, number[]] = [{}, []];
    for (let index = 0; index < EPISODES; index++) {
      const { input, target, due } = task.generate(SEED, index);
      const shown = rowsOf(input, width);
      const end = shown.findIndex((row) => row.at(-1) === 1);
      const vectors = shown.slice(before, end).map((row) => row.slice(0, bits));
      expect(shown).toEqual([
        ...(before === 1 ? [flag(bits, width)] : []),
        ...vectors.map((vector) => [...vector, ...zeros(width - bits)]),
        flag(width - 1, width),
        ...none(vectors.length, width),
      ]);
      expect(rowsOf(target, bits)).toEqual([...none(end + 1, bits), ...vectors]);
      expect([...due]).toEqual([...zeros(end + 1), ...vectors.map(() => 1)]);
      count(lengths, vectors.length);
      drawn.push(...vectors.flat());
    }
    expectEven(lengths, [2, 3, 4, 5, 6], 18.47);
    expectFair(drawn);
  });

  it.each(['tenth', 'normalised'] as const)('repeat copy, count %s: 1 to 3 vectors, 2 to 4 times, then an end', (shownAs) => {
    const bits = 4;
    const task = tasks.repeatCopy({ bits, lengths: [1, 3], repeats: [2, 4], count: shownAs });
    const [lengths, repeats, drawn]: [Record<number, number>, Record<number, number>, number[]] = [{}, {}, []];
    for (let index = 0; index < EPISODES; index++) {
      const { input, target, due } = task.generate(SEED, index);
      const shown = rowsOf(input, bits + 2);
      const length = due.indexOf(1) - 2;
      const times = (due.length - due.indexOf(1) - 1) / length;
      const vectors = shown.slice(1, 1 + length).map((row) => row.slice(0, bits));
      // 2, 3 and 4 have mean 3 and variance 2/3.
      const says = shownAs === 'tenth' ? times / 10 : (times - 3) / Math.sqrt(2 / 3);
      expect(shown).toEqual([
        flag(bits, bits + 2),
        ...vectors.map((vector) => [...vector, 0, 0]),
        flag(bits + 1, bits + 2, Math.fround(says)),
        ...none(length * times + 1, bits + 2),
      ]);
      const answer = Array.from({ length: times }, () => vectors.map((vector) => [...vector, 0])).flat();
      expect(rowsOf(target, bits + 1)).toEqual([...none(length + 2, bits + 1), ...answer, flag(bits, bits + 1)]);
      expect([...due]).toEqual([...zeros(length + 2), ...answer.map(() => 1), 1]);
      count(lengths, length);
      count(repeats, times);
      drawn.push(...vectors.flat());
    }
    expectEven(lengths, [1, 2, 3], 13.82);
    expectEven(repeats, [2, 3, 4], 13.82);
    expectFair(drawn);
  });

  it('associative recall: 2 to 4 items of 2 vectors, one but the last again, and what followed it', () => {
    const [bits, vectors] = [8, 2]; // no two items of these lists are alike
    const task = tasks.associativeRecall({ items: [2, 4], vectors, bits });
    const [sizes, places, drawn]: [Record<number, number>, Record<number, number>, number[]] = [{}, {}, []];
    for (let index = 0; index < EPISODES; index++) {
      const { input, target, due } = task.generate(SEED, index);
      const shown = rowsOf(input, bits + 2);
      const behind = (row: number): number[][] => shown.slice(row + 1, row + 1 + vectors).map((vector) => vector.slice(0, bits));
      const items: number[][][] = [];
      while (shown[3 * items.length]![bits] === 1) items.push(behind(3 * items.length));
      const asked = behind(3 * items.length);
      const query = items.findIndex((item) => item.flat().join() === asked.flat().join());
      const plain = (item: number[][]): number[][] => item.map((vector) => [...vector, 0, 0]);
      expect(shown).toEqual([
        ...items.flatMap((item) => [flag(bits, bits + 2), ...plain(item)]),
        flag(bits + 1, bits + 2),
        ...plain(asked),
        flag(bits + 1, bits + 2),
        ...none(vectors, bits + 2),
      ]);
      expect(rowsOf(target, bits)).toEqual([...none(3 * items.length + 4, bits), ...items[query + 1]!]);
      expect([...due]).toEqual([...zeros(3 * items.length + 4), ...zeros(vectors).fill(1)]);
      count(sizes, items.length);
      if (items.length === 4) count(places, query);
      drawn.push(...items.flat(2));
    }
    expectEven(sizes, [2, 3, 4], 13.82);
    expectEven(places, [0, 1, 2], 13.82);
    expectFair(drawn);
  });

  it('recall of pairs: 2 to 5 distinct keys and their values, then one of the keys; the answer is its value', () => {
    const [vectors, bits] = [2, 2];
    const width = bits + 2;
    const task = tasks.associativeRecall({ items: [2, 5], vectors, bits, form: 'pairs' });
    const [sizes, asked, drawn]: [Record<number, number>, Record<number, number>, number[]] = [{}, {}, []];
    for (let index = 0; index < EPISODES; index++) {
      const { input, target, due } = task.generate(SEED, index);
      const shown = rowsOf(input, width);
      const words = shown.map((row) => row.slice(0, bits));
      const pairs = (shown.length - 2 * vectors) / (2 * vectors);
      const flags = shown.map((row) => row.slice(bits));
      const each = Array.from({ length: pairs }, () => [[1, 0], [1, 0], [0, 0], [0, 0]]).flat();
      expect(flags).toEqual([...each, [0, 1], [0, 1], [0, 0], [0, 0]]);
      const at = (k: number): string => words.slice(4 * k, 4 * k + 2).join();
      const keys = Array.from({ length: pairs }, (_, k) => at(k));
      expect(new Set(keys).size).toBe(pairs);
      const query = keys.indexOf(words.slice(4 * pairs, 4 * pairs + 2).join());
      expect(rowsOf(target, bits)).toEqual([...none(4 * pairs + 2, bits), ...words.slice(4 * query + 2, 4 * query + 4)]);
      expect([...due]).toEqual([...zeros(4 * pairs + 2), 1, 1]);
      expect(words.slice(-2)).toEqual(none(2, bits));
      count(sizes, pairs);
      if (pairs === 4) count(asked, query);
      drawn.push(...words.slice(0, 4 * pairs).flat());
    }
    expectEven(sizes, [2, 3, 4, 5], 16.27);
    expectEven(asked, [0, 1, 2, 3], 16.27);
    expectFair(drawn);
    expect(() => tasks.associativeRecall({ items: [2, 9], vectors, bits, form: 'pairs' })).toThrow(/at most 8 pairs/);
    expect(() => tasks.associativeRecall({ form: 'pairs', presentation: 'patch' })).toThrow(/presentation flat or grid/);
  });

  it('priority sort: 3 to 5 vectors with priorities, then the best 4 of 5 in falling order', () => {
    const bits = 3;
    const task = tasks.prioritySort({ items: [3, 5], best: 4, bits });
    const [sizes, drawn, priorities]: [Record<number, number>, number[], number[]] = [{}, [], []];
    for (let index = 0; index < EPISODES; index++) {
      const { input, target, due } = task.generate(SEED, index);
      const shown = rowsOf(input, bits + 1);
      const best = [...due].filter((x) => x === 1).length;
      const list = shown.slice(0, -best);
      expect(best).toBe(({ 3: 3, 4: 4, 5: 4 } as Record<number, number>)[list.length]); // ⅘, rounded up
      expect(shown.slice(-best)).toEqual(none(best, bits + 1));
      const sorted = [...list].sort((a, b) => b[bits]! - a[bits]!).slice(0, best).map((row) => row.slice(0, bits));
      expect(rowsOf(target, bits)).toEqual([...none(list.length, bits), ...sorted]);
      count(sizes, list.length);
      drawn.push(...list.flatMap((row) => row.slice(0, bits)));
      priorities.push(...list.map((row) => row[bits]!));
    }
    expectEven(sizes, [3, 4, 5], 13.82);
    expectFair(drawn);
    expect(Math.min(...priorities)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...priorities)).toBeLessThan(1);
    const mean = priorities.reduce((a, b) => a + b, 0) / priorities.length;
    expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(1 / 3 / priorities.length));
    expect(() => tasks.prioritySort({ items: [3, 5], best: 6 })).toThrow(/best to be an integer in 1 … 5/);
  });
});
