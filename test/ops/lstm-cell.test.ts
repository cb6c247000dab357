import { describe, expect, it } from 'vitest';
import { ops, scope, Tensor } from '../../lib/index.js';
import { at, build, nd, Source, toTensors, type Nd } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

interface Options {
  forgetBias?: number;
  peephole?: Nd | null;
}

/** [hidden, cell], element by element from the equations. */
function naiveCell(gates: Nd, cell: Nd, { forgetBias = 1, peephole = null }: Options = {}): [Nd, Nd] {
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const channels = cell.shape.at(-1)!;
  const step = (index: number[]): [number, number] => {
    const [place, c] = [index.slice(0, -1), index.at(-1)!];
    const sum = (gate: number) => at(gates, ...place, gate * channels + c);
    const weight = (gate: number) =>
      peephole === null ? 0 : peephole.shape.length === 2 ? at(peephole, gate, c) : at(peephole, gate, ...index.slice(1));
    const before = at(cell, ...index);
    const i = sigmoid(sum(0) + weight(0) * before);
    const u = Math.tanh(sum(1));
    const f = sigmoid(sum(2) + forgetBias + weight(1) * before);
    const next = f * before + i * u;
    const o = sigmoid(sum(3) + weight(2) * next);
    return [o * Math.tanh(next), next];
  };
  return [build(cell.shape, (...index) => step(index)[0]), build(cell.shape, (...index) => step(index)[1])];
}

const op = (gates: Tensor, cell: Tensor, options?: ops.LstmCellOptions) => {
  const { hidden, cell: next } = ops.lstmCell(gates, cell, options);
  return [hidden, next];
};

const CELLS = [[1], [3], [1, 1], [2, 4], [0, 3], [5, 1], [1, 3, 3, 2], [2, 1, 5, 3], [0, 3, 3, 1], [3, 4, 2], [1, 33], [7, 5]];
const cells = (s: Source): number[] => [...s.shape(0, 3), s.whole(1, 4)];
const sumsOf = (shape: readonly number[]) => [...shape.slice(0, -1), 4 * shape.at(-1)!];
// float32: our exp and tanh are within 2e-7, and an error in a sum of size 4 is 2.4e-7 before the squashing.
const tolerance = { float32: 2e-6, float64: 1e-14 };

opTable('lstmCell', {
  op: op as never,
  samples: (s) => [
    ...CELLS.map((shape) => [s.normal(sumsOf(shape)), s.normal(shape)]),
    ...CELLS.map((shape) => [s.normal(sumsOf(shape)), s.normal(shape), { forgetBias: -0.5, peephole: null }]),
  ],
  draw: (s) => {
    const shape = cells(s);
    return [s.normal(sumsOf(shape)), s.normal(shape), { forgetBias: 0.5 }];
  },
  reference: naiveCell as never,
  tolerance,
  bad: [
    [() => [1, Tensor.zeros([2])], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([8]), undefined], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([8]), Tensor.zeros([2]), { forgetbias: 1 }], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([8]), Tensor.zeros([2]), { forgetBias: NaN }], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([8]), Tensor.zeros([2]), { peephole: 1 }], 'ERR_MG_ARGUMENT'],
    [() => [Tensor.zeros([8]), Tensor.zeros([2], { dtype: 'float64' })], 'ERR_MG_DTYPE'],
    [() => [Tensor.zeros([8], { dtype: 'int32' }), Tensor.zeros([2], { dtype: 'int32' })], 'ERR_MG_DTYPE'],
    [() => [Tensor.zeros([9]), Tensor.zeros([2])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([3, 8]), Tensor.zeros([2, 2])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([]), Tensor.zeros([])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([2, 0]), Tensor.zeros([2, 0])], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([3, 8]), Tensor.zeros([3, 2]), { peephole: Tensor.zeros([3, 3]) }], 'ERR_MG_SHAPE'],
    [() => [Tensor.zeros([3, 8]), Tensor.zeros([3, 2]), { peephole: Tensor.zeros([2, 2]) }], 'ERR_MG_SHAPE'],
  ],
});

opTable('lstmCell with a peephole for each channel', {
  op: op as never,
  samples: (s) => CELLS.map((shape) => [s.normal(sumsOf(shape)), s.normal(shape), { peephole: s.normal([3, shape.at(-1)!]) }]),
  draw: (s) => {
    const shape = cells(s);
    return [s.normal(sumsOf(shape)), s.normal(shape), { peephole: s.normal([3, shape.at(-1)!]) }];
  },
  reference: naiveCell as never,
  tolerance,
});

opTable('lstmCell with a peephole for each position', {
  op: op as never,
  samples: (s) =>
    CELLS.filter((shape) => shape.length > 1).map((shape) => [
      s.normal(sumsOf(shape)),
      s.normal(shape),
      { forgetBias: 0.25, peephole: s.normal([3, ...shape.slice(1)]) },
    ]),
  draw: (s) => {
    const shape = [s.whole(0, 3), ...s.shape(0, 2, true), s.whole(1, 4)];
    return [s.normal(sumsOf(shape)), s.normal(shape), { peephole: s.normal([3, ...shape.slice(1)]) }];
  },
  reference: naiveCell as never,
  tolerance,
});

describe('lstmCell', () => {
  it('stays finite, forward and backward, far out on the squashing functions', async () => {
    for (const dtype of ['float32', 'float64'] as const) {
      using _ = scope();
      const sums = Tensor.from([[1e4, -1e4, -1e4, 1e4], [-1e4, 1e4, 1e4, -1e4], [1e30, 1e30, 1e30, 1e30]], undefined, { dtype });
      const cell = Tensor.from([[3], [-3], [1e30]], undefined, { dtype });
      sums.requiresGrad = cell.requiresGrad = true;
      const { hidden, cell: next } = ops.lstmCell(sums, cell);
      ops.sum(ops.add(hidden, next)).backward();
      for (const t of [hidden, next, sums.grad!, cell.grad!]) expect((await t.data()).every(Number.isFinite)).toBe(true);
    }
  });

  it('passes a NaN on', async () => {
    const { hidden, cell } = ops.lstmCell(Tensor.from([[NaN, 0, 0, 0]]), Tensor.from([[0]]));
    expect([await hidden.item(), await cell.item()]).toEqual([NaN, NaN]);
  });

  it('sums the peephole gradient of many cells within float32 rounding of the float64 sum', async () => {
    using _ = scope();
    const shape = [40, 12, 12, 3];
    const source = new Source(5);
    const [sums, cell, peephole] = [source.normal(sumsOf(shape)), source.normal(shape), source.normal([3, 3])];
    const gradient = async (dtype: 'float32' | 'float64') => {
      const [s, c, p] = [sums, cell, peephole].map((x: Nd) => toTensors(nd(x.shape, x.data), dtype) as Tensor);
      p!.requiresGrad = true;
      ops.sum(ops.lstmCell(s!, c!, { peephole: p! }).hidden).backward();
      return await p!.grad!.data();
    };
    const [single, double] = [await gradient('float32'), await gradient('float64')];
    double.forEach((v, i) => expect(Math.abs(single[i]! - v)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(v))));
  });
});
