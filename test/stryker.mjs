// npm run test:stryker FILE OF lib/ [TEST FILES]: changes the file in every way that Stryker knows, one at a time, and runs
// the tests that reach the change: those named, or else test/<its folder>/*.test.ts. No kind of change is left out, text of
// messages neither. What the tests did not notice is kept in bench/results/mutation.json; a reason, `why`, written there by
// hand stays with its change. Changes that were noticed before, of which build/stryker has a list, are not tried again while
// their code is the same; all others are, since Stryker sees new tests of Vitest, but not those that changed. Delete the list
// to try all. Not for lib/cli: its tests run the compiled program in processes of its own, where changes are not planted.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Stryker } from '@stryker-mutator/core';
import { machine } from './results.mjs';

const RESULTS = 'bench/results/mutation.json';
const [file, ...named] = process.argv.slice(2);
if (file === undefined || !existsSync(file) || !file.startsWith('lib/')) {
  console.error(`expected a file of lib/ to change, as in npm run test:stryker lib/files/run-lock.ts, got ${file}`);
  process.exit(2);
}
const tests = named.length > 0 ? named : [`${dirname(file).replace('lib', 'test')}/*.test.ts`];
const known = `build/stryker/${file.replaceAll('/', '-')}.json`;
mkdirSync('build/stryker', { recursive: true });
process.env.MG_TESTS = tests.join(',');
if (existsSync(known)) {
  const report = JSON.parse(readFileSync(known, 'utf8'));
  report.files[file].mutants = report.files[file].mutants.filter(({ status }) => ['Killed', 'Timeout'].includes(status));
  writeFileSync(known, JSON.stringify(report));
}
await new Stryker({
  mutate: [file],
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'test/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  concurrency: 1,
  incremental: true,
  incrementalFile: known,
  timeoutMS: 30_000,
  reporters: ['progress-append-only'],
  tempDirName: 'build/stryker/tmp',
  ignorePatterns: ['docs', 'runs', 'prebuilds', 'build/mutants', 'build/stryker'],
}).runMutationTest();

/** The text between two places of a source, whose lines and columns count from 1. */
function between(source, { start, end }) {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  lines.push(lines.pop().slice(0, end.column - 1));
  lines[0] = lines[0].slice(start.column - 1);
  return lines.map((line) => line.trim()).join(' ');
}

const { source, mutants } = JSON.parse(readFileSync(known, 'utf8')).files[file];
const count = (...statuses) => mutants.filter(({ status }) => statuses.includes(status)).length;
const found = count('Killed', 'Timeout');
const all = found + count('Survived', 'NoCoverage');
const results = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : {};
const key = ({ from, to }) => `${from} → ${to}`;
const reasons = new Map((results[file]?.unnoticed ?? []).map((each) => [key(each), each.why]));
const unnoticed = mutants.filter(({ status }) => ['Survived', 'NoCoverage'].includes(status)).map((mutant) => {
  const change = { line: mutant.location.start.line, from: between(source, mutant.location), to: mutant.replacement };
  return { ...change, why: reasons.get(key(change)) ?? (mutant.status === 'NoCoverage' ? 'reached by none of these tests' : '') };
});
results[file] = {
  date: new Date().toISOString().slice(0, 10),
  machine: machine(),
  command: ['npm run test:stryker', file, ...named].join(' '),
  score: Number((found / all).toFixed(3)),
  killed: count('Killed'),
  timeouts: count('Timeout'),
  survived: count('Survived'),
  uncovered: count('NoCoverage'),
  unnoticed,
};
const sorted = Object.entries(results).sort(([a], [b]) => a.localeCompare(b, 'en'));
writeFileSync(RESULTS, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
console.log(`${file}: ${found} of ${all} changes noticed; ${RESULTS} says which were not`);
