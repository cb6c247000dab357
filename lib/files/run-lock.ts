/** One process at a time writes into a run folder: a file `.lock` says which. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fail, words } from '../check.js';
import { fileError } from './atomic-file.js';

export const LOCK_FILE = '.lock';

interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the process began, in ticks since the machine did; null where the system does not tell. Process ids come again. */
  readonly born: string | null;
}

function birthOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null; // field 22 of proc(5); names may hold spaces
  } catch {
    return null;
  }
}

const self = (): Owner => ({ host: hostname(), pid: process.pid, born: birthOf(process.pid) });

function ownerOf(file: string): Owner | null {
  try {
    const owner = JSON.parse(readFileSync(file, 'utf8')) as Partial<Owner> | null;
    const isOwner = typeof owner?.host === 'string' && Number.isSafeInteger(owner.pid) && owner.pid! > 0;
    return isOwner ? { host: owner.host!, pid: owner.pid!, born: owner.born ?? null } : null;
  } catch {
    return null;
  }
}

/** Whether the owner cannot write any more. Of another machine nobody knows. */
function isGone({ host, pid, born }: Owner): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true;
  }
  const now = birthOf(pid);
  return born !== null && now !== null && born !== now;
}

function take(file: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'wx', 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(descriptor, JSON.stringify(self()));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  return true;
}

/** Takes a lock away whose owner is gone. Of several who try, one moves it; a lock that is new by then is put back. */
function clear(file: string, owner: Owner | null): void {
  const aside = `${file}-${randomBytes(6).toString('hex')}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (JSON.stringify(ownerOf(aside)) === JSON.stringify(owner)) unlinkSync(aside);
  else renameSync(aside, file);
}

/** A lock without an owner was torn while it was made; its maker is given this long. */
const UNFINISHED_MS = 2000;

/** Locks `folder` until `release`. ERR_MG_CHECKPOINT names the process that has it. */
export function lockFolder(folder: string): { release(): void } {
  const file = join(folder, LOCK_FILE);
  const mine = JSON.stringify(self());
  try {
    const began = Date.now();
    while (!take(file)) {
      const owner = ownerOf(file);
      if (owner === null && Date.now() - began < UNFINISHED_MS) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
        continue;
      }
      if (owner !== null && !isGone(owner)) {
        const who = owner.pid === process.pid ? 'this process' : `process ${owner.pid}`;
        const where = owner.host === hostname() ? '' : ` on ${owner.host}`;
        const remedy = where === '' ? 'end that run first' : `if no run is under way there, remove ${file}`;
        fail('ERR_MG_CHECKPOINT', folder, 'a run folder that is not in use', words(`one in use by ${who}${where}`), remedy);
      }
      clear(file, owner);
    }
  } catch (cause) {
    throw fileError(folder, 'a run folder that can be locked', cause);
  }
  let isHeld = true;
  return {
    release: () => {
      if (isHeld && JSON.stringify(ownerOf(file)) === mine) unlinkSync(file);
      isHeld = false;
    },
  };
}
