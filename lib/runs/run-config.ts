/** Presets and users' files as checked runs, and runs as what a trainer is made with. */
import { checkChoice, checkInteger, checkNumber, checkOptions, checkString, fail } from '../check.js';
import { MgError } from '../errors.js';
import { Adam, type AdamOptions } from '../optim/adam.js';
import { Muon, type MuonOptions } from '../optim/muon.js';
import type { Optimizer } from '../optim/optimizer.js';
import { RMSProp, type RMSPropOptions } from '../optim/rmsprop.js';
import { after, cosine, linear, warmup, type ScheduleFunction } from '../optim/schedule.js';
import { makeTask } from '../tasks/registry.js';
import { Rng } from '../tensor/rng.js';
import { VECTOR_NAMES } from './kinds.js';
import { presetRun } from './presets.js';
import { isVectorModel, type RateSpec, type RunConfig } from './run.js';
import { buildModel } from './run-model.js';
import { MAPPING, VECTORS } from './schedules.js';
import type { TrainableModel } from '../train/model.js';
import type { TrainerSetup } from '../train/trainer-setup.js';

const KEYS: readonly (keyof RunConfig)[] = [
  'name',
  'model',
  'task',
  'steps',
  'batchSize',
  'truncate',
  'optimizer',
  'lr',
  'clipNorm',
  'seed',
  'validate',
  'curriculum',
];

function refuse(path: string, expected: string, got: unknown): never {
  fail('ERR_MG_CONFIG', path, expected, got);
}

/** A name becomes that of a folder in `runs`. */
function checkName(name: unknown): void {
  const text = checkString('run', 'name', name);
  if (text !== '' && text !== '.' && text !== '..' && !/[/\\\0]/.test(text) && Buffer.byteLength(text) <= 200) return;
  refuse('run.name', 'a name of 1 to 200 bytes without / and \\, and not . or ..', name);
}

/** Checks a user's run file: a preset's name under `model` fills in everything that is not given. ERR_MG_CONFIG. */
export function checkRunConfig(value: unknown): RunConfig {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse('run', 'an object', value);
  const given = value as Partial<RunConfig>;
  try {
    checkOptions('run', given, KEYS);
    const own = { name: 'custom', model: given.model, task: given.task };
    const base = typeof given.model === 'string'
      ? presetRun(given.model)
      : { ...own, ...(isVectorModel(given.model) ? VECTORS : MAPPING) };
    const run = { ...base, ...given, model: base.model } as RunConfig;
    checkName(run.name);
    checkOptions('run, lr', run.lr, ['from', 'to', 'steps', 'hold', 'warmup', 'shape']);
    checkOptions('run, validate', run.validate, ['every', 'items', 'split']);
    for (const key of ['steps', 'batchSize'] as const) checkInteger('run', key, run[key], 1);
    if (run.truncate !== null) checkInteger('run', 'truncate', run.truncate, 1);
    if (run.clipNorm !== null) checkNumber('run', 'clipNorm', run.clipNorm, 0);
    checkInteger('run', 'seed', run.seed, 0);
    for (const key of ['from', 'to', 'steps'] as const) checkNumber('run', `lr.${key}`, run.lr?.[key], 0);
    for (const key of ['hold', 'warmup'] as const) checkNumber('run', `lr.${key}`, run.lr[key] ?? 0, 0);
    checkChoice('run', 'lr.shape', run.lr.shape ?? 'linear', ['linear', 'cosine']);
    for (const key of ['every', 'items'] as const) checkInteger('run', `validate.${key}`, run.validate?.[key], 1);
    if (isVectorModel(run.model)) checkChoice('run', 'model.kind', run.model.kind, VECTOR_NAMES);
    if (run.optimizer !== undefined) checkChoice('run', 'optimizer.name', run.optimizer.name, OPTIMIZERS);
    if (run.task === undefined) refuse('run.task', 'a task, as { "name": "mapping", … }', run.task);
    return run;
  } catch (cause) {
    if (cause instanceof MgError && cause.code === 'ERR_MG_ARGUMENT') {
      throw new MgError('ERR_MG_CONFIG', cause.message, { cause });
    }
    throw cause;
  }
}

const OPTIMIZERS = ['rmsprop', 'adam', 'muon'] as const;

function rateOf({ from, to, steps, hold = 0, warmup: rise = 0, shape = 'linear' }: RateSpec): ScheduleFunction {
  const fall = shape === 'cosine' ? cosine(from, to, steps) : linear(from, to, steps);
  return warmup(after(from, hold, fall), rise);
}

function makeOptimizer(model: TrainableModel, run: RunConfig): Optimizer {
  const { optimizer = { name: 'rmsprop' } } = run;
  const lr = rateOf(run.lr);
  const { name, ...options } = optimizer;
  switch (checkChoice('run', 'optimizer.name', name, OPTIMIZERS)) {
    case 'adam':
      return new Adam(model, { ...(options as AdamOptions), lr });
    case 'muon':
      return new Muon(model, { ...(options as MuonOptions), lr });
    case 'rmsprop':
      return new RMSProp(model, { ...(options as RMSPropOptions), lr });
  }
}

/** Model, task and optimizer of a run, ready for a `Trainer`. The weights follow from the seed. */
export function buildRun(run: RunConfig): TrainerSetup {
  const { model, task } = buildModel(run.model, makeTask(run.task), new Rng(run.seed).split('weights'));
  return {
    model,
    task,
    optimizer: makeOptimizer(model, run),
    batchSize: run.batchSize,
    seed: run.seed,
    ...(run.truncate === null ? {} : { truncate: run.truncate }),
    ...(run.clipNorm === null ? {} : { clipNorm: run.clipNorm }),
    ...(run.curriculum === undefined ? {} : { curriculum: run.curriculum }),
    config: run,
  };
}
