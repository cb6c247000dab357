// Shows promises of test/README.md at their size: node test/promised.mjs GROUP.
// What was shown goes to bench/results/reliability.json.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Test files in which something stands that a promise of numbers goes by: all others would only take time. */
const numbers = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name}`)
  .filter((file) => /\bcases\(|promised\('[ND]\d|linear: true/.test(readFileSync(file, 'utf8')));

/** Test files of each group. */
const GROUPS = {
  numbers,
  faults: ['addon', 'memory', 'training-memory', 'save'].map((name) => `test/faults/${name}.test.ts`),
  leak: ['test/faults/leak.test.ts'],
  load: ['test/faults/crowd.test.ts'],
  soak: ['test/faults/kills.test.ts'],
  signals: ['test/faults/signals.test.ts'],
  fuzz: ['test/binding/border.test.ts', 'test/attacks/', 'test/files/'],
};
const RESULTS = 'bench/results/reliability.json';

const [group, ...more] = process.argv.slice(2);
if (!(group in GROUPS)) {
  console.error(`expected one of ${Object.keys(GROUPS).join(', ')}, got ${group}`);
  process.exit(2);
}
const notes = join(mkdtempSync(join(tmpdir(), 'mg-promised-')), 'notes');
const files = more.length > 0 ? more : GROUPS[group];
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', '--config', 'test/vitest.config.ts', '--testTimeout', '36000000', ...files],
  {
    stdio: 'inherit',
    env: { ...process.env, MG_PROMISED: notes },
  },
);
if (status !== 0) process.exit(status ?? 1);

/** The least of each row: a row of several parts is as large as its smallest. */
const rows = new Map();
for (const line of existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : []) {
  const { row, size, figure } = JSON.parse(line);
  const parts = rows.get(row) ?? { size, figures: [] };
  rows.set(row, { size: Math.min(parts.size, size), figures: [...parts.figures, figure] });
}
const results = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : {};
const date = new Date().toISOString().slice(0, 10);
const machine = `${cpus().length} shared cores, ${process.platform} ${process.arch}, Node ${process.versions.node}`;
for (const [row, { size, figures }] of rows) {
  const result = figures.length > 3 ? `${figures.length} parts, each as large` : figures.join('; ');
  results[row] = { size, result, command: `node test/promised.mjs ${group}`, date, machine };
}
const sorted = Object.entries(results).sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
writeFileSync(RESULTS, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
console.log(`${RESULTS}: ${[...rows.keys()].join(', ')}`);
