import { describe, expect, it } from 'vitest';
import { ops, scope, Tensor } from '../../lib/index.js';
import { build, nd, sizeOf, type Nd } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

const int32 = (...shape: number[]) => Tensor.zeros(shape, { dtype: 'int32' });

opTable('gather', {
  op: ops.gather as never,
  samples: (s) => [
    [s.normal([1]), s.integers([1], 1)],
    [s.normal([5]), s.integers([9], 5)],
    [s.normal([4, 3]), s.integers([], 4)],
    [s.normal([4, 3]), s.integers([2, 3], 4)],
    [s.normal([7, 2, 3]), s.integers([50], 7)],
    [s.normal([3, 2]), nd([0], [], 'int32')],
    [s.normal([2, 0]), s.integers([3], 2)],
  ],
  draw: (s) => {
    const rows = s.whole(1, 5);
    return [s.normal([rows, ...s.shape(0, 3)]), s.integers(s.shape(0, 2), rows)];
  },
  reference: ((x: Nd, indices: Nd) => {
    const row = x.shape.slice(1);
    const size = sizeOf(row);
    return nd([...indices.shape, ...row], [...indices.data].flatMap((i) => [...x.data.slice(i * size, (i + 1) * size)]));
  }) as never,
  tolerance: { float32: 0, float64: 0 }, // copies
  linear: true,
  bad: [
    [() => [Tensor.zeros([]), int32(1)], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2]), Tensor.zeros([1])], 'ERR_MG_DTYPE'],
    [() => [int32(2), int32(1)], 'ERR_MG_DTYPE'],
    [() => [Tensor.zeros([2]), [0]], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([2, 2]), int32(1), 1], 'ERR_MG_ARGUMENT'],
  ],
});

opTable('oneHot', {
  op: ops.oneHot as never,
  samples: (s) => [[s.integers([4], 3), 3], [s.integers([2, 3], 5), 7], [s.integers([], 1), 1], [nd([0], [], 'int32'), 4]],
  reference: ((indices: Nd, depth: number) =>
    build([...indices.shape, depth], (...index) => {
      const flat = index.slice(0, -1).reduce((f, i, axis) => f * indices.shape[axis]! + i, 0);
      return indices.data[flat] === index.at(-1) ? 1 : 0;
    })) as never,
  tolerance: { float32: 0, float64: 0 },
  differentiable: false,
  bad: [
    [() => [Tensor.zeros([2]), 3], 'ERR_MG_DTYPE'],
    [() => [int32(2), -1], 'ERR_MG_ARGUMENT'],
    [() => [int32(2), 2, 'int32'], 'ERR_MG_DTYPE'],
  ],
});

describe('indices outside', () => {
  const indices = () => Tensor.from([-1, 1, 2, 2147483647], [4], { dtype: 'int32' });

  it('give rows of NaN', () => {
    using _ = scope();
    expect([...ops.gather(Tensor.from([[1, 2], [3, 4]]), indices()).dataSync()]).toEqual([NaN, NaN, 3, 4, NaN, NaN, NaN, NaN]);
    expect([...ops.oneHot(indices(), 2).dataSync()]).toEqual([NaN, NaN, 0, 1, NaN, NaN, NaN, NaN]);
  });

  it('are left out of the gradient', () => {
    using _ = scope();
    const x = Tensor.from([[1, 2], [3, 4]], [2, 2], { requiresGrad: true });
    ops.gather(x, indices()).backward(Tensor.full([4, 2], 1));
    expect([...x.grad!.dataSync()]).toEqual([0, 0, 1, 1]);
  });
});
