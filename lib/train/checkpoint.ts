/** A training run as one safetensors file: `model.*`, `optimizer.*`, `state.*`, and where it stands as metadata. */
import { checkChoice, fail, words } from '../check.js';
import { MgError } from '../errors.js';
import { packageVersion } from '../native.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/optimizer.js';
import { checkLoadable } from '../tensor/load-report.js';
import { precisions, type Precision } from '../ops/network/network-spec.js';
import { unscoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { ModelState } from './model.js';
import { fromFileTensor, toFileTensors } from '../tensor/tensor-file.js';
import { inspectTensors, readTensors, writeTensors, type FileTensor } from '../files/safetensors.js';
import { checkedRecord, type RunRecord } from './record.js';
import type { TaskTraining } from './training.js';
import type { Position } from './window-stream.js';

/** What must be equal for a run to go on as it was. */
interface RunIdentity {
  readonly task: string;
  readonly taskVersion: number;
  readonly seed: number;
  readonly batchSize: number;
  readonly truncate: number | null;
  /** Of the model's products on a GPU. */
  readonly precision: Precision;
}

export interface Progress {
  readonly step: number;
  readonly update: number;
  readonly position: Position;
}

/** What wrote a file. */
export const packageText = `multigrid-memory ${packageVersion()}`;

const identityOf = ({ model, task, seed, batchSize, truncate }: TaskTraining): RunIdentity => ({
  task: task.name,
  taskVersion: task.version,
  seed,
  batchSize,
  truncate: truncate ?? null,
  precision: model.precision ?? 'float32',
});

/** Tensors under a prefix, as a file holds them. */
export function prefixed(prefix: string, tensors: ReadonlyMap<string, Tensor>): [string, Tensor][] {
  return [...tensors].map(([key, tensor]) => [`${prefix}.${key}`, tensor]);
}

/** The part of a file under a prefix, as tensors. */
export function part(prefix: string, tensors: ReadonlyMap<string, FileTensor>): Map<string, Tensor> {
  const found = [...tensors].filter(([key]) => key.startsWith(`${prefix}.`));
  return new Map(found.map(([key, tensor]) => [key.slice(prefix.length + 1), fromFileTensor(key, tensor)]));
}

/** All or none: what does not fit is found before the first of them changes. Modules by their prefix. */
export function restoreWeights(
  optimizer: Optimizer,
  modules: Readonly<Record<string, Module>>,
  tensors: ReadonlyMap<string, FileTensor>,
): void {
  const moments = part('optimizer', tensors);
  const weights = Object.entries(modules).map(([prefix, module]) => [module, part(prefix, tensors)] as const);
  try {
    for (const [module, values] of weights) checkLoadable('loadStateDict', module.stateDict(), values);
    optimizer.loadStateDict(moments);
    for (const [module, values] of weights) module.loadStateDict(values);
  } finally {
    for (const values of [moments, ...weights.map(([, each]) => each)]) for (const tensor of values.values()) tensor.dispose();
  }
}

/** The state that was carried into the next window, of the same names and shapes as that of an episode's start; or null. */
function savedState(
  file: string,
  { model, batchSize }: TaskTraining,
  tensors: ReadonlyMap<string, FileTensor>,
): ModelState | null {
  const saved = unscoped(() => part('state', tensors));
  if (saved.size === 0) return null;
  try {
    using start = model.initialState(batchSize);
    const known = start.toTensors();
    if (known.size > 0) checkLoadable(`${file}, state`, known, saved);
    return model.stateFromTensors(saved);
  } catch (error) {
    for (const tensor of saved.values()) tensor.dispose();
    throw error;
  }
}

/** Saved values that the weights and the optimizer can be set back to. */
export interface Snapshot {
  restore(): void;
}

/** Takes what a file would hold. */
export type Sink = (tensors: ReadonlyMap<string, FileTensor>, metadata: ReadonlyMap<string, string>) => Promise<void>;

/** Hands the whole run to a file or a sink. */
export async function saveTrainer(trainer: TaskTraining, to: string | Sink): Promise<Snapshot> {
  const record = trainer.currentRecord();
  const { model, optimizer, state, step, update, position, config } = trainer;
  const tensors = await toFileTensors(
    new Map([
      ...prefixed('model', model.stateDict()),
      ...prefixed('optimizer', optimizer.stateDict()),
      ...prefixed('state', state?.toTensors() ?? new Map<string, Tensor>()),
    ]),
  );
  const metadata = new Map([
    ['package', packageText],
    ['run', JSON.stringify(identityOf(trainer))],
    ['progress', JSON.stringify({ step, update, position } satisfies Progress)],
    ['record', JSON.stringify(record)],
    ['config', JSON.stringify(config)],
  ]);
  await (typeof to === 'string' ? writeTensors(to, tensors, metadata) : to(tensors, metadata));
  return { restore: () => restoreWeights(optimizer, { model }, tensors) };
}

/** One entry of a file's metadata, an object as JSON. */
export function metadataJson(file: string, metadata: ReadonlyMap<string, string>, key: string): Record<string, unknown> {
  const text = metadata.get(key);
  if (text === undefined) fail('ERR_MG_CHECKPOINT', file, `metadata ${key}, as a training run writes it`, words('none'));
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    const message = `${file}: expected metadata ${key} to be JSON, got ${text.slice(0, 40)}`;
    throw new MgError('ERR_MG_CHECKPOINT', message, { op: file, cause });
  }
  return fail('ERR_MG_CHECKPOINT', file, `metadata ${key} to be an object`, text);
}

function checkedProgress(file: string, value: Record<string, unknown>): Progress {
  const position = value['position'] as Position | undefined;
  for (const n of [value['step'], value['update'], position?.batch, position?.window]) {
    if (!Number.isSafeInteger(n) || (n as number) < 0) fail('ERR_MG_CHECKPOINT', file, 'metadata progress of whole numbers', n);
  }
  return value as unknown as Progress;
}

/** Where a saved run stood. */
export interface Loaded extends Progress {
  readonly state: ModelState | null;
  readonly record: RunRecord;
}

/** Puts a saved run into a trainer of the same setup, and tells where it stood. Nothing is changed when the file does not fit. */
export async function loadTrainer(trainer: TaskTraining, file: string): Promise<Loaded> {
  const { tensors, metadata } = await readTensors(file);
  const saved = metadataJson(file, metadata, 'run');
  for (const [key, expected] of Object.entries(identityOf(trainer))) {
    if (key === 'precision' && saved[key] === undefined) continue; // a file from before it was recorded
    const remedy = key === 'precision' ? 'the precision of the model is that of its training' : undefined;
    if (saved[key] !== expected) fail('ERR_MG_CHECKPOINT', file, `${key} ${JSON.stringify(expected)}`, saved[key], remedy);
  }
  const progress = checkedProgress(file, metadataJson(file, metadata, 'progress'));
  const record = checkedRecord(file, metadata.get('record'));
  const state = savedState(file, trainer, tensors);
  try {
    restoreWeights(trainer.optimizer, { model: trainer.model }, tensors);
  } catch (error) {
    state?.[Symbol.dispose]();
    throw error;
  }
  return { ...progress, state, record };
}

/** The precision that a file's model was trained in; undefined in a file from before it was recorded. */
export async function savedPrecision(file: string): Promise<Precision | undefined> {
  const { metadata } = await inspectTensors(file);
  const { precision } = metadataJson(file, metadata, 'run');
  return precision === undefined ? undefined : checkChoice(file, 'precision', precision, precisions);
}

/** The configuration a file was saved with, as the trainer was given it. */
export async function savedConfig(file: string): Promise<{ config: unknown; tensors: Map<string, FileTensor> }> {
  const { tensors, metadata } = await readTensors(file);
  if (!metadata.has('config')) {
    const remedy =
      'name the run folder that they are of; or build their model in code, for loadTensors and loadStateDict; weights ' +
      'that come with the package go by their name alone, as in watch map9';
    fail('ERR_MG_CHECKPOINT', file, 'a checkpoint of a run', words('weights that do not say of which model they are'), remedy);
  }
  if (metadata.get('config') === 'null') {
    const remedy = 'build the model in code and use Trainer.resume';
    fail('ERR_MG_CHECKPOINT', file, 'metadata config, from which the run can be built', words('none'), remedy);
  }
  return { config: metadataJson(file, metadata, 'config'), tensors };
}

/** Loads the weights of a saved run into a model of the same shape. */
export function loadModelWeights(model: TaskTraining['model'], tensors: ReadonlyMap<string, FileTensor>): void {
  loadWeights(model, 'model', tensors);
}

/** Loads what a file holds under a prefix into a module of the same shape. */
export function loadWeights(module: Module, prefix: string, tensors: ReadonlyMap<string, FileTensor>): void {
  const loaded = part(prefix, tensors);
  try {
    module.loadStateDict(loaded);
  } finally {
    for (const tensor of loaded.values()) tensor.dispose();
  }
}
