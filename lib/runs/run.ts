/** A whole run as plain data: model, task and how it is trained. Presets, users' files and checkpoints share this form. */
import type { AdamOptions } from '../optim/adam.js';
import type { MuonOptions } from '../optim/muon.js';
import type { RMSPropOptions } from '../optim/rmsprop.js';
import type { MultigridConfig } from '../models/multigrid/config.js';
import type { PresetName } from '../models/multigrid/presets.js';
import type { TaskSpec } from '../tasks/registry.js';
import type { CurriculumOptions } from '../train/curriculum.js';
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
  | ({ readonly name: 'adam' } & Omit<AdamOptions, 'lr'>)
  | ({ readonly name: 'muon' } & Omit<MuonOptions, 'lr'>);

/** A learning rate over time steps: it rises for `warmup`, holds `from` for `hold`, falls to `to` over `steps`, and stays. */
export interface RateSpec {
  readonly from: number;
  readonly to: number;
  readonly steps: number;
  /** Time steps before the fall begins, those of the rise among them. Default 0. */
  readonly hold?: number;
  /** Default 0. */
  readonly warmup?: number;
  /** Of the fall. Default linear. */
  readonly shape?: 'linear' | 'cosine';
}

/** How a model is trained. */
export interface Schedule {
  /** Time steps of the whole run. */
  readonly steps: number;
  readonly batchSize: number;
  /** Time steps per window; null: whole episodes. */
  readonly truncate: number | null;
  /** Default: `{ "name": "rmsprop" }` as in the paper. */
  readonly optimizer?: OptimizerSpec;
  readonly lr: RateSpec;
  readonly clipNorm: number | null;
  readonly seed: number;
  readonly validate: { readonly every: number; readonly items: number };
  /** Practice before the task itself, of tasks that offer it. Default: none. */
  readonly curriculum?: CurriculumOptions;
}

export interface RunConfig extends Schedule {
  readonly name: string;
  readonly model: RunModel;
  readonly task: TaskSpec;
}
