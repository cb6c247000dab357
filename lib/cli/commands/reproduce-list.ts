/** `reproduce` without a row: what there is, what was published and reached, and what it costs here. */
import { explorationRun } from '../../runs/exploration.js';
import { measureCost, measureExploration, type RowCost } from '../../reproduction/cost.js';
import { FIGURES } from '../../reproduction/figures.js';
import type { SeedRecord } from '../../reproduction/record.js';
import { readRecords, showScore } from '../../reproduction/report.js';
import { needsData, withData } from '../../reproduction/reproduce.js';
import { compare, exploredRows, isExplored, recipeRun, reproducibleRows, showFigure, type Row } from '../../reproduction/rows.js';
import { table } from '../../table.js';
import { note, print, printJson } from '../output.js';
import { RECORDS, type ReproduceArguments } from './reproduce-arguments.js';

/** The row's headline figure in every record. */
function recorded(row: Row, records: readonly SeedRecord[]): string {
  const [published] = row.published;
  const scores = records.filter((record) => record.row === row.run).map(({ test }) => compare(published!, test.scores)[0]?.ours);
  const numbers = scores.filter((score) => typeof score === 'number');
  return numbers.length === 0 ? '–' : numbers.map(showScore).join(', ');
}

/** Null where the user's data are needed and not named. */
async function costOf({ run }: Row, { recipe, data }: ReproduceArguments): Promise<RowCost | null> {
  note(`timing ${run}`);
  if (isExplored(run)) return await measureExploration(explorationRun(run), 1);
  const trained = recipeRun(run, recipe);
  return needsData(trained) && data === undefined ? null : await measureCost(withData(trained, data), 1);
}

/** Hours, and from two days on days. */
const takes = (hours: number): string => (hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`);

export async function listRows(options: ReproduceArguments): Promise<void> {
  const { recipe, measure, json } = options;
  const records = readRecords(RECORDS);
  const lines = [['row', 'table', 'figure', 'published', 'recorded', 'steps', 'steps/s', 'takes', 'GB']];
  for (const row of [...reproducibleRows(), ...exploredRows()]) {
    const { steps } = isExplored(row.run) ? explorationRun(row.run) : recipeRun(row.run, recipe);
    const cost = measure ? await costOf(row, options) : undefined;
    if (json === true) {
      printJson({ row: row.run, recipe, published: row.published, recorded: recorded(row, records), steps, cost });
      continue;
    }
    const known = cost === undefined
      ? ['–', '–', '–']
      : cost === null
      ? ['needs --data', '–', '–']
      : [cost.stepsPerSecond.toFixed(1), takes(cost.hours), (cost.bytes / 1e9).toFixed(1)];
    const figures = row.published.map(({ table, row: number }) => `${table}, ${number}`).join('; ');
    const [headline] = compare(row.published[0]!, {});
    const published = headline === undefined ? '–' : showFigure(headline.published);
    lines.push([row.run, figures, headline?.figure ?? '–', published, recorded(row, records), String(steps), ...known]);
  }
  if (json === true) return FIGURES.forEach(({ name, shows }) => printJson({ figure: name, shows }));
  print(`${table(lines)}\n`);
  for (const { name, shows } of FIGURES) print(`${name.padEnd(12)}${shows}`);
}
