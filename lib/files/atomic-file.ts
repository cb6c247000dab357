// Crash-safe files: whoever opens the name finds the old content or the new, whole, at every moment.
// sibling temporary file, opened exclusively → write → fsync → close → rename → fsync of the folder.
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, readdir, readFile, readlink, realpath, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { MgError } from '../errors.js';
import { cannotFlush } from './folders.js';

const LONGEST_WRITE = 64 * 1024 * 1024;
const ONE_WRITE = 64 * 1024;
const ONE_DAY_MS = 24 * 3600 * 1000;
// .name.mg-<host>-<process id>-<random>.tmp: says whose it is, so that the next start can sweep it.
const LEFTOVER = /^\..*\.mg-([0-9a-f]{8})-([0-9]{1,10})-[0-9a-f]{12}\.tmp$/;
const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);

/** Wraps a system error as `file: expected …, got CODE (message)`, ERR_MG_CHECKPOINT, with the error as cause. */
export function fileError(file: string, expected: string, cause: unknown): MgError {
  if (cause instanceof MgError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const got = code === undefined ? String(message ?? cause) : `${code} (${message})`;
  return new MgError('ERR_MG_CHECKPOINT', `${file}: expected ${expected}, got ${got}`, { op: file, expected, got: code, cause });
}

/** As much of a file's name as leaves room for the rest of a temporary name, of 255 bytes in all. */
function shortened(name: string): string {
  let [kept, bytes] = ['', 0];
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > 200) break;
    kept += character;
  }
  return kept;
}

const temporaryName = (file: string): string =>
  `.${shortened(basename(file))}.mg-${host}-${process.pid}-${randomBytes(6).toString('hex')}.tmp`;

/** The file behind symbolic links, which may be still to be made: a link stays one, and what it names gets the content. */
async function behindLinks(file: string): Promise<string> {
  let path = file;
  for (let links = 0; links < 40; links += 1) {
    try {
      return await realpath(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      const target = await readlink(path).catch(() => null);
      if (target === null) return path;
      path = resolve(dirname(path), target);
    }
  }
  return path;
}

export interface AtomicOptions {
  /** What must be on the disk before the file takes its name. It runs beside the writing. */
  readonly after?: Promise<void>;
  /** Whether the content is to survive a power cut (it is, unless said otherwise), and not only the end of the process. */
  readonly flushed?: boolean;
}

/** Writes `chunks` as the whole new content of `file`. When the promise resolves the content survives a power cut; when it
 *  rejects (ERR_MG_CHECKPOINT, the system's error in `cause`) the old content is untouched and nothing is left behind.
 *  Symbolic links are followed, and a file that was there keeps its mode. The chunks must not change before it settles. */
export async function writeFileAtomic(
  file: string,
  chunks: readonly Uint8Array[],
  { after, flushed = true }: AtomicOptions = {},
): Promise<void> {
  let temporary = '';
  let handle: FileHandle | undefined;
  let created = false;
  after?.catch(() => undefined); // it is waited for below, unless the file fails first
  try {
    const target = await behindLinks(file);
    const folder = dirname(target);
    temporary = join(folder, temporaryName(target));
    handle = await open(temporary, 'wx', 0o644);
    created = true;
    const mode = await stat(target).then((found) => found.mode & 0o7777, () => null);
    if (mode !== null) await handle.chmod(mode);
    for (const chunk of joined(chunks)) await writeAll(handle, chunk);
    if (flushed) await handle.sync();
    await handle.close();
    handle = undefined;
    await after;
    await rename(temporary, target);
    created = false;
    if (flushed) await syncFolder(folder);
  } catch (cause) {
    await handle?.close().catch(() => undefined);
    if (created) await unlink(temporary).catch(() => undefined);
    throw fileError(file, 'to write the file', cause);
  }
}

/** What a file system says that has no second names for a file. */
const CANNOT_LINK = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES']);

/**
 * Gives the content of `file` the name `to` as well, in the same folder: as one file of two names where the system has them, as a
 * copy elsewhere. Whoever opens `to` finds what it held before or this, whole. Throws what the system says.
 */
export async function shareFile(file: string, to: string): Promise<void> {
  const target = await realpath(file);
  const temporary = join(dirname(to), temporaryName(to));
  try {
    await link(target, temporary);
  } catch (error) {
    if (!CANNOT_LINK.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return await writeFileAtomic(to, [await readFile(target)]);
  }
  try {
    await rename(temporary, to); // nothing happens where both are one file already
  } finally {
    await unlink(temporary).catch(ignoreMissing);
  }
  await syncFolder(dirname(to));
}

/** The same bytes with small neighbours in one chunk: each write is a way to another thread and back. */
function joined(chunks: readonly Uint8Array[]): Uint8Array[] {
  const groups: Uint8Array[][] = [];
  let bytes = Infinity;
  for (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes <= ONE_WRITE) groups.at(-1)!.push(chunk);
    else {
      groups.push([chunk]);
      bytes = chunk.byteLength;
    }
  }
  return groups.map((group) => (group.length === 1 ? group[0]! : Buffer.concat(group)));
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength;) {
    const { bytesWritten } = await handle.write(chunk, at, Math.min(chunk.byteLength - at, LONGEST_WRITE));
    at += bytesWritten;
  }
}

/** Flushes the folder itself, so that a rename in it survives a power cut. Windows has no such call and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    const handle = await open(folder, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!cannotFlush(error)) throw error; // the file itself is flushed and in its place
  }
}

/** Removes temporary files that a killed process left in `folder`, and returns their names. A file goes if its process on
 *  this machine is gone, if it bears our process id but is older than our process, or if it is older than a day; the
 *  unfinished file of a process that still lives stays. */
export async function sweepLeftovers(folder: string): Promise<string[]> {
  const removed: string[] = [];
  try {
    for (const name of await readdir(folder)) {
      const match = LEFTOVER.exec(name);
      if (match === null || !(await isDead(join(folder, name), match[1] ?? '', Number(match[2])))) continue;
      await unlink(join(folder, name)).catch(ignoreMissing);
      removed.push(name);
    }
  } catch (cause) {
    throw fileError(folder, 'to sweep the folder', cause);
  }
  return removed;
}

async function isDead(path: string, owner: string, pid: number): Promise<boolean> {
  const modified = await stat(path).then(
    (found) => found.mtimeMs,
    () => Infinity,
  );
  if (modified < Date.now() - ONE_DAY_MS) return true;
  if (owner !== host) return false;
  if (pid === process.pid) return modified < Date.now() - process.uptime() * 1000;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
