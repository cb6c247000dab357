/** The bill of materials names all that the package stands on at run time, and nothing else. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('has the package and each of its dependencies, with versions and licenses', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['native/release/sbom.mjs'], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  const { packages } = JSON.parse(stdout) as { packages: { name: string; versionInfo: string; licenseDeclared: string }[] };
  const { name, dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    name: string;
    dependencies: Record<string, string>;
  };
  expect(packages.map((each) => each.name).toSorted()).toEqual([name, ...Object.keys(dependencies)].toSorted());
  for (const { versionInfo, licenseDeclared } of packages) expect([versionInfo, licenseDeclared]).not.toContain('NOASSERTION');
});
