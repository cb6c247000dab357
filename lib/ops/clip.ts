/** Values brought into a range. */
import { record } from '../autograd/tape.js';
import { checkNumber } from '../check.js';
import { native } from '../native.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkFloat, make } from './make.js';

/** y = min(max(x, −limit), limit), limit ≥ 0. The gradient passes where |x| ≤ limit. NaN stays NaN. */
export function clip(x: Tensor, limit: number): Tensor {
  checkFloat('clip', 'x', x);
  checkNumber('clip', 'limit', limit, 0);
  const y = make(native().clip(x.storage('clip'), limit), x.shape, x);
  return record('clip', [x], y, [x], ([dy], [saved]) => [
    make(native().clipBackward(dy!.storage('clip'), saved!.storage('clip'), limit), saved!.shape, saved!),
  ]);
}
