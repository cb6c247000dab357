/** The run that a command line describes: a new one, or that of a folder, with which nothing that is asked for may disagree. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { fail } from '../check.js';
import { runFiles } from '../files/run-folder.js';
import { checkRunConfig } from '../runs/run-config.js';
import type { RunConfig } from '../runs/run.js';
import { loadRun } from './arguments.js';

export interface RunWords {
  readonly steps?: number;
  readonly seed?: number;
  readonly out?: string;
  readonly resume?: boolean;
  readonly validateEvery?: number;
}

/** What makes a run the one it is. A resumed run is given its length and its scorings anew, and nothing else. */
const IDENTITY = ['model', 'task', 'batchSize', 'truncate', 'optimizer', 'lr', 'clipNorm'] as const satisfies (keyof RunConfig)[];

function withWords(run: RunConfig, { steps, validateEvery }: RunWords): RunConfig {
  return {
    ...run,
    ...(steps === undefined ? {} : { steps }),
    ...(validateEvery === undefined ? {} : { validate: { ...run.validate, every: validateEvery } }),
  };
}

/** The run and its folder; null: a fresh one. ERR_MG_CONFIG where what is asked for is not the run of the folder. */
export function describedRun(source: string, words: RunWords): { run: RunConfig; path: string | null } {
  const base = loadRun(source);
  if (words.resume !== true) {
    return {
      run: { ...withWords(base, words), ...(words.seed === undefined ? {} : { seed: words.seed }) },
      path: words.out ?? null,
    };
  }
  const path = words.out ?? join('runs', base.name);
  const saved = checkRunConfig(runFiles.config(path));
  for (const key of IDENTITY) {
    if (isDeepStrictEqual(base[key], saved[key])) continue;
    const remedy = `name ${join(path, 'config.json')} to go on with that run, or start another without --resume`;
    fail('ERR_MG_CONFIG', 'train --resume', `${key} of the run in ${path}, ${JSON.stringify(saved[key])}`, base[key], remedy);
  }
  if (words.seed !== undefined && words.seed !== saved.seed) {
    fail('ERR_MG_CONFIG', 'train --resume', `--seed ${saved.seed}, as the run in ${path} has it`, words.seed, 'leave --seed out');
  }
  return { run: withWords(saved, words), path };
}

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll('\'', '\'\\\'\'')}'`;
}
