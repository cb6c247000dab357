/** Run files: their schema, which the package also has as JSON Schema, and how they name it. */
import { join, relative } from 'node:path';
import { multigridSchema } from '../models/multigrid/config.js';
import { packageRoot } from '../native.js';
import { choice, either, object, optional, partial, string, type Data, type Schema } from '../schema.js';
import { explorationFile } from './exploration.js';
import { vectorSchema } from './kinds.js';
import { PRESET_RUNS } from './presets.js';
import { runEntries, type RunModel } from './run.js';

/** A run file with a model of this form. A preset has a task of its own; other models are given one. */
export const runFile = (model: Schema<RunModel>, hasTask: boolean) => {
  const entries = { $schema: optional(string()), model, ...partial(runEntries) };
  return object(hasTask ? entries : { ...entries, task: runEntries.task } as unknown as typeof entries);
};

/** Not given at all, a model might be of any form. */
export const modelName = either('the name of a preset, or a model as an object', choice(...PRESET_RUNS));

/** All that a run file may hold, as far as it can be said without looking at two keys at once. */
export const runFileSchema = either(
  'a run',
  runFile(modelName, true),
  runFile(vectorSchema, false),
  runFile(multigridSchema as Schema<RunModel>, false),
  explorationFile,
);

/** What the schema accepts; the comments of its options are the descriptions of the JSON Schema. */
export type RunFile = Data<typeof runFileSchema>;

/** The file's name in the package. */
export const SCHEMA_FILE = 'dist/run.schema.json';

/** A run as `config.json` of that folder, with the way to the schema for editors. */
export function asFile<R extends object>(run: R, folder: string): R & { readonly $schema: string } {
  return { $schema: relative(folder, join(packageRoot, SCHEMA_FILE)).replaceAll('\\', '/'), ...run };
}
