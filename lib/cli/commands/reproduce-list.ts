/** `reproduce` without a row: what there is, what was published and reached, and what it costs here. */
import { totalmem } from 'node:os';
import { explorationRun } from '../../runs/exploration.js';
import { bytesOf, bytesOfExploration, measureExploration, measureTime, type RunTime } from '../../reproduction/cost.js';
import { FIGURES } from '../../reproduction/figures.js';
import type { SeedRecord } from '../../reproduction/record.js';
import { readRecords, showScore } from '../../reproduction/report.js';
import { needsData, withData } from '../../reproduction/reproduce.js';
import type { RunConfig } from '../../runs/run.js';
import { compare, exploredRows, isExplored, recipeRun, reproducibleRows, showFigure, type Row } from '../../reproduction/rows.js';
import { table } from '../../table.js';
import { device } from '../../tensor/device.js';
import { note, print, printJson } from '../output.js';
import { RECORDS, type ReproduceArguments } from './reproduce-arguments.js';

/** The row's headline figure in every record. */
function recorded(row: Row, records: readonly SeedRecord[]): string {
  const [published] = row.published;
  const scores = records.filter((record) => record.row === row.run).map(({ test }) => compare(published!, test.scores)[0]?.ours);
  const numbers = scores.filter((score) => typeof score === 'number');
  return numbers.length === 0 ? '–' : numbers.map(showScore).join(', ');
}

/** Share of the machine's memory that a row may take to be timed. */
const FITS = 0.7;

/** What a row costs: `obstacle` is why it has no time. */
interface RowCost {
  readonly steps: number;
  readonly bytes: number;
  readonly time: RunTime | null;
  readonly obstacle: string | null;
}

function obstacleOf(run: RunConfig, bytes: number, data: string | undefined): string | null {
  if (needsData(run) && data === undefined) return 'needs --data';
  return bytes > FITS * totalmem() ? 'does not fit' : null;
}

async function costOf({ run: name }: Row, { recipe, data, measure }: ReproduceArguments): Promise<RowCost> {
  const explored = isExplored(name) ? explorationRun(name) : null;
  const run = recipeRun(explored?.memory ?? name, recipe);
  const { steps } = explored ?? run;
  const bytes = explored === null ? bytesOf(run) : bytesOfExploration(explored);
  const obstacle = measure !== true ? 'not timed' : obstacleOf(run, bytes, data);
  if (obstacle !== null) return { steps, bytes, time: null, obstacle };
  note(`timing ${name}`);
  const time = explored === null ? await measureTime(withData(run, data), 1) : await measureExploration(explored, 1);
  device('cpu').emptyCache(); // the next row's buffers have other sizes
  return { steps, bytes, time, obstacle };
}

/** Hours, and from two days on days. */
const takes = (hours: number): string => (hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`);

export async function listRows(options: ReproduceArguments): Promise<void> {
  const { recipe, measure, json } = options;
  const records = readRecords(RECORDS);
  const lines = [[
    'row',
    'table',
    'figure',
    'published',
    'recorded',
    'steps',
    'GB',
    ...(measure === true ? ['steps/s', 'takes'] : []),
  ]];
  for (const row of [...reproducibleRows(), ...exploredRows()]) {
    const { steps, bytes, time, obstacle } = await costOf(row, options);
    if (json === true) {
      printJson({
        row: row.run,
        recipe,
        published: row.published,
        recorded: recorded(row, records),
        steps,
        bytes,
        time,
        obstacle,
      });
      continue;
    }
    const figures = row.published.map(({ table, row: number }) => `${table}, ${number}`).join('; ');
    const [headline] = compare(row.published[0]!, {});
    const published = headline === undefined ? '–' : showFigure(headline.published);
    const timed = time === null ? ['–', obstacle!] : [time.stepsPerSecond.toFixed(1), takes(time.hours)];
    lines.push([
      row.run,
      figures,
      headline?.figure ?? '–',
      published,
      recorded(row, records),
      String(steps),
      (bytes / 1e9).toFixed(1),
      ...(measure === true ? timed : []),
    ]);
  }
  if (json === true) return FIGURES.forEach(({ name, shows }) => printJson({ figure: name, shows }));
  print(`${table(lines)}\n`);
  for (const { name, shows } of FIGURES) print(`${name.padEnd(12)}${shows}`);
}
