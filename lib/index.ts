/** The public door: names only. */
export { MgError, type MgErrorCode, type MgErrorDetails } from './errors.js';
export {
  device,
  devices,
  diagnostics,
  setDefaultDevice,
  setThreads,
  whyDevice,
  type Device,
  type DeviceLike,
  type DeviceMemory,
  type DeviceType,
  type Diagnostics,
} from './tensor/device.js';
export type { DType, FloatDType, TypedArrayOf, TypedArrays } from './tensor/dtype.js';
export { Rng } from './tensor/rng.js';
export type { Shape } from './tensor/shape.js';
export type { NestedNumbers, TensorOptions } from './tensor/new-storage.js';
export { memory, Tensor } from './tensor/tensor.js';
export {
  grad,
  gradcheck,
  noGrad,
  scope,
  tidy,
  valueAndGrad,
  type GradcheckOptions,
  type GradcheckResult,
  type Owned,
  type Scope,
} from './autograd/index.js';
export * as ops from './ops/index.js';
export type { Precision } from './ops/network/network-spec.js';
export * as nn from './nn/index.js';
export { MultigridState, Pyramid } from './nn/index.js';
export * as fused from './nn/multigrid/fused.js';
export * as models from './models/index.js';
export * as optim from './optim/index.js';
export * as rl from './rl/index.js';
export * as tasks from './tasks/index.js';
export type { CurriculumOptions, LessonsOpened } from './train/practice/curriculum.js';
export type { LevelOptions } from './train/practice/levels.js';
export type { Guard } from './train/guard.js';
export type { ModelInput, ModelState, TrainableModel } from './train/model.js';
export { Trainer } from './train/trainer.js';
export type { CheckpointOptions, FitOptions, LossFunction, TrainerSetup } from './train/trainer-setup.js';
export type { Callback, FitResult, StepEvent, TaskTraining, TrainContext, Training } from './train/events.js';
export type { RunRecord, Scoring } from './train/training.js';
export type { Position } from './train/window-stream.js';
export * as callbacks from './listeners/callbacks.js';
export type { RunFolder } from './files/run-folder.js';
export { inspectTensors, type FileListing } from './files/safetensors.js';
export { loadTensors, saveTensors, type LoadTensorsOptions } from './tensor/tensor-file.js';
