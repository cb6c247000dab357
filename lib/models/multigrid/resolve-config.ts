// The configuration behind the name of a preset, or behind one that extends a preset.

import { fail } from '../../check.js';
import { checkConfig } from './config-check.js';
import type { CheckedConfig, MultigridConfig } from './config.js';
import { findPreset, presetConfig, type PresetName } from './presets.js';

/**
 * The configuration behind a preset's name or a user's object, with `extends` filled in, as plain data.
 * Throws ERR_MG_CONFIG for an unknown preset.
 */
export function resolveConfig(config: MultigridConfig | PresetName): MultigridConfig {
  if (typeof config === 'string') return presetConfig(config);
  if (typeof config !== 'object' || config === null || config.extends === undefined) return config;
  const { extends: name, ...own } = config;
  if (typeof name !== 'string') fail('ERR_MG_CONFIG', 'extends', 'the name of a preset', name);
  const { params: _params, memory: _memory, ...base } = findPreset(name, 'extends').config;
  return { ...structuredClone(base), ...own };
}

/** {@link resolveConfig}, then {@link checkConfig}: the one door for presets and for users' files. */
export function parseConfig(config: MultigridConfig | PresetName): CheckedConfig {
  return checkConfig(resolveConfig(config));
}
