/** Row G2: at the ends of the range layers, cells, moves and networks give what they are defined to give, both ways. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ops, Rng, scope, Tensor } from '../../../lib/index.js';
import { MODELS } from '../../helpers/every-kind.js';
import { shown } from '../../helpers/promises.js';
import { expectBits, expectSame, INF, made, NAN, of, RANGE } from './range.js';

describe('products', () => {
  of('matmul', (dtype) => {
    const { most, least } = RANGE[dtype];
    const a = made(dtype, [most, -most, 0, least, 1, 0, INF, 1, 1, NAN, 0, 0], [4, 3]);
    const b = made(dtype, [1, 1, 1], [3, 1]);
    const y = ops.matmul(a, b);
    expectSame(dtype, y.dataSync(), [0, 1, INF, NAN], 0, 'value');
    ops.sum(y).backward();
    expectSame(dtype, a.grad!.dataSync(), new Array<number>(12).fill(1), 0, 'gradient at a');
    // The sums of the columns: (most + least + ∞ + NaN), (−most + 1 + 1 + 0), (0 + 0 + 1 + 0)
    expectSame(dtype, b.grad!.dataSync(), [NAN, -most, 1], 0, 'gradient at b');
    expectSame(dtype, ops.matmul(made(dtype, [most, most], [1, 2]), b.slice([0, 0], [2, 1])).dataSync(), [INF], 0, 'overflow');
    expectSame(dtype, ops.matmul(made(dtype, [INF], [1, 1]), made(dtype, [0], [1, 1])).dataSync(), [NAN], 0, 'infinity times 0');
  });

  of('linear', (dtype) => {
    const { most, least } = RANGE[dtype];
    const x = made(dtype, [most / 2, least, INF, NAN], [4, 1]);
    const weight = made(dtype, [2], [1, 1]);
    const bias = made(dtype, [0]);
    const y = ops.linear(x, weight, bias);
    expectSame(dtype, y.dataSync(), [most, 2 * least, INF, NAN], 0, 'value');
    ops.sum(y).backward();
    expectSame(dtype, x.grad!.dataSync(), [2, 2, 2, 2], 0, 'gradient at x');
    expectSame(dtype, weight.grad!.dataSync(), [NAN], 0, 'gradient at the weight');
    expectSame(dtype, bias.grad!.dataSync(), [4], 0, 'gradient at the bias');
  });

  of('conv', (dtype) => {
    const { most, least } = RANGE[dtype];
    // Each number alone in the middle of its own 5×5 grid, under a kernel of ones: its 3×3 neighbours have it, nothing else does.
    const values = [most, -most, least, INF, NAN];
    const around = (value: number, outside: number): number[] =>
      Array.from(
        { length: 25 },
        (_, at) => (Math.abs(Math.floor(at / 5) - 2) <= 1 && Math.abs((at % 5) - 2) <= 1 ? value : outside),
      );
    const x = made(dtype, values.flatMap((value) => Array.from({ length: 25 }, (_, at) => (at === 12 ? value : 0))), [
      5,
      5,
      5,
      1,
    ]);
    const kernel = made(dtype, new Array<number>(9).fill(1), [3, 3, 1, 1]);
    const y = ops.conv([x], kernel);
    expectSame(dtype, y.dataSync(), values.flatMap((value) => around(value, 0)), 0, 'value');
    ops.sum(y).backward();
    const seen = Array.from({ length: 25 }, (_, at) => [2, 3, 3, 3, 2][Math.floor(at / 5)]! * [2, 3, 3, 3, 2][at % 5]!);
    expectSame(dtype, x.grad!.dataSync(), values.flatMap(() => seen), 0, 'gradient at x');
    expectSame(dtype, kernel.grad!.dataSync(), new Array<number>(9).fill(NAN), 0, 'gradient at the kernel');
  });
});

describe('layers', () => {
  const stats = { float32: 1e-6, float64: 1e-14 };

  of('batchNorm', (dtype) => {
    const { least } = RANGE[dtype];
    const [gamma, beta] = [made(dtype, [2]), made(dtype, [3])];
    const epsilon = 1e-3;
    const columns: [number[], number[]][] = [
      [[5, 5, 5], [3, 3, 3]], // no variance: (x − μ) is 0
      [[least, -least, 0], [3, 3, 3]], // so small a variance is nothing beside ε
      [[1e30, -1e30, 1e30, -1e30], [5, 1, 5, 1]], // (x − μ)/σ = ±1 beyond the range of squares of float32
      [[INF, 0], [NAN, NAN]],
      [[NAN, 0], [NAN, NAN]],
    ];
    for (const [data, expected] of columns) {
      const x = made(dtype, data, [data.length, 1]);
      const { y } = ops.batchNorm(x, gamma, beta, { epsilon });
      expectSame(dtype, y.dataSync(), expected, stats[dtype], `of ${data}`);
      ops.sum(y).backward(); // Σ y does not depend on x
      const slopes = [...x.grad!.dataSync()];
      if (data.every(Number.isFinite)) { for (const slope of slopes) expect(Math.abs(slope), `${data}`).toBeLessThan(1e-5); }
      else expect(slopes.some(Number.isNaN), `${data}`).toBe(true);
    }
  });

  of('normalize', (dtype) => {
    const { most } = RANGE[dtype];
    const [x, gamma, beta] = [made(dtype, [most, -most, INF, NAN], [4, 1]), made(dtype, [1]), made(dtype, [0])];
    const [mean, variance] = [made(dtype, [0], [1], false), made(dtype, [1], [1], false)];
    const y = ops.normalize(x, mean, variance, gamma, beta, { epsilon: 0 });
    expectSame(dtype, y.dataSync(), [most, -most, INF, NAN], stats[dtype], 'value');
    ops.sum(y).backward();
    expectSame(dtype, x.grad!.dataSync(), [1, 1, 1, 1], stats[dtype], 'gradient');
    const none = ops.normalize(made(dtype, [1, 0], [2, 1]), mean, made(dtype, [0], [1], false), gamma, beta, { epsilon: 0 });
    expectSame(dtype, none.dataSync(), [INF, NAN], 0, 'no variance at all'); // 1/0 and 0/0
  });

  of('lstmCell', (dtype) => {
    const { most, least } = RANGE[dtype];
    // Sums of the gates i, u, f, o, the cell before, and hidden and cell after it. Saturated gates are 0, 1 and ±1.
    const steps: [number[], number, number, number][] = [
      [[1e4, 1e4, 1e4, 1e4], 1, Math.tanh(2), 2],
      [[-1e4, 1e4, -1e4, 1e4], 1e30, 0, 0],
      [[-1e4, 0, 1e4, 1e4], most, 1, most],
      [[most, -most, -most, most], 1, Math.tanh(-1), -1],
      [[INF, -INF, -INF, INF], 1, Math.tanh(-1), -1],
      [[least, least, least, least], least, 0, 0],
      [[1e4, 1e4, 1e4, -1e4], INF, 0, INF],
      [[NAN, 0, 0, 0], 1, NAN, NAN],
    ];
    for (const [sums, before, hidden, after] of steps) {
      const [gates, cell] = [made(dtype, sums), made(dtype, [before])];
      const next = ops.lstmCell(gates, cell, { forgetBias: 0 });
      // A gate of floats is 1.7e-38 where it should be 0: of a cell of 1e30 that leaves 1e-8.
      const where = `${sums}, ${before}`;
      const near = (got: number, exact: number): void => {
        if (!Number.isFinite(exact)) return expect(got, where).toBe(exact);
        expect(Math.abs(got - exact) / Math.max(1, Math.abs(exact)), where).toBeLessThanOrEqual(1e-6);
      };
      near(next.hidden.itemSync(), hidden);
      near(next.cell.itemSync(), after);
      ops.sum(ops.add(next.hidden, next.cell)).backward();
      const slopes = [...gates.grad!.dataSync(), ...cell.grad!.dataSync()];
      if ([...sums, before].every(Number.isFinite)) expect(slopes.every(Number.isFinite), `${where}: ${slopes}`).toBe(true);
      if (Number.isNaN(hidden)) expect(slopes.some(Number.isNaN), where).toBe(true);
    }
  });

  of('maxPool', (dtype) => {
    const { most } = RANGE[dtype];
    const x = made(dtype, [-INF, -most, 1, NAN, -INF, -INF, INF, INF], [4, 2, 1]);
    const y = ops.maxPool(x);
    expectSame(dtype, y.dataSync(), [-most, NAN, -INF, INF], 0, 'value');
    ops.sum(y).backward();
    expectBits(dtype, x.grad!.dataSync(), [0, 1, 0, 1, 1, 0, 1, 0], 'gradient');
  });

  of('addChannels', (dtype) => {
    const { most } = RANGE[dtype];
    const [y, shortcut] = [made(dtype, [most, 7, -INF, 7, 0, NAN], [3, 2]), made(dtype, [most, INF, -0], [3, 1])];
    const sum = ops.addChannels(y, shortcut);
    expectSame(dtype, sum.dataSync(), [INF, 7, NAN, 7, 0, NAN], 0, 'value');
    ops.sum(sum).backward();
    expectBits(dtype, shortcut.grad!.dataSync(), [1, 1, 1], 'gradient');
  });
});

describe('moves keep the numbers, and their gradients add up', () => {
  const numbers = (dtype: 'float32' | 'float64'): number[] => {
    const { least, denormal, most } = RANGE[dtype];
    return [0, -0, least, -denormal, most, -most, INF, -INF, NAN, 1, 2, 3];
  };
  const order = [...Array(12).keys()];
  type Move = [name: keyof typeof ops, op: (x: Tensor) => Tensor, from: readonly number[]];
  const moves: Move[] = [
    ['reshape', (x) => ops.reshape(x, [3, 4]), order],
    ['transpose', (x) => ops.transpose(ops.reshape(x, [3, 4])), order.map((k) => (k % 3) * 4 + Math.floor(k / 3))],
    ['slice', (x) => ops.slice(x, [4], [5]), [4, 5, 6, 7, 8]],
    ['concat', (x) => ops.concat([ops.slice(x, [6], [6]), ops.slice(x, [0], [6])], 0), [...order.slice(6), ...order.slice(0, 6)]],
    ['stack', (x) => ops.stack([x, x]), [...order, ...order]],
    ['unstack', (x) => ops.unstack(ops.reshape(x, [3, 4]))[2]!, [8, 9, 10, 11]],
    ['gather', (x) => ops.gather(x, Tensor.from([8, 4, 4, 7], [4], { dtype: 'int32' })), [8, 4, 4, 7]],
    ['gridUp', (x) => ops.gridUp(ops.reshape(x, [1, 12, 1])), order.flatMap((k) => [k, k])],
  ];
  for (const [name, op, from] of moves) {
    of(name, (dtype) => {
      const data = numbers(dtype);
      const x = made(dtype, data);
      const y = op(x);
      expectBits(dtype, y.dataSync(), from.map((k) => data[k]!), 'value');
      ops.sum(y).backward();
      expectBits(dtype, x.grad!.dataSync(), order.map((k) => from.filter((other) => other === k).length), 'gradient');
    });
  }

  of('oneHot', (dtype) => {
    const y = ops.oneHot(Tensor.from([0, -1, 2 ** 31 - 1, -(2 ** 31)], [4], { dtype: 'int32' }), 2, dtype);
    expectBits(dtype, y.dataSync(), [1, 0, NAN, NAN, NAN, NAN, NAN, NAN], 'a row of NaN outside of the range');
  });
});

/** Every op is in one of these files by its name, but for windows of memories, which whole networks try below. */
const ELSEWHERE = /^(dam|dnc|sam)[A-Z]/;

it('none of the ops is left out', () => {
  const text = readdirSync(new URL('.', import.meta.url)).map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'))
    .join();
  expect(Object.keys(ops).filter((name) => !ELSEWHERE.test(name) && !text.includes(`'${name}', `))).toEqual([]);
});

describe('networks', () => {
  it.each(Object.keys(MODELS).filter((name) => name !== 'multigrid'))('%s', (name) => {
    using _ = scope();
    const inputs = { nothing: 0, 'the least': RANGE.float32.least, large: 1e4, 'very large': 1e30 };
    for (const [what, size] of Object.entries(inputs)) {
      const model = MODELS[name]!() as unknown as { forward(x: Tensor): { y: Tensor }; parameters(): Iterable<Tensor> };
      const x = ops.mul(Tensor.normal([6, 2, 5], [0, 1], new Rng(1)), size);
      const { y } = model.forward(x);
      expect([...y.dataSync()].every(Number.isFinite), `${what}: answers`).toBe(true);
      ops.sum(y).backward();
      const slopes = [...model.parameters()].flatMap((p) => [...(p.grad?.dataSync() ?? [])]);
      expect(slopes.length).toBeGreaterThan(100);
      expect(slopes.every(Number.isFinite), `${what}: gradients`).toBe(true);
    }
    shown('G2', 1, name);
  });
});
