// Dynamic N-grams: the golden sequence, the source that they are drawn from, and the score of answers by hand.
import { describe, expect, it } from 'vitest';
import { tasks } from '../../lib/index.js';
import { encodeNGrams, NGramScorer, optimalBits } from '../../lib/tasks/sequences/n-grams.js';
import { expectNear, vectorFile } from '../helpers/vectors.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }) as Error;
interface Golden {
  dynamic_ngram: { order: number; bits: number[]; bits_cost: number[]; total_bits: number };
}
const { dynamic_ngram: golden } = vectorFile<Golden>('task_encodings');

describe('dynamic N-grams', () => {
  it('cost what the golden file says, bit by bit', () => {
    expectNear(optimalBits(golden.bits, golden.order), golden.bits_cost, 1e-12, 'bits');
  });

  it('show a bit and ask for the next one at each step', () => {
    const { input, target, due } = encodeNGrams([1, 0, 0, 1]);
    expect([[...input], [...target], [...due]]).toEqual([[1, 0, 0], [0, 0, 1], [1, 1, 1]]);
  });

  it('follow a table of their own: after the same bits a sequence is as uneven as Beta(½, ½)', () => {
    const [order, length, episodes] = [3, 400, 400];
    const task = tasks.nGrams({ order, length });
    let [sum, squares, fair, contexts] = [0, 0, 0, 0];
    for (let index = 0; index < episodes; index++) {
      const { input, target } = task.generate(3, index);
      const bits = [input[0]!, ...target];
      expect([...input]).toEqual(bits.slice(0, -1));
      fair += bits[0]! + bits[1]!;
      const seen = new Map<number, number[]>();
      for (let t = 2; t < length; t++) {
        const context = 2 * bits[t - 2]! + bits[t - 1]!;
        seen.set(context, [...(seen.get(context) ?? []), bits[t]!]);
      }
      for (const followed of seen.values()) {
        if (followed.length < 2) continue;
        const ones = followed.reduce((a, b) => a + b, 0);
        // Means over pairs, of which the expectation is that of p and p².
        sum += ones / followed.length;
        squares += ones * (ones - 1) / (followed.length * (followed.length - 1));
        contexts++;
      }
    }
    expect(contexts).toBeGreaterThan(1000);
    // E p = 1/2, E p² = 3/8 with variances of 1/8 and about 1/8: five standard deviations. A context is seen often by its own
    // chance, hence those that were seen are a little uneven; the table is symmetric, so the mean is not.
    const five = 5 * Math.sqrt(1 / 8 / contexts);
    expect(Math.abs(sum / contexts - 1 / 2)).toBeLessThan(five);
    expect(Math.abs(squares / contexts - 3 / 8)).toBeLessThan(five);
    expect(Math.abs(fair - episodes)).toBeLessThan(5 * Math.sqrt(episodes / 2));
  });

  it('have an optimum of 131.9 bits in the published setting, as a simulation in Python has', () => {
    const task = tasks.nGrams();
    const [scorer, items] = [task.scorer(), Array.from({ length: 1000 }, (_, index) => task.generate(1, index))];
    for (const window of task.windows(items, { seed: 0, length: 50 })) {
      scorer.add([new Float32Array(window.steps * window.batch)], window);
    }
    const { bits, optimum, excess } = scorer.result();
    expect(bits).toBeCloseTo(199, 9); // logits of 0 cost one bit each
    expect(excess).toBeCloseTo(bits! - optimum!, 9);
    // 4 + 127.86 of 2,000 sequences; one of them varies by about 14 bits
    expect(Math.abs(optimum! - 131.86)).toBeLessThan(5 * 14 / Math.sqrt(1000));
  });

  it('are scored without the padding and in windows as in one, flat or in grids', () => {
    const [short, long] = [encodeNGrams(golden.bits.slice(0, 5)), encodeNGrams(golden.bits)];
    const score = (presentation: 'flat' | 'grid', length: number): Record<string, number> => {
      const task = tasks.nGrams({ order: golden.order, length: 12, presentation });
      const scorer = task.scorer();
      for (const window of task.windows([short, long], { seed: 0, length })) {
        scorer.add([Float32Array.from(window.outputs[0]!.target.data, (bit) => (bit === 1 ? 2 : -2))], window);
      }
      return scorer.result();
    };
    const bits = (15 / 2) * Math.log2(1 + Math.exp(-2)); // 4 + 11 answers that are sure and right
    const optimum = (golden.bits_cost.slice(1, 5).reduce((a, b) => a + b) + golden.total_bits - 1) / 2;
    for (const result of [score('flat', 12), score('flat', 3), score('grid', 4)]) {
      expect(result['bits']).toBeCloseTo(bits, 12);
      expect(result['optimum']).toBeCloseTo(optimum, 12);
      expect(result['excess']).toBeCloseTo(bits - optimum, 12);
    }
    expect(new NGramScorer(6).result()).toEqual({ excess: 0, bits: 0, optimum: 0 });
  });

  it.each([{ order: 1 }, { order: 17 }, { order: 6, length: 6 }, { length: 2.5 }, { bits: 8 }])('refuse %o', (options) => {
    expect(() => tasks.nGrams(options)).toThrow(argument);
  });
});
