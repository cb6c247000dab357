// The nn room: names only.

export { Module, type LoadOptions, type LoadReport } from './module.js';
export { type LayerOptions, type Parameter } from './parameter.js';
export { type Init, type InitFunction } from './init.js';
export { Linear, type LinearOptions } from './linear.js';
export { Conv1d, Conv2d, type ConvOptions } from './conv.js';
export { LSTM, LSTMCell, LSTMState, type LSTMOptions } from './lstm.js';
export { ConvLSTM, type ConvLSTMOptions } from './conv-lstm.js';
export { BatchNorm, type BatchNormOptions, type Norm, type NormOptions } from './batch-norm.js';
export { Pyramid } from './multigrid/pyramid.js';
export { MultigridState } from './multigrid/multigrid-state.js';
export { MultigridConv, type MultigridConvOptions } from './multigrid/multigrid-conv.js';
export { MultigridConvLSTM, type MultigridConvLSTMOptions } from './multigrid/multigrid-conv-lstm.js';
export { type Fused } from './multigrid/fused-layer.js';
export { type Joined, type MultigridGeometry, type MultigridOptions } from './multigrid/multigrid-input.js';
export { type Dimensions, type LevelSpec, type SourceKind } from './ladder.js';
export { type InitRule, type ParameterSpec, type Peephole } from './parameter-specs.js';
