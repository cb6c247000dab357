// npm run test:mutants [part of a name]: plants faults, one by one, in a copy of lib/ and runs the tests that must find it.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** What is wrong, where, from what to what; by folder of tests. */
const MUTANTS = {
  'test/files': [
    [
      'a file is not flushed',
      'files/atomic-file.ts',
      '    await handle.sync();\n    await handle.close();',
      '    await handle.close();',
    ],
    [
      'a folder is not flushed',
      'files/atomic-file.ts',
      '    created = false;\n    await syncFolder(folder);',
      '    created = false;',
    ],
    ['a second name is not flushed', 'files/atomic-file.ts', '  await syncFolder(dirname(to));', ''],
    ['a temporary file may be another\'s', 'files/atomic-file.ts', 'open(temporary, \'wx\'', 'open(temporary, \'w\''],
    ['a failed save leaves its file', 'files/atomic-file.ts', 'if (created) await unlink', 'if (!created) await unlink'],
    [
      'a short write is taken for whole',
      'files/atomic-file.ts',
      'at += bytesWritten',
      'at = chunk.byteLength + 0 * bytesWritten',
    ],
    ['a file loses its mode', 'files/atomic-file.ts', 'if (mode !== null) await', 'if (mode === null) await'],
    [
      'a copy where links are allowed',
      'files/atomic-file.ts',
      '    await link(target, temporary);',
      '    throw { code: \'EPERM\' };',
    ],
    [
      'leftovers of the living are swept',
      'files/atomic-file.ts',
      '    process.kill(pid, 0);\n    return false;',
      '    return true;',
    ],
    ['a log is not flushed before its checkpoint', 'files/run-folder.ts', '    await this.log.flush();\n', ''],
    ['one checkpoint too many is kept', 'files/run-folder.ts', 'known.slice(newest)', 'known.slice(newest + 1)'],
    ['later checkpoints push out new ones', 'files/run-folder.ts', 'kept.filter((of) => of <= step)', 'kept.filter(() => true)'],
    [
      'a run takes a folder with a run',
      'files/run-folder.ts',
      'throwIfNoEntry: false }) === undefined) continue;',
      'throwIfNoEntry: false }) !== null) continue;',
    ],
    ['a new folder is not flushed into its parent', 'files/folders.ts', '    flushFolder(dirname(path));\n', ''],
    [
      'a resumed log keeps a later line',
      'files/metrics-log.ts',
      'resumeAt || record.step < kept.lastStep',
      'resumeAt + 1 || record.step < kept.lastStep',
    ],
    ['a log takes steps that fall', 'files/metrics-log.ts', '|| record.step < this.#lastStep', ''],
    ['a lock of a dead process holds', 'files/run-lock.ts', '=== \'ESRCH\') return true;', '=== \'ESRCH\') return false;'],
    ['a lock holds nobody out', 'files/run-lock.ts', 'if (owner !== null && !isGone(owner)) {', 'if (owner === undefined) {'],
  ],
};

const [wanted = ''] = process.argv.slice(2);
const root = resolve(import.meta.dirname, '..');
const copy = mkdtempSync(join(tmpdir(), 'mg-mutants-'));
for (const name of ['lib', 'test']) cpSync(join(root, name), join(copy, name), { recursive: true });
for (const name of ['node_modules', 'build', 'bench', 'binding.d.ts', 'package.json', 'dist', 'README.md', 'native']) {
  symlinkSync(join(root, name), join(copy, name));
}
const run = (folder) =>
  spawnSync('npx', ['vitest', 'run', '--config', 'test/vitest.config.ts', '--bail', '1', folder], {
    cwd: copy,
    encoding: 'utf8',
  });
let survivors = 0;
let found = 0;
for (const [folder, mutants] of Object.entries(MUTANTS)) {
  const chosen = mutants.filter(([what, file]) => what.includes(wanted) || file.includes(wanted));
  if (chosen.length === 0) continue;
  const { status, stdout } = run(folder);
  if (status !== 0) throw new Error(`${folder} is red without a fault:\n${stdout.slice(-2000)}`);
  for (const [what, file, from, to] of chosen) {
    const path = join(copy, 'lib', file);
    const text = readFileSync(path, 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${what}: expected ${JSON.stringify(from)} once in ${file}`);
    writeFileSync(path, text.replace(from, () => to));
    const isFound = run(folder).status !== 0;
    writeFileSync(path, text);
    console.log(`${isFound ? 'found   ' : 'SURVIVED'}  ${what}`);
    if (isFound) found += 1;
    else survivors += 1;
  }
}
rmSync(copy, { recursive: true, force: true });
console.log(`${found} of ${found + survivors} faults found`);
process.exit(survivors === 0 ? 0 : 1);
