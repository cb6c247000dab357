/** `reproduce`: the published rows, each trained and scored by one command. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { fail } from '../../check.js';
import { progress } from '../../listeners/callbacks.js';
import { packageRoot } from '../../native.js';
import { measureCost, type RowCost } from '../../reproduction/cost.js';
import { readRecord, readRecords, reportCurve, reportTable, showScore } from '../../reproduction/report.js';
import { reproduce, scoreWeights, withData, type SeedRecord } from '../../reproduction/reproduce.js';
import {
  compare,
  findRow,
  RECIPES,
  recipeRun,
  reproducibleRows,
  showFigure,
  type Recipe,
  type Row,
} from '../../reproduction/rows.js';
import { chance, TEST_ITEMS, withoutMemory } from '../../reproduction/test-set.js';
import { buildRun } from '../../runs/run-config.js';
import type { RunConfig } from '../../runs/run.js';
import { loadTensors } from '../../tensor/tensor-file.js';
import { writeFileAtomic } from '../../files/atomic-file.js';
import { DEVICE_OPTION, integer, useDevice } from '../arguments.js';
import { columns, EXIT, note, print, printJson } from '../output.js';
import { abortOnSignals } from '../signals.js';

/** Committed records and weights. */
const RECORDS = join(packageRoot, 'bench/results/reproduction');

interface Options {
  recipe: Recipe;
  seeds: number[];
  budget?: number;
  device?: string;
  data?: string;
  out: string;
  items: number;
  trial?: boolean;
  check?: boolean;
  report?: boolean;
  measure: boolean;
  json?: boolean;
}

/** `90`, `90s`, `30m`, `2h` as seconds. */
function duration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text) ?? [];
  const seconds = Number(amount) * { s: 1, m: 60, h: 3600 }[unit ?? 's']!;
  if (!(seconds > 0)) throw new InvalidArgumentError(`expected a time as 90s, 30m or 2h, got ${JSON.stringify(text)}`);
  return seconds;
}

function seeds(text: string): number[] {
  const parsed = text.split(',').map(integer(0));
  if (new Set(parsed).size !== parsed.length) throw new InvalidArgumentError(`expected different seeds, got ${text}`);
  return parsed;
}

export function addReproduce(program: Command): Command {
  return program
    .command('reproduce')
    .description('list the published rows with what was reached, or train and score one of them')
    .argument('[row]', 'one of the list')
    .addOption(new Option('--recipe <name>', 'as published, or ours').choices([...RECIPES]).default('fast'))
    .option('--seeds <list>', 'seeds of weights and episodes', seeds, [1])
    .option(
      '--budget <time>',
      'stop each seed after so long (90s, 30m, 2h) and score what there is; the same command goes on',
      duration,
    )
    .option(...DEVICE_OPTION)
    .option('--data <folder>', 'your copy of MNIST or bAbI')
    .option('--out <dir>', 'folder of runs and records', 'runs/reproduce')
    .option('--items <n>', 'test episodes', integer(1), TEST_ITEMS)
    .option('--trial', 'the whole path on a few episodes: shows that it works, says nothing of the row')
    .option('--check', 'score the committed weights of the row again and compare with the record')
    .option('--report', 'Markdown table and curves of all records in --out, written beside them')
    .option('--no-measure', 'list without timing a window of each row')
    .option('--json', 'one JSON object per line')
    .action((row: string | undefined, options: Options) => command(row, options));
}

async function command(row: string | undefined, options: Options): Promise<void> {
  useDevice(options.device);
  if (options.report === true) return await report(options);
  if (row === undefined) return await list(options);
  const found = findRow(row);
  if (options.check === true) return await check(found, options);
  await train(found, options);
}

/** The row's headline figure, and the record that came nearest to it. */
function recorded(row: Row, records: readonly SeedRecord[]): string {
  const [published] = row.published;
  const scores = records.filter((record) => record.row === row.run).map(({ test }) => compare(published!, test.scores)[0]?.ours);
  const numbers = scores.filter((score) => typeof score === 'number');
  return numbers.length === 0 ? '–' : numbers.map(showScore).join(', ');
}

async function list({ recipe, data, measure, json }: Options): Promise<void> {
  const records = readRecords(RECORDS);
  const lines = [['row', 'table', 'figure', 'published', 'recorded', 'steps', 'steps/s', 'hours', 'GB']];
  for (const row of reproducibleRows()) {
    const run = recipeRun(row.run, recipe);
    let cost: RowCost | string = '–';
    if (measure) {
      note(`timing ${row.run}`);
      cost = needsData(run) && data === undefined ? 'needs --data' : await measureCost(withData(run, data), 1);
    }
    const figures = row.published.map(({ table, row: number }) => `${table}, ${number}`).join('; ');
    const [headline] = compare(row.published[0]!, {});
    if (json === true) {
      printJson({ row: row.run, recipe, published: row.published, recorded: recorded(row, records), steps: run.steps, cost });
      continue;
    }
    const known = typeof cost === 'string'
      ? [cost, '–', '–']
      : [cost.stepsPerSecond.toFixed(1), cost.hours.toFixed(1), (cost.bytes / 1e9).toFixed(1)];
    const published = headline === undefined ? '–' : showFigure(headline.published);
    lines.push([row.run, figures, headline?.figure ?? '–', published, recorded(row, records), String(run.steps), ...known]);
  }
  if (json !== true) print(columns(lines));
}

const needsData = ({ task }: RunConfig): boolean => task.name === 'babi' || task.name.startsWith('mnist');

/** Two episodes side by side, one update, and of a maze the first steps. */
function trial(run: RunConfig): Partial<RunConfig> {
  const task = run.task.name === 'mapping' ? { ...run.task, pathLength: 12 } : run.task;
  return { batchSize: 2, steps: 1, validate: { every: 1, items: 2 }, task };
}

async function train(row: Row, options: Options): Promise<void> {
  const { recipe, data, json, budget } = options;
  const stop = abortOnSignals();
  try {
    for (const seed of options.seeds) {
      const signals = [stop.signal, ...(budget === undefined ? [] : [AbortSignal.timeout(budget * 1000)])];
      const run = recipeRun(row.run, recipe);
      const change = options.trial === true ? { change: trial(run), items: 4 } : { items: options.items };
      const { record, folder, isFinished } = await reproduce({
        row: row.run,
        recipe,
        seed,
        out: options.out,
        ...change,
        signal: AbortSignal.any(signals),
        callbacks: json === true ? [] : [progress()],
        ...(data === undefined ? {} : { data }),
      });
      if (json === true) printJson(record);
      else print(`${row.run}, ${recipe}, seed ${seed}: ${describe(row, record)}\n  ${folder}.json`);
      if (!isFinished) note(`${record.step} of ${record.steps} steps; the same command goes on`);
      if (stop.signal.aborted) {
        process.exitCode = stop.received() || EXIT.interrupted;
        return;
      }
    }
    if (json !== true) baselines(row, options);
  } finally {
    stop.close();
  }
}

/** `errorRate 0.0461 (published 0.003 ± 0.0002)`. */
function describe(row: Row, { test }: Pick<SeedRecord, 'test'>): string {
  const all = row.published.flatMap((published) => compare(published, test.scores));
  const shown = all.filter(({ ours }) => ours !== null);
  return shown.map(({ figure, ours, published }) => `${figure} ${showScore(ours!)} (published ${showFigure(published)})`).join(
    ', ',
  );
}

function baselines(row: Row, { data, items, trial: isTrial, recipe }: Options): void {
  const run = withData(recipeRun(row.run, recipe), data);
  const { task, model } = buildRun(run);
  using _ = model;
  const count = isTrial === true ? 4 : Math.min(items, 500);
  const say = (name: string, scores: Record<string, number>): void =>
    print(`  ${name}: ${describe(row, { test: { items: count, sha256: '', scores } })}`);
  say('answers by chance', chance(task as never, count));
  say('the best answer without memory', withoutMemory(task as never, count, count));
}

async function check(row: Row, { recipe, data, seeds: [seed = 1], json }: Options): Promise<void> {
  const file = join(RECORDS, row.run, `${recipe}-${seed}`);
  if (!existsSync(`${file}.safetensors`)) {
    fail(
      'ERR_MG_ARGUMENT',
      'reproduce',
      `committed weights of ${row.run}, recipe ${recipe}, seed ${seed}`,
      'none',
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
  const again = await scoreWeights(row.run, recipe, load, { items, ...(data === undefined ? {} : { data }) });
  const isSame = again.sha256 === record.test.sha256 &&
    Object.entries(record.test.scores).every(([name, score]) => Math.abs(again.scores[name]! - score) <= 1e-6 * Math.abs(score));
  if (json === true) printJson({ row: row.run, recipe, seed, recorded: record.test, again, isSame });
  else print(
      `${row.run}, ${recipe}, seed ${seed}: ${describe(row, { test: { items, ...again } })}; recorded: ${describe(row, record)}`,
    );
  if (!isSame) {
    note('the scores or the test set differ from the record');
    process.exitCode = EXIT.failed;
  }
}

async function report({ out, json }: Options): Promise<void> {
  const folder = existsSync(out) ? out : RECORDS;
  const records = readRecords(folder);
  if (records.length === 0) fail('ERR_MG_ARGUMENT', 'reproduce', `records in ${folder}`, 'none', 'train a row first');
  if (json === true) return records.forEach(printJson);
  for (const row of new Set(records.map((record) => record.row))) {
    const metric = Object.keys(records.find((record) => record.row === row)!.test.scores)[0]!;
    const file = join(folder, `${row}.svg`);
    await writeFileAtomic(file, [Buffer.from(reportCurve(records, row, metric))]);
    note(file);
  }
  print(reportTable(records));
}
