// Sums, means and maxima over axes, clipping, and the same bytes under another shape: one row each.
import { ops, Tensor } from '../../lib/index.js';
import { indices, nd, sizeOf, type Nd, type Source } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

type Axes = number | readonly number[] | undefined;

/** Shape, axes and whether they stay, with size 1: none, one from the front and from the end, adjacent and separate ones, all. */
const CASES: readonly (readonly [readonly number[], Axes, boolean])[] = [
  [[], undefined, false],
  [[5], undefined, false],
  [[5], 0, true],
  [[3, 4], 1, false],
  [[3, 4], -1, true],
  [[2, 3, 4], [0, 1], false],
  [[2, 3, 4], [0, 2], true],
  [[2, 1, 3, 2], [1, 3], false],
  [[2, 3, 4], [2, 0, 1], false],
];

/** The numbers that each result stands for, and the shape of the results. */
function groups(x: Nd, axes: Axes, keepDims: boolean): { shape: number[]; values: number[][] } {
  const rank = x.shape.length;
  const list = axes === undefined ? x.shape.map((_, i) => i) : [axes].flat().map((axis) => (axis < 0 ? axis + rank : axis));
  const kept = x.shape.map((n, axis) => (list.includes(axis) ? 1 : n));
  const values = Array.from({ length: sizeOf(kept) }, (): number[] => []);
  let flat = 0;
  for (const index of indices(x.shape)) {
    const place = index.reduce((at, i, axis) => at * kept[axis]! + (list.includes(axis) ? 0 : i), 0);
    values[place]!.push(x.data[flat++]!);
  }
  return { shape: keepDims ? kept : kept.filter((_, axis) => !list.includes(axis)), values };
}

/** A shape, some of its axes and whether they stay. */
function drawn(s: Source, filled: boolean): [number[], number[], boolean] {
  const shape = s.shape(0, 4, filled);
  return [shape, [...shape.keys()].filter(() => s.whole(0, 1) === 0), s.whole(0, 1) === 0];
}

const reduced = (f: (values: readonly number[]) => number) => (x: Nd, axes: Axes, keepDims: boolean): Nd => {
  const { shape, values } = groups(x, axes, keepDims);
  return nd(shape, values.map(f));
};
const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const bad = [
  [() => [Tensor.zeros([2], { dtype: 'int32' })], 'ERR_MG_DTYPE'],
  [() => [Tensor.zeros([2]), 1], 'ERR_MG_SHAPE'],
  [() => ['x'], 'ERR_MG_ARGUMENT'],
] as const;
const tolerance = { float32: 1e-6, float64: 1e-14 }; // at most 24 terms near 1, in some order

opTable('sum', {
  op: ops.sum as never,
  samples: (s: Source) => [...CASES, [[0, 3], 0, false] as const].map(([shape, ...rest]) => [s.normal(shape), ...rest]),
  draw: (s) => {
    const [shape, ...rest] = drawn(s, false);
    return [s.normal(shape), ...rest];
  },
  reference: reduced(total) as never,
  tolerance,
  linear: true,
  bad,
});
opTable('mean', {
  op: ops.mean as never,
  samples: (s: Source) => CASES.map(([shape, ...rest]) => [s.normal(shape), ...rest]),
  draw: (s) => {
    const [shape, ...rest] = drawn(s, true);
    return [s.normal(shape), ...rest];
  },
  reference: reduced((values) => total(values) / values.length) as never,
  tolerance,
  linear: true,
  bad,
});
opTable('max', {
  op: ops.max as never,
  samples: (s: Source) => CASES.map(([shape, ...rest]) => [s.distinct(shape), ...rest]),
  draw: (s) => {
    const [shape, ...rest] = drawn(s, true);
    return [s.distinct(shape), ...rest];
  },
  reference: reduced((values) => Math.max(...values)) as never,
  tolerance: { float32: 0, float64: 0 }, // one of the numbers
  bad,
});
opTable('clip', {
  op: ops.clip as never,
  // Some inside and some outside of ±1.3, none within a finite difference of it.
  samples: (s: Source) => [[], [1], [0, 2], [7], [3, 5]].map((shape) => [s.distinct(shape), 1.3]),
  draw: (s) => [s.distinct(s.shape()), 1.3],
  reference: ((x: Nd, limit: number) => nd(x.shape, x.data.map((v) => Math.min(Math.max(v, -limit), limit)))) as never,
  tolerance: { float32: 1e-7, float64: 0 }, // the limit is rounded to float32
  bad: [
    [() => [Tensor.zeros([2], { dtype: 'int32' }), 1], 'ERR_MG_DTYPE'],
    [() => [Tensor.zeros([2]), -1], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([2]), NaN], 'ERR_MG_ARGUMENT'],
  ],
});

const SHAPES: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[], [1, 1]],
  [[6], [2, 3]],
  [[2, 3, 4], [4, -1]],
  [[0, 3], [3, 0]],
  [[2, 3], [-1]],
];
opTable('reshape', {
  op: ops.reshape as never,
  samples: (s: Source) => SHAPES.map(([from, to]) => [s.normal(from), to]),
  draw: (s) => {
    const shape = s.shape();
    return [s.normal(shape), s.rng.shuffle([...shape, ...new Array<number>(s.whole(0, 2)).fill(1)])];
  },
  // −1 stands for what is left.
  reference: ((x: Nd, to: readonly number[]) =>
    nd(to.map((n) => (n === -1 ? sizeOf(x.shape) / -sizeOf(to) : n)), x.data)) as never,
  tolerance: { float32: 0, float64: 0 },
  linear: true,
  bad: [
    [() => [Tensor.zeros([6]), [4]], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([6]), [4, -1]], 'ERR_MG_SHAPE'],
    [() => ['x', [1]], 'ERR_MG_ARGUMENT'],
  ],
});
