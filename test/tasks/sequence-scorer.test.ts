// Scores of bit sequences: against the vectors of another program, and where answers count and where they do not.
import { describe, expect, it } from 'vitest';
import { SequenceScorer } from '../../lib/tasks/sequences/sequence-task.js';
import { sorting } from '../../lib/tasks/lists/sorting.js';
import type { Window } from '../../lib/tasks/task.js';
import { vectorFile } from '../helpers/vectors.js';

const { masked_sigmoid_cross_entropy: file } = vectorFile<{
  masked_sigmoid_cross_entropy: {
    logits: number[][][];
    target: number[][][];
    mask: number[][];
    loss_bits: number;
    bit_error_per_sequence: number[];
  };
}>('losses_optimizers');

/** Scores of logits [T][B][bits], handed over in windows of so many steps. */
function scoresOf(logits: number[][][], target: number[][][], mask: number[][], length: number): Record<string, number> {
  const scorer = new SequenceScorer();
  const [batch, bits] = [target[0]!.length, target[0]![0]!.length];
  for (let start = 0; start < target.length; start += length) {
    const cut = <X>(of: X[]): X[] => of.slice(start, start + length);
    const steps = cut(target).length;
    const output = {
      name: 'bits',
      target: { data: Float32Array.from(cut(target).flat(2)), shape: [steps, batch, bits] },
      scored: { data: Float32Array.from(cut(mask).flat()), shape: [steps, batch] },
    };
    const place = { index: start / length, start, steps, first: start === 0, last: start + length >= target.length };
    const window: Window = { ...place, batch, input: {}, outputs: [output] };
    scorer.add([cut(logits).flat(2)], window);
  }
  return scorer.result();
}

describe('scores of bit sequences', () => {
  it.each([1, 2, 3])('are those of the golden file, in windows of %d steps', (length) => {
    const { logits, target, mask } = file;
    const scores = scoresOf(logits, target, mask, length);
    expect(scores['bits']).toBeCloseTo(file.loss_bits, 6); // targets and masks are float32, but whole numbers
    const wrong = file.bit_error_per_sequence.reduce((a, b) => a + b, 0);
    expect(scores['bitErrors']).toBe(wrong / 2);
    expect(scores['accuracy']).toBe(1 - wrong / (2 * mask.flat().filter((due) => due === 1).length));
    expect(scores['sequenceErrorRate']).toBe(1);
  });

  it.each([1, 2, 4])('a sequence with one wrong bit is wrong, whichever window it is in (windows of %d steps)', (length) => {
    // Three sequences of four steps of two bits, all 1. The first is wrong at steps 0 and 1, the second where nothing is due.
    const target = Array.from({ length: 4 }, () => [[1, 1], [1, 1], [1, 1]]);
    const isWrong = (t: number, b: number): boolean => (b === 0 && t < 2) || (b === 1 && t === 3);
    const logits = target.map((rows, t) => rows.map((_row, b) => [isWrong(t, b) ? -1 : 1, 1]));
    const mask = target.map((_, t) => [1, t < 3 ? 1 : 0, 1]);
    const expected = { accuracy: 20 / 22, bitErrors: 2 / 3, sequenceErrorRate: 1 / 3 };
    expect(scoresOf(logits, target, mask, length)).toMatchObject(expected);
  });
});

it('priority sort: the highest priorities come first as in the golden file', () => {
  interface Sorted {
    vectors: number[][];
    priorities: number[];
    order: number[];
  }
  const { priority_sort: { vectors, priorities, order } } = vectorFile<{ priority_sort: Sorted }>('task_encodings');
  const task = sorting({ items: vectors.length, order: 'descending' });
  const patches = Uint8Array.from(vectors.flatMap((vector) => [...vector, ...new Array<number>(9 - vector.length).fill(0)]));
  const [window] = task.windows([{ patches, priorities: Float32Array.from(priorities) }], { seed: 1 });
  const { data } = window!.outputs[0]!.target;
  const answers = vectors.map((vector, t) => [...data.slice(9 * t, 9 * t + vector.length)]);
  expect(answers.slice(0, order.length)).toEqual(order.map((item) => vectors[item]));
});
