// Softmax and its logarithm over the last axis.

import { record } from '../autograd/tape.js';
import { fail } from '../check.js';
import { native } from '../native.js';
import { sizeOf } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkFloat, make } from './make.js';

function rowOp(op: 'softmax' | 'logSoftmax'): (x: Tensor) => Tensor {
  return (x) => {
    const length = checkFloat(op, 'x', x).shape.at(-1) ?? fail('ERR_MG_SHAPE', op, 'x of rank 1 or more', x.shape);
    const dims = Int32Array.of(op === 'softmax' ? 0 : 1, sizeOf(x.shape.slice(0, -1)), length);
    const y = make(native().softmax(x.storage(op), dims), x.shape, x);
    return record(op, [x], y, [y], ([dy], [sy]) => [
      make(native().softmaxBackward(dy!.storage(op), sy!.storage(op), dims), sy!.shape, sy!),
    ]);
  };
}

/** yₖ = e^{xₖ} / Σⱼ e^{xⱼ} over the last axis, without overflow. Rank 1 or more; sums in double, in order. */
export const softmax = rowOp('softmax');
/** yₖ = xₖ − ln Σⱼ e^{xⱼ} over the last axis. Rank 1 or more; sums in double, in order. */
export const logSoftmax = rowOp('logSoftmax');
