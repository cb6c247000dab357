/** What every op file needs: wrapping results, and the checks that several ops share. */
import type { Storage } from '../native.js';
import { fail, words } from '../check.js';
import type { Shape } from '../tensor/shape.js';
import { checkTensor, Tensor } from '../tensor/tensor.js';

/** A fresh tensor over a result of the native module. */
export function make(storage: Storage, shape: Shape, like: Tensor): Tensor {
  return new Tensor(storage, shape, like.dtype);
}

/** A float32 or float64 tensor, or ERR_MG_ARGUMENT / ERR_MG_DTYPE. */
export function checkFloat(op: string, name: string, value: unknown): Tensor {
  const x = checkTensor(op, name, value);
  return x.dtype === 'float32' || x.dtype === 'float64' ? x : fail('ERR_MG_DTYPE', op, `${name} of float32 or float64`, x.dtype);
}

/** `y` has the dtype of `x`, or ERR_MG_DTYPE. */
export function checkSameDType(op: string, x: Tensor, name: string, y: unknown): Tensor {
  const tensor = checkTensor(op, name, y);
  if (tensor.dtype === x.dtype) return tensor;
  return fail('ERR_MG_DTYPE', op, `${name} of ${x.dtype}`, words(tensor.dtype), `.to('${x.dtype}') converts a tensor or a model`);
}

/** `x` has exactly this shape, described by `letters`, e.g. '[B,H,W,4C]'; or ERR_MG_SHAPE. */
export function checkShapeOf(op: string, name: string, x: Tensor, shape: Shape, letters: string): void {
  const fits = x.shape.length === shape.length && shape.every((n, i) => n === x.shape[i]);
  if (!fits) fail('ERR_MG_SHAPE', op, `${name} ${letters} = [${shape.join(', ')}]`, x.shape);
}
