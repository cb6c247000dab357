/** Tasks by name, so that a run can be written down as data. */
import { checkChoice } from '../check.js';
import { mapping } from './mapping.js';
import { mappingPresets, type MappingOptions } from './mapping-options.js';
import type { Task } from './task.js';

/** A task and its options. */
export interface TaskSpec extends MappingOptions {
  readonly name: 'mapping';
}

/** The task that a configuration of the paper was trained on. */
export function taskOptions(preset: string): TaskSpec {
  const names = Object.keys(mappingPresets) as (keyof typeof mappingPresets)[];
  return { name: 'mapping', ...mappingPresets[checkChoice('task', 'preset', preset, names)] };
}

export function makeTask({ name, ...options }: TaskSpec): Task<unknown> {
  checkChoice('task', 'name', name, ['mapping']);
  return mapping(options) as Task<unknown>;
}
