/** Presets and users' files as checked runs, and runs as what a trainer is made with. */
import { multigridSchema } from '../models/multigrid/config.js';
import { after, cosine, linear, warmup, type ScheduleFunction } from '../optim/schedule.js';
import { checkFile, string, type Schema } from '../schema.js';
import { makeTask } from '../tasks/registry.js';
import { Rng } from '../tensor/rng.js';
import type { TrainerSetup } from '../train/trainer-setup.js';
import { vectorSchema } from './kinds.js';
import { makeOptimizer } from './optimizers.js';
import { presetRun } from './presets.js';
import { modelName, runFile } from './run-file.js';
import { checkRunName, isVectorModel, type RateSpec, type RunConfig, type RunModel } from './run.js';
import { buildModel } from './run-model.js';
import { MAPPING, VECTORS } from './schedules.js';

/** What a model is checked by: its form, not all of them, so that a message is about what is there. */
function schemaOf(model: unknown): Schema<RunModel> {
  if (typeof model === 'string') return string();
  if (model === undefined) return modelName;
  return isVectorModel(model) ? vectorSchema : multigridSchema as Schema<RunModel>;
}

/** Checks a user's run file: a preset's name under `model` fills in everything that is not given. ERR_MG_CONFIG. */
export function checkRunConfig(value: unknown): RunConfig {
  const { model: form } = (value ?? {}) as Partial<RunConfig>;
  const { $schema: _, ...given } = checkFile('run', runFile(schemaOf(form), typeof form === 'string'), value);
  const { model } = given;
  const base = typeof model === 'string'
    ? presetRun(model)
    : { name: 'custom', model, ...(isVectorModel(model) ? VECTORS : MAPPING) };
  const run = { ...base, ...given, model: base.model } as RunConfig;
  checkRunName(run.name);
  return run;
}

function rateOf({ from, to, steps, hold = 0, warmup: rise = 0, shape = 'linear' }: RateSpec): ScheduleFunction {
  const fall = shape === 'cosine' ? cosine(from, to, steps) : linear(from, to, steps);
  return warmup(after(from, hold, fall), rise);
}

/** Model, task and optimizer of a run, ready for a `Trainer`. The weights follow from the seed. */
export function buildRun(run: RunConfig): TrainerSetup {
  const { model, task } = buildModel(run.model, makeTask(run.task), new Rng(run.seed).split('weights'));
  return {
    model,
    task,
    optimizer: makeOptimizer(model, run.optimizer ?? { name: 'rmsprop' }, rateOf(run.lr)),
    batchSize: run.batchSize,
    seed: run.seed,
    ...(run.truncate === null ? {} : { truncate: run.truncate }),
    ...(run.clipNorm === null ? {} : { clipNorm: run.clipNorm }),
    ...(run.curriculum === undefined ? {} : { curriculum: run.curriculum }),
    ...(run.levels === undefined ? {} : { levels: run.levels }),
    config: run,
  };
}
