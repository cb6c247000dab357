import { describe, expect, it } from 'vitest';
import { ops, scope, setThreads, Tensor } from '../../lib/index.js';
import { at, build, Source, toTensors, type Nd } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

// A sum of K products of standard normals has a rounding error of about √K·2⁻²⁴ times its terms; K ≤ 300 here, some are large.
const tolerance = { float32: 2e-5, float64: 1e-13 };

const product = (a: Nd, b: Nd): Nd => {
  const [lead, rows, inner] = [a.shape.slice(0, -2), a.shape.at(-2)!, a.shape.at(-1)!];
  return build([...lead, rows, b.shape.at(-1)!], (...index) => {
    const [batch, m, n] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!];
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += at(a, ...batch, m, k) * at(b, ...(b.shape.length === 2 ? [] : batch), k, n);
    return sum;
  });
};
const linear = (x: Nd, weight: Nd, bias: Nd | null): Nd => {
  const flat = product({ ...x, shape: [1, ...x.shape.slice(0, -1).reduce((n, s) => [n[0]! * s], [1]), x.shape.at(-1)!] }, weight);
  const n = weight.shape[1]!;
  return { shape: [...x.shape.slice(0, -1), n], data: flat.data.map((v, i) => v + (bias?.data[i % n] ?? 0)) };
};

const SMALL: [number[], number[]][] = [
  [[1, 1], [1, 1]],
  [[2, 3], [3, 4]],
  [[0, 3], [3, 2]],
  [[3, 0], [0, 2]],
  [[3, 2], [2, 0]],
  [[1, 5], [5, 3]],
  [[4, 1], [1, 4]],
  [[5, 4], [4, 3]],
  [[2, 3, 4], [4, 2]],
  [[2, 3, 4], [2, 4, 5]],
  [[0, 3, 4], [0, 4, 5]],
  [[2, 1, 5, 3], [2, 1, 3, 2]],
  [[2, 2, 17], [2, 17, 2]],
];
const badProducts = [
  [() => [Tensor.zeros([3]), Tensor.zeros([3, 2])], 'ERR_MG_SHAPE'],
  [() => [Tensor.zeros([2, 3]), Tensor.zeros([2, 3])], 'ERR_MG_SHAPE'],
  [() => [Tensor.zeros([2, 2, 3]), Tensor.zeros([1, 3, 2])], 'ERR_MG_SHAPE'],
  [() => [Tensor.zeros([2, 3]), Tensor.zeros([3, 2], { dtype: 'float64' })], 'ERR_MG_DTYPE'],
  [() => [Tensor.zeros([2, 3]), 2], 'ERR_MG_ARGUMENT'],
] as const;
opTable('matmul', {
  op: ops.matmul as never,
  samples: (s) => SMALL.map(([a, b]) => [s.normal(a), s.normal(b)]),
  draw: (s) => {
    const [lead, [m, k, n]] = [s.shape(0, 2), s.shape(3, 3)];
    return [s.normal([...lead, m!, k!]), s.normal([...(s.whole(0, 1) === 0 ? [] : lead), k!, n!])];
  },
  reference: product as never,
  tolerance,
  bad: badProducts,
});

opTable('linear', {
  op: ops.linear as never,
  samples: (s) => [
    [s.normal([3]), s.normal([3, 2]), s.normal([2])],
    [s.normal([5, 3]), s.normal([3, 4]), null],
    [s.normal([0, 3]), s.normal([3, 2]), s.normal([2])],
    [s.normal([2, 3, 4]), s.normal([4, 18]), s.normal([18])],
    [s.normal([7, 1]), s.normal([1, 1]), s.normal([1])],
  ],
  draw: (s) => {
    const [k, n] = [s.whole(1, 4), s.whole(1, 4)];
    return [s.normal([...s.shape(0, 3), k]), s.normal([k, n]), s.whole(0, 1) === 0 ? null : s.normal([n])];
  },
  reference: linear as never,
  tolerance,
  bad: [
    [() => [Tensor.zeros([]), Tensor.zeros([1, 1]), null], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2, 3]), Tensor.zeros([2, 3]), null], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2, 3]), Tensor.zeros([3, 2]), Tensor.zeros([3])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2, 3]), Tensor.zeros([3, 2], { dtype: 'float64' }), null], 'ERR_MG_DTYPE'],
  ],
});

// Larger sides reach every tile, panel and partial sum. Finite differences would take minutes there, so both gradients are
// compared with their own definition: da = dy bᵀ, db = aᵀ dy, with dy of ones weighted by position.
const SIDES = [
  [1, 300, 70],
  [3, 40, 600],
  [2, 9, 513],
  [13, 70, 129],
  [50, 33, 48],
  [97, 5, 64],
  [1100, 13, 10],
  [31, 270, 17],
  [600, 30, 3],
];
const transposed = (x: Nd): Nd => build([x.shape[1]!, x.shape[0]!], (i, j) => at(x, j, i));

describe.each(['float32', 'float64'] as const)('matmul of larger sides in %s', (dtype) => {
  it.each(SIDES)('%i × %i × %i: the product and both gradients, on 1 and 2 threads with the same bits', async (m, k, n) => {
    using _ = scope();
    const s = new Source(7);
    const [a, b, dy] = [s.normal([m!, k!]), s.normal([k!, n!]), s.normal([m!, n!])];
    const expected = [product(a, b), product(dy, transposed(b)), product(transposed(a), dy)];
    const bits: string[] = [];
    for (const threads of [1, 2]) {
      setThreads(threads);
      const [ta, tb, tdy] = toTensors([a, b, dy], dtype) as [Tensor, Tensor, Tensor];
      ta.requiresGrad = tb.requiresGrad = true;
      const y = ops.matmul(ta, tb);
      y.backward(tdy);
      const got = await Promise.all([y, ta.grad!, tb.grad!].map((t) => t.data()));
      bits.push(got.map((values) => Buffer.from(values.buffer).toString('base64')).join());
      got.forEach((values, i) => {
        const length = [k!, n!, m!][i]!;
        // 8σ of a random walk of roundings.
        const bound = 8 * Math.sqrt(length) * (dtype === 'float32' ? 2 ** -24 : 2 ** -53) * Math.sqrt(length);
        const errors = Array.from(values).map((v: number, j: number) => Math.abs(v - expected[i]!.data[j]!));
        const worst = errors.reduce((a, b) => Math.max(a, b), 0);
        expect(worst, ['y', 'da', 'db'][i]).toBeLessThanOrEqual(bound);
      });
    }
    expect(bits[1]).toBe(bits[0]);
  });

  // With rows of zeros the sums are exact, and what is left is the bias.
  it.each(SIDES)('%i × %i × %i: linear adds to each column the bias of that column', async (m, k, n) => {
    using _ = scope();
    const bias = Array.from({ length: n! }, (_, column) => column + 1);
    const placed = { dtype };
    const y = ops.linear(Tensor.zeros([m!, k!], placed), Tensor.full([k!, n!], 3, placed), Tensor.from(bias, [n!], placed));
    const values = [...await y.data()];
    expect(values.findIndex((value, i) => value !== (i % n!) + 1)).toBe(-1);
    expect(values.length).toBe(m! * n!);
  });
});
