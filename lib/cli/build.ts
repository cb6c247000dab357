import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot } from '../native.js';
import { EXIT, note } from './output.js';

/** `build`: compiles the native module from the package's own sources with plain cmake. */
export function addBuild(program: Command): Command {
  return program
    .command('build')
    .description('compile the native module from source (needs cmake and a C++17 compiler)')
    .action(() => {
      const folder = join(packageRoot, 'build');
      for (const args of [['-S', packageRoot, '-B', folder], ['--build', folder, '--parallel']]) {
        const { status, error } = spawnSync('cmake', args, { stdio: 'inherit' });
        if (status === 0) continue;
        note(`build: expected cmake to succeed, got ${error?.message ?? `status ${status}`}; install cmake and g++ (Debian: apt install cmake g++)`);
        process.exitCode = EXIT.failed;
        return;
      }
    });
}
