import { describe, expect, it } from 'vitest';
import { memory, ops, scope, Tensor } from '../../lib/index.js';
import { at, build, nd, sizeOf, type Nd } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

const exact = { float32: 0, float64: 0 }; // elements are moved, or added to zeros

const BOXES: [number[], number[], number[]][] = [
  [[1], [0], [1]],
  [[5], [1], [3]],
  [[4, 3], [1, 0], [2, 3]],
  [[4, 3], [0, 1], [4, 2]],
  [[4, 3], [2], [1]],
  [[2, 3, 5], [1, 1, 0], [1, 2, 5]],
  [[2, 3, 5], [0, 1, 2], [2, -1, 2]],
  [[0, 3], [0, 1], [0, 2]],
  [[2, 3], [0, 3], [2, 0]],
  [[], [], []],
];
opTable('slice', {
  op: ops.slice as never,
  samples: (s) => BOXES.map(([shape, begin, size]) => [s.normal(shape), begin, size]),
  draw: (s) => {
    const shape = s.shape();
    const begin = shape.map((n) => s.whole(0, n));
    return [s.normal(shape), begin, shape.map((n, i) => s.whole(0, n - begin[i]!))];
  },
  reference: ((x: Nd, begin: number[], size: number[]) => {
    const shape = x.shape.map((n, i) => (size[i] === undefined || size[i] === -1 ? n - (begin[i] ?? 0) : size[i]));
    return build(shape, (...index) => at(x, ...index.map((i, axis) => i + (begin[axis] ?? 0))));
  }) as never,
  tolerance: exact,
  linear: true,
  bad: [
    [() => ['x', [0], [1]], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([2]), [0, 0], [1, 1]], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2]), [0], [3]], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([2]), [3], [0]], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([2]), [0.5], [1]], 'ERR_MG_ARGUMENT'],
  ],
});

const PERMUTATIONS: [number[], number[] | undefined][] = [
  [[], undefined],
  [[3], undefined],
  [[1, 1], [1, 0]],
  [[3, 5], undefined],
  [[0, 4], [1, 0]],
  [[2, 3, 5], [2, 0, 1]],
  [[2, 3, 5], [0, -1, 1]],
  [[3, 1, 4, 2], [1, 3, 0, 2]],
  [[2, 3, 4], [0, 1, 2]],
];
opTable('transpose', {
  op: ops.transpose as never,
  samples: (s) => PERMUTATIONS.map(([shape, perm]) => [s.normal(shape), perm]),
  draw: (s) => {
    const shape = s.shape();
    return [s.normal(shape), s.rng.shuffle([...shape.keys()])];
  },
  reference: ((x: Nd, perm?: number[]) => {
    const order = (perm ?? x.shape.map((_, i) => x.shape.length - 1 - i)).map((axis) => (axis + x.shape.length) % x.shape.length);
    const shape = order.map((axis) => x.shape[axis]!);
    return build(shape, (...index) => at(x, ...order.map((_, axis) => index[order.indexOf(axis)]!)));
  }) as never,
  tolerance: exact,
  linear: true,
  bad: [
    [() => [Tensor.zeros([2, 3]), [0]], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2, 3]), [0, 0]], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2, 3]), [0, 2]], 'ERR_MG_SHAPE'],
  ],
});

const JOINS: [number[][], number][] = [
  [[[1]], 0],
  [[[2], [3]], 0],
  [[[2, 3], [2, 1]], 1],
  [[[2, 3], [1, 3], [4, 3]], 0],
  [[[2, 2, 3], [2, 5, 3]], 1],
  [[[2, 2, 3], [2, 2, 1], [2, 2, 4]], -1],
  [[[0, 3], [0, 2]], 1],
  [[[2, 0], [2, 3]], 1],
];
opTable('concat', {
  op: ops.concat as never,
  samples: (s) => JOINS.map(([shapes, axis]) => [shapes.map((shape) => s.normal(shape)), axis]),
  draw: (s) => {
    const shape = s.shape(1);
    const axis = s.whole(0, shape.length - 1);
    return [Array.from({ length: s.whole(1, 4) }, () => s.normal(shape.with(axis, s.whole(0, 4)))), axis];
  },
  reference: ((xs: Nd[], axis: number) => {
    const along = (axis + xs[0]!.shape.length) % xs[0]!.shape.length;
    const shape = xs[0]!.shape.map((n, i) => (i === along ? xs.reduce((sum, x) => sum + x.shape[i]!, 0) : n));
    return build(shape, (...index) => {
      let [which, rest] = [0, index[along]!];
      while (rest >= xs[which]!.shape[along]!) rest -= xs[which++]!.shape[along]!;
      return at(xs[which]!, ...index.with(along, rest));
    });
  }) as never,
  tolerance: exact,
  linear: true,
  bad: [
    [() => [[], 0], 'ERR_MG_ARGUMENT'],
    [() => [[Tensor.zeros([2])], 1], 'ERR_MG_SHAPE'],
    [() => [[Tensor.zeros([2, 3]), Tensor.zeros([3, 2])], 0], 'ERR_MG_SHAPE'],
    [() => [[Tensor.zeros([2]), Tensor.zeros([2], { dtype: 'float64' })], 0], 'ERR_MG_DTYPE'],
  ],
});

opTable('stack', {
  op: ops.stack as never,
  samples: (s) =>
    ([[[], 1], [[2], 3], [[0, 2], 2], [[3, 1, 2], 4]] as const).map((
      [shape, n],
    ) => [Array.from({ length: n }, () => s.normal([...shape]))]),
  draw: (s) => {
    const shape = s.shape();
    return [Array.from({ length: s.whole(1, 4) }, () => s.normal(shape))];
  },
  reference: ((xs: Nd[]) => nd([xs.length, ...xs[0]!.shape], xs.flatMap((x) => [...x.data]))) as never,
  tolerance: exact,
  linear: true,
  bad: [[() => [[]], 'ERR_MG_ARGUMENT'], [() => [[Tensor.zeros([2]), Tensor.zeros([1])]], 'ERR_MG_SHAPE']],
});

opTable('unstack', {
  op: ops.unstack as never,
  samples: (s) => [[1], [3], [2, 3], [4, 1, 2], [2, 0]].map((shape) => [s.normal(shape)]),
  draw: (s) => [s.normal([s.whole(1, 4), ...s.shape()])],
  reference: ((x: Nd) =>
    Array.from({ length: x.shape[0]! }, (_, i) => {
      const size = sizeOf(x.shape.slice(1));
      return nd(x.shape.slice(1), x.data.slice(i * size, (i + 1) * size));
    })) as never,
  tolerance: exact,
  linear: true,
  bad: [[() => [Tensor.zeros([])], 'ERR_MG_SHAPE']],
});

describe('views', () => {
  it('items along axis 0 share the bytes of the whole', async () => {
    using _ = scope();
    const x = Tensor.from([[1, 2], [3, 4], [5, 6]]);
    await x.data();
    const before = memory().bytes;
    const parts = [...ops.unstack(x), ops.slice(x, [1], [2])];
    expect(memory().bytes).toBe(before);
    x.copyFrom(Float32Array.of(7, 8, 9, 10, 11, 12));
    expect(parts.map((p) => [...p.dataSync()])).toEqual([[7, 8], [9, 10], [11, 12], [9, 10, 11, 12]]);
  });

  it('outlives the tensor it was cut from', async () => {
    using _ = scope();
    const x = Tensor.from([[1, 2], [3, 4]]);
    const row = x.slice([1], [1]);
    x.dispose();
    expect([...(await row.data())]).toEqual([3, 4]);
  });

  it('an item of unstack that nobody uses has a gradient of zero', async () => {
    using _ = scope();
    const x = Tensor.from([[1, 2], [3, 4], [5, 6]], [3, 2], { requiresGrad: true });
    const [, middle] = ops.unstack(x);
    ops.sum(ops.square(middle!)).backward();
    expect([...(await x.grad!.data())]).toEqual([0, 0, 6, 8, 0, 0]);
  });

  it('moves integers and bytes too', () => {
    using _ = scope();
    const x = Tensor.from([[1, 2], [3, 4]], [2, 2], { dtype: 'uint8' });
    expect([...ops.transpose(x).dataSync()]).toEqual([1, 3, 2, 4]);
    expect([...ops.concat([x, ops.transpose(x)], 1).dataSync()]).toEqual([1, 2, 1, 3, 3, 4, 2, 4]);
  });
});
