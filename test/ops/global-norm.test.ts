import { expect, it } from 'vitest';
import { ops, scope, Tensor } from '../../lib/index.js';
import { nd, type Nd } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

opTable('globalNorm', {
  op: ops.globalNorm as never,
  samples: (s) => [
    [[s.normal([1])]],
    [[s.normal([]), s.normal([2, 3])]],
    [[s.normal([0]), s.normal([5])]],
    [[s.normal([40]), s.normal([3, 1, 2]), s.normal([2])]],
  ],
  draw: (s) => [Array.from({ length: s.whole(1, 3) }, () => s.uniform(s.shape(0, 3, true), 0.5, 2))],
  reference: ((xs: Nd[]) => nd([], [Math.hypot(...xs.flatMap((x) => [...x.data]))])) as never,
  tolerance: { float32: 1e-6, float64: 1e-14 }, // summed in double, rounded once
  bad: [
    [() => [[]], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([2])], 'ERR_MG_ARGUMENT'],
    [() => [[Tensor.zeros([2]), Tensor.zeros([2], { dtype: 'float64' })]], 'ERR_MG_DTYPE'],
    [() => [[Tensor.zeros([2], { dtype: 'int32' })]], 'ERR_MG_DTYPE'],
  ],
});

it('the gradient of a norm of zero is zero', () => {
  using _ = scope();
  const x = Tensor.zeros([3], { requiresGrad: true });
  ops.globalNorm([x]).backward();
  expect([...x.grad!.dataSync()]).toEqual([0, 0, 0]);
});

it('squares beyond the range of float32 do not overflow', () => {
  using _ = scope();
  expect(ops.globalNorm([Tensor.from([3e30, 4e30])]).itemSync()).toBe(Math.fround(5e30));
});
