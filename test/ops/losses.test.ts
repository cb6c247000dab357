import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ops, scope, Tensor, type DType, type NestedNumbers } from '../../lib/index.js';
import { nd, sizeOf, type Nd } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

// The golden vectors were computed in float64 from the definitions, by another program.
const golden = JSON.parse(readFileSync(new URL('../golden/vectors/losses_optimizers.json', import.meta.url), 'utf8'));
const precisions = [['float64', 1e-12], ['float32', 1e-5]] as const;

/** A target, mask or class list. The table differentiates every float array it sees; it does not look into instances. */
class Constant {
  constructor(readonly of: Nd) {}
  tensor(dtype: DType): Tensor {
    return Tensor.from(this.of.data, this.of.shape, { dtype: this.of.dtype ?? dtype });
  }
}
const frozen = (of: Nd): Constant => new Constant(of);

function withConstants(op: (...args: never[]) => Tensor): (logits: Tensor, ...rest: (Constant | Tensor | undefined)[]) => Tensor {
  return (logits, ...rest) => {
    const made = rest.map((r) => (r instanceof Constant ? r.tensor(logits.dtype) : r));
    try {
      return (op as (...args: unknown[]) => Tensor)(logits, ...made);
    } finally {
      made.forEach((m, i) => m !== rest[i] && m?.dispose());
    }
  };
}

const relativeToSum = { float32: 1e-6, float64: 1e-13 }; // one rounding of the result; terms and sums are double
const bits = (shape: readonly number[], s: { uniform(shape: readonly number[], a: number, b: number): Nd }) => {
  const x = s.uniform(shape, 0, 1);
  return nd(shape, x.data.map((v) => (v < 0.5 ? 0 : 1)));
};

opTable('bceWithLogits', {
  op: withConstants(ops.bceWithLogits as never) as never,
  samples: (s) => [
    [s.normal([1]), frozen(bits([1], s))],
    [s.normal([]), frozen(s.uniform([], 0, 1))],
    [s.normal([0, 3]), frozen(s.normal([0, 3]))],
    [s.normal([2, 0]), frozen(s.normal([2, 0])), frozen(s.normal([2]))],
    [s.normal([3, 5]), frozen(s.uniform([3, 5], 0, 1)), frozen(bits([3, 5], s))],
    [s.normal([3, 2, 4]), frozen(bits([3, 2, 4], s)), frozen(bits([3, 2], s))],
    [s.normal([3, 2, 4]), frozen(bits([3, 2, 4], s)), frozen(s.uniform([3], 0, 2))],
    [s.normal([2, 3]), frozen(bits([2, 3], s)), frozen(nd([], [0.5]))],
    [s.uniform([40], -60, 60), frozen(bits([40], s))],
  ],
  draw: (s) => {
    const shape = s.shape();
    const mask = s.whole(0, 1) === 0 ? [] : [frozen(s.uniform(shape.slice(0, s.whole(0, shape.length)), 0, 2))];
    return [s.normal(shape), frozen(s.uniform(shape, 0, 1)), ...mask];
  },
  reference: ((z: Nd, { of: y }: Constant, mask?: Constant) => {
    const span = mask === undefined ? 1 : sizeOf(z.shape.slice(mask.of.shape.length));
    // −y ln σ(z) − (1 − y) ln σ(−z), with ln σ(z) = −ln(1 + e^{−z}), exact enough in float64 for |z| ≤ 60
    const terms = [...z.data].map((v, i) =>
      (mask === undefined ? 1 : mask.of.data[Math.floor(i / span)]!)
      * (y.data[i]! * Math.log1p(Math.exp(-v)) + (1 - y.data[i]!) * Math.log1p(Math.exp(v)))
    );
    return nd([], [terms.reduce((a, b) => a + b, 0)]);
  }) as never,
  tolerance: relativeToSum,
  bad: [
    [() => [Tensor.zeros([2]), Tensor.zeros([3])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2, 3]), Tensor.zeros([2, 3]), Tensor.zeros([3])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2]), Tensor.zeros([2]), Tensor.zeros([2, 1])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2]), Tensor.zeros([2], { dtype: 'float64' })], 'ERR_MG_DTYPE'],
    [() => [Tensor.zeros([2]), Tensor.zeros([2], { requiresGrad: true })], 'ERR_MG_ARGUMENT'],
  ],
});

opTable('crossEntropy', {
  op: withConstants(ops.crossEntropy as never) as never,
  samples: (s) => [
    [s.normal([1]), frozen(s.integers([], 1))],
    [s.normal([4]), frozen(s.integers([], 4))],
    [s.normal([0, 3]), frozen(nd([0], [], 'int32'))],
    [s.normal([5, 3]), frozen(s.integers([5], 3))],
    [s.normal([2, 3, 7]), frozen(s.integers([2, 3], 7)), frozen(bits([2, 3], s))],
    [s.uniform([6, 4], -80, 80), frozen(s.integers([6], 4)), frozen(s.uniform([6], 0, 2))],
  ],
  draw: (s) => {
    const [lead, classes] = [s.shape(0, 3), s.whole(1, 5)];
    return [s.normal([...lead, classes]), frozen(s.integers(lead, classes)), frozen(s.uniform(lead, 0, 2))];
  },
  reference: ((z: Nd, { of: k }: Constant, mask?: Constant) => {
    const classes = z.shape.at(-1)!;
    const terms = [...k.data].map((label, row) => {
      const logits = [...z.data.slice(row * classes, (row + 1) * classes)];
      const most = Math.max(...logits);
      const logSum = Math.log(logits.reduce((sum, v) => sum + Math.exp(v - most), 0));
      return (mask?.of.data[row] ?? 1) * (most - logits[label]! + logSum);
    });
    return nd([], [terms.reduce((a, b) => a + b, 0)]);
  }) as never,
  tolerance: relativeToSum,
  bad: [
    [() => [Tensor.zeros([]), Tensor.zeros([], { dtype: 'int32' })], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2, 3]), Tensor.zeros([3], { dtype: 'int32' })], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2, 3]), Tensor.zeros([2])], 'ERR_MG_DTYPE'],
    [() => [Tensor.zeros([2, 3]), Tensor.zeros([2], { dtype: 'int32' }), Tensor.zeros([2, 3])], 'ERR_MG_SHAPE'],
  ],
});

describe.each(precisions)('golden losses in %s', (dtype, tolerance) => {
  const tensor = (data: NestedNumbers, of: DType = dtype) => Tensor.from(data, undefined, { dtype: of });
  const near = (got: ArrayLike<number>, expected: readonly number[]) =>
    expected.forEach((e, i) => {
      expect(Math.abs(got[i]! - e), `element ${i}`).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(e)));
    });

  it('masked sigmoid cross entropy, averaged over the batch', () => {
    using _ = scope();
    const v = golden.masked_sigmoid_cross_entropy;
    const logits = tensor(v.logits);
    logits.requiresGrad = true;
    const loss = ops.div(ops.bceWithLogits(logits, tensor(v.target), tensor(v.mask)), logits.shape[1]!);
    near([loss.itemSync()], [v.loss_nats]);
    loss.backward();
    near(logits.grad!.dataSync(), v.grad_of_loss_nats.flat(2));
  });

  it('masked softmax cross entropy', () => {
    using _ = scope();
    const v = golden.masked_softmax_cross_entropy;
    const logits = tensor(v.logits);
    logits.requiresGrad = true;
    const loss = ops.crossEntropy(logits, tensor(v.classes, 'int32'), tensor(v.mask));
    near([loss.itemSync()], [v.sum]);
    loss.backward();
    near(logits.grad!.dataSync(), v.grad_of_sum.flat());
  });
});

describe('extreme values', () => {
  it('a huge logit costs its distance and nothing overflows', () => {
    using _ = scope();
    const z = Tensor.from([1e30, -1e30, 1e30, -1e30], [4], { requiresGrad: true });
    const loss = ops.bceWithLogits(z, Tensor.from([1, 0, 1, 0]));
    expect(loss.itemSync()).toBe(0);
    loss.backward();
    expect([...z.grad!.dataSync()]).toEqual([0, 0, 0, 0]);
    expect(ops.crossEntropy(Tensor.from([[1000, 0]]), Tensor.from([1], [1], { dtype: 'int32' })).itemSync()).toBe(1000);
  });

  it('what is masked out counts for nothing, even if it is not a number', () => {
    using _ = scope();
    const z = Tensor.from([[NaN, 0], [0, 0]], [2, 2], { requiresGrad: true });
    const mask = Tensor.from([0, 1]);
    const classes = Tensor.from([-1, 0], [2], { dtype: 'int32' });
    const loss = ops.add(ops.bceWithLogits(z, Tensor.zeros([2, 2]), mask), ops.crossEntropy(z, classes, mask));
    expect(loss.itemSync()).toBeCloseTo(3 * Math.log(2), 6);
    loss.backward();
    expect([...z.grad!.dataSync()]).toEqual([0, 0, 0, 1]);
  });

  it('a class outside makes the loss NaN', () => {
    using _ = scope();
    for (const k of [-1, 2]) {
      const outside = Tensor.from([k], [1], { dtype: 'int32' });
      expect(ops.crossEntropy(Tensor.zeros([1, 2]), outside).itemSync()).toBeNaN();
    }
  });
});
