/** Row G2: at the ends of the range sums, maxima, norms, softmax and losses are what they are defined to be, both ways. */
import { describe, expect } from 'vitest';
import { ops } from '../../../lib/index.js';
import { expectBits, expectSame, INF, made, NAN, of, RANGE, ulps } from './range.js';

describe('sums and maxima', () => {
  of('sum', (dtype) => {
    const { most, least } = RANGE[dtype];
    const sums: [number[], number][] = [
      [[], 0],
      [[most, -most, least], least],
      [[most, most], INF],
      [[INF, -INF], NAN],
      [[NAN, 1], NAN],
      [[INF, most], INF],
      [[least, least, least], 3 * least],
    ];
    for (const [data, expected] of sums) {
      const x = made(dtype, data);
      const y = ops.sum(x);
      expectSame(dtype, y.dataSync(), [expected], 0, `${data}`);
      y.backward();
      expectBits(dtype, x.grad!.dataSync(), data.map(() => 1), 'gradient');
    }
  });

  of('mean', (dtype) => {
    const { most, least } = RANGE[dtype];
    const means: [number[], number][] = [[[], NAN], [[most], most], [[most, -most], 0], [[2 * least, 2 * least], 2 * least], [[
      INF,
      1,
    ], INF], [[NAN, 1], NAN]];
    for (const [data, expected] of means) expectSame(dtype, ops.mean(made(dtype, data)).dataSync(), [expected], 0, `${data}`);
  });

  of('max', (dtype) => {
    const { most, least } = RANGE[dtype];
    const maxima: [number[], number, number[]][] = [
      [[-most, -INF], -most, [1, 0]],
      [[-INF, -INF], -INF, [1, 0]],
      [[least, 0, -0], least, [1, 0, 0]],
      [[1, NAN, INF, NAN], NAN, [0, 1, 0, 0]],
      [[INF, INF], INF, [1, 0]],
    ];
    for (const [data, expected, gradient] of maxima) {
      const x = made(dtype, data);
      const y = ops.max(x);
      expectSame(dtype, y.dataSync(), [expected], 0, `${data}`);
      y.backward();
      expectBits(dtype, x.grad!.dataSync(), gradient, `gradient of ${data}`);
    }
    expect(ops.max(made(dtype, [])).itemSync()).toBe(-INF);
  });

  of('globalNorm', (dtype) => {
    const { most, least } = RANGE[dtype];
    const norms: [number[], number, number[]][] = [
      [[0, -0], 0, [0, -0]],
      [[3 * 2 ** 100, 4 * 2 ** 100], 5 * 2 ** 100, [0.6, 0.8]],
      [[3 * 2 ** -120, -4 * 2 ** -120], 5 * 2 ** -120, [0.6, -0.8]],
      // In double squares of float32 are in range wherever they are; those of float64 are not: as the op says.
      [[0, -most], dtype === 'float32' ? most : INF, dtype === 'float32' ? [0, -1] : [0, -0]],
      [[4 * least, 0], dtype === 'float32' ? 4 * least : 0, dtype === 'float32' ? [1, 0] : [4 * least, 0]],
      [[most, most], INF, [0, 0]],
      [[INF, 1], INF, [NAN, 0]],
      [[NAN, 1], NAN, [NAN, NAN]],
    ];
    for (const [data, expected, gradient] of norms) {
      const x = made(dtype, data);
      const y = ops.globalNorm([x]);
      expectSame(dtype, y.dataSync(), [expected], ulps[dtype], `norm of ${data}`);
      y.backward();
      expectSame(dtype, x.grad!.dataSync(), gradient, ulps[dtype], `gradient of the norm of ${data}`);
    }
  });
});

describe('rows', () => {
  /** Rows with all that softmax makes of them: probabilities p, and their logarithms as x − m − ln Σ e^(x − m). */
  const rows = (most: number, least: number): number[][] => [
    [0, 0, 0, 0],
    [1e4, 1e4 - 1, -1e4, -INF],
    [most, most, -most, 0],
    [-most, -most, -most, -INF],
    [least, -least, 0, -0],
    [-INF, -INF, -INF, -INF],
    [INF, 0, 0, 0],
    [NAN, 0, 0, 0],
  ];
  const logs = (row: readonly number[]): number[] => {
    const top = row.some(Number.isNaN) ? NAN : Math.max(...row);
    if (top === INF) return row.map((v) => v - INF); // of an infinite sum all but the infinite have no share
    return row.map((v) => v - top - Math.log(row.reduce((sum, w) => sum + Math.exp(w - top), 0)));
  };
  for (const [name, value] of [['softmax', (row: number[]) => logs(row).map(Math.exp)], ['logSoftmax', logs]] as const) {
    of(name, (dtype) => {
      const { most, least } = RANGE[dtype];
      for (const row of rows(most, least)) {
        const x = made(dtype, row);
        const y = ops[name](x);
        expectSame(dtype, y.dataSync(), value(row), 4 * ulps[dtype], `${row}`);
        ops.sum(ops.mul(y, made(dtype, [1, 0, 0, 0], [4], false))).backward();
        const p = logs(row).map(Math.exp);
        const slopes = p.map((v, k) => name === 'softmax' ? p[0]! * ((k === 0 ? 1 : 0) - v) : (k === 0 ? 1 : 0) - v);
        // 0 · ∞ where a probability that is 0 has an infinite logarithm: NaN is right as well.
        if (row.every(Number.isFinite)) expectSame(dtype, x.grad!.dataSync(), slopes, 8 * ulps[dtype], `slope of ${row}`);
      }
    });
  }

  of('bceWithLogits', (dtype) => {
    const { most, least } = RANGE[dtype];
    const cases: [z: number, y: number, loss: number, slope: number][] = [
      [0, 0.5, Math.LN2, 0],
      [1e4, 0, 1e4, 1],
      [1e4, 1, 0, 0],
      [-1e4, 1, 1e4, -1],
      [-1e4, 0, 0, 0],
      [most, 0, most, 1],
      [-most, 1, most, -1],
      [most, 1, 0, 0],
      [least, 0, Math.LN2, 0.5],
      [-100, 0, Math.exp(-100), Math.exp(-100)],
      [INF, 0, INF, 1],
      [INF, 1, 0, 0],
      [-INF, 1, INF, -1],
      [-INF, 0, 0, 0],
      [most / 2, 0.5, most / 4, 0.5],
      [NAN, 0, NAN, NAN],
    ];
    for (const [z, y, loss, slope] of cases) {
      const logits = made(dtype, [z]);
      const got = ops.bceWithLogits(logits, made(dtype, [y], [1], false));
      got.backward();
      expectSame(dtype, got.dataSync(), [loss], ulps[dtype], `loss of ${z}, ${y}`);
      expectSame(dtype, logits.grad!.dataSync(), [slope], ulps[dtype], `slope of ${z}, ${y}`);
    }
  });

  of('crossEntropy', (dtype) => {
    const { most, least } = RANGE[dtype];
    const cases: [z: number[], loss: number, slopes: number[]][] = [
      [[0, 0], Math.LN2, [-0.5, 0.5]],
      [[0, 1e4], 1e4, [-1, 1]],
      [[1e4, 0], 0, [0, 0]],
      [[most, -most], 0, [0, 0]],
      [[most, most], Math.LN2, [-0.5, 0.5]],
      [[-1e30, -1e30], Math.LN2, [-0.5, 0.5]],
      [[-most / 4, most / 4], most / 2, [-1, 1]],
      [[-most, most], INF, [-1, 1]],
      [[least, -least], Math.LN2, [-0.5, 0.5]],
      [[-INF, 0], INF, [-1, 1]],
      [[0, -INF], 0, [0, 0]],
      [[NAN, 0], NAN, [NAN, NAN]],
    ];
    for (const [z, loss, slopes] of cases) {
      const logits = made(dtype, z, [1, 2]);
      const got = ops.crossEntropy(logits, made('int32', [0], [1], false));
      got.backward();
      expectSame(dtype, got.dataSync(), [loss], ulps[dtype], `loss of ${z}`);
      expectSame(dtype, logits.grad!.dataSync(), slopes, ulps[dtype], `slope of ${z}`);
    }
  });
});
