/** Row G2: at the ends of the range ops of one and two numbers give what IEEE 754 says, forward and backward. */
import { describe, expect } from 'vitest';
import { ops, type Tensor } from '../../../lib/index.js';
import { as, edges, expectBits, expectSame, INF, made, NAN, of, RANGE, ulps } from './range.js';

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

describe('of one number', () => {
  /** Value and slope; where the slope is made from the rounded value, `loss` is what its distance from 1 loses. */
  const unary: [keyof typeof ops, (x: Tensor) => Tensor, (x: number) => number, (x: number) => number, loss?: number][] = [
    ['neg', ops.neg, (x) => -x, () => -1],
    ['exp', ops.exp, Math.exp, Math.exp],
    ['log', ops.log, Math.log, (x) => 1 / x],
    ['sqrt', ops.sqrt, Math.sqrt, (x) => 1 / (2 * Math.sqrt(x))],
    ['sigmoid', ops.sigmoid, sigmoid, (x) => sigmoid(x) * sigmoid(-x), 1],
    ['tanh', ops.tanh, Math.tanh, (x) => (1 - Math.tanh(x)) * (1 + Math.tanh(x)), 2],
    ['relu', ops.relu, (x) => (x > 0 ? x : x === x ? 0 : x), (x) => (x > 0 ? 1 : 0)],
    ['softplus', ops.softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), sigmoid],
    ['abs', ops.abs, Math.abs, (x) => (Number.isNaN(x) ? 0 : Math.sign(x))],
    ['square', ops.square, (x) => x * x, (x) => 2 * x],
    ['clone', ops.clone, (x) => x, () => 1],
  ];
  for (const [name, op, value, slope, loss = 0] of unary) {
    of(name, (dtype) => {
      const at = edges(dtype).map((x) => as(dtype, x));
      const x = made(dtype, at);
      const y = op(x);
      expectSame(dtype, y.dataSync(), at.map(value), ulps[dtype], 'value');
      ops.sum(y).backward();
      const slopes = x.grad!.dataSync();
      const lost = loss * RANGE[dtype].step;
      at.forEach((v, i) => {
        const e = as(dtype, slope(v));
        const words = `slope at ${v}: expected ${e}, got ${slopes[i]}`;
        if (Number.isFinite(e))
          expect(Math.abs(slopes[i]! - e), words).toBeLessThanOrEqual(ulps[dtype] * Math.abs(e) + 4 * RANGE[dtype].least + lost);
        else expect(slopes[i], words).toBe(e);
      });
    });
  }

  of('cast', (dtype) => {
    const values = [0, -0, 2 ** -149, 2 ** -150, 2 ** -151, -(2 ** -149), 1 + 2 ** -24, 3.5e38, -1e300, INF, NAN];
    const x = made('float64', values);
    const y = ops.cast(x, dtype);
    expectBits(dtype, y.dataSync(), values, 'rounded once, to even');
    ops.sum(y).backward();
    expectBits('float64', x.grad!.dataSync(), values.map(() => 1), 'gradient');
  });

  of('clip', (dtype) => {
    const at = edges(dtype).map((x) => as(dtype, x));
    for (const limit of [0, 1, RANGE[dtype].most]) {
      const x = made(dtype, at);
      const y = ops.clip(x, limit);
      expectSame(dtype, y.dataSync(), at.map((v) => (Number.isNaN(v) ? v : Math.max(-limit, Math.min(limit, v)))), 0, `${limit}`);
      ops.sum(y).backward();
      expectSame(dtype, x.grad!.dataSync(), at.map((v) => (Math.abs(v) <= limit ? 1 : 0)), 0, `gradient, ${limit}`);
    }
  });
});

describe('of two numbers', () => {
  /** aᵇ as IEEE 754 has it: 1 to any power and −1 to an infinite one are 1, unlike in JavaScript. */
  const power = (a: number, b: number): number => (a === 1 || (a === -1 && Math.abs(b) === INF) ? 1 : a ** b);
  const powerSlope = (a: number, b: number): number => (b === 0 ? 0 : b * power(a, b - 1));
  const exponentSlope = (a: number, b: number): number => (a === 0 && b >= 0 ? 0 : power(a, b) * Math.log(a));
  type Two = (a: number, b: number) => number;
  const binary: [keyof typeof ops, (a: Tensor, b: Tensor) => Tensor, Two, Two, Two, relative: number][] = [
    ['add', ops.add, (a, b) => a + b, () => 1, () => 1, 0],
    ['sub', ops.sub, (a, b) => a - b, () => 1, () => -1, 0],
    ['mul', ops.mul, (a, b) => a * b, (_, b) => b, (a) => a, 0],
    ['div', ops.div, (a, b) => a / b, (_, b) => 1 / b, (a, b) => -(a / b) / b, 4],
    ['pow', ops.pow, power, powerSlope, exponentSlope, 0],
  ];
  for (const [name, op, value, da, db, roundings] of binary) {
    of(name, (dtype) => {
      const some = edges(dtype).filter((x) => name !== 'pow' || Math.abs(x) < 20 || Math.abs(x) >= 1e30);
      const pairs = some.flatMap((a) => some.map((b) => [as(dtype, a), as(dtype, b)] as const));
      const [a, b] = [0, 1].map((k) => made(dtype, pairs.map((pair) => pair[k]!))) as [Tensor, Tensor];
      const y = op(a, b);
      // A power of floats is rounded in its factors: a⁽ᵇ⁻¹⁾, b − 1 and ln a each have one.
      const [exact, slopes] = name === 'pow' ? [8 * ulps[dtype], 8 * ulps[dtype]] : [0, roundings * ulps[dtype]];
      const where = pairs.map(([p, q]) => `${name}(${p}, ${q})`);
      const each = (got: ArrayLike<number>, f: Two, relative: number, what: string): void =>
        pairs.forEach(([p, q], i) => expectSame(dtype, [got[i]!], [f(p, q)], relative, `${what} ${where[i]}`));
      each(y.dataSync(), value, exact, 'value of');
      ops.sum(y).backward();
      each(a.grad!.dataSync(), da, slopes, 'slope at a of');
      each(b.grad!.dataSync(), db, slopes, 'slope at b of');
    });
  }
});
