/** Which calls reach the system, in which order, when files are written, and what happens where one of them fails. */
import { lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { shareFile, writeFileAtomic } from '../../lib/files/atomic-file.js';
import { makeFolder } from '../../lib/files/folders.js';
import { MetricsLog } from '../../lib/files/metrics-log.js';
import { RunFolder } from '../../lib/files/run-folder.js';
import { temporaryFolder } from '../helpers/files.js';

/** What was called since the test began, and the call that is to fail, by its name in `calls`. */
const system = vi.hoisted(() => ({ calls: [] as string[], refusal: { call: '', code: '' }, most: Infinity, flushTakes: 0 }));
const refused = (call: string): void => {
  system.calls.push(call);
  if (call === system.refusal.call)
    throw Object.assign(new Error(`${system.refusal.code}, on purpose`), { code: system.refusal.code });
};
/** Names without the part that is drawn. */
const plain = (path: unknown): string => basename(String(path)).replace(/\.mg-.*\.tmp$/, '.tmp');

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    open: async (path: string, ...more: [string | number, number?]) => {
      const isFolder = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
      const name = isFolder ? 'folder' : plain(path);
      refused(`open ${name} ${isFolder ? '' : more[0]}`.trim());
      const handle = await real.open(path, ...more);
      for (const key of ['write', 'sync', 'close', 'chmod'] as const) {
        const call = (handle[key] as (...a: unknown[]) => Promise<unknown>).bind(handle);
        (handle as unknown as Record<string, unknown>)[key] = async (...args: unknown[]) => {
          if (key === 'close') await call();
          refused(`${key} ${name}`);
          if (key === 'write') return await call(args[0], args[1], Math.min(args[2] as number, system.most));
          return key === 'close' ? undefined : await call(...args);
        };
      }
      return handle satisfies FileHandle;
    },
    link: async (from: string, to: string) => {
      refused(`link ${plain(from)} ${plain(to)}`);
      await real.link(from, to);
    },
    rename: async (from: string, to: string) => {
      refused(`rename ${plain(from)} ${plain(to)}`);
      await real.rename(from, to);
    },
  };
});
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  return {
    ...real,
    fsyncSync: (descriptor: number) => {
      refused('fsync');
      real.fsyncSync(descriptor);
    },
    fsync: Object.assign((descriptor: number, done: (error: Error | null) => void) => {
      try {
        refused('flush log');
      } catch (error) {
        return done(error as Error);
      }
      setTimeout(() => {
        system.calls.push('log flushed');
        real.fsync(descriptor, done);
      }, system.flushTakes);
    }, {}),
  };
});

beforeEach(() => {
  system.refusal = { call: '', code: '' };
  system.calls.length = 0;
  system.most = Infinity;
  system.flushTakes = 0;
});

const WRITTEN = [
  'open .a.tmp wx',
  'write .a.tmp',
  'sync .a.tmp',
  'close .a.tmp',
  'rename .a.tmp a',
  'open folder',
  'sync folder',
  'close folder',
];

describe('a file', () => {
  it('is written beside, flushed, closed, renamed, and its folder flushed, in this order', async () => {
    await writeFileAtomic(join(temporaryFolder(), 'a'), [Buffer.from('x')]);
    expect(system.calls).toEqual(WRITTEN);
  });

  it.each(WRITTEN.slice(0, 5))('where the system fails at %s, the old content stays and nothing else', async (call) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a'), 'old');
    system.refusal = { call, code: 'EIO' };
    await expect(writeFileAtomic(join(folder, 'a'), [Buffer.from('new')])).rejects.toMatchObject({
      code: 'ERR_MG_CHECKPOINT',
      cause: { code: 'EIO' },
    });
    expect([readFileSync(join(folder, 'a'), 'utf8'), readdirSync(folder)]).toEqual(['old', ['a']]);
  });

  it.each(WRITTEN.slice(5, 7))('where its folder cannot be flushed for a fault of the disk, at %s, says so', async (call) => {
    const folder = temporaryFolder();
    system.refusal = { call, code: 'EIO' };
    await expect(writeFileAtomic(join(folder, 'a'), [Buffer.from('new')])).rejects.toMatchObject({ cause: { code: 'EIO' } });
    expect(readdirSync(folder)).toEqual(['a']);
  });

  const cannot = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EACCES', 'EPERM', 'EISDIR', 'EBADF'];
  it.each(cannot)('in a folder that answers %s to a flush, as some file systems do, is written', async (code) => {
    for (const call of WRITTEN.slice(5, 7)) {
      system.refusal = { call, code };
      await writeFileAtomic(join(temporaryFolder(), 'a'), [Buffer.from('new')]);
    }
  });

  it('is written in pieces where the system takes less than all', async () => {
    const folder = temporaryFolder();
    const bytes = Buffer.from('twenty bytes of text');
    system.most = 7;
    await writeFileAtomic(join(folder, 'a'), [bytes]);
    expect(system.calls.filter((call) => call === 'write .a.tmp')).toHaveLength(3);
    expect(readFileSync(join(folder, 'a')).equals(bytes)).toBe(true);
  });
});

describe('a file of many chunks', () => {
  it('is written in as few pieces as 64 KiB allow, in order', async () => {
    const folder = temporaryFolder();
    const lengths = [3, 0, 65_000, 600, 70_000, 1, 2, 200_000];
    const chunks = lengths.map((length, i) => Buffer.alloc(length, i + 1));
    await writeFileAtomic(join(folder, 'a'), chunks);
    expect(system.calls.filter((call) => call === 'write .a.tmp')).toHaveLength(5); // 65,003 | 600 | 70,000 | 3 | 200,000
    expect(readFileSync(join(folder, 'a')).equals(Buffer.concat(chunks))).toBe(true);
  });
});

describe('a picture', () => {
  it('is whole or not there, and asks for no flush', async () => {
    const run = await RunFolder.create(join(temporaryFolder(), 'run'), {});
    system.calls.length = 0;
    await run.write('learningCurve', '<svg/>');
    run.close();
    const temporary = '.learning-curve.svg.tmp';
    const steps = [`open ${temporary} wx`, `write ${temporary}`, `close ${temporary}`, `rename ${temporary} learning-curve.svg`];
    expect(system.calls).toEqual(steps);
  });
});

describe('a folder', () => {
  it('that is made is flushed into its parent, and each parent that is made into its own', () => {
    makeFolder(join(temporaryFolder(), 'a', 'b'));
    expect(system.calls).toEqual(['fsync', 'fsync']);
  });
});

describe('a checkpoint', () => {
  it('has its name once its log is flushed, beside which it is written: no saved step lacks its lines', async () => {
    const run = await RunFolder.create(join(temporaryFolder(), 'run'), {});
    system.calls.length = 0;
    system.flushTakes = 100;
    await run.save(new Map(), new Map());
    run.close();
    const [began, ended, written, named] = [
      'flush log',
      'log flushed',
      'close .checkpoint.safetensors.tmp',
      'rename .checkpoint.safetensors.tmp checkpoint.safetensors',
    ].map((call) => system.calls.indexOf(call));
    expect([began, written! < ended!, ended! < named!]).toEqual([0, true, true]);
    expect(system.calls).toContain('sync .checkpoint.safetensors.tmp');
  });

  it('is not saved where the log cannot be flushed', async () => {
    const run = await RunFolder.create(join(temporaryFolder(), 'run'), {});
    system.refusal = { call: 'flush log', code: 'EIO' };
    await expect(run.save(new Map(), new Map())).rejects.toMatchObject({ code: 'ERR_MG_CHECKPOINT', cause: { code: 'EIO' } });
    run.close();
    expect(run.has('checkpoint')).toBe(false);
  });

  it('kept beside the newest is one file of two names, flushed into the folder', async () => {
    const run = await RunFolder.create(join(temporaryFolder(), 'run'), {});
    await run.save(new Map(), new Map());
    system.calls.length = 0;
    await run.keep(3, 1);
    run.close();
    expect(statSync(run.file('checkpoint')).nlink).toBe(2);
    const temporary = '.checkpoint-3.safetensors.tmp';
    expect(system.calls).toEqual([
      `link checkpoint.safetensors ${temporary}`,
      `rename ${temporary} checkpoint-3.safetensors`,
      'open folder',
      'sync folder',
      'close folder',
    ]);
  });
});

describe('a line of a log', () => {
  it('is one write, and a closed log takes none', () => {
    const log = new MetricsLog(join(temporaryFolder(), 'log'));
    log.append({ step: 1 });
    log.close();
    expect(() => log.append({ step: 2 })).toThrow(/an open log/);
    expect(readFileSync(log.file, 'utf8')).toBe('{"step":1}\n');
  });
});

describe('a second name of a file', () => {
  it('has its content from then on, and what it named before is gone', async () => {
    const folder = temporaryFolder();
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    writeFileSync(a, 'new');
    writeFileSync(b, 'old');
    await shareFile(a, b);
    await writeFileAtomic(a, [Buffer.from('newer')]);
    expect([readFileSync(a, 'utf8'), readFileSync(b, 'utf8'), readdirSync(folder).toSorted()]).toEqual(['newer', 'new', [
      'a',
      'b',
    ]]);
  });

  it('behind a symbolic link is one of what the link names, and is no link', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'real'), 'content');
    symlinkSync('real', join(folder, 'link'));
    await shareFile(join(folder, 'link'), join(folder, 'second'));
    expect([readFileSync(join(folder, 'second'), 'utf8'), lstatSync(join(folder, 'second')).isFile()]).toEqual(['content', true]);
  });

  it('that it has already, or that it cannot take, leaves nothing beside', async () => {
    const folder = temporaryFolder();
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    writeFileSync(a, 'content');
    for (let time = 0; time < 2; time += 1) await shareFile(a, b);
    expect([readFileSync(b, 'utf8'), readdirSync(folder).toSorted()]).toEqual(['content', ['a', 'b']]);
    system.refusal = { call: 'rename .c.tmp c', code: 'EIO' };
    await expect(shareFile(a, join(folder, 'c'))).rejects.toMatchObject({ code: 'EIO' });
    expect(readdirSync(folder).toSorted()).toEqual(['a', 'b']);
  });

  it.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES'])(
    'is a copy where the system answers %s',
    async (code) => {
      const folder = temporaryFolder();
      const [a, b] = [join(folder, 'a'), join(folder, 'b')];
      writeFileSync(a, 'content');
      system.refusal = { call: 'link a .b.tmp', code };
      await shareFile(a, b);
      expect([readFileSync(b, 'utf8'), statSync(b).nlink, readdirSync(folder).toSorted()]).toEqual(['content', 1, ['a', 'b']]);
    },
  );

  it('of a file that is not there, or where the disk fails, is refused and leaves the old one', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'b'), 'old');
    await expect(shareFile(join(folder, 'a'), join(folder, 'b'))).rejects.toMatchObject({ code: 'ENOENT' });
    writeFileSync(join(folder, 'a'), 'new');
    system.refusal = { call: 'link a .b.tmp', code: 'EIO' };
    await expect(shareFile(join(folder, 'a'), join(folder, 'b'))).rejects.toMatchObject({ code: 'EIO' });
    expect([readFileSync(join(folder, 'b'), 'utf8'), readdirSync(folder).toSorted()]).toEqual(['old', ['a', 'b']]);
  });
});
