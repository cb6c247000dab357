/** Finds, checks and loads the native module. The only file that knows where it lies and how it is declared. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeBinding, Program, Storage } from '../binding.js';
import { identifyBinary } from './binary-file.js';
import { fail } from './check.js';
import { MgError } from './errors.js';

export type { Program, Storage };

// In a program that a bundler has made CommonJS, import.meta has no url; that is told when something is looked for.
const self = (import.meta as { url?: string }).url;

/** The folder of the package: this file lies in lib/ in a checkout and in dist/ once compiled. */
export const packageRoot = self === undefined ? '' : dirname(dirname(fileURLToPath(self)));

/** The package's own description, of which this file is a part; null in a program that a bundler has put it into. */
function ownPackage(): { version: string } | null {
  try {
    const found = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { name?: string; version: string };
    return found.name === 'multigrid-memory' ? found : null;
  } catch {
    return null;
  }
}

/** The version, read when it is asked for: nothing is read at import. */
export const packageVersion = (): string => ownPackage()?.version ?? 'unknown';

const here = `${process.platform}-${process.arch}`;
const build = 'build it with: npx multigrid-memory build';

function refuse(got: string, remedy: string, cause?: unknown): never {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const glibc = report.header?.glibcVersionRuntime;
  const libc = process.platform !== 'linux' ? '' : glibc === undefined ? 'musl, ' : `glibc ${glibc}, `;
  const expected = `a native module for ${here} (${libc}Node ${process.version})`;
  throw new MgError('ERR_MG_NO_BINARY', `load: expected ${expected}, got ${got}; ${remedy}`, { cause });
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

/** The file to load: that of MG_BINDING (tests), else build/Release of a source build, else the prebuilt one. */
function locate(require: NodeJS.Require): string {
  const named = process.env.MG_BINDING;
  if (named !== undefined && named !== '') return named;
  try {
    return (require('node-gyp-build') as { resolve(dir: string): string }).resolve(packageRoot);
  } catch (cause) {
    const prebuilds = join(packageRoot, 'prebuilds');
    const found = existsSync(prebuilds) ? readdirSync(prebuilds).filter((name) => name.includes('-')).join(', ') : '';
    const searched = process.env.PREBUILDS_ONLY
      ? `${prebuilds} (PREBUILDS_ONLY is set)`
      : `${join(packageRoot, 'build/Release')} and ${prebuilds}`;
    return refuse(`none in ${searched}${found === '' ? '' : `, which has ${found}`}`, build, cause);
  }
}

/** SHA-256 of a prebuilt binary as the list beside the binaries has it; undefined for any other file. */
function recordedHash(file: string): string | undefined {
  const prebuilds = join(packageRoot, 'prebuilds');
  const list = join(prebuilds, 'SHA256SUMS');
  if (!file.startsWith(prebuilds + sep) || !existsSync(list)) return undefined;
  const name = file.slice(prebuilds.length + 1).replaceAll(sep, '/');
  return readFileSync(list, 'utf8').split('\n').find((line) => line.endsWith(`  ${name}`))?.slice(0, 64);
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** Refuses what the system would not load, or would crash on while loading it. */
function checkFile(file: string): void {
  const again = `install the package again, or ${build}`;
  let found;
  try {
    found = identifyBinary(file);
  } catch (cause) {
    return refuse(`a file that cannot be read, ${file} (${reasonOf(cause)})`, again, cause);
  }
  if (found.target === null) refuse(`a damaged file, ${file}: ${found.bytes} bytes that are no native module`, again);
  if (found.bytes < found.expectedBytes) refuse(`a damaged file, ${file}: ${found.bytes} of ${found.expectedBytes} bytes`, again);
  const recorded = recordedHash(file);
  if (recorded !== undefined && recorded !== sha256(file)) {
    refuse(`a damaged file, ${file}: its checksum is not the recorded one`, again);
  }
  if (found.target !== here && found.target !== `${process.platform}-universal`) {
    refuse(`${file}, which is for ${found.target}`, again);
  }
}

/** The hash of binding.d.ts was compiled in; a binary of another version of the package has another. */
function checkContract(binding: NativeBinding, file: string): void {
  if (typeof binding.describe !== 'function') refuse(`${file}, which is another package's module`, build);
  const declared = join(packageRoot, 'binding.d.ts');
  if (!existsSync(declared)) return;
  const hash = sha256(declared);
  const compiled = binding.describe().contract;
  if (compiled === hash) return;
  const [theirs, ours] = [compiled.slice(0, 12), hash.slice(0, 12)];
  refuse(`${file}, which was built from another version (contract ${theirs} instead of ${ours})`, build);
}

function load(): { binding: NativeBinding; file: string } {
  if (self === undefined || (ownPackage() === null && (process.env.MG_BINDING ?? '') === '')) {
    const got = 'this code bundled into another program, away from its native file';
    refuse(got, 'mark multigrid-memory as external in the bundler, and install it beside the bundle');
  }
  const require = createRequire(self);
  const file = locate(require);
  checkFile(file);
  let binding: NativeBinding;
  try {
    binding = require(file) as NativeBinding;
  } catch (cause) {
    return refuse(`${file}, which does not load: ${reasonOf(cause)}`, build, cause);
  }
  checkContract(binding, file);
  binding.init(MgError as new(code: string, message: string) => Error);
  applyEnvironment(binding);
  return { binding, file };
}

function applyEnvironment(binding: NativeBinding): void {
  const { MULTIGRID_MEMORY_THREADS: threads = '', MULTIGRID_MEMORY_SYNC: sync = '' } = process.env;
  if (threads !== '') {
    const count = Number(threads);
    if (!Number.isInteger(count) || count < 1 || count > 1024) {
      fail('ERR_MG_ARGUMENT', 'load', 'MULTIGRID_MEMORY_THREADS to be an integer from 1 to 1024', threads);
    }
    binding.setThreads(count);
  }
  if (sync === '1') binding.setSyncMode(true);
}

let loaded: ReturnType<typeof load> | undefined;

/** The native module, loaded at first use. Throws ERR_MG_NO_BINARY: what was looked for, what was found, what to do. */
export function native(): NativeBinding {
  return (loaded ??= load()).binding;
}

/** The file that the native module was loaded from. */
export function nativeFile(): string {
  return (loaded ??= load()).file;
}
