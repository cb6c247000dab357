/** A whole run as plain data: model, task and how it is trained. Presets, users' files and checkpoints share this form. */
import type { AdamOptions } from '../optim/adam.js';
import type { RMSPropOptions } from '../optim/rmsprop.js';
import type { MultigridConfig } from '../models/multigrid/config.js';
import type { PresetName } from '../models/multigrid/presets.js';
import type { TaskSpec } from '../tasks/registry.js';
import type { KindName, VectorModel } from './kinds.js';

/** A multigrid memory by its layers or its name, or a model that names its kind. */
export type RunModel = MultigridConfig | PresetName | VectorModel;

export function isVectorModel(model: unknown): model is VectorModel {
  return typeof model === 'object' && model !== null && Object.hasOwn(model, 'kind');
}

export function kindName(model: RunModel): KindName {
  return isVectorModel(model) ? model.kind : 'multigrid';
}

export type OptimizerSpec =
  | ({ readonly name: 'rmsprop' } & Omit<RMSPropOptions, 'lr'>)
  | ({ readonly name: 'adam' } & Omit<AdamOptions, 'lr'>);

/** How a model is trained. */
export interface Schedule {
  /** Time steps of the whole run. */
  readonly steps: number;
  readonly batchSize: number;
  /** Time steps per window; null: whole episodes. */
  readonly truncate: number | null;
  /** Default: `{ "name": "rmsprop" }` as in the paper. */
  readonly optimizer?: OptimizerSpec;
  /** Falls linearly over the first `steps` time steps, then stays. */
  readonly lr: { readonly from: number; readonly to: number; readonly steps: number };
  readonly clipNorm: number | null;
  readonly seed: number;
  readonly validate: { readonly every: number; readonly items: number };
}

export interface RunConfig extends Schedule {
  readonly name: string;
  readonly model: RunModel;
  readonly task: TaskSpec;
}
