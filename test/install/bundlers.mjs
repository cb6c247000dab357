// npm run test:bundlers: fetches bundlers and compilers into a folder of its own and runs bundlers.test.ts with them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'mg-bundlers-'));
writeFileSync(join(folder, 'package.json'), '{ "private": true }');
const packages = [
  ...['esbuild@0.25', 'webpack@5', '@vercel/ncc@0.38'],
  ...['5.2', '5.6', '5.7'].map((version) => `typescript-${version}@npm:typescript@~${version}.0`),
];
const npm = spawnSync('npm', ['install', '--no-audit', '--no-fund', ...packages], { cwd: folder, stdio: 'inherit' });
if (npm.status !== 0) process.exit(npm.status ?? 1);
const { status } = spawnSync('npx', ['vitest', 'run', '--config', 'test/vitest.config.ts', 'test/install/bundlers.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, MG_BUNDLERS: folder },
});
rmSync(folder, { recursive: true, force: true });
process.exit(status ?? 1);
