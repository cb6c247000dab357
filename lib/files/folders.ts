/** Folders that are made step by step, and files that are what they seem. */
import { closeSync, constants, fstatSync, fsyncSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes `folder` and its parents, each flushed into its own. Throws what the system says of the first that cannot be made: the
 * recursive call of Node turns in a circle where a parent that is there answers that it is not (/proc, a mount that went away).
 */
export function makeFolder(folder: string): void {
  const missing: string[] = [];
  for (let path = resolve(folder);; path = dirname(path)) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) break;
    missing.push(path);
    if (found !== undefined || dirname(path) === path) break; // mkdir tells what is wrong with it
  }
  for (const path of missing.reverse()) {
    try {
      mkdirSync(path);
    } catch (error) {
      // Another process may have made it meanwhile.
      const isThere = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isThere) throw error;
    }
    flushFolder(dirname(path));
  }
}

/** What a file system says that cannot flush folders, or does not let them be opened: there is nothing to wait for. */
const CANNOT_FLUSH = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES', 'EPERM', 'EISDIR', 'EBADF']);
export const cannotFlush = (error: unknown): boolean => CANNOT_FLUSH.has((error as NodeJS.ErrnoException).code ?? '');

function flushFolder(folder: string): void {
  if (process.platform === 'win32') return;
  try {
    const descriptor = openSync(folder, constants.O_RDONLY);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (!cannotFlush(error)) throw error;
  }
}

/** The content of a regular file. A pipe would keep its reader waiting and a device never ends: both are an error at once. */
export function readRegularFile(file: string): Buffer {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(descriptor).isFile()) {
      const what = fstatSync(descriptor).isDirectory() ? 'EISDIR: a folder' : 'ENOTSUP: a pipe, a device or a socket';
      throw Object.assign(new Error(`${what} in place of a regular file`), { code: what.slice(0, what.indexOf(':')) });
    }
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The encoding of a text: UTF-16 where its mark stands first, as Windows writes it, else UTF-8. */
export function encodingOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
}

/** A text file without the mark that some editors put first. */
export function readTextFile(file: string): string {
  const bytes = readRegularFile(file);
  return new TextDecoder(encodingOf(bytes)).decode(bytes);
}
