/** `reproduce ROW`: trains and scores seeds of a row, or scores committed weights again. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fail, words } from '../../check.js';
import { progress } from '../../listeners/callbacks.js';
import { memoryRow, reproduceExploration } from '../../reproduction/explore.js';
import type { SeedRecord } from '../../reproduction/record.js';
import { readRecord, showScore } from '../../reproduction/report.js';
import { reproduce, scoreWeights } from '../../reproduction/reproduce.js';
import { compare, findRow, isExplored, recipeRun, showFigure, type Compared, type Row } from '../../reproduction/rows.js';
import type { ExplorationRun } from '../../runs/exploration.js';
import type { RunConfig } from '../../runs/run.js';
import { loadTensors } from '../../tensor/tensor-file.js';
import { EXIT, note, print, printJson } from '../output.js';
import { RECORDS, type ReproduceArguments } from './reproduce-arguments.js';
import { abortOnSignals } from '../signals.js';

/** Two episodes side by side, one update, and of a maze the first steps. */
function trial(run: RunConfig): Partial<RunConfig> {
  const task = run.task.name === 'mapping' ? { ...run.task, pathLength: 12 } : run.task;
  return { batchSize: 2, steps: 1, validate: { every: 1, items: 2 }, task };
}

const TRIAL_WALK: Partial<ExplorationRun> = {
  episodes: 2,
  episodeSteps: 4,
  rollout: 2,
  steps: 4,
  validate: { every: 4, items: 2 },
};
/** Test episodes of a trial. */
const FEW = 4;

/** One seed, with the memory of a policy first; what is printed of it. Whether it is finished. */
async function trainSeed(row: Row, seed: number, options: ReproduceArguments, ends: Ends): Promise<boolean> {
  const { recipe, data, json, out, trial: isTrial, items } = options;
  const shared = {
    row: row.run,
    recipe,
    seed,
    out,
    ...ends,
    items: isTrial === true ? FEW : items,
    callbacks: json === true ? [] : [progress()],
  };
  const { record, folder, isFinished } = isExplored(row.run)
    ? await explored(row, options, seed, ends, { ...shared, ...(isTrial === true ? { change: TRIAL_WALK } : {}) })
    : await reproduce({
      ...shared,
      ...(isTrial === true ? { change: trial(recipeRun(row.run, recipe)) } : {}),
      ...(data === undefined ? {} : { data }),
    });
  if (json === true) printJson(record);
  else say(row, record, `${folder}.json`);
  if (!isFinished) note(`${record.step} of ${record.steps} steps; the same command goes on`);
  return isFinished;
}

/** The scores of a seed, beside those of answers that need no memory. */
function say(row: Row, record: SeedRecord, file: string): void {
  const { recipe, seed, baselines, notes = [] } = record;
  print(`${row.run}, ${recipe}, seed ${seed}: ${describe(row, record.test)}`);
  if (baselines !== undefined) {
    print(`  answers by chance: ${figures(row, baselines.chance)}`);
    print(`  the best answer without memory: ${figures(row, baselines.withoutMemory)}`);
  }
  for (const text of [...notes, file]) print(`  ${text}`);
}

/** The end of a budget, after which is scored, and that of everything. */
type Ends = Pick<Parameters<typeof reproduce>[0], 'signal'> & { readonly stop: AbortSignal };
type Explored = Parameters<typeof reproduceExploration>[0];

/** The policy, once its memory is trained to its end. */
async function explored(row: Row, options: ReproduceArguments, seed: number, ends: Ends, explore: Explored) {
  const memory = memoryRow(row.run);
  const file = join(options.out, memory, `${options.recipe}-${seed}.json`);
  const done = existsSync(file) ? readRecord(file) : null;
  if (done === null || done.step < done.steps) {
    note(`${row.run} stands on the memory of ${memory}, which comes first`);
    if (!await trainSeed(findRow(memory), seed, options, ends)) ends.signal?.throwIfAborted();
  }
  return await reproduceExploration(explore);
}

export async function trainRow(row: Row, options: ReproduceArguments): Promise<void> {
  const { budget } = options;
  const stop = abortOnSignals();
  try {
    for (const seed of options.seeds) {
      const signal = budget === undefined ? undefined : AbortSignal.timeout(budget * 1000);
      const ends: Ends = { stop: stop.signal, ...(signal === undefined ? {} : { signal }) };
      await trainSeed(row, seed, options, ends).catch((error: unknown) => {
        if (![ends.stop, signal].some((one) => one?.aborted === true && one.reason === error)) throw error;
        note(`${row.run}, seed ${seed}: saved; the same command goes on`);
      });
      if (stop.signal.aborted) {
        process.exitCode = stop.received() || EXIT.interrupted;
        return;
      }
    }
  } finally {
    stop.close();
  }
}

const reached = (row: Row, scores: SeedRecord['test']['scores']): Compared[] =>
  row.published.flatMap((published) => compare(published, scores)).filter(({ ours }) => ours !== null);

/** `errorRate 0.4884`; of a row without a published figure its scores by their own names. */
function figures(row: Row, scores: SeedRecord['test']['scores']): string {
  const known = reached(row, scores).map(({ figure, ours }) => [figure, ours!] as const);
  return (known.length > 0 ? known : Object.entries(scores)).map(([name, value]) => `${name} ${showScore(value)}`).join(', ');
}

/** `errorRate 0.0461 (published 0.003 ± 0.0002)`. */
function describe(row: Row, { scores }: Pick<SeedRecord['test'], 'scores'>): string {
  const known = reached(row, scores);
  if (known.length === 0) return figures(row, scores);
  return known.map(({ figure, ours, published }) => `${figure} ${showScore(ours!)} (published ${showFigure(published)})`).join(
    ', ',
  );
}

export async function checkRow(row: Row, { recipe, data, seeds: [seed = 1], json }: ReproduceArguments): Promise<void> {
  const file = join(RECORDS, row.run, `${recipe}-${seed}`);
  if (!existsSync(`${file}.safetensors`)) {
    fail(
      'ERR_MG_ARGUMENT',
      'reproduce',
      `committed weights of ${row.run}, recipe ${recipe}, seed ${seed}`,
      words('none'),
      'train it first',
    );
  }
  const record = readRecord(`${file}.json`);
  const load = async (model: { loadStateDict(state: Map<string, never>): unknown }): Promise<void> => {
    const { tensors } = await loadTensors(`${file}.safetensors`);
    model.loadStateDict(tensors as Map<string, never>);
    for (const tensor of tensors.values()) tensor.dispose();
  };
  const { items } = record.test;
  const again = await scoreWeights(record.run as RunConfig, load, { items, ...(data === undefined ? {} : { data }) });
  const isSame = again.sha256 === record.test.sha256 &&
    Object.entries(record.test.scores).every(([name, score]) => Math.abs(again.scores[name]! - score) <= 1e-6 * Math.abs(score));
  if (json === true) printJson({ row: row.run, recipe, seed, recorded: record.test, again, isSame });
  else print(`${row.run}, ${recipe}, seed ${seed}: ${describe(row, again)}; recorded: ${describe(row, record.test)}`);
  if (!isSame) {
    note('the scores or the test set differ from the record');
    process.exitCode = EXIT.failed;
  }
}
