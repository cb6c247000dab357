// The ops room: names only.

import './methods.js';

export { batchNorm, normalize, type NormOptions } from './layers/batch-norm.js';
export { clip } from './clip.js';
export { conv } from './layers/conv.js';
export type { ControllerWeights, Interface } from './memories/controller.js';
export { damStart, damStateShapes, damWindow, type DamSettings, type DamTensors, type DamWindow } from './memories/dam.js';
export {
  dncInterface,
  dncStateShapes,
  dncWindow,
  type DncSettings,
  type DncTensors,
  type DncWeights,
  type DncWindow,
} from './memories/dnc.js';
export {
  abs,
  add,
  cast,
  clone,
  div,
  exp,
  log,
  mul,
  neg,
  pow,
  relu,
  sigmoid,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
  type BinaryOp,
} from './elementwise.js';
export { gather, oneHot } from './gather.js';
export { globalNorm } from './global-norm.js';
export { concat, slice, stack, transpose, unstack } from './layout.js';
export { addChannels, gridUp, maxPool } from './layers/levels.js';
export { lstmCell, type LstmCellOptions } from './layers/lstm-cell.js';
export { bceWithLogits, crossEntropy } from './losses.js';
export { linear, matmul } from './matmul.js';
export { mean } from './mean.js';
export { max, sum, type Axes } from './reduce.js';
export { reshape } from './reshape.js';
export { samWindow, type SamWindow } from './memories/sam.js';
export {
  samIndices,
  samInterface,
  samStateShapes,
  samZeros,
  type SamSettings,
  type SamTensors,
  type SamWeights,
  type SdncTensors,
} from './memories/sam-state.js';
export { logSoftmax, softmax } from './softmax.js';
