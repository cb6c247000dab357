export { MgError, type MgErrorCode } from './errors.js';
export {
  device, devices, diagnostics, setDefaultDevice, setThreads,
  type Device, type DeviceLike, type DeviceMemory, type DeviceType, type Diagnostics,
} from './tensor/device.js';
export type { DType, TypedArrayOf } from './tensor/dtype.js';
export { Rng } from './tensor/rng.js';
export type { Shape } from './tensor/shape.js';
export { memory, Tensor, type NestedNumbers, type TensorOptions } from './tensor/tensor.js';
export {
  grad, gradcheck, noGrad, scope, tidy, valueAndGrad,
  type GradcheckOptions, type GradcheckResult, type Scope,
} from './autograd/index.js';
export * as ops from './ops/index.js';
