// The models room: names only.

export { type Grids, type MultigridInputs, type MultigridOutputs, type Written } from './multigrid/model-window.js';
export { MultigridMemory, type MultigridMemoryOptions } from './multigrid/multigrid-memory.js';
export { MultigridMemoryState } from './multigrid/multigrid-memory-state.js';
export { MultigridNetwork } from './multigrid/multigrid-network.js';
export { type NetworkInputs, type NetworkOutputs } from './multigrid/network-window.js';
export { type Recurrent, type WindowOptions } from './recurrent.js';
export {
  estimate,
  presets,
  type Estimate,
  type EstimateOptions,
  type NetworkCost,
  type PresetInfo,
} from './multigrid/estimate.js';
export { planModel, type GridPlan, type LayerPlan, type ModelPlan, type NetworkPlan, type SourcePlan } from './multigrid/plan.js';
export type { ShortcutPlan } from './multigrid/shortcuts.js';
export type { DescribedLayer, DescribedNetwork, NetworkSettings } from '../nn/multigrid/describe-network.js';
export { presetConfig, type PresetName } from './multigrid/presets.js';
export { resolveConfig } from './multigrid/resolve-config.js';
export {
  type LayerKind,
  type LayerRow,
  type ModelSettings,
  type MultigridConfig,
  type NetworkName,
  type ReaderConfig,
  type ShortcutRow,
} from './multigrid/config.js';
export { DNC, DNCState, type DNCOptions } from './dnc.js';
export {
  SequenceModel,
  type RowCost,
  type SequenceInputs,
  type SequenceOptions,
  type SequenceOutputs,
  type StepOptions,
} from './sequence-model.js';
export { windowMemory, type FusedWindowSize } from './multigrid/window-memory.js';
export type { ModelCost, WindowMemory, WindowSize } from '../nn/cost.js';
export type { HeadWeights, MemoryGrid, MemorySlots, MemoryView } from './memory-view.js';
export { TensorState } from '../nn/tensor-state.js';
export { Session } from './session.js';
export type {
  SessionAnswers,
  SessionGrid,
  SessionGrids,
  SessionInputs,
  SessionNumbers,
  SessionOptions,
  SessionState,
} from './session-parts.js';
export { NTM, NTMState, type NTMOptions, type NTMStateName } from './ntm.js';
export { ntmAddress, ntmRead, ntmWrite, type NTMAddress, type NTMHeads } from './ntm-head.js';
export { LSTMNetwork, LSTMNetworkState, type LSTMNetworkOptions } from './lstm.js';
export { SAM } from './sparse/sam.js';
export { SAMState, type SDNCState } from './sparse/sam-state.js';
export { SDNC, type SDNCOptions } from './sparse/sdnc.js';
export { SparseAccess, type SAMOptions } from './sparse/sparse-access.js';
export { pretrained, type PretrainedName } from './pretrained.js';
export { DAM, DAMState, type DAMOptions } from './sparse/dam.js';
