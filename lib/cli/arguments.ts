/** Parsers of option values; commander turns what they throw into a usage message. */
import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { MgError } from '../errors.js';
import { checkRunConfig, isPresetName, presetRun, type RunConfig } from '../train/run-config.js';

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

/** The run behind a preset's name or a JSON file: a run as `config.json` of a run folder holds it. */
export function loadRun(source: string): RunConfig {
  if (isPresetName(source)) return presetRun(source);
  let text: string;
  try {
    text = readFileSync(source, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new MgError('ERR_MG_CONFIG', `train: expected a preset or a readable file, got ${JSON.stringify(source)} (${code}); list presets with: multigrid-memory models`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MgError('ERR_MG_CONFIG', `${source}: expected JSON, got ${text.slice(0, 40)}`, { cause });
  }
  return checkRunConfig(value);
}
