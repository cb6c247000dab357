import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot } from '../native.js';
import { EXIT, note, print } from './output.js';

/** Runs cmake with its output on standard error; the reason when it fails. */
function cmake(args: readonly string[]): string | null {
  const { status, error } = spawnSync('cmake', args, { stdio: ['ignore', 2, 2] });
  return status === 0 ? null : (error?.message ?? `status ${status}`);
}

/** `build`: compiles the native module from the package's own sources with plain cmake, into build/Release of the package. */
export function addBuild(program: Command): Command {
  return program
    .command('build')
    .description('compile the native module from source (needs cmake and a C++17 compiler)')
    .action(() => {
      const folder = join(packageRoot, 'build');
      for (const leftover of ['CMakeCache.txt', 'CMakeFiles']) rmSync(join(folder, leftover), { recursive: true, force: true });
      const failure = cmake(['-S', packageRoot, '-B', folder])
        ?? cmake(['--build', folder, '--config', 'Release', '--parallel', String(availableParallelism())]);
      const file = join(folder, 'Release', 'multigrid_memory.node');
      if (failure === null && existsSync(file)) return print(file);
      note(`build: expected cmake to succeed, got ${failure ?? `no ${file}`}; install cmake and g++ (Debian: apt install cmake g++)`);
      process.exitCode = EXIT.failed;
    });
}
