// The norm of many tensors taken together.

import { record } from '../autograd/tape.js';
import { fail } from '../check.js';
import { native } from '../native.js';
import type { Tensor } from '../tensor/tensor.js';
import { add, constantLike, div, mul, pow } from './elementwise.js';
import { checkFloat, checkSameDType, make } from './make.js';

/**
 * √Σ x² over all elements of all tensors, [], summed in double in a fixed order. float32|float64, one dtype. Squares have to be
 * within the range of double: of float64 beyond 1.3e154 the norm is ∞, and what is below 1e-162 does not count.
 * Gradient: x/norm; 0 where the norm is 0. Throws ERR_MG_ARGUMENT for an empty list.
 */
export function globalNorm(tensors: readonly Tensor[]): Tensor {
  const op = 'globalNorm';
  if (!Array.isArray(tensors) || tensors.length === 0) {
    fail('ERR_MG_ARGUMENT', op, 'tensors to be a list of at least one Tensor', tensors);
  }
  const list = tensors as readonly Tensor[];
  const first = checkFloat(op, 'tensors[0]', list[0]);
  list.forEach((x, i) => checkSameDType(op, first, `tensors[${i}]`, x));
  const norm = make(native().globalNorm(list.map((x) => x.storage(op))), [], first);
  return record(op, list, norm, [norm, ...list], ([dy], [n, ...xs], needs) => {
    const parts: Tensor[] = [];
    const part = (t: Tensor): Tensor => {
      parts.push(t);
      return t;
    };
    const zero = part(constantLike(n!, 0));
    const divisor = part(add(n!, part(pow(zero, n!)))); // n + 0ⁿ is n, but 1 where n is 0
    const grads = xs.map((x, i) => (needs[i] === true ? mul(part(div(x, divisor)), dy!) : null));
    for (const t of parts) t.dispose();
    return grads;
  });
}
