/** Parsers of option values; commander turns what they throw into a usage message. */
import { InvalidArgumentError, Option } from 'commander';
import { fail, words } from '../check.js';
import { MgError } from '../errors.js';
import { precisions, type Precision } from '../ops/network/network-spec.js';
import { readTextFile } from '../files/folders.js';
import { device, setDefaultDevice, whyDevice, type Device, type DeviceLike } from '../tensor/device.js';
import { checkExploration, EXPLORATION_RUNS, explorationRun, isExploration, type ExplorationRun } from '../runs/exploration.js';
import { isPresetRun, presetRun } from '../runs/presets.js';
import { checkRunConfig } from '../runs/run-config.js';
import type { RunConfig } from '../runs/run.js';
import type { TrainableModel } from '../train/model.js';
import { note } from './output.js';
import { splits } from '../tasks/task.js';

/** A whole number of at least `min`. */
export function integer(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < min || text.trim() === '') {
      throw new InvalidArgumentError(`expected an integer of at least ${min}, got ${JSON.stringify(text)}`);
    }
    return value;
  };
}

/** Flags and description of the option that {@link useDevice} takes. */
export const DEVICE_OPTION = [
  '--device <name>',
  'auto, cpu, cuda or cuda:N (default: MULTIGRID_MEMORY_DEVICE, else auto)',
] as const;

/** The option whose value {@link usePrecision} takes. */
export function precisionOption(): Option {
  const text = 'factors of fused networks on a GPU (default: those of the checkpoint, else float32)';
  return new Option('--precision <name>', text).choices([...precisions]);
}

/** The option that names a part of a data set. */
export function splitOption(): Option {
  const text = 'part of a data set (default: test where the run names one, else validation)';
  return new Option('--split <name>', text).choices([...splits]);
}

/**
 * Gives the model the precision that is asked for, else the one that it was `trained` in. Refuses a wish that the device or the
 * model would not heed.
 */
export function usePrecision(model: TrainableModel, wish: Precision | undefined, used: Device, trained?: Precision): void {
  const name = wish ?? trained ?? 'float32';
  if (wish !== undefined && wish !== 'float32' && used.type === 'cpu') {
    fail('ERR_MG_ARGUMENT', 'precision', 'float32 on the CPU', wish, 'name a GPU with --device');
  }
  if (model.precision !== undefined) model.precision = name;
  else if (name !== 'float32') fail('ERR_MG_ARGUMENT', 'precision', 'float32 for a model without fused networks', name);
  if (name !== 'float32' && used.type === 'cpu') note(`trained in ${name} on a GPU; the CPU computes in float32`);
}

/** The device of that name, made the default, and why it is the one. Throws ERR_MG_NO_DEVICE. */
export function useDevice(name: string | undefined): { device: Device; why: string } {
  const which = name as DeviceLike | undefined;
  const why = whyDevice(which);
  return { device: setDefaultDevice(device(which)), why };
}

/** What a preset's name or a JSON file describes: a run, or an exploration, as `config.json` of a run folder holds it. */
export function loadSource(source: string): RunConfig | ExplorationRun {
  if (isPresetRun(source)) return presetRun(source);
  if (EXPLORATION_RUNS.includes(source)) return explorationRun(source);
  const value = readJson(source);
  return isExploration(value) ? checkExploration(value) : checkRunConfig(value);
}

/** The same, of a run that trains a model on a task. */
export function loadRun(source: string): RunConfig {
  const run = loadSource(source);
  if (isExploration(run))
    fail('ERR_MG_CONFIG', 'run', 'a run that trains a model on a task', words(`the exploration ${run.name}`));
  return run;
}

function readJson(source: string): unknown {
  let text: string;
  try {
    text = readTextFile(source);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const got = `${JSON.stringify(source)} (${code})`;
    const remedy = 'list presets with: npx multigrid-memory models';
    throw new MgError('ERR_MG_CONFIG', `run: expected a preset or a readable file, got ${got}; ${remedy}`, { cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new MgError('ERR_MG_CONFIG', `${source}: expected JSON, got ${text.slice(0, 40)}`, { cause });
  }
}
