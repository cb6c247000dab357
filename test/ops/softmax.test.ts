import { describe, expect, it } from 'vitest';
import { ops, scope, Tensor } from '../../lib/index.js';
import { nd, type Nd } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

const SHAPES = [[1], [4], [0, 3], [3, 0], [3, 5], [2, 1, 7], [2, 300]];
const rows = (f: (row: number[]) => number[]) => (x: Nd): Nd => {
  const n = x.shape.at(-1)!;
  const lines = Array.from({ length: n === 0 ? 0 : x.data.length / n }, (_, r) => [...x.data.slice(r * n, (r + 1) * n)]);
  return nd(x.shape, lines.flatMap(f));
};
const exps = (row: number[]) => {
  const most = Math.max(...row);
  return row.map((v) => Math.exp(v - most));
};
const total = (row: number[]) => row.reduce((a, b) => a + b, 0);
const bad = [
  [() => [Tensor.zeros([])], 'ERR_MG_SHAPE'],
  [() => [Tensor.zeros([2], { dtype: 'int32' })], 'ERR_MG_DTYPE'],
] as const;
const tolerance = { float32: 1e-6, float64: 1e-13 }; // computed in double, rounded once; 300 terms at most

opTable('softmax', {
  op: ops.softmax as never,
  samples: (s) => SHAPES.map((shape) => [s.normal(shape)]),
  draw: (s) => [s.normal(s.shape(1))],
  bad,
  tolerance,
  reference: rows((row) => exps(row).map((e, _, all) => e / total(all))) as never,
});
opTable('logSoftmax', {
  op: ops.logSoftmax as never,
  samples: (s) => SHAPES.map((shape) => [s.normal(shape)]),
  draw: (s) => [s.normal(s.shape(1))],
  bad,
  tolerance,
  reference: rows((row) => row.map((v) => v - Math.max(...row) - Math.log(total(exps(row))))) as never,
});
describe('softmax of extreme values', () => {
  it('does not overflow, and keeps an excluded choice at zero', () => {
    using _ = scope();
    expect([...ops.softmax(Tensor.from([1e30, 0, -Infinity])).dataSync()]).toEqual([1, 0, 0]);
    expect([...ops.logSoftmax(Tensor.from([1000, 0])).dataSync()]).toEqual([0, -1000]);
    expect([...ops.softmax(Tensor.from([NaN, 0])).dataSync()]).toEqual([NaN, NaN]);
  });
});
