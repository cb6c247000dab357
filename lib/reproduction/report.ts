/** What was recorded, as a table beside the published figures and as curves. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lineChart } from '../plot/line-chart.js';
import { MgError } from '../errors.js';
import { fail, words } from '../check.js';
import type { PublishedRow } from '../runs/published.js';
import type { RunConfig } from '../runs/run.js';
import { compare, exploredRows, findRow, RECIPES, reproducibleRows, showFigure, type Recipe, type Row } from './rows.js';
import type { SeedRecord } from './record.js';

/**
 * All records `<folder>/<row>/<recipe>-<seed>.json`, in the order of rows, recipes and seeds. Throws ERR_MG_CONFIG for other
 * JSON.
 */
export function readRecords(folder: string): SeedRecord[] {
  if (!existsSync(folder)) return [];
  return [...reproducibleRows(), ...exploredRows()].flatMap(({ run }) => {
    const files = existsSync(join(folder, run)) ? readdirSync(join(folder, run)).filter((file) => file.endsWith('.json')) : [];
    return files.sort().map((file) => readRecord(join(folder, run, file)));
  });
}

export function readRecord(file: string): SeedRecord {
  let value: Partial<SeedRecord>;
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as Partial<SeedRecord>;
  } catch (cause) {
    throw new MgError('ERR_MG_CONFIG', `${file}: expected a record as JSON`, { op: file, cause });
  }
  if (typeof value?.row !== 'string' || typeof value.test?.scores !== 'object' || !Array.isArray(value.curve)) {
    fail('ERR_MG_CONFIG', file, 'a record with row, curve and test', Object.keys(value ?? {}));
  }
  return value as SeedRecord;
}

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** In four digits; a small rate to four decimals. */
export const showScore = (value: number): string => (Math.abs(value) < 1 ? value.toFixed(4) : value.toPrecision(4));

/** `0.0461 (1 seed, 30 % of the steps)`: the mean over seeds of one figure. */
function shown(records: readonly SeedRecord[], value: (record: SeedRecord) => number | null): string {
  const values = records.map(value).filter((x) => x !== null);
  if (values.length === 0) return '–';
  const trained = Math.min(...records.map(({ step, steps }) => step / steps));
  const share = trained < 1 ? `, ${(100 * trained).toFixed(0)} % of the steps` : '';
  const spread = values.length > 1 ? ` [${showScore(Math.min(...values))}, ${showScore(Math.max(...values))}]` : '';
  return `${showScore(mean(values))}${spread} (${values.length} seed${values.length > 1 ? 's' : ''}${share})`;
}

const hours = (records: readonly SeedRecord[]): string =>
  records.length === 0 ? '–' : (records.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) / 3600).toFixed(1);

/** Part of the way from the best answer without memory to a perfect one that a seed has to be on to have taken off. */
const TAKEN_OFF = 0.2;

/**
 * Whether a seed has learned more than what needs no memory: its headline is a fifth of the way to a perfect score, from that of
 * the best answer without memory (0 for a record without one, as those of policies). One that is trained by levels has left the
 * first of them.
 */
export function hasTakenOff({ row, run, test, baselines }: SeedRecord): boolean {
  const { levels } = run as Partial<RunConfig>;
  if (levels !== undefined && test.scores['trainedTo'] !== undefined) return test.scores['trainedTo'] > (levels.start ?? 4);
  const [published] = findRow(row).published;
  const figures = Object.keys(published!.figures);
  const headline = figures.includes('f') ? 'f' : figures[0]!;
  const of = (scores: Readonly<Record<string, number>>): number =>
    compare(published!, scores).find(({ figure }) => figure === headline)?.ours ?? 0;
  const perfect = headline === 'f' ? 100 : 0;
  const start = baselines === undefined ? 0 : of(baselines.withoutMemory);
  return Math.abs(of(test.scores) - start) > TAKEN_OFF * Math.abs(perfect - start) &&
    (of(test.scores) - start) * (perfect - start) > 0;
}

/** `1 of 2`: seeds that have taken off. */
const taken = (records: readonly SeedRecord[]): string =>
  records.length === 0 ? '–' : `${records.filter(hasTakenOff).length} of ${records.length}`;

const byRecipe = (records: readonly SeedRecord[], row: Row, recipe: Recipe): SeedRecord[] =>
  records.filter((record) => record.row === row.run && record.recipe === recipe);

/** What the best answer without memory scores. */
function idle(records: readonly SeedRecord[], published: PublishedRow, figure: string): string {
  const known = records.find(({ baselines }) => baselines !== undefined)?.baselines;
  const ours = known === undefined ? null : compare(published, known.withoutMemory).find((one) => one.figure === figure)!.ours;
  return ours === null ? '–' : showScore(ours);
}

/** A figure of one task of bAbI, of which there are twenty in a row: these have a table of their own. */
const OF_TASK = /^task(\d+)$/;

/**
 * Markdown: every figure of every published row that has a record, but those of single tasks, beside what was reached; two
 * entries in the last columns are those of both recipes. Below it what is to be known of the user's data.
 */
export function reportTable(records: readonly SeedRecord[]): string {
  const head = ['table', 'row', 'figure', 'published', 'without memory', 'official', 'fast', 'took off', 'core-hours'];
  const lines = [...reproducibleRows(), ...exploredRows()].flatMap((row) => {
    const [official, fast] = [byRecipe(records, row, 'official'), byRecipe(records, row, 'fast')];
    if (official.length + fast.length === 0) return [];
    return row.published.flatMap((published) =>
      compare(published, {}).filter(({ figure }) => !OF_TASK.test(figure)).flatMap(({ figure, published: value }) => {
        const of = (record: SeedRecord): number | null =>
          compare(published, record.test.scores).find((one) => one.figure === figure)!.ours;
        const reached = [shown(official, of), shown(fast, of)];
        if (reached.every((text) => text === '–')) return [];
        const [off, spent] = [[official, fast].map(taken).join(', '), [official, fast].map(hours).join(', ')];
        return [[
          published.table,
          `\`${row.run}\``,
          figure,
          showFigure(value),
          idle([...official, ...fast], published, figure),
          ...reached,
          off,
          spent,
        ]];
      })
    );
  });
  const table = [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
  const notes = new Set(records.flatMap(({ row, notes: known = [] }) => known.map((text) => `\`${row}\`: ${text}.`)));
  return [table.join('\n'), ...notes].join('\n\n');
}

/**
 * Markdown: the error of each task of bAbI, in per cent, published and reached, of every row that has a record; nothing where
 * none has. A dash where a task has no questions.
 */
export function taskTable(records: readonly SeedRecord[]): string {
  const rows = reproducibleRows().flatMap((row) => {
    const published = row.published.find(({ figures }) => Object.keys(figures).some((figure) => OF_TASK.test(figure)));
    const reached = RECIPES.map((recipe) => [recipe, byRecipe(records, row, recipe)] as const).filter(([, of]) => of.length > 0);
    return published === undefined || reached.length === 0 ? [] : [{ row, published, reached }];
  });
  if (rows.length === 0) return '';
  const head = [
    'task',
    ...rows.flatMap(({ row, reached }) => [`\`${row.run}\`: published`, ...reached.map(([recipe]) => recipe)]),
  ];
  const lines = Object.keys(rows[0]!.published.figures).map((figure) => [
    OF_TASK.exec(figure)![1]!,
    ...rows.flatMap(({ published, reached }) => [
      showFigure(published.figures[figure]!),
      ...reached.map(([, of]) =>
        shown(of, ({ test }) => compare(published, test.scores).find((one) => one.figure === figure)!.ours)
      ),
    ]),
  ]);
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Validation scores of a row over time steps, one curve for each recipe and seed. */
export function reportCurve(records: readonly SeedRecord[], row: string, metric: string): string {
  const of = records.filter((record) => record.row === row);
  const series = of.map(({ recipe, seed, curve }) => {
    const points = curve.filter((point) => typeof point[metric] === 'number');
    return {
      name: `${recipe}, seed ${seed}`,
      x: points.map(({ step }) => step),
      y: points.map((point) => point[metric] as number),
      smooth: 1,
      hasMarkers: true,
    };
  }).filter(({ x }) => x.length > 0);
  if (series.length === 0) fail('ERR_MG_ARGUMENT', 'report', `records of ${row} with ${metric}`, words('none'));
  return lineChart({
    title: row,
    subtitle: 'Scores on episodes that training never draws',
    xLabel: 'time steps',
    panels: [{ title: metric, series }],
  });
}
