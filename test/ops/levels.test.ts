import { describe, expect, it } from 'vitest';
import { ops, Tensor } from '../../lib/index.js';
import { at, build, type Nd, type Source } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

const GRIDS = [
  [1, 2, 2, 1],
  [2, 4, 4, 3],
  [0, 4, 4, 2],
  [1, 2, 6, 3],
  [3, 6, 2, 5],
  [1, 2, 10, 7],
  [2, 8, 8, 4],
  [5, 2, 2, 1],
  [1, 2, 2, 33],
  [1, 2, 1],
  [2, 4, 3],
  [0, 6, 2],
  [1, 14, 7],
  [3, 2, 1],
  [7, 6, 2],
  [1, 16, 5],
];
const ANY_GRIDS = [
  [1, 1, 1, 1],
  [2, 3, 3, 3],
  [0, 3, 3, 2],
  [1, 7, 3, 5],
  [3, 1, 5, 2],
  [2, 4, 4, 1],
  [1, 5, 1, 4],
  [1, 1, 1, 33],
  [1, 1, 1],
  [2, 3, 3],
  [0, 3, 2],
  [1, 7, 5],
  [5, 2, 1],
  [1, 9, 3],
];
/** Of a line or a grid of such sides. */
const grid = (s: Source, side: () => number): number[] => [
  s.whole(0, 3),
  ...Array.from({ length: s.whole(1, 2) }, side),
  s.whole(1, 5),
];
const exact = { float32: 0, float64: 0 };

/** The largest of the window, from the definition. */
function naiveMaxPool(x: Nd): Nd {
  const half = x.shape.map((n, axis) => (axis === 0 || axis === x.shape.length - 1 ? n : n / 2));
  if (x.shape.length === 3) return build(half, (b, p, c) => Math.max(at(x, b!, 2 * p!, c!), at(x, b!, 2 * p! + 1, c!)));
  return build(
    half,
    (b, p, q, c) => Math.max(...[0, 1].flatMap((i) => [0, 1].map((j) => at(x, b!, 2 * p! + i, 2 * q! + j, c!)))),
  );
}

function naiveGridUp(x: Nd): Nd {
  const doubled = x.shape.map((n, axis) => (axis === 0 || axis === x.shape.length - 1 ? n : 2 * n));
  if (x.shape.length === 3) return build(doubled, (b, p, c) => at(x, b!, Math.floor(p! / 2), c!));
  return build(doubled, (b, p, q, c) => at(x, b!, Math.floor(p! / 2), Math.floor(q! / 2), c!));
}

opTable('maxPool', {
  op: ops.maxPool as never,
  samples: (s) => GRIDS.map((shape) => [s.distinct(shape)]),
  draw: (s) => [s.distinct(grid(s, () => 2 * s.whole(1, 3)))],
  reference: naiveMaxPool as never,
  tolerance: exact,
  bad: [
    [() => ['x'], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([2, 2])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([1, 3, 2, 1])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([1, 2, 3, 1])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([1, 1, 1])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([1, 2, 2, 2, 1])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([1, 2, 2, 1], { dtype: 'int32' })], 'ERR_MG_DTYPE'],
  ],
});

opTable('gridUp', {
  op: ops.gridUp as never,
  samples: (s) => ANY_GRIDS.map((shape) => [s.normal(shape)]),
  draw: (s) => [s.normal(grid(s, () => s.whole(1, 5)))],
  reference: naiveGridUp as never,
  tolerance: exact,
  linear: true,
  bad: [
    [() => ['x'], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([3])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([1, 1, 1, 1, 1])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([1, 2, 1], { dtype: 'uint8' })], 'ERR_MG_DTYPE'],
  ],
});

const PAIRS: [number[], number[]][] = [
  [[1], [1]],
  [[3], [2]],
  [[2, 4], [2, 4]],
  [[2, 4], [2, 1]],
  [[0, 4], [0, 2]],
  [[1, 3, 3, 8], [1, 3, 3, 5]],
  [[2, 5, 3], [2, 5, 3]],
  [[1, 1, 1, 16], [1, 1, 1, 4]],
  [[5, 7, 1, 3], [5, 7, 1, 2]],
  [[2, 3], [2, 0]],
];
opTable('addChannels', {
  op: ops.addChannels as never,
  samples: (s) => PAIRS.map(([a, b]) => [s.normal(a), s.normal(b)]),
  draw: (s) => {
    const [lead, channels] = [s.shape(0, 3), s.whole(1, 5)];
    return [s.normal([...lead, channels]), s.normal([...lead, s.whole(0, channels)])];
  },
  reference: ((y: Nd, x: Nd) => build(y.shape, (...i) => at(y, ...i) + (i.at(-1)! < x.shape.at(-1)! ? at(x, ...i) : 0))) as never,
  tolerance: { float32: 1e-7, float64: 0 }, // one addition, rounded once
  linear: true,
  bad: [
    [() => [Tensor.zeros([2]), 1], 'ERR_MG_ARGUMENT'],
    [() => [1, Tensor.zeros([2])], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([2, 2]), Tensor.zeros([2, 3])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2, 2]), Tensor.zeros([3, 2])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2, 2]), Tensor.zeros([2])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([]), Tensor.zeros([])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2]), Tensor.zeros([2], { dtype: 'float64' })], 'ERR_MG_DTYPE'],
  ],
});

describe('maxPool', () => {
  const gradient = (values: number[], shape: number[]) => {
    const x = Tensor.from(values, shape);
    x.requiresGrad = true;
    const y = ops.maxPool(x);
    y.backward(Tensor.from(Array.from({ length: y.size }, (_, i) => i + 1), y.shape));
    return [y.dataSync(), x.grad!.dataSync()].map((a) => Array.from(a));
  };

  it('sends the gradient of a tie to the first maximum in row-major order', () => {
    expect(gradient([5, 5, 5, 5], [1, 2, 2, 1])).toEqual([[5], [1, 0, 0, 0]]);
    expect(gradient([0, 5, 5, 5], [1, 2, 2, 1])).toEqual([[5], [0, 1, 0, 0]]);
    expect(gradient([0, 0, 5, 5], [1, 2, 2, 1])).toEqual([[5], [0, 0, 1, 0]]);
    expect(gradient([3, 3, 1, 1], [1, 4, 1])).toEqual([[3, 1], [1, 0, 2, 0]]);
    expect(gradient([0, -0, 0, 0], [1, 2, 2, 1])[1]).toEqual([1, 0, 0, 0]);
  });

  it('takes a NaN for the maximum and sends it the gradient', () => {
    for (let i = 0; i < 4; i++) {
      const values = [4, 3, 2, 1];
      values[i] = NaN;
      const [y, dx] = gradient(values, [1, 2, 2, 1]);
      expect(y).toEqual([NaN]);
      expect(dx!.indexOf(1)).toBe(i);
    }
    expect(gradient([NaN, NaN, 1, NaN], [1, 2, 2, 1])[1]).toEqual([1, 0, 0, 0]);
  });

  it('finds the maximum among minus infinities', () => {
    expect(gradient([-Infinity, -Infinity, -Infinity, -Infinity], [1, 2, 2, 1])).toEqual([[-Infinity], [1, 0, 0, 0]]);
  });
});

describe('gridUp', () => {
  it('and pooling the doubled grid give the grid back', () => {
    const x = Tensor.from(Array.from({ length: 54 }, (_, i) => Math.sin(i)), [2, 3, 3, 3]);
    expect(ops.maxPool(ops.gridUp(x)).dataSync()).toEqual(x.dataSync());
  });
});
