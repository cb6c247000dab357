import { describe, expect, it } from 'vitest';
import { BatchNorm } from '../../lib/nn/index.js';
import { mul, sum } from '../../lib/ops/index.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import { expectClose, randomize, toNd, worstGradientError } from '../helpers/modules.js';
import { at, build, indices, Source, type Nd } from '../helpers/nd.js';

const EPSILON = 0.001;
const tensor = (x: Nd): Tensor => Tensor.from(x.data, x.shape, { dtype: 'float64' });

/** Mean and biased variance per channel over the entries that `take` accepts. */
function moments(x: Nd, channel: number, take: (index: number[]) => boolean = () => true): { mean: number; variance: number } {
  const values = [...indices(x.shape)].filter((index) => index.at(-1) === channel && take(index)).map((index) => at(x, ...index));
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  return { mean, variance: values.reduce((total, value) => total + (value - mean) ** 2, 0) / values.length };
}

describe('BatchNorm', () => {
  it('gives mean 0 and variance 1 per channel over time, batch and positions, before gamma and beta', () => {
    const norm = new BatchNorm({ channels: 3, kind: 'batch', dtype: 'float64' });
    const x = build([4, 2, 3, 5, 3], (...index) => 3 * Math.sin(index.reduce((a, i) => 7 * a + i, 1)) + index[4]! * 10);
    const y = toNd(norm.forward(tensor(x), 1));
    for (let c = 0; c < 3; c++) {
      const { variance: before } = moments(x, c);
      const { mean, variance } = moments(y, c);
      expect(Math.abs(mean)).toBeLessThan(1e-12);
      expect(variance).toBeCloseTo(before / (before + EPSILON), 12);
    }
  });

  it('over sequences takes the statistics of each batch row alone, over time and positions', () => {
    const norm = new BatchNorm({ channels: 2, kind: 'sequence', dtype: 'float64' });
    randomize(norm, 1);
    const x = new Source(2).normal([5, 3, 4, 2]);
    const [gamma, beta] = [toNd(norm.gamma), toNd(norm.beta)];
    const expected = build(x.shape, (t, b, l, c) => {
      const { mean, variance } = moments(x, c!, (index) => index[1] === b);
      return (gamma.data[c!]! * (at(x, t!, b!, l!, c!) - mean)) / Math.sqrt(variance + EPSILON) + beta.data[c!]!;
    });
    expectClose(toNd(norm.forward(tensor(x), 1)), expected, 1e-12);
  });

  it('over sequences equals the one over the batch when there is one row', () => {
    const x = new Source(3).normal([5, 1, 4, 2]);
    const [a, b] = (['batch', 'sequence'] as const).map((kind) =>
      toNd(new BatchNorm({ channels: 2, kind, dtype: 'float64' }).forward(tensor(x), 1))
    );
    expect(a).toEqual(b);
  });

  it('of mode \'batch\' uses the statistics at hand in evaluation too, and saves no averages', () => {
    const norm = new BatchNorm({ channels: 2, kind: 'batch', dtype: 'float64' });
    const x = new Source(4).normal([6, 2]);
    const training = toNd(norm.forward(tensor(x)));
    expect(toNd(norm.eval().forward(tensor(x)))).toEqual(training);
    expect([...norm.namedBuffers()]).toEqual([]);
  });

  it('of mode \'running\' keeps averages with decay 0.999, which evaluation uses and training does not', () => {
    const norm = new BatchNorm({ channels: 2, kind: 'batch', mode: 'running', dtype: 'float64' });
    const plain = new BatchNorm({ channels: 2, kind: 'batch', dtype: 'float64' });
    const source = new Source(5);
    const batches = [source.normal([6, 2]), source.normal([7, 2]), source.normal([8, 2])];
    const averages = [0, 1].map(() => ({ mean: 0, variance: 1 }));
    for (const x of batches) {
      expect(toNd(norm.forward(tensor(x)))).toEqual(toNd(plain.forward(tensor(x))));
      averages.forEach((average, c) => {
        const { mean, variance } = moments(x, c);
        average.mean = 0.999 * average.mean + 0.001 * mean;
        average.variance = 0.999 * average.variance + 0.001 * variance;
      });
    }
    const x = batches[0]!;
    const expected = build(x.shape, (n, c) => (at(x, n!, c!) - averages[c!]!.mean) / Math.sqrt(averages[c!]!.variance + EPSILON));
    expectClose(toNd(norm.eval().forward(tensor(x))), expected, 1e-12);
    expectClose(toNd(norm.eval().forward(tensor(x))), expected, 1e-12);
  });

  for (const kind of ['batch', 'sequence'] as const) {
    it(`has the gradients of finite differences, kind ${kind}`, () => {
      const norm = new BatchNorm({ channels: 2, kind, dtype: 'float64' });
      randomize(norm, 6);
      const source = new Source(7);
      const [x, w] = [source.normal([3, 2, 2, 2]), source.normal([3, 2, 2, 2])];
      expect(worstGradientError(norm, () => sum(mul(norm.forward(tensor(x), 1), tensor(w)))).error).toBeLessThanOrEqual(1e-7);
    });
  }
});
