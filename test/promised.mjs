// Shows promises of test/README.md at their size: node test/promised.mjs GROUP[,GROUP]… [--resume] [FILE…].
// Each file of tests runs by itself, and what it has shown is kept in build/promised: after an interruption `--resume` goes on
// with the files that are missing. What was shown goes to bench/results/reliability.json; a row of many files once all are there.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { keepResults } from './results.mjs';

/** Test files with something in them that a row goes by: all others would only take time. */
const having = (needle) =>
  readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${name}`)
    .filter((file) => needle.test(readFileSync(file, 'utf8')));

/** Test files of each group. One with the name of a row is for this row alone, which stands in all of its files. */
const GROUPS = {
  N4: having(/linear: true/),
  N6: having(/\bcases\(/),
  D1: ['test/promises/determinism.test.ts'],
  faults: ['addon', 'memory', 'training-memory', 'save'].map((name) => `test/faults/${name}.test.ts`),
  leak: ['test/faults/leak.test.ts'],
  load: ['test/faults/crowd.test.ts'],
  signals: ['test/faults/signals.test.ts'],
  fuzz: ['test/binding/border.test.ts', 'test/attacks/', 'test/files/'],
};

const resumes = process.argv.includes('--resume');
const [groups = '', ...chosen] = process.argv.slice(2).filter((word) => word !== '--resume');
const unknown = groups.split(',').find((name) => !(name in GROUPS));
if (unknown !== undefined) {
  console.error(`expected one of ${Object.keys(GROUPS).join(', ')}, got ${unknown}`);
  process.exit(2);
}

/** Where what a file of tests has shown is kept. */
const notesOf = (group, file) => `build/promised/${group}/${file.replaceAll('/', '-')}`;

/** Runs one file of tests at the promised size; whether it passed. */
function isShown(group, file) {
  const notes = notesOf(group, file);
  if (resumes && existsSync(notes)) return true;
  const begun = `${notes}.begun`;
  writeFileSync(begun, '');
  rmSync(notes, { force: true });
  const only = group === 'N4' ? ['--testNamePattern', 'is linear'] : [];
  const { status } = spawnSync(
    'npx',
    ['vitest', 'run', '--config', 'test/vitest.config.ts', '--testTimeout', '36000000', ...only, file],
    { stdio: 'inherit', env: { ...process.env, MG_PROMISED: `${process.cwd()}/${begun}` } },
  );
  if (status === 0) renameSync(begun, notes);
  return status === 0;
}

const isRow = (group) => /^[A-Z]\d/.test(group);

/** The least of each row in what files of a group have shown: a row of several parts is as large as its smallest. */
function rowsOf(group, files) {
  const rows = new Map();
  const lines = files.flatMap((file) => readFileSync(notesOf(group, file), 'utf8').split('\n')).filter(Boolean);
  for (const { row, size, figure } of lines.map((line) => JSON.parse(line))) {
    if (isRow(group) && row !== group) continue;
    const parts = rows.get(row) ?? { size, figures: [] };
    rows.set(row, { size: Math.min(parts.size, size), figures: [...parts.figures, figure] });
  }
  return rows;
}

/** Writes rows to the results. What was kept from before an interruption counts by its own day. */
function record(group, files) {
  const first = new Date(Math.min(...files.map((file) => statSync(notesOf(group, file)).mtimeMs)));
  const rows = [...rowsOf(group, files)].map(([row, { size, figures }]) => [
    row,
    size,
    figures.length > 3 ? `${figures.length} parts, each as large` : figures.join('; '),
  ]);
  keepResults(`node test/promised.mjs ${group}`, rows, first);
}

let red = 0;
for (const group of groups.split(',')) {
  mkdirSync(`build/promised/${group}`, { recursive: true });
  const files = chosen.length > 0 ? chosen : GROUPS[group];
  const shown = files.filter((file) => isShown(group, file));
  for (const file of files) if (!shown.includes(file)) console.error(`${group}: ${file} is red`);
  red += files.length - shown.length;
  const missing = isRow(group) ? GROUPS[group].filter((file) => !existsSync(notesOf(group, file))) : [];
  if (missing.length > 0) console.error(`${group}: not whole, missing ${missing.join(', ')}`);
  else if (shown.length > 0) record(group, isRow(group) ? GROUPS[group] : shown);
}
process.exit(red === 0 ? 0 : 1);
