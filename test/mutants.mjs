// npm run test:mutants [part of a name or file] [--resume]: plants faults, one by one, in copies of lib/ and native/ and runs the
// tests that must find them. What was found is kept in build/mutants: after an interruption `--resume` leaves out what has not
// changed since. Once all are found, bench/results/reliability.json says so.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { MUTANTS } from './mutant-list.mjs';
import { NATIVE_MUTANTS } from './native-mutant-list.mjs';
import { keepResults } from './results.mjs';

const resumes = process.argv.includes('--resume');
const [wanted = ''] = process.argv.slice(2).filter((word) => word !== '--resume');
const root = resolve(import.meta.dirname, '..');
const kept = join(root, 'build/mutants');
const notes = join(kept, 'found.json');
mkdirSync(kept, { recursive: true });
const known = () => (existsSync(notes) ? JSON.parse(readFileSync(notes, 'utf8')) : {});

/** Whether the tests pass. */
function passes({ tests, only }, cwd, env = {}) {
  const names = only === undefined ? [] : [`--testNamePattern=${only}`];
  const args = ['vitest', 'run', '--config', 'test/vitest.config.ts', '--bail', '1', tests, ...names];
  return spawnSync('npx', args, { cwd, encoding: 'utf8', env: { ...process.env, ...env } });
}

/** A copy of the library, in which TypeScript is changed; what runs the command line is compiled without its types. */
function copyOfLib() {
  const copy = mkdtempSync(join(tmpdir(), 'mg-mutants-'));
  for (const name of ['lib', 'test', 'dist']) cpSync(join(root, name), join(copy, name), { recursive: true });
  for (const name of ['node_modules', 'build', 'bench', 'binding.d.ts', 'package.json', 'README.md', 'native']) {
    symlinkSync(join(root, name), join(copy, name));
  }
  const compile = (file, text) => {
    const { outputText } = ts.transpileModule(text, { compilerOptions: { module: 'esnext', target: 'es2022' } });
    writeFileSync(join(copy, 'dist', file.replace(/\.ts$/, '.js')), outputText);
  };
  return {
    plant: (file, text, { dist = false }) => {
      writeFileSync(join(copy, 'lib', file), text);
      if (dist) compile(file, text);
    },
    passes: (tests) => passes(tests, copy),
    remove: () => rmSync(copy, { recursive: true, force: true }),
  };
}

/** Brings a folder of C++ into the state of another; what is as it was keeps its time, so that it is not compiled again. */
function follow(from, to) {
  for (const name of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    const [source, target] = [join(from, name), join(to, name)];
    if (!statSync(source).isFile()) continue;
    const bytes = readFileSync(source);
    if (existsSync(target) && readFileSync(target).equals(bytes)) continue;
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes);
  }
}

/** A copy of the C++ code and an addon of its own, which the tests load. It stays for the next time. */
function copyOfNative() {
  follow(join(root, 'native'), join(kept, 'native'));
  for (const name of ['CMakeLists.txt', 'binding.d.ts']) cpSync(join(root, name), join(kept, name), { preserveTimestamps: true });
  const run = (command, ...args) => {
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}:\n${(stdout + stderr).slice(-3000)}`);
  };
  const out = join(kept, 'out');
  run('cmake', '-S', kept, '-B', out);
  const build = () => run('cmake', '--build', out, '--parallel', '2');
  build();
  return {
    plant: (file, text) => {
      writeFileSync(join(kept, 'native', file), text);
      build();
    },
    passes: (tests) => passes(tests, root, { MG_BINDING: join(out, 'multigrid_memory.node') }),
    remove: () => {},
  };
}

/** What a fault was planted in: another text makes it another fault. */
const hashOf = (text) => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Keeps that a fault was found, or that it was not: other runs may keep theirs meanwhile. */
function keep(what, hash) {
  const found = known();
  if (hash === null) delete found[what];
  else found[what] = hash;
  writeFileSync(notes, JSON.stringify(found));
}

const found = known();
const sums = { found: 0, all: 0 };
for (const [folder, groups, makeCopy] of [['lib', MUTANTS, copyOfLib], ['native', NATIVE_MUTANTS, copyOfNative]]) {
  let copy;
  for (const { faults, ...tests } of groups) {
    const planted = faults.map(([what, file, from, to]) => {
      const text = readFileSync(join(root, folder, file), 'utf8');
      if (text.split(from).length !== 2) throw new Error(`${what}: expected ${JSON.stringify(from)} once in ${folder}/${file}`);
      return { what, file, text, fault: text.replace(from, () => to) };
    });
    const isKnown = ({ what, fault }) => resumes && found[what] === hashOf(fault);
    const chosen = planted.filter(({ what, file }) => what.includes(wanted) || file.includes(wanted));
    const rest = chosen.filter((each) => !isKnown(each));
    sums.all += chosen.length;
    sums.found += chosen.length - rest.length;
    if (rest.length === 0) continue;
    copy ??= makeCopy();
    const { status, stdout } = copy.passes(tests);
    if (status !== 0) throw new Error(`${tests.tests} is red without a fault:\n${stdout.slice(-2000)}`);
    for (const { what, file, text, fault } of rest) {
      copy.plant(file, fault, tests);
      const isFound = copy.passes(tests).status !== 0;
      copy.plant(file, text, tests);
      console.log(`${isFound ? 'found   ' : 'SURVIVED'}  ${what}`);
      if (isFound) sums.found += 1;
      keep(what, isFound ? hashOf(fault) : null);
    }
  }
  copy?.remove();
}
console.log(`${sums.found} of ${sums.all} faults found`);
if (wanted === '' && sums.found === sums.all) {
  const inCpp = NATIVE_MUTANTS.flatMap(({ faults }) => faults).length;
  const where = 'files, training, listeners, reinforcement learning and commands';
  keepResults('npm run test:mutants', [['N7', sums.all, `all found: ${sums.all - inCpp} in ${where}, ${inCpp} in C++`]]);
}
process.exit(sums.found === sums.all ? 0 : 1);
