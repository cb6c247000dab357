// npm run test:mutants [part of a name]: plants faults, one by one, in a copy of lib/ and runs the tests that must find them.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { MUTANTS } from './mutant-list.mjs';

const [wanted = ''] = process.argv.slice(2);
const root = resolve(import.meta.dirname, '..');
const copy = mkdtempSync(join(tmpdir(), 'mg-mutants-'));
for (const name of ['lib', 'test', 'dist']) cpSync(join(root, name), join(copy, name), { recursive: true });
for (const name of ['node_modules', 'build', 'bench', 'binding.d.ts', 'package.json', 'README.md', 'native']) {
  symlinkSync(join(root, name), join(copy, name));
}

/** Whether the tests pass. */
function passes({ tests, only }) {
  const names = only === undefined ? [] : [`--testNamePattern=${only}`];
  return spawnSync('npx', ['vitest', 'run', '--config', 'test/vitest.config.ts', '--bail', '1', tests, ...names], {
    cwd: copy,
    encoding: 'utf8',
  });
}

/** The compiled file of a source, without its types: what the command line runs. */
function compile(file, text) {
  const { outputText } = ts.transpileModule(text, { compilerOptions: { module: 'esnext', target: 'es2022' } });
  writeFileSync(join(copy, 'dist', file.replace(/\.ts$/, '.js')), outputText);
}

let survivors = 0;
let found = 0;
for (const { faults, dist = false, ...tests } of MUTANTS) {
  const chosen = faults.filter(([what, file]) => what.includes(wanted) || file.includes(wanted));
  if (chosen.length === 0) continue;
  const { status, stdout } = passes(tests);
  if (status !== 0) throw new Error(`${tests.tests} is red without a fault:\n${stdout.slice(-2000)}`);
  for (const [what, file, from, to] of chosen) {
    const path = join(copy, 'lib', file);
    const text = readFileSync(path, 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${what}: expected ${JSON.stringify(from)} once in ${file}`);
    const planted = text.replace(from, () => to);
    writeFileSync(path, planted);
    if (dist) compile(file, planted);
    const isFound = passes(tests).status !== 0;
    writeFileSync(path, text);
    if (dist) compile(file, text);
    console.log(`${isFound ? 'found   ' : 'SURVIVED'}  ${what}`);
    if (isFound) found += 1;
    else survivors += 1;
  }
}
rmSync(copy, { recursive: true, force: true });
console.log(`${found} of ${found + survivors} faults found`);
process.exit(survivors === 0 ? 0 : 1);
