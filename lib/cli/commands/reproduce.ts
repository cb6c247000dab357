/** `reproduce`: the published rows and figures, each by one command. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { fail, words } from '../../check.js';
import { writeFileAtomic } from '../../files/atomic-file.js';
import { makeFolder } from '../../files/folders.js';
import { costTable } from '../../reproduction/costs.js';
import { FIGURES } from '../../reproduction/figures.js';
import { readRecords, reportCurve, reportTable, taskTable } from '../../reproduction/report.js';
import { findRow, RECIPES } from '../../reproduction/rows.js';
import { TEST_ITEMS } from '../../reproduction/test-set.js';
import { DEVICE_OPTION, integer, useDevice } from '../arguments.js';
import { note, print, printJson } from '../output.js';
import { listRows } from './reproduce-list.js';
import { checkRow, trainRow } from './reproduce-row.js';
import { RECORDS, type ReproduceArguments } from './reproduce-arguments.js';

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
    .description('list the published rows and figures with what was reached, or train, score or draw one of them')
    .argument('[row]', 'one of the list')
    .addOption(new Option('--recipe <name>', 'as published, or ours').choices([...RECIPES]).default('fast'))
    .option('--seeds <list>', 'seeds of weights and episodes', seeds, [1])
    .option(
      '--budget <time>',
      'stop each seed after so long (90s, 30m, 2h) and score what there is; the same command goes on',
      duration,
    )
    .option(...DEVICE_OPTION)
    .option('--data <folder>', 'your copy of MNIST, bAbI or Omniglot')
    .option('--out <dir>', 'folder of runs, records and figures', 'runs/reproduce')
    .option('--items <n>', 'test episodes', integer(1), TEST_ITEMS)
    .option('--trial', 'the whole path on a few episodes, in <out>/trial: shows that it works, says nothing of the row')
    .option('--check', 'score the committed weights of the row again and compare with the record')
    .option('--report', 'Markdown table and curves of all records in --out, written beside them')
    .option('--measure', 'list what each row takes on this machine, which times a few windows of each')
    .option('--json', 'one JSON object per line')
    .action((row: string | undefined, options: ReproduceArguments) => command(row, options));
}

async function command(name: string | undefined, options: ReproduceArguments): Promise<void> {
  useDevice(options.device);
  if (options.report === true) return await report(options);
  if (name === undefined) return await listRows(options);
  const figure = FIGURES.find((row) => row.name === name);
  if (figure !== undefined) return await draw(figure, options);
  const row = findRow(name);
  if (options.check === true) return await checkRow(row, options);
  await trainRow(row, options.trial === true ? { ...options, out: join(options.out, 'trial') } : options);
}

async function draw({ name, draw: made }: (typeof FIGURES)[number], { out, trial, json }: ReproduceArguments): Promise<void> {
  const drawn = await made({ folders: [out, RECORDS], ...(trial === true ? { runs: 2 } : {}) });
  for (const { file, content } of drawn) {
    const path = join(out, file);
    makeFolder(dirname(path));
    await writeFileAtomic(path, [Buffer.from(content)]);
    if (json === true) printJson({ figure: name, file: path });
    else print(path);
  }
}

async function report({ out, json }: ReproduceArguments): Promise<void> {
  const folder = existsSync(out) ? out : RECORDS;
  const records = readRecords(folder);
  if (records.length === 0) fail('ERR_MG_ARGUMENT', 'reproduce', `records in ${folder}`, words('none'), 'train a row first');
  if (json === true) return records.forEach(printJson);
  const withCurve = records.filter(({ curve }) => curve.length > 0);
  for (const row of new Set(withCurve.map((record) => record.row))) {
    const metric = Object.keys(records.find((record) => record.row === row)!.test.scores)[0]!;
    const file = join(folder, `${row}.svg`);
    await writeFileAtomic(file, [Buffer.from(reportCurve(records, row, metric))]);
    note(file);
  }
  print([reportTable(records), taskTable(records), costTable(RECORDS)].filter((text) => text !== '').join('\n\n'));
}
