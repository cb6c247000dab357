// npm run sbom: the bill of materials of the package, as SPDX. `npm sbom --omit dev` leaves out what the package and a tool of
// its development both need, so npm is given a package without those tools.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const read = (name) => JSON.parse(readFileSync(join(root, name), 'utf8'));
const { devDependencies: _, ...published } = read('package.json');
const lock = read('package-lock.json');
const { devDependencies: _d, ...own } = lock.packages[''];
const needed = Object.entries(lock.packages).filter(([, { dev, devOptional }]) => dev !== true && devOptional !== true);

const folder = mkdtempSync(join(tmpdir(), 'mg-sbom-'));
const write = (name, value) => writeFileSync(join(folder, name), JSON.stringify(value));
write('package.json', published);
write('package-lock.json', { ...lock, packages: { ...Object.fromEntries(needed), '': own } });
const args = ['sbom', '--package-lock-only', '--sbom-format', 'spdx'];
const { status, stdout, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
rmSync(folder, { recursive: true });
process.stdout.write(stdout);
process.stderr.write(stderr);
process.exit(status ?? 1);
