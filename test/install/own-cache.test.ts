/** A checkout that was copied: what CMake knows of the folder it was copied from is dropped, what it knows of its own stays. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../helpers/files.js';

const SCRIPT = fileURLToPath(new URL('../../native/own-cache.mjs', import.meta.url));

function leftAfter(home: (folder: string) => string | null): string[] {
  const folder = realpathSync(temporaryFolder());
  mkdirSync(join(folder, 'build/CMakeFiles'), { recursive: true });
  writeFileSync(join(folder, 'build/kept.ninja'), '');
  const of = home(folder);
  if (of !== null)
    writeFileSync(join(folder, 'build/CMakeCache.txt'), `# made by CMake\nCMAKE_HOME_DIRECTORY:INTERNAL=${of}\nA:B=c\n`);
  const { status, stderr } = spawnSync(process.execPath, [SCRIPT], { cwd: folder, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return readdirSync(join(folder, 'build')).sort();
}

it.each([
  ['its own', (folder: string) => folder, ['CMakeCache.txt', 'CMakeFiles', 'kept.ninja']],
  ['that of another folder', (folder: string) => `${folder}-before`, ['kept.ninja']],
  ['none', () => null, ['CMakeFiles', 'kept.ninja']],
])('a cache: %s', (_what, home, left) => {
  expect(leftAfter(home)).toEqual(left);
});
