// Means over axes.

import { Tensor } from '../tensor/tensor.js';
import { mul } from './elementwise.js';
import { reducedSum } from './reduce.js';

/** Σ x / n over `axes` (all by default), n the number of elements each result stands for. */
export function mean(x: Tensor, axes?: number | readonly number[], keepDims = false): Tensor {
  const total = reducedSum('mean', x, axes, keepDims);
  const y = mul(total, total.size / x.size);
  total.dispose();
  return y;
}
