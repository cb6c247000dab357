/** Finds, checks and loads the native module. The only file that knows where it lies and how it is declared. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeBinding, Storage } from '../binding.js';
import { MgError } from './errors.js';

export type { Storage };

/** The folder of the package: this file lies in lib/ in a checkout and in dist/ once compiled. */
export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

const remedy = 'build it with: npx multigrid-memory build';

function platform(): string {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const glibc = report.header?.glibcVersionRuntime;
  const libc = process.platform === 'linux' ? (glibc === undefined ? ' (musl)' : ` (glibc ${glibc})`) : '';
  return `${process.platform}-${process.arch}${libc}, Node ${process.version}`;
}

function locate(require: NodeJS.Require): NativeBinding {
  const named = process.env.MG_BINDING;
  try {
    return (named !== undefined ? require(named) : (require('node-gyp-build') as (dir: string) => unknown)(packageRoot)) as NativeBinding;
  } catch (cause) {
    const where = named ?? `build/Release and prebuilds of ${packageRoot}`;
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new MgError('ERR_MG_NO_BINARY', `load: expected a native module for ${platform()} in ${where}, got: ${reason}; ${remedy}`, { cause });
  }
}

function checkContract(binding: NativeBinding): void {
  const declared = join(packageRoot, 'binding.d.ts');
  if (!existsSync(declared)) return;
  const hash = createHash('sha256').update(readFileSync(declared)).digest('hex');
  const compiled = binding.describe().contract;
  if (compiled !== hash) {
    throw new MgError('ERR_MG_NO_BINARY', `load: expected a native module of contract ${hash.slice(0, 12)}, got ${compiled.slice(0, 12)}; ${remedy}`);
  }
}

function load(): NativeBinding {
  const binding = locate(createRequire(import.meta.url));
  checkContract(binding);
  binding.init(MgError as new (code: string, message: string) => Error);
  const threads = process.env.MULTIGRID_MEMORY_THREADS;
  if (threads !== undefined && threads !== '') binding.setThreads(Number(threads));
  if (process.env.MULTIGRID_MEMORY_SYNC === '1') binding.setSyncMode(true);
  return binding;
}

let loaded: NativeBinding | undefined;

/** The native module, loaded at first use. Throws ERR_MG_NO_BINARY with platform, places searched and the remedy. */
export function native(): NativeBinding {
  return (loaded ??= load());
}
