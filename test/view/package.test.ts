/** What the page and its commands add to the package. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../lib/native.js';

it('the page adds less than 600 kB to the package, unpacked, and needs no package of others', () => {
  const files = ['view', 'cli/films'].flatMap((folder) => (
    readdirSync(join(packageRoot, 'dist', folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(packageRoot, 'dist', folder, name)
    )
  )).filter((file) => statSync(file).isFile());
  expect(files.length).toBeGreaterThan(40);
  expect(files.reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThan(600_000);
  const code = files.filter((file) => file.endsWith('.js')).map((file) => readFileSync(file, 'utf8')).join('\n');
  const named = new Set(
    [...code.matchAll(/^import .* from '([^.'][^']*)'/gm)].map(([, name]) => name!).filter((name) => !name.startsWith('node:')),
  );
  expect([...named]).toEqual(['commander']); // of the command line itself
});
