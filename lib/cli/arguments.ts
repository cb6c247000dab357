/** Parsers of option values; commander turns what they throw into a usage message. */
import { readFileSync } from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';
import { fail } from '../check.js';
import { MgError } from '../errors.js';
import { precisions, setPrecision, type Precision } from '../ops/network.js';
import { device, setDefaultDevice, whyDevice, type Device, type DeviceLike } from '../tensor/device.js';
import { isPresetRun, presetRun } from '../runs/presets.js';
import { checkRunConfig } from '../runs/run-config.js';
import type { RunConfig } from '../runs/run.js';

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

/** The option whose value {@link setPrecision} takes. */
export function precisionOption(): Option {
  return new Option('--precision <name>', 'factors of fused networks on a GPU').choices([...precisions]).default('float32');
}

/** Sets what that option says; refuses what the device would not heed. */
export function usePrecision(name: Precision, used: Device): void {
  if (name !== 'float32' && used.type === 'cpu') {
    fail('ERR_MG_ARGUMENT', 'precision', 'float32 on the CPU', name, 'name a GPU with --device');
  }
  setPrecision(name);
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
    text = readFileSync(source, 'utf8');
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
