/** The model that a run names, and its task as that model sees it. */
import type { MultigridConfig } from '../models/multigrid/config.js';
import { DNC, type DNCOptions } from '../models/dnc.js';
import { LSTMNetwork, type LSTMNetworkOptions } from '../models/lstm.js';
import { MultigridMemory } from '../models/multigrid/multigrid-memory.js';
import { NTM, type NTMOptions } from '../models/ntm.js';
import type { PresetName } from '../models/multigrid/presets.js';
import type { SequenceOptions } from '../models/sequence-model.js';
import { flat } from '../tasks/flat.js';
import type { Task, TaskDescription } from '../tasks/task.js';
import type { Rng } from '../tensor/rng.js';
import { sizeOf } from '../tensor/shape.js';

type Own<Options> = Omit<Options, keyof SequenceOptions>;

/** A network of vectors, its options beside its kind. `inputs` and `outputs` follow from the task. */
export type VectorModel =
  | ({ readonly kind: 'dnc' } & Own<DNCOptions>)
  | ({ readonly kind: 'ntm' } & Own<NTMOptions>)
  | ({ readonly kind: 'lstm' } & Own<LSTMNetworkOptions>);

export type RunModel = MultigridConfig | PresetName | VectorModel;

export type BuiltModel = MultigridMemory | DNC | NTM | LSTMNetwork;

export const VECTOR_MODELS = ['dnc', 'ntm', 'lstm'] as const;

export function isVectorModel(model: unknown): model is VectorModel {
  return typeof model === 'object' && model !== null && Object.hasOwn(model, 'kind');
}

/** Numbers that a network of vectors sees at each step: those of the input, and those of the queries of every step. */
function inputsOf({ input, outputs }: TaskDescription): number {
  const grids = [input, ...outputs.flatMap(({ query }) => (query === undefined ? [] : [query]))];
  return grids.flatMap((grid) => Object.values(grid)).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

/** Networks of vectors are shown tasks that ask after the list in their flat form. Throws ERR_MG_ARGUMENT, ERR_MG_CONFIG. */
export function buildModel(model: RunModel, task: Task<unknown>, rng: Rng): { model: BuiltModel; task: Task<unknown> } {
  if (!isVectorModel(model)) return { model: new MultigridMemory(model, { rng }), task };
  const { form } = task.describe();
  const shown = form === 'recall' || form === 'encodeDecode' ? flat(task) : task;
  const description = shown.describe();
  const sizes = { inputs: inputsOf(description), outputs: description.outputs[0]!.logits, rng };
  if (model.kind === 'dnc') {
    const { kind: _, ...options } = model;
    return { model: new DNC({ ...options, ...sizes }), task: shown };
  }
  if (model.kind === 'ntm') {
    const { kind: _, ...options } = model;
    return { model: new NTM({ ...options, ...sizes }), task: shown };
  }
  const { kind: _, ...options } = model;
  return { model: new LSTMNetwork({ ...options, ...sizes }), task: shown };
}
