import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tasks } from '../../lib/index.js';
import { encodeAssociativeRecall, encodePairs } from '../../lib/tasks/sequences/associative-recall.js';
import { encodeCopy, encodeRepeatCopy, normalisedCount } from '../../lib/tasks/sequences/copy.js';
import { encodePrioritySort } from '../../lib/tasks/sequences/priority-sort.js';
import type { BitSequence } from '../../lib/tasks/sequences/sequence-task.js';
import { expectNear, vectorFile, type Nested } from '../helpers/vectors.js';
import { cases } from '../helpers/promises.js';

interface Encoded {
  input: number[][];
  target: number[][];
  mask: number[];
}
interface EncodingFile {
  pattern: Nested;
  copy_one_delimiter: Encoded;
  copy_start_end: Encoded;
  repeat_copy_official_dnc: Encoded & { repeats: number };
  repeat_copy_normalised_count: { normalised: Record<string, number> };
  associative_recall: Encoded & { items: number[][][]; query_item: number };
  priority_sort: Encoded & { vectors: number[][]; priorities: number[]; outputs_kept: number };
}

describe('the encodings of the golden file', () => {
  const file = vectorFile<EncodingFile>('task_encodings');
  const vectors = [[1, 0, 1], [0, 1, 1]];
  const same = (made: BitSequence, wanted: Encoded, answerIsWhole = true): void => {
    expectNear(made.input, wanted.input, 1e-7, 'input');
    const from = answerIsWhole ? 0 : wanted.mask.length;
    expectNear(made.target, wanted.target, 0, `target ${from}`);
    expectNear(made.due, wanted.mask, 0, 'mask');
  };
  it('copy with one delimiter', () => same(encodeCopy(vectors, 'end'), file.copy_one_delimiter));
  it('copy with start and end', () => same(encodeCopy(vectors, 'startEnd'), file.copy_start_end));
  it('repeat copy of the official DNC code', () => same(encodeRepeatCopy(vectors, 2, 0.2), file.repeat_copy_official_dnc));
  it('the normalised count', () => {
    for (const [count, value] of Object.entries(file.repeat_copy_normalised_count.normalised)) {
      expect(normalisedCount(Number(count), [1, 10])).toBeCloseTo(value, 12);
    }
  });
  it('associative recall', () => {
    const { items, query_item } = file.associative_recall;
    same(encodeAssociativeRecall(items, query_item), file.associative_recall);
  });
  it('priority sort, the best of a list', () => {
    const { vectors: list, priorities, outputs_kept } = file.priority_sort;
    same(encodePrioritySort(list, priorities, outputs_kept), file.priority_sort);
  });
  it('recall of pairs, by hand', () => {
    const pairs = [{ key: [[1, 0]], value: [[1, 1]] }, { key: [[0, 1]], value: [[0, 0]] }];
    same(encodePairs(pairs, 0), {
      input: [[1, 0, 1, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0]],
      target: [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0], [1, 1]],
      mask: [0, 0, 0, 0, 0, 1],
    });
  });
});

describe('sequence tasks', () => {
  const all = [
    tasks.copy({ bits: 6, lengths: [1, 10] }),
    tasks.repeatCopy({ lengths: [1, 5], repeats: [1, 4] }),
    tasks.associativeRecall(),
    tasks.associativeRecall({ items: [2, 5], form: 'pairs' }),
    tasks.prioritySort({ items: [3, 9] }),
  ];
  const made = all.map((task) => [task.name, task] as const);

  it.each(made)('%s: windows are the episodes, padded, whatever their length', (_name, task) => {
    const sizes = [fc.nat(1000), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 40 })] as const;
    fc.assert(
      fc.property(...sizes, (seed, batch, length) => {
        const items = Array.from({ length: batch }, (_, b) => task.generate(seed, b));
        const windows = [...task.windows(items, { seed: 0, length })];
        expect(windows).toHaveLength(Math.ceil(Math.max(...items.map(({ due }) => due.length)) / length));
        items.forEach((item, b) => {
          const shown = windows.flatMap((w) =>
            Array.from({ length: w.steps }, (_, t) => {
              const at = (t * batch + b) * task.inputs;
              return [...w.input[0]!.data.slice(at, at + task.inputs)];
            })
          ).flat();
          expect(shown.slice(0, item.input.length)).toEqual([...item.input]);
          expect(shown.slice(item.input.length).every((v) => v === 0)).toBe(true);
          const steps = windows.reduce((sum, w) => sum + w.steps, 0);
          const of = (name: 'mask' | 'scored' | 'target', width: number): number[] =>
            windows.flatMap((w) => {
              const { data } = w.outputs[0]![name]!;
              const row = (t: number): number => (t * batch + b) * width;
              return Array.from({ length: w.steps }, (_, t) => [...data.slice(row(t), row(t) + width)]).flat();
            });
          const padded = (
            values: Float32Array,
            width: number,
          ): number[] => [...values, ...new Array<number>(steps * width - values.length).fill(0)];
          expect(of('target', task.bits)).toEqual(padded(item.target, task.bits));
          expect(of('mask', 1)).toEqual(padded(item.due, 1));
          expect(of('scored', 1)).toEqual(padded(item.due, 1));
        });
      }),
      { numRuns: cases(30), seed: 1 },
    );
  });

  it.each(made)('%s: perfect logits score 0 wrong bits, logits of 0 one bit of surprise for each bit', (_name, task) => {
    const items = [0, 1, 2].map((b) => task.generate(4, b));
    const due = items.reduce((sum, item) => sum + item.due.reduce((a, b) => a + b, 0), 0) * task.bits;
    const [perfect, unsure] = [task.scorer(), task.scorer()];
    for (const window of task.windows(items, { seed: 0, length: 7 })) {
      const target = Array.from(window.outputs[0]!.target.data);
      perfect.add([target.map((v) => 1000 * (2 * v - 1))], window);
      unsure.add([target.map(() => 0)], window);
    }
    expect(perfect.result()).toEqual({ accuracy: 1, bitErrors: 0, bits: 0, sequenceErrorRate: 0 });
    expect(unsure.result()['bits']).toBeCloseTo(due / 3, 9);
  });

  it('the grid shows the vector in every cell', () => {
    const task = tasks.copy({ bits: 3, presentation: 'grid' });
    const [window] = task.windows([task.generate(1, 0)], { seed: 0 });
    const [flat] = tasks.copy({ bits: 3 }).windows([task.generate(1, 0)], { seed: 0 });
    expect(window!.input[0]!.shape.slice(2)).toEqual([3, 3, 4]);
    expect([...window!.input[0]!.data]).toEqual(
      Array.from({ length: flat!.steps }, (_, t) => (
        Array.from({ length: 9 }, () => [...flat!.input[0]!.data.slice(4 * t, 4 * t + 4)])
      )).flat(2),
    );
  });

  it.each([
    [{ bits: 0 }],
    [{ lengths: [3, 2] }],
    [{ lengths: [1] }],
    [{ delimiters: 'none' }],
    [{ presentation: 'ring' }],
    [{ size: 3 }],
  ])('copy refuses %j', (bad) => {
    expect(() => tasks.copy(bad as never)).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }));
  });
});

describe('associative recall in patches', () => {
  const task = tasks.associativeRecall({ presentation: 'patch' });

  it('by eye: the first of two items, asked for, is answered by the second; the shorter list begins later', () => {
    const item = (bit: number): Uint8Array => Uint8Array.from({ length: 18 }, (_, k) => (k === bit ? 1 : 0));
    const cell = (row: number, column: number, channel: number): number[] => [...item(6 * row + 2 * column + channel)];
    const lists = [{ items: [item(0), item(7)], query: 0 }, { items: [item(17), item(3), item(8)], query: 1 }];
    const [window, ...rest] = task.windows(lists, { seed: 0 });
    expect([rest.length, window!.steps, window!.first, window!.last]).toEqual([0, 3, true, true]);
    expect(window!.input[0]!.shape).toEqual([3, 2, 3, 3, 2]);
    expect([...window!.input[0]!.data]).toEqual([
      new Array<number>(18).fill(0),
      cell(2, 2, 1),
      cell(0, 0, 0),
      cell(0, 1, 1),
      cell(1, 0, 1),
      cell(1, 1, 0),
    ].flat());
    expect([...window!.outputs[0]!.query![0]!.data]).toEqual([...cell(0, 0, 0), ...cell(0, 1, 1)]);
    expect([...window!.outputs[0]!.target.data]).toEqual([...cell(1, 0, 1), ...cell(1, 1, 0)]);
  });

  it('the same seed and index give the items, query and answer of the flat presentation', () => {
    const flat = tasks.associativeRecall();
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), (seed, index) => {
        const { items, query } = task.generate(seed, index);
        const vectors = items.map((item) => [0, 6, 12].map((at) => item.subarray(at, at + 6)));
        expect(flat.generate(seed, index)).toEqual(encodeAssociativeRecall(vectors, query));
      }),
      { numRuns: cases(50), seed: 1 },
    );
  });

  it('is scored by all bits of the answer', () => {
    const lists = [0, 1, 2, 3].map((index) => task.generate(5, index));
    const [window] = task.windows(lists, { seed: 0 });
    const right = Array.from(window!.outputs[0]!.target.data, (bit) => 1000 * (2 * bit - 1));
    const twoWrong = right.map((logit, k) => (k === 18 || k === 35 ? -logit : logit)); // first and last bit of the second list
    const score = (logits: number[]): Record<string, number> => {
      const scorer = task.scorer();
      scorer.add([logits], window!);
      return scorer.result();
    };
    expect(score(right)).toEqual({ accuracy: 1, bitErrors: 0, bits: 0, sequenceErrorRate: 0 });
    expect(score(twoWrong)).toMatchObject({ accuracy: 70 / 72, bitErrors: 0.5, sequenceErrorRate: 0.25 });
    expect(score(right.map(() => 0))['bits']).toBeCloseTo(18, 12);
  });

  it('refuses items that do not fill the grid, lists without a follower of the query, cuts, and a flat form', () => {
    const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });
    expect(() => tasks.associativeRecall({ bits: 5, presentation: 'patch' })).toThrow(argument);
    const list = task.generate(1, 0);
    expect(() => task.windows([{ ...list, query: list.items.length - 1 }], { seed: 0 })).toThrow(argument);
    expect(() => task.windows([list], { seed: 0, length: 1 })).toThrow(argument);
    expect(() => tasks.flat(task)).toThrow(argument);
  });
});

describe('flat presentation', () => {
  it('recall: the list, the query with its flag, and the answer one step later', () => {
    const task = tasks.flat(tasks.recall({ items: 3 }));
    expect(task.describe()).toMatchObject({ form: 'tagging', input: { 0: [1, 10] }, steps: 5, outputs: [{ logits: [9] }] });
    const list = task.generate(2, 0);
    const [window] = task.windows([list], { seed: 0 });
    const rows = Array.from({ length: 5 }, (_, t) => [...window!.input[0]!.data.slice(10 * t, 10 * t + 10)]);
    const patch = (k: number): number[] => [...list.patches.slice(9 * k, 9 * k + 9)];
    const shown = [0, 1, 2].map((k) => [...patch(k), 0]);
    expect(rows).toEqual([...shown, [...patch(list.query), 1], new Array<number>(10).fill(0)]);
    expect([...window!.outputs[0]!.mask!.data]).toEqual([0, 0, 0, 0, 1]);
    expect([...window!.outputs[0]!.target.data.slice(36)]).toEqual(patch(list.query + 1));
  });

  it('sorting: bits and one priority, then as many steps with the flag, due in order', () => {
    const task = tasks.flat(tasks.sorting({ items: 4 }));
    expect(task.describe()).toMatchObject({ input: { 0: [1, 11] }, steps: 8 });
    const lists = [task.generate(2, 0), task.generate(2, 1)];
    const [window] = task.windows(lists, { seed: 0 });
    for (let t = 0; t < 8; t++) {
      lists.forEach(({ patches, priorities }, b) => {
        const at = (2 * t + b) * 11;
        const row = [...window!.input[0]!.data.slice(at, at + 11)];
        const shown = [...patches.slice(9 * t, 9 * t + 9), priorities[t], 0];
        expect(row).toEqual(t < 4 ? shown : [...new Array<number>(10).fill(0), 1]);
      });
    }
    const { patches, priorities } = lists[1]!;
    const order = [...priorities.keys()].sort((i, j) => priorities[i]! - priorities[j]!);
    const answered = [...window!.outputs[0]!.target.data.slice((2 * 4 + 1) * 9, (2 * 4 + 2) * 9)];
    expect(answered).toEqual([...patches.slice(9 * order[0]!, 9 * order[0]! + 9)]);
    const scorer = task.scorer();
    scorer.add([Array.from(window!.outputs[0]!.target.data, (v) => 2 * v - 1)], window!);
    expect(scorer.result()).toEqual({ errorRate: 0, vectorErrorRate: 0 });
  });

  it('refuses tasks that ask at every step', () => {
    expect(() => tasks.flat(tasks.mapping())).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }));
  });
});
