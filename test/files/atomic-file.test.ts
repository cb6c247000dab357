// Crash-safe writing in one process; what a kill or a full disk does to it stands in test/faults.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder, readRegularFile, readTextFile } from '../../lib/files/folders.js';
import { fileError, sweepLeftovers, writeFileAtomic } from '../../lib/files/atomic-file.js';
import { MgError } from '../../lib/errors.js';
import { errorOf, temporaryFolder } from '../helpers/files.js';

const text = (value: string): Uint8Array => Buffer.from(value);
const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const otherHost = host === '00000000' ? '11111111' : '00000000';
const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;
const hours = (count: number): Date => new Date(Date.now() - count * 3600_000);

describe('writeFileAtomic', () => {
  it('writes the chunks in order, replaces the old content and leaves nothing else behind', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'a.txt');
    await writeFileAtomic(file, [text('an older, longer content')]);
    await writeFileAtomic(file, [text('new'), new Uint8Array(0), text(' content')]);
    expect(readFileSync(file, 'utf8')).toBe('new content');
    expect(readdirSync(folder)).toEqual(['a.txt']);
  });

  it('no chunks make an empty file', async () => {
    const file = join(temporaryFolder(), 'empty');
    await writeFileAtomic(file, []);
    expect(readFileSync(file)).toHaveLength(0);
  });

  it('of many writers at once one wins whole', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'a');
    await Promise.all(Array.from({ length: 20 }, (_, i) => writeFileAtomic(file, [text(String(i).repeat(1000)), text('.')])));
    expect(readFileSync(file, 'utf8')).toMatch(/^(\d+?)\1{999}\.$/);
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('a folder that is a file, a missing folder and a target that is a folder are refused, the cause with them', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), 'kept');
    mkdirSync(join(folder, 'target', 'inside'), { recursive: true });
    for (
      const [path, codes] of [
        ['file/a', ['ENOTDIR']],
        ['none/a', ['ENOENT']],
        ['target', ['EISDIR', 'ENOTEMPTY', 'EEXIST', 'EPERM']],
      ] as const
    ) {
      const error = await errorOf(() => writeFileAtomic(join(folder, path), [text('x')]));
      expect(error.code).toBe('ERR_MG_CHECKPOINT');
      expect(codes).toContain((error.cause as NodeJS.ErrnoException).code);
      expect(error.message.startsWith(`${join(folder, path)}: expected to write the file, got E`)).toBe(true);
    }
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('kept');
    expect(readdirSync(folder).toSorted()).toEqual(['file', 'target']);
  });
});

describe('a fault of the system', () => {
  it('is told with its code, or what there is of it, and keeps its cause; our own stays what it is', () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    expect(fileError('a', 'to write it', full)).toMatchObject({
      message: 'a: expected to write it, got ENOSPC (no space)',
      code: 'ERR_MG_CHECKPOINT',
      op: 'a',
      expected: 'to write it',
      got: 'ENOSPC',
      cause: full,
    });
    expect(fileError('a', 'to write it', new Error('plain')).message).toBe('a: expected to write it, got plain');
    expect(fileError('a', 'to write it', 'a text').message).toBe('a: expected to write it, got a text');
    const own = new MgError('ERR_MG_ARGUMENT', 'own');
    expect(fileError('a', 'to write it', own)).toBe(own);
  });
});

describe('sweepLeftovers', () => {
  it('takes the files of the dead and of last week, and leaves those of the living and of others', async () => {
    const folder = temporaryFolder();
    const dead = deadPid();
    const leave = [
      `.a.mg-${host}-${process.ppid}-000000000001.tmp`, // a living process of this machine
      `.a.mg-${host}-${process.pid}-000000000002.tmp`, // our own, just written
      `.a.mg-${otherHost}-${dead}-000000000003.tmp`, // another machine, fresh
      `.a.mg-${host}-${dead}-0000.tmp`,
      `a.mg-${host}-${dead}-000000000004.tmp`,
      `a.b.mg-${host}-${dead}-000000000009.tmp`,
      `.a.mg-${host}-${dead}-00000000000a.tmp.gz`,
      `.a.mg-${host}-${dead}12345678901-00000000000b.tmp`,
      'checkpoint.safetensors',
      '.hidden',
    ];
    const [half, almost, full] = [
      `.a.mg-${host}-${process.pid}-00000000000c.tmp`, // our own, of half our life ago
      `.a.mg-${otherHost}-${dead}-00000000000d.tmp`, // another machine, of almost a day ago
      `.a.mg-${otherHost}-${dead}-00000000000e.tmp`, // and of more than a day ago
    ];
    leave.push(half, almost);
    const take = [
      `.a.mg-${host}-${dead}-000000000005.tmp`, // dead
      `.a.mg-${otherHost}-${dead}-000000000006.tmp`, // another machine, of the day before yesterday
      `.a.mg-${host}-${process.ppid}-000000000007.tmp`, // a number that came round again, of the day before yesterday
      `.a.mg-${host}-${process.pid}-000000000008.tmp`, // our own number, but older than we are
      full,
    ];
    for (const name of [...leave, ...take]) writeFileSync(join(folder, name), 'x');
    for (const name of take.slice(1, 3)) utimesSync(join(folder, name), hours(48), hours(48));
    utimesSync(join(folder, take[3] ?? ''), hours(2), hours(2));
    for (const [name, age] of [[half, process.uptime() / 7200], [almost, 23], [full, 25]] as const) {
      utimesSync(join(folder, name), hours(age), hours(age));
    }
    expect((await sweepLeftovers(folder)).toSorted()).toEqual(take.toSorted());
    expect(readdirSync(folder).toSorted()).toEqual(leave.toSorted());
    expect(await sweepLeftovers(folder)).toEqual([]);
  });

  it('a folder that is not there is refused, and is not made', async () => {
    const folder = join(temporaryFolder(), 'none');
    expect(((await errorOf(() => sweepLeftovers(folder))).cause as NodeJS.ErrnoException).code).toBe('ENOENT');
    expect(existsSync(folder)).toBe(false);
  });
});

describe('a file that is there', () => {
  it.each([0o600, 0o640, 0o444, 0o755])('keeps its mode %o', async (mode) => {
    const file = join(temporaryFolder(), 'a');
    writeFileSync(file, 'old');
    chmodSync(file, mode);
    await writeFileAtomic(file, [text('new')]);
    expect([statSync(file).mode & 0o777, readFileSync(file, 'utf8')]).toEqual([mode, 'new']);
  });

  it.each([
    ['a link', ['real'], 'real'],
    ['a link to a link', ['link2', 'real'], 'real'],
    ['a link into another folder', ['elsewhere/real'], 'elsewhere/real'],
    ['a link to a file that is still to be made', ['new'], 'new'],
  ])('behind %s is what gets the content', async (_, targets, real) => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'elsewhere'));
    if (real !== 'new') writeFileSync(join(folder, real), 'old');
    const names = ['link', ...targets];
    targets.forEach((target, i) => symlinkSync(target, join(folder, names[i]!)));
    await writeFileAtomic(join(folder, 'link'), [text('content')]);
    expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(folder, real), 'utf8')).toBe('content');
  });

  it('behind links in a circle is refused', async () => {
    const folder = temporaryFolder();
    symlinkSync('b', join(folder, 'a'));
    symlinkSync('a', join(folder, 'b'));
    expect((await errorOf(() => writeFileAtomic(join(folder, 'a'), [text('x')]))).cause).toMatchObject({ code: 'ELOOP' });
    expect(readdirSync(folder).toSorted()).toEqual(['a', 'b']);
  });

  it.each([
    ['210 letters', 'x'.repeat(210)],
    ['255 letters', 'x'.repeat(255)],
    ['127 letters of two bytes', 'é'.repeat(127)],
    ['63 letters of four bytes', '𝄞'.repeat(63)],
  ])('may have a name of %s, and its leftovers are swept', async (_, name) => {
    const folder = temporaryFolder();
    await writeFileAtomic(join(folder, name), [text('x')]);
    expect(readdirSync(folder)).toEqual([name]);
  });
});

describe('folders', () => {
  it('are made with their parents, and a fault of the system is told at once', () => {
    const folder = temporaryFolder();
    makeFolder(join(folder, 'a', 'b', 'c'));
    makeFolder(join(folder, 'a', 'b', 'c'));
    expect(statSync(join(folder, 'a', 'b', 'c')).isDirectory()).toBe(true);
    writeFileSync(join(folder, 'file'), '');
    for (
      const path of [join(folder, 'file'), join(folder, 'file', 'x'), ...(process.platform === 'linux' ? ['/proc/x/y'] : [])]
    ) {
      expect(() => makeFolder(path), path).toThrow(/ENOENT|ENOTDIR|EEXIST/);
    }
  });

  it.runIf(process.platform !== 'win32')('readers refuse a pipe, a device and a folder at once', () => {
    const folder = temporaryFolder();
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    for (const path of [join(folder, 'pipe'), '/dev/zero', folder])
      expect(() => readRegularFile(path), path).toThrow(/regular file/);
    writeFileSync(join(folder, 'marked'), '\uFEFFtext');
    expect(readTextFile(join(folder, 'marked'))).toBe('text');
  });
});
