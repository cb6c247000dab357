/** One seed of a row, of a memory or of a policy: trained, stopped and gone on with at will, then scored and noted. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fail, words } from '../check.js';
import { RunFolder, RUN_FILES } from '../files/run-folder.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Callback, FitResult, TaskTraining, Training } from '../train/events.js';
import type { FitOptions } from '../train/trainer-setup.js';
import { clock, writeRecord, type SeedRecord } from './record.js';
import type { Recipe } from './rows.js';

export interface SeedOptions<Run, On extends Training = TaskTraining> {
  readonly row: string;
  readonly recipe: Recipe;
  readonly seed: number;
  /**
   * Each seed gets a folder `<row>/<recipe>-<seed>` in it, and beside it the record (`.json`) and the weights (`.safetensors`).
   */
  readonly out: string;
  /** Ends training early; what there is is saved and scored. */
  readonly signal?: AbortSignal;
  /** Ends everything: what there is is saved, nothing is scored, and the promise rejects with the reason. */
  readonly stop?: AbortSignal;
  readonly callbacks?: readonly Callback<On>[];
  /** What is changed of the recipe, for a trial of the whole path; it stands in the record. */
  readonly change?: Partial<Run>;
  /** Test episodes. Default `TEST_ITEMS` of `test-set.ts`. */
  readonly items?: number;
}

/** What a seed came to. */
export interface SeedResult {
  readonly record: SeedRecord;
  readonly folder: string;
  readonly isFinished: boolean;
}

/** The run folder of a seed. */
export const seedFolder = (out: string, row: string, recipe: Recipe, seed: number): string => join(out, row, `${recipe}-${seed}`);

/** The checkpoint that a seed goes on with; null where it begins. */
export function savedIn(folder: string): string | null {
  const file = join(folder, RUN_FILES.checkpoint);
  return existsSync(file) ? file : null;
}

/** Refuses another run than the one that a folder holds, and says which settings differ. ERR_MG_CONFIG. */
export function checkSameRun(path: string, saved: object, wanted: object): void {
  const [before, now] = [settingsOf(saved), settingsOf(wanted)];
  const shown = (run: Settings, key: string): string => `${key} ${JSON.stringify(run.get(key)) ?? 'left out'}`;
  const others = [...new Set([...before.keys(), ...now.keys()])].filter((key) => shown(before, key) !== shown(now, key));
  if (others.length === 0) return;
  const [had, asked] = [before, now].map((run) => others.map((key) => shown(run, key)).join(', '));
  fail('ERR_MG_CONFIG', path, `a run with ${asked}`, words(had!), 'choose another --out');
}

type Settings = ReadonlyMap<string, unknown>;
const settingsOf = (run: object): Settings => new Map(Object.entries(run));

type Fitted = Training & { fit(options: FitOptions): Promise<FitResult> };

/** How the training of a seed is had and scored. */
interface Seed<T extends Fitted> {
  readonly path: string;
  readonly run: SeedRecord['run'];
  /** The run as its folder keeps it. */
  readonly config: unknown;
  readonly weights: () => ReadonlyMap<string, Tensor>;
  /** The training at its beginning, or where a checkpoint has left it. */
  readonly open: (saved: string | null, callbacks: readonly Callback<T>[]) => T | Promise<T>;
  readonly score: (
    training: T,
    until: { readonly signal?: AbortSignal },
  ) => Promise<Pick<SeedRecord, 'run' | 'test' | 'baselines' | 'notes'>>;
}

/** Trains until the run ends or `signal` aborts; goes on with what is in the folder. Resolves with what it came to. */
export async function trainSeed<T extends Fitted, Run>(options: SeedOptions<Run, T>, seed: Seed<T>): Promise<SeedResult> {
  const { row, recipe, signal, stop } = options;
  const { path, run: { steps, validate } } = seed;
  const time = clock<T>();
  const saved = savedIn(path);
  const training = await seed.open(saved, [time.callback, ...(options.callbacks ?? [])]);
  const folder = saved === null ? await RunFolder.create(path, seed.config) : await RunFolder.resume(path, training.step);
  try {
    const { step } = await training.fit({
      steps,
      validate,
      checkpoint: { folder, every: Math.max(1, Math.ceil(steps / 100)) },
      signal: AbortSignal.any([signal, stop].filter((one) => one !== undefined)),
    });
    stop?.throwIfAborted();
    const scored = await seed.score(training, stop === undefined ? {} : { signal: stop });
    const known = { row, recipe, seed: options.seed, step, steps, ...scored };
    const record = await writeRecord(path, known, time.spent(), seed.weights());
    return { record, folder: path, isFinished: step >= steps };
  } finally {
    folder.close();
  }
}
