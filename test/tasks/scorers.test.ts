import { describe, expect, it } from 'vitest';
import { mapping } from '../../lib/tasks/mapping/mapping.js';
import { MapScorer } from '../../lib/tasks/scorers.js';
import { isBetter, type Window } from '../../lib/tasks/task.js';

function windowOf(targets: number[][], scored?: number[]): Window {
  const outputs = targets.map((target, k) => ({
    name: `out${k}`,
    target: { data: Float32Array.from(target), shape: [2, 1, target.length / 2, 1, 1] },
    ...(scored === undefined ? {} : { scored: { data: Float32Array.from(scored), shape: [2, 1] } }),
  }));
  return { index: 0, start: 0, steps: 2, batch: 1, first: true, last: true, input: {}, outputs };
}

describe('MapScorer', () => {
  it('pools counts over windows before it divides', () => {
    const scorer = new MapScorer(['map']);
    scorer.add([[1, 2, -1, -1]], windowOf([[1, 0, 1, 0]])); // TP 1, FP 1, FN 1
    scorer.add([[3, -1, -1, 5]], windowOf([[1, 0, 0, 1]])); // TP 2
    const { precision, recall, f } = scorer.result();
    expect([precision, recall]).toEqual([3 / 4, 3 / 4]);
    expect(f).toBeCloseTo((2 * precision! * recall!) / (precision! + recall!), 15);
  });

  it('predicts where the probability is at least one half, so at logit zero', () => {
    const scorer = new MapScorer(['map']);
    scorer.add([[0, -0, -1e-30, 1e-30]], windowOf([[1, 1, 1, 1]]));
    expect(scorer.result()).toEqual({ f: 6 / 7, precision: 1, recall: 3 / 4 });
  });

  it('is zero, not NaN, when nothing is predicted, nothing is there, or nothing was added', () => {
    const scorer = new MapScorer(['map']);
    expect(scorer.result()).toEqual({ f: 0, precision: 0, recall: 0 });
    scorer.add([[-1, -1, -1, -1]], windowOf([[0, 0, 0, 0]]));
    expect(scorer.result()).toEqual({ f: 0, precision: 0, recall: 0 });
    scorer.add([[NaN, -1, -1, -1]], windowOf([[1, 0, 0, 0]]));
    expect(scorer.result()).toEqual({ f: 0, precision: 0, recall: 0 });
  });

  it('leaves out answers that do not count', () => {
    const scorer = new MapScorer(['map']);
    scorer.add([[1, 1, 1, -1]], windowOf([[0, 0, 1, 0]], [0, 1]));
    expect(scorer.result()).toEqual({ f: 1, precision: 1, recall: 1 });
  });

  it('names the output when there are several', () => {
    const scorer = new MapScorer(['query3', 'query9']);
    scorer.add([[1, 1], [-1, 1]], windowOf([[1, 1], [1, 0]]));
    expect(scorer.result()).toEqual({
      'query3.f': 1,
      'query3.precision': 1,
      'query3.recall': 1,
      'query9.f': 0,
      'query9.precision': 0,
      'query9.recall': 0,
    });
    const wide = mapping({ query: 9 });
    expect(Object.keys(wide.scorer().result()).sort()).toEqual([...wide.describe().metrics].sort());
    expect(Object.keys(mapping().scorer().result())).toEqual(mapping().describe().metrics);
  });

  it('gives a perfect score to the target itself', () => {
    const task = mapping({ size: 9 });
    const scorer = task.scorer();
    const items = [0, 1].map((index) => task.generate(1, index));
    for (const window of task.windows(items, { length: 20, seed: 1 })) {
      scorer.add([window.outputs[0]!.target.data.map((value) => value - 0.5)], window);
    }
    expect(scorer.result()).toEqual({ f: 1, precision: 1, recall: 1 });
  });

  it('refuses logits that do not answer the window', () => {
    const scorer = new MapScorer(['map']);
    const shape = expect.objectContaining({ code: 'ERR_MG_SHAPE' });
    expect(() => scorer.add([[1, 1, 1]], windowOf([[0, 0, 1, 0]]))).toThrow(shape);
    expect(() => scorer.add([], windowOf([[0, 0, 1, 0]]))).toThrow(shape);
    expect(() => scorer.add([[1, 1], [1, 1]], windowOf([[1, 0], [0, 0]]))).toThrow(shape);
  });
});

describe('the better of two scores', () => {
  it.each(
    [
      ['higher', 0.9, 0.8, true],
      ['higher', 0.8, 0.8, false],
      ['higher', 0.7, 0.8, false],
      ['lower', 0.1, 0.2, true],
      ['lower', 0.2, 0.2, false],
      ['lower', 0.3, 0.2, false],
      ['higher', -Infinity, NaN, true],
      ['lower', Infinity, NaN, true],
      ['higher', NaN, 0.1, false],
      ['lower', NaN, 0.1, false],
      ['higher', NaN, NaN, false],
      ['lower', NaN, NaN, false],
    ] as const,
  )('%s: whether %d is better than %d is %s', (better, a, b, is) => {
    expect(isBetter(better, a, b)).toBe(is);
  });
});
