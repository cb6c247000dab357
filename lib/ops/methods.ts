/** The ops as methods of Tensor. They live above the tensor's room, so they are added here. */
import { backward, setGradientAdder } from '../autograd/tape.js';
import { device, type DeviceLike } from '../tensor/device.js';
import { dtypes, type DType } from '../tensor/dtype.js';
import type { Shape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import * as elementwise from './elementwise.js';
import { slice, transpose } from './layout.js';
import { matmul } from './matmul.js';
import { mean } from './mean.js';
import { max, sum } from './reduce.js';
import { reshape } from './reshape.js';
import { logSoftmax, softmax } from './softmax.js';

const methods = {
  add(this: Tensor, other: Tensor | number) {
    return elementwise.add(this, other);
  },
  sub(this: Tensor, other: Tensor | number) {
    return elementwise.sub(this, other);
  },
  mul(this: Tensor, other: Tensor | number) {
    return elementwise.mul(this, other);
  },
  div(this: Tensor, other: Tensor | number) {
    return elementwise.div(this, other);
  },
  pow(this: Tensor, exponent: Tensor | number) {
    return elementwise.pow(this, exponent);
  },
  neg(this: Tensor) {
    return elementwise.neg(this);
  },
  exp(this: Tensor) {
    return elementwise.exp(this);
  },
  log(this: Tensor) {
    return elementwise.log(this);
  },
  sqrt(this: Tensor) {
    return elementwise.sqrt(this);
  },
  abs(this: Tensor) {
    return elementwise.abs(this);
  },
  square(this: Tensor) {
    return elementwise.square(this);
  },
  sigmoid(this: Tensor) {
    return elementwise.sigmoid(this);
  },
  tanh(this: Tensor) {
    return elementwise.tanh(this);
  },
  relu(this: Tensor) {
    return elementwise.relu(this);
  },
  softplus(this: Tensor) {
    return elementwise.softplus(this);
  },
  matmul(this: Tensor, other: Tensor) {
    return matmul(this, other);
  },
  softmax(this: Tensor) {
    return softmax(this);
  },
  logSoftmax(this: Tensor) {
    return logSoftmax(this);
  },
  sum(this: Tensor, axes?: number | readonly number[], keepDims?: boolean) {
    return sum(this, axes, keepDims);
  },
  mean(this: Tensor, axes?: number | readonly number[], keepDims?: boolean) {
    return mean(this, axes, keepDims);
  },
  max(this: Tensor, axes?: number | readonly number[], keepDims?: boolean) {
    return max(this, axes, keepDims);
  },
  reshape(this: Tensor, shape: Shape) {
    return reshape(this, shape);
  },
  slice(this: Tensor, begin: Shape, size: Shape) {
    return slice(this, begin, size);
  },
  transpose(this: Tensor, perm?: readonly number[]) {
    return transpose(this, perm);
  },
  clone(this: Tensor) {
    return elementwise.clone(this);
  },
  /** Another dtype, or another device. */
  to(this: Tensor, target: DType | DeviceLike): Tensor {
    if (dtypes.includes(target as DType)) return elementwise.cast(this, target as DType);
    return elementwise.transfer(this, device(target as DeviceLike));
  },
  /** Adds gradients to the leaves this tensor depends on and frees the graph. See `backward`. */
  backward(this: Tensor, seed?: Tensor): void {
    backward(this, seed);
  },
};

type Methods = { [K in keyof typeof methods]: OmitThisParameter<(typeof methods)[K]> };

declare module '../tensor/tensor.js' {
  interface Tensor extends Methods {}
}

Object.assign(Tensor.prototype, methods);
setGradientAdder(elementwise.add);

// Keeps the import above in the declarations, which would otherwise lack the name that they use.
export type { Tensor };
