/** A whole run as plain data: model, task and how it is trained. Presets, users' files and checkpoints share this form. */
import { fail } from '../check.js';
import type { MultigridConfig } from '../models/multigrid/config.js';
import type { PresetName } from '../models/multigrid/presets.js';
import { choice, integer, nullable, number, object, optional, text, type Data } from '../schema.js';
import { taskSchema, type TaskSpec } from '../tasks/registry.js';
import { splits } from '../tasks/task.js';
import { curriculumOptions } from '../train/practice/curriculum.js';
import { levelOptions } from '../train/practice/levels.js';
import type { KindName, VectorModel } from './kinds.js';
import { optimizerSchema } from './optimizers.js';

/** A multigrid memory by its layers or its name, or a model that names its kind. */
export type RunModel = MultigridConfig | PresetName | VectorModel;

export function isVectorModel(model: unknown): model is VectorModel {
  return typeof model === 'object' && model !== null && Object.hasOwn(model, 'kind');
}

export function kindName(model: RunModel): KindName {
  return isVectorModel(model) ? model.kind : 'multigrid';
}

const rateSchema = object({
  from: number(0),
  to: number(0),
  steps: number(0),
  /** Time steps before the fall begins, those of the rise among them. Default 0. */
  hold: optional(number(0)),
  /** Default 0. */
  warmup: optional(number(0)),
  /** Of the fall. Default linear. */
  shape: optional(choice('linear', 'cosine')),
});

/** A learning rate over time steps: it rises for `warmup`, holds `from` for `hold`, falls to `to` over `steps`, and stays. */
export interface RateSpec extends Data<typeof rateSchema> {}

const scheduleSchema = object({
  /** Time steps of the whole run. */
  steps: integer(1),
  batchSize: integer(1),
  /** Time steps per window; null: whole episodes. */
  truncate: nullable(integer(1)),
  /** Default: `{ "name": "rmsprop" }` as in the paper. */
  optimizer: optional(optimizerSchema),
  lr: rateSchema,
  clipNorm: nullable(number(0)),
  seed: integer(0),
  /** Weights to begin with: a run folder, or a checkpoint, of a model of the same layers. Default: drawn from the seed. */
  weights: optional(text(/^[^\0]+$/, 'a run folder or a checkpoint')),
  /** Time steps between scorings, and episodes of each; of a data set those of `split`, by default `validation`. */
  validate: object({ every: integer(1), items: integer(1), split: optional(choice(...splits)) }),
  /** Practice before the task itself, of tasks that offer it. Default: none. */
  curriculum: optional(curriculumOptions),
  /** Levels that double, of tasks that have them, in place of a curriculum. Default: none. */
  levels: optional(levelOptions),
});

/** How a model is trained. */
export interface Schedule extends Data<typeof scheduleSchema> {}

/** A run's name is that of its folder in `runs`. */
export const runName = text(/^(?!\.{1,2}$)[^/\\\0]{1,200}$/, 'a name of 1 to 200 bytes without / and \\, and not . or ..');

/** ERR_MG_CONFIG for a name that is too long for a folder. */
export function checkRunName(name: string): void {
  if (Buffer.byteLength(name) > 200) fail('ERR_MG_CONFIG', 'run', 'name to be one of at most 200 bytes', name);
}

/** What a run file says beside its model. */
export const runEntries = {
  ...scheduleSchema.entries,
  /** Also that of its folder in `runs`. */
  name: runName,
  task: taskSchema,
};

export interface RunConfig extends Schedule {
  readonly name: string;
  readonly model: RunModel;
  readonly task: TaskSpec;
}
