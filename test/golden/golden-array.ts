/** Arrays in files of expected numbers. */
import { expect } from 'vitest';
import { Tensor, type FloatDType } from '../../lib/index.js';

export interface GoldenArray {
  shape: number[];
  data: number[];
}

export function readArray(array: GoldenArray, dtype: FloatDType): Tensor {
  return Tensor.from(Float64Array.from(array.data), array.shape, { dtype });
}

/** |got − expected| ≤ tolerance · max(1, |expected|), element by element. */
export function expectClose(got: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  expect(got.length, `${what}: size`).toBe(expected.length);
  expected.forEach((e, i) => {
    const error = Math.abs(got[i]! - e) / Math.max(1, Math.abs(e));
    if (!(error <= tolerance)) expect.fail(`${what}[${i}]: expected ${e} ± ${tolerance}, got ${got[i]}`);
  });
}
