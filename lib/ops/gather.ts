/** Rows chosen by number. */
import { record } from '../autograd/tape.js';
import { checkInteger, fail } from '../check.js';
import { native } from '../native.js';
import { dtypeCode, type FloatDType } from '../tensor/dtype.js';
import { sizeOf } from '../tensor/shape.js';
import { checkTensor, Tensor } from '../tensor/tensor.js';
import { checkFloat, make } from './make.js';

/** An int32 tensor, or ERR_MG_DTYPE. */
export function checkIndices(op: string, name: string, value: unknown): Tensor {
  const x = checkTensor(op, name, value);
  return x.dtype === 'int32' ? x : fail('ERR_MG_DTYPE', op, `${name} of int32`, x.dtype);
}

/**
 * y[i…] = x[indices[i…]]: x [R, ...], indices int32 [I…] → y [I…, ...]. float32|float64.
 * Indices are read when the queued work runs, so a number outside 0 … R − 1 cannot throw: its row of y is NaN. The gradient
 * adds up the rows of dy in the order of the indices; it has the same bits on any number of threads.
 */
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  checkFloat('gather', 'x', x);
  checkIndices('gather', 'indices', indices);
  if (x.shape.length === 0) fail('ERR_MG_SHAPE', 'gather', 'x of rank 1 or more', x.shape);
  if (axis !== 0) fail('ERR_MG_ARGUMENT', 'gather', 'axis 0', axis, 'transpose first');
  const row = x.shape.slice(1);
  const dims = Int32Array.of(x.shape[0]!, sizeOf(row), indices.size);
  const y = make(native().gather(x.storage('gather'), indices.storage('gather'), dims), [...indices.shape, ...row], x);
  return record('gather', [x], y, [indices], ([dy], [chosen]) => [
    make(native().gatherBackward(dy!.storage('gather'), chosen!.storage('gather'), dims), x.shape, dy!),
  ]);
}

/** y[i…, k] = 1 if indices[i…] = k, else 0, for k < depth. A number outside 0 … depth − 1 gives a row of NaN. No gradient. */
export function oneHot(indices: Tensor, depth: number, dtype: FloatDType = 'float32'): Tensor {
  checkIndices('oneHot', 'indices', indices);
  checkInteger('oneHot', 'depth', depth, 0, 2 ** 31 - 1);
  if (dtype !== 'float32' && dtype !== 'float64') fail('ERR_MG_DTYPE', 'oneHot', 'float32 or float64', dtype);
  const y = native().oneHot(indices.storage('oneHot'), Int32Array.of(dtypeCode(dtype), depth));
  return new Tensor(y, [...indices.shape, depth], dtype);
}
