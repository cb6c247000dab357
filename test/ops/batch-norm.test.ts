import { describe, expect, it } from 'vitest';
import { ops, scope, Tensor } from '../../lib/index.js';
import { build, at, nd, Source, toTensors, type Nd } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

type Options = { epsilon?: number };

/** [y, mean, variance] by summing over all indices of a channel. */
function naiveBatchNorm(x: Nd, gamma: Nd, beta: Nd, { epsilon = 1e-3 }: Options = {}): [Nd, Nd, Nd] {
  const channels = x.shape.at(-1)!;
  const values = (c: number) => Array.from(x.data.filter((_, i) => i % channels === c));
  const average = (list: number[]) => (list.length === 0 ? 0 : list.reduce((a, b) => a + b, 0) / list.length);
  const mean = nd([channels], (c) => average(values(c)));
  const variance = nd([channels], (c) => average(values(c).map((v) => (v - mean.data[c]!) ** 2)));
  return [naiveNormalize(x, mean, variance, gamma, beta, { epsilon }), mean, variance];
}

function naiveNormalize(x: Nd, mean: Nd, variance: Nd, gamma: Nd, beta: Nd, { epsilon = 1e-3 }: Options = {}): Nd {
  return build(x.shape, (...index) => {
    const c = index.at(-1)!;
    return (gamma.data[c]! * (at(x, ...index) - mean.data[c]!)) / Math.sqrt(variance.data[c]! + epsilon) + beta.data[c]!;
  });
}

const SHAPES = [
  [1],
  [4],
  [1, 1],
  [0, 3],
  [7, 1],
  [5, 4],
  [2, 3, 3, 2],
  [0, 2, 2, 3],
  [1, 1, 1, 5],
  [3, 5, 2],
  [2, 1, 7, 3],
  [65, 2],
  [9, 33],
];
// Sums are made in double, so float32 rounds a handful of times per element; x̂ up to √n in size.
const tolerance = { float32: 2e-6, float64: 1e-12 };
const zeros = (...shape: number[]) => Tensor.zeros(shape);
const draw = (s: Source, shape: number[]) => [s.normal(shape), s.uniform([shape.at(-1)!], 0.5, 2), s.normal([shape.at(-1)!])];

/** Numbers half a unit apart: where two lie close together, 1/√variance bends within the step of a difference. */
const spread = (s: Source): Nd[] => {
  const [x, ...rest] = draw(s, [...s.shape(0, 3), s.whole(1, 4)]);
  return [nd(x!.shape, s.distinct(x!.shape).data.map((v) => 4 * v)), ...rest];
};

opTable('batchNorm, its y', {
  op: ((x: Tensor, gamma: Tensor, beta: Tensor, options?: Options) => {
    const { y, mean, variance } = ops.batchNorm(x, gamma, beta, options);
    mean.dispose();
    variance.dispose();
    return y;
  }) as never,
  samples: (s) => [
    ...SHAPES.map((shape) => draw(s, shape)),
    [...draw(s, [5, 4]), { epsilon: 0.1 }],
    [...draw(s, [2, 3, 2]), { epsilon: 0 }],
  ],
  draw: spread,
  reference: ((...args: Parameters<typeof naiveBatchNorm>) => naiveBatchNorm(...args)[0]) as never,
  tolerance,
  bad: [
    [() => ['x', zeros(1), zeros(1)], 'ERR_MG_ARGUMENT'],
    [() => [zeros(2, 1), 1, zeros(1)], 'ERR_MG_ARGUMENT'],
    [() => [zeros(2, 1), zeros(1), zeros(1), { eps: 1 }], 'ERR_MG_ARGUMENT'],
    [() => [zeros(2, 1), zeros(1), zeros(1), { epsilon: -1 }], 'ERR_MG_ARGUMENT'],
    [() => [zeros(), zeros(1), zeros(1)], 'ERR_MG_SHAPE'],
    [() => [zeros(2, 3), zeros(2), zeros(3)], 'ERR_MG_SHAPE'],
    [() => [zeros(2, 3), zeros(3), zeros(1, 3)], 'ERR_MG_SHAPE'],
    [() => [zeros(2, 3), Tensor.zeros([3], { dtype: 'float64' }), zeros(3)], 'ERR_MG_DTYPE'],
    [() => [Tensor.zeros([2, 1], { dtype: 'int32' }), zeros(1), zeros(1)], 'ERR_MG_DTYPE'],
  ],
});

opTable('batchNorm, its statistics', {
  op: ((x: Tensor, gamma: Tensor, beta: Tensor) => {
    const { y, mean, variance } = ops.batchNorm(x, gamma, beta);
    return [y, mean, variance];
  }) as never,
  samples: (s) => SHAPES.map((shape) => draw(s, shape)),
  reference: naiveBatchNorm as never,
  tolerance,
  differentiable: false,
});

opTable('normalize', {
  op: ((x: Tensor, gamma: Tensor, beta: Tensor, statistics: readonly number[]) => {
    using mean = Tensor.full(gamma.shape, statistics[0]!, { dtype: x.dtype });
    using variance = Tensor.full(gamma.shape, statistics[1]!, { dtype: x.dtype });
    return ops.normalize(x, mean, variance, gamma, beta);
  }) as never,
  samples: (s) => SHAPES.map((shape) => [...draw(s, shape), [0.5, 0.25]]),
  draw: (s) => [...spread(s), [0.5, 0.25]],
  reference: ((x: Nd, gamma: Nd, beta: Nd, [mean, variance]: number[]) =>
    naiveNormalize(
      x,
      nd(gamma.shape, () => mean!),
      nd(gamma.shape, () => variance!),
      gamma,
      beta,
    )) as never,
  tolerance,
});

describe('batchNorm', () => {
  it('is exact for float32 numbers that lie far from zero and close together', async () => {
    using _ = scope();
    // 1e6 ± k/16: exact in float32; a one-pass variance would be lost in 1e12.
    const x = nd([64, 1], (i) => 1e6 + ((i * 37) % 64) / 16);
    const [expected, mean, variance] = naiveBatchNorm(x, nd([1], [1]), nd([1], [0]));
    const y = ops.batchNorm(toTensors(x, 'float32') as Tensor, Tensor.full([1], 1), Tensor.zeros([1]));
    (await y.y.data()).forEach((v, i) => expect(Math.abs(v - expected.data[i]!)).toBeLessThanOrEqual(1e-6));
    expect(await y.mean.item()).toBe(Math.fround(mean.data[0]!));
    expect(await y.variance.item()).toBe(Math.fround(variance.data[0]!));
  });

  it('gives every channel mean β and variance γ² when ε is 0, and ignores a shift of x', async () => {
    using _ = scope();
    const x = new Source(3).normal([50, 4]);
    const run = async (shift: number) => {
      const t = toTensors(nd(x.shape, x.data.map((v) => v + shift)), 'float64') as Tensor;
      const ones = (v: number) => Tensor.full([4], v, { dtype: 'float64' });
      return nd(x.shape, await ops.batchNorm(t, ones(3), ones(-2), { epsilon: 0 }).y.data());
    };
    const [y, shifted] = [await run(0), await run(10)];
    const [, mean, variance] = naiveBatchNorm(y, nd([4], () => 1), nd([4], () => 0));
    for (let c = 0; c < 4; c++) {
      expect(mean.data[c]).toBeCloseTo(-2, 12);
      expect(variance.data[c]).toBeCloseTo(9, 11);
    }
    shifted.data.forEach((v, i) => expect(v).toBeCloseTo(y.data[i]!, 11));
  });

  it('keeps mean and variance out of the graph', () => {
    const x = Tensor.from([[1], [2]]);
    x.requiresGrad = true;
    const { y, mean, variance } = ops.batchNorm(x, Tensor.full([1], 1), Tensor.zeros([1]));
    expect([y.requiresGrad, mean.requiresGrad, variance.requiresGrad]).toEqual([true, false, false]);
  });
});
