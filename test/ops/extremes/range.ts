/** What tests at the ends of the range share: the numbers at which something ends, and what counts as the same number. */
import { expect, it } from 'vitest';
import { scope, Tensor, type DType, type ops } from '../../../lib/index.js';
import { shown } from '../../helpers/promises.js';

export type FloatType = 'float32' | 'float64';
export const TYPES = ['float32', 'float64'] as const;
export const [NAN, INF] = [NaN, Infinity];

/** Ends of the range: smallest and largest denormal and normal number, and the step from 1 to the next. */
export const RANGE = {
  float32: {
    least: 2 ** -149,
    denormal: 2 ** -126 - 2 ** -149,
    normal: 2 ** -126,
    most: (2 - 2 ** -23) * 2 ** 127,
    step: 2 ** -23,
  },
  float64: {
    least: Number.MIN_VALUE,
    denormal: 2 ** -1022 - Number.MIN_VALUE,
    normal: 2 ** -1022,
    most: Number.MAX_VALUE,
    step: Number.EPSILON,
  },
};

/** Numbers at which something ends, with both signs, zeros too. */
export function edges(dtype: FloatType): number[] {
  const { least, denormal, normal, most, step } = RANGE[dtype];
  const positive = [0, least, denormal, normal, 1e-4, 1, 1 + step, 17, 88.5, 89, 104, 709.5, 746, 1e4, 1e30, most, INF];
  return [...positive, ...positive.map((x) => -x), NAN];
}

/** `x` in the type: rounded once, as an op that was exact would round it. */
export const as = (dtype: FloatType, x: number): number => (dtype === 'float32' ? Math.fround(x) : x);

export const made = (dtype: DType, data: readonly number[], shape = [data.length], requiresGrad = true): Tensor =>
  Tensor.from(data, shape, { dtype, ...(requiresGrad ? { requiresGrad } : {}) });

/** Of equal kind: both NaN, the same infinity, or within `relative` of it and a few of the smallest steps there are. */
export function expectSame(
  dtype: FloatType,
  got: ArrayLike<number>,
  expected: readonly number[],
  relative: number,
  where: string,
): void {
  expect(got.length, where).toBe(expected.length);
  expected.forEach((exact, i) => {
    const e = as(dtype, exact);
    const words = `${where}[${i}]: expected ${e}, got ${got[i]}`;
    if (!Number.isFinite(e)) expect(got[i], words).toBe(e);
    else expect(Math.abs(got[i]! - e), words).toBeLessThanOrEqual(relative * Math.abs(e) + 4 * RANGE[dtype].least);
  });
}

/** Sign of zero and all else. */
export function expectBits(dtype: FloatType, got: ArrayLike<number>, expected: readonly number[], where: string): void {
  expect(Array.from(got), where).toEqual(expected.map((x) => as(dtype, x)));
}

/** Relative error of a few roundings. */
export const ulps = { float32: 4 * 2 ** -23, float64: 4 * Number.EPSILON };

/** A test of an op of row G2, in both types. */
export function of(name: keyof typeof ops, test: (dtype: FloatType) => void): void {
  it.each(TYPES)(`${name} in %s`, (dtype) => {
    using _ = scope();
    test(dtype);
    shown('G2', 1, name);
  });
}
