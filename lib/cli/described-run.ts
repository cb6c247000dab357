/** The run that a command line describes: a new one, or that of a folder, with which nothing that is asked for may disagree. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { fail } from '../check.js';
import { runFiles } from '../files/run-folder.js';
import { checkRunConfig } from '../runs/run-config.js';
import { checkExploration, type ExplorationRun } from '../runs/exploration.js';
import type { RunConfig } from '../runs/run.js';
import { loadRun } from './arguments.js';

export interface RunWords {
  readonly steps?: number;
  readonly seed?: number;
  readonly weights?: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly validateEvery?: number;
}

/** What makes a run the one it is. A resumed run is given its length and its scorings anew, and nothing else. */
const IDENTITY = ['model', 'task', 'batchSize', 'truncate', 'optimizer', 'lr', 'clipNorm'] as const satisfies (keyof RunConfig)[];

const EXPLORATION_IDENTITY = [
  ...['memory', 'episodes', 'episodeSteps', 'rollout', 'gamma', 'lambda', 'entropy', 'lr', 'valueWeight'],
  ...['clipNorm', 'rewardScale'],
] as (keyof ExplorationRun & string)[];

function withWords<R extends { readonly steps: number; readonly validate: { readonly every: number; readonly items: number } }>(
  run: R,
  { steps, validateEvery }: RunWords,
): R {
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
      run: {
        ...withWords(base, words),
        ...(words.seed === undefined ? {} : { seed: words.seed }),
        ...(words.weights === undefined ? {} : { weights: words.weights }),
      },
      path: words.out ?? null,
    };
  }
  const path = words.out ?? join('runs', base.name);
  const saved = checkRunConfig(runFiles.config(path));
  refuseOther(path, saved, base, IDENTITY);
  refuseSeed(path, saved.seed, words.seed);
  return { run: withWords(saved, words), path };
}

/** The same of an exploration. */
export function describedExploration(base: ExplorationRun, words: RunWords): { run: ExplorationRun; path: string | null } {
  const { seed } = words;
  if (words.resume !== true) {
    return { run: { ...withWords(base, words), ...(seed === undefined ? {} : { seed }) }, path: words.out ?? null };
  }
  const path = words.out ?? join('runs', base.name);
  const saved = checkExploration(runFiles.config(path));
  refuseOther(path, saved, base, EXPLORATION_IDENTITY);
  refuseSeed(path, saved.seed, seed);
  return { run: withWords(saved, words), path };
}

/** ERR_MG_CONFIG where a word is given that a resumed run would not heed. */
function refuseSeed(path: string, saved: number, asked: number | undefined): void {
  if (asked === undefined || asked === saved) return;
  fail('ERR_MG_CONFIG', 'train --resume', `--seed ${saved}, as the run in ${path} has it`, asked, 'leave --seed out');
}

/** ERR_MG_CONFIG where a key of the run of a folder is another in the run that is asked for. */
function refuseOther<T extends object>(path: string, saved: T, asked: T, keys: readonly (keyof T & string)[]): void {
  for (const key of keys) {
    if (isDeepStrictEqual(asked[key], saved[key])) continue;
    const remedy = `name ${join(path, 'config.json')} to go on with that run, or start another without --resume`;
    fail('ERR_MG_CONFIG', 'train --resume', `${key} of the run in ${path}, ${JSON.stringify(saved[key])}`, asked[key], remedy);
  }
}

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll('\'', '\'\\\'\'')}'`;
}
