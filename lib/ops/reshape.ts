/** The same bytes under another shape. */
import { record } from '../autograd/tape.js';
import { fail } from '../check.js';
import { checkShape, sizeOf, type Shape } from '../tensor/shape.js';
import { checkTensor, Tensor } from '../tensor/tensor.js';

/** x with another shape of as many elements; one size may be −1. Shares storage. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkTensor('reshape', 'x', x);
  const open = Array.isArray(shape) ? shape.indexOf(-1) : -1;
  const known = open < 0 ? shape : shape.map((n, i) => (i === open ? 1 : n));
  const checked = checkShape('reshape', known) as number[];
  if (open >= 0) checked[open] = x.size / sizeOf(checked);
  if (sizeOf(checked) !== x.size || !checked.every(Number.isInteger)) {
    fail('ERR_MG_SHAPE', 'reshape', `a shape of ${x.size} elements`, shape);
  }
  return record('reshape', [x], x.alias('reshape', checked), [], ([dy]) => [dy!.alias('reshape', x.shape)]);
}
