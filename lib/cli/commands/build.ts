// The command `build`: the native module from the sources of the package.

import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { packageRoot } from '../../native.js';
import { EXIT, note, print } from '../output.js';

/** Runs cmake with its output on standard error; the reason when it fails. */
function cmake(args: readonly string[]): string | null {
  const { status, error } = spawnSync('cmake', args, { stdio: ['ignore', 2, 2] });
  return status === 0 ? null : (error?.message ?? `status ${status}`);
}

/** What a program prints; null where it is not here or fails. */
function output(command: string, args: readonly string[]): string | null {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return status === 0 ? stdout : null;
}

/** The architectures of the GPUs here as CMake names them, those that the kernels need at least (8.0); '' if there are none. */
function architecturesHere(): string {
  const found = (output('nvidia-smi', ['--query-gpu=compute_cap', '--format=csv,noheader']) ?? '').split('\n').map(Number);
  const usable = new Set(found.filter((capability) => capability >= 8));
  return [...usable].map((capability) => `${Math.round(capability * 10)}-real`).join(';');
}

/** Options of CMake for `--cuda` and `--arch`, and why in a few words. */
function cudaOptions(mode: string, arch: string | undefined): { options: string[]; why: string } {
  const here = arch ?? architecturesHere();
  const archs = here === '' ? [] : [`-DMG_CUDA_ARCHS=${here}`];
  if (mode === 'on') {
    return { options: ['-DMG_CUDA=ON', ...archs], why: `with CUDA for ${here === '' ? 'all architectures of a release' : here}` };
  }
  if (mode === 'off') return { options: ['-DMG_CUDA=OFF'], why: 'without CUDA' };
  if (here === '') return { options: ['-DMG_CUDA=OFF'], why: 'without CUDA: no GPU of compute capability 8.0 or newer is here' };
  if (output('nvcc', ['--version']) === null) return { options: ['-DMG_CUDA=OFF'], why: 'without CUDA: no nvcc on the PATH' };
  return { options: ['-DMG_CUDA=ON', ...archs], why: `with CUDA for ${here}` };
}

/** `build`: compiles the native module from the package's own sources with plain cmake, into build/Release of the package. */
export function addBuild(program: Command): Command {
  return program
    .command('build')
    .description('compile the native module from source (needs cmake and a C++17 compiler; for CUDA also nvcc)')
    .addOption(
      new Option('--cuda <mode>', 'CUDA kernels; auto: where a GPU and nvcc are')
        .choices(['auto', 'on', 'off']).default('auto'),
    )
    .option(
      '--arch <list>',
      'CUDA architectures as CMake names them, e.g. "90-real;80-virtual" (default: those of the GPUs here)',
    )
    .action(({ cuda, arch }: { cuda: string; arch?: string }) => {
      const folder = join(packageRoot, 'build');
      const { options, why } = cudaOptions(cuda, arch);
      note(`build: ${why}`);
      for (const leftover of ['CMakeCache.txt', 'CMakeFiles']) rmSync(join(folder, leftover), { recursive: true, force: true });
      const failure = cmake(['-S', packageRoot, '-B', folder, ...options])
        ?? cmake(['--build', folder, '--config', 'Release', '--parallel', String(availableParallelism())]);
      const file = join(folder, 'Release', 'multigrid_memory.node');
      if (failure === null && existsSync(file)) return print(file);
      const got = failure ?? `no ${file}`;
      note(`build: expected cmake to succeed, got ${got}; install cmake and g++ (Debian: apt install cmake g++)`);
      process.exitCode = EXIT.failed;
    });
}
