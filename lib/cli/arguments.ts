/** Parsers of option values; commander turns what they throw into a usage message. */
import { InvalidArgumentError, Option } from 'commander';
import { fail } from '../check.js';
import { MgError } from '../errors.js';
import { precisions, type Precision } from '../ops/network-spec.js';
import { readTextFile } from '../files/folders.js';
import { device, setDefaultDevice, whyDevice, type Device, type DeviceLike } from '../tensor/device.js';
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

/** The run behind a preset's name or a JSON file: a run as `config.json` of a run folder holds it. */
export function loadRun(source: string): RunConfig {
  if (isPresetRun(source)) return presetRun(source);
  let text: string;
  try {
    text = readTextFile(source);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const got = `${JSON.stringify(source)} (${code})`;
    const remedy = 'list presets with: npx multigrid-memory models';
    throw new MgError('ERR_MG_CONFIG', `run: expected a preset or a readable file, got ${got}; ${remedy}`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MgError('ERR_MG_CONFIG', `${source}: expected JSON, got ${text.slice(0, 40)}`, { cause });
  }
  return checkRunConfig(value);
}
