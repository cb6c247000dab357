// A run folder keeps what it was given, and a resumed run leaves the log of a run that was never stopped.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MetricsLog, readMetrics } from '../../lib/files/metrics-log.js';
import { RUN_FILES, runFiles, RunFolder } from '../../lib/files/run-folder.js';
import { readTensors, type FileTensor } from '../../lib/files/safetensors.js';
import { errorOf, temporaryFolder } from '../helpers/files.js';
import { cases } from '../helpers/promises.js';

const tensors = new Map<string, FileTensor>([['w', { dtype: 'F32', shape: [2], data: new Float32Array([1, 2]) }]]);
const metadata = new Map([['step', '3']]);
const causeCode = (error: Error): string | undefined => (error.cause as NodeJS.ErrnoException | undefined)?.code;

describe('RunFolder', () => {
  it('holds configuration, log, checkpoint and pictures', async () => {
    const path = join(temporaryFolder(), 'runs', 'map9');
    const run = await RunFolder.create(path, { preset: 'map9', seed: 1 });
    run.log.append({ step: 1, loss: 2.5 });
    run.log.append({ step: 3, loss: 0.1 });
    await run.save(tensors, metadata);
    await run.save(tensors, metadata, 'best');
    await run.write('learningCurve', '<svg/>');
    run.close();
    expect(readdirSync(path).toSorted()).toEqual([
      'best.safetensors',
      'checkpoint.safetensors',
      'config.json',
      'learning-curve.svg',
      'metrics.jsonl',
    ]);
    expect(runFiles.config(path)).toEqual({ preset: 'map9', seed: 1 });
    expect(runFiles.metrics(path)).toEqual([
      { step: 1, loss: 2.5 },
      { step: 3, loss: 0.1 },
    ]);
    const found = await runFiles.checkpoint(path);
    expect(found.tensors).toEqual(tensors);
    expect(found.metadata).toEqual(metadata);
  });

  it('a new run never writes over an old one', async () => {
    const path = temporaryFolder();
    const run = await RunFolder.create(path, {});
    await run.save(tensors, metadata);
    run.close();
    const error = await errorOf(() => RunFolder.create(path, { other: true }));
    expect(error.code).toBe('ERR_MG_CHECKPOINT');
    expect(error.message).toContain('resume that run or choose another folder');
    expect(runFiles.config(path)).toEqual({});
  });

  it('fresh takes the first free name', () => {
    const base = join(temporaryFolder(), 'a', 'map9');
    expect([1, 2, 3].map(() => RunFolder.fresh(base))).toEqual([base, `${base}-2`, `${base}-3`]);
  });

  it('a folder that cannot be made is refused with the cause: a file stands in its place', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, 'kept');
    for (
      const action of [
        () => RunFolder.create(join(file, 'run'), {}),
        () => RunFolder.create(file, {}),
        () => RunFolder.fresh(join(file, 'a', 'run')),
        () => RunFolder.resume(file, 1),
      ]
    ) {
      const error = await errorOf(action);
      expect(error.code).toBe('ERR_MG_CHECKPOINT');
      expect(['ENOTDIR', 'EEXIST']).toContain(causeCode(error));
    }
    expect(readFileSync(file, 'utf8')).toBe('kept');
  });

  it('files that are missing or not what they should be are refused', async () => {
    const path = temporaryFolder();
    expect(causeCode(await errorOf(() => runFiles.config(path)))).toBe('ENOENT');
    expect(causeCode(await errorOf(() => runFiles.metrics(path)))).toBe('ENOENT');
    expect(causeCode(await errorOf(() => runFiles.checkpoint(path)))).toBe('ENOENT');
    writeFileSync(join(path, 'config.json'), '{');
    expect((await errorOf(() => runFiles.config(path))).code).toBe('ERR_MG_CONFIG');
    mkdirSync(join(path, 'metrics.jsonl'));
    expect(causeCode(await errorOf(() => new MetricsLog(join(path, 'metrics.jsonl'))))).toBe('EISDIR');
  });
});

describe('MetricsLog', () => {
  it('a stopped and resumed log equals the log of a run that was not stopped', () => {
    const folder = temporaryFolder();
    const record = (step: number): { step: number; loss: number } => ({ step, loss: 1 / (step + 3) });
    const whole = join(folder, 'whole.jsonl');
    const log = new MetricsLog(whole);
    for (let step = 1; step <= 30; step += 1) log.append(record(step));
    log.close();
    const steps = fc.record({ saved: fc.nat(30), ahead: fc.nat(5), torn: fc.nat(12) });
    fc.assert(
      fc.property(steps, ({ saved, ahead, torn }) => {
        const file = join(folder, 'stopped.jsonl');
        const first = new MetricsLog(file);
        for (let step = 1; step <= Math.min(30, saved + ahead); step += 1) first.append(record(step));
        first.close();
        appendFileSync(file, '{"step":31,"los'.slice(0, torn)); // the line a kill cut short
        const second = new MetricsLog(file, { resumeAt: saved });
        for (let step = saved + 1; step <= 30; step += 1) second.append(record(step));
        second.close();
        expect(readFileSync(file, 'utf8')).toBe(readFileSync(whole, 'utf8'));
      }),
      { numRuns: cases(200) },
    );
  });

  it('several lines may tell of one step, and none of an earlier one', async () => {
    const log = new MetricsLog(join(temporaryFolder(), 'log'));
    log.append({ step: 2, loss: 1 });
    log.append({ step: 2, precision: 0.5 });
    expect((await errorOf(() => log.append({ step: 1 }))).code).toBe('ERR_MG_ARGUMENT');
    expect((await errorOf(() => log.append({ step: NaN }))).code).toBe('ERR_MG_ARGUMENT');
    log.append({ step: 3, loss: NaN });
    await log.flush();
    log.close();
    log.close();
    expect((await errorOf(() => log.append({ step: 4 }))).code).toBe('ERR_MG_DISPOSED');
    expect(readMetrics(log.file)).toEqual([
      { step: 2, loss: 1 },
      { step: 2, precision: 0.5 },
      { step: 3, loss: null },
    ]);
  });

  it('a new log is empty, even over an old file', () => {
    const file = join(temporaryFolder(), 'log');
    writeFileSync(file, '{"step":9}\n');
    new MetricsLog(file).close();
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  it('a damaged line is named by a reader, a blank one is passed over', async () => {
    const file = join(temporaryFolder(), 'log');
    for (const line of ['{"step":"2"}', 'null', '7', '{', '\0\0\0']) {
      writeFileSync(file, `{"step":1}\n${line}\n{"step":3}\n`);
      expect((await errorOf(() => readMetrics(file))).message).toContain('line 2');
    }
    for (const line of ['', '  ', '\r']) {
      writeFileSync(file, `\uFEFF{"step":1}\n${line}\n{"step":3}\n`);
      expect(readMetrics(file)).toEqual([{ step: 1 }, { step: 3 }]);
    }
  });

  const [one, two, three, four] = [1, 2, 3, 4].map((step) => `{"step":${step}}\n`);
  it.each([
    ['nothing', ''],
    ['half a line', '{"step":4,"lo'],
    ['half a line, then a whole one', `{"step":4,"lo${four}`],
    ['zeros of a power cut, then a line', `${'\0'.repeat(60)}\n${four}`],
    ['zeros without an end', '\0'.repeat(60)],
    ['a blank line', '\n'],
    ['blank lines and later ones', `\n\n${four}`],
    ['a line of an editor', 'note to self\n'],
    ['a later step, then an earlier one', `${four}${two}`],
  ])('resumed, a log that ends in %s is that of the steps until there', (_, tail) => {
    const file = join(temporaryFolder(), 'log');
    writeFileSync(file, `${one}${two}${three}${tail}`);
    new MetricsLog(file, { resumeAt: 3 }).close();
    expect(readFileSync(file, 'utf8')).toBe(`${one}${two}${three}`);
  });

  it.each([
    ['a blank line', `${one}\n${two}${three}`],
    ['zeros', `${one}${'\0'.repeat(9)}\n${two}${three}`],
    ['a damaged line', `${one}{"st\n${two}${three}`],
    ['a byte order mark', `\uFEFF${one}${two}${three}`],
    ['a line of an earlier step', `${one}${two}${one}${three}`],
  ])('resumed, a log with %s in between keeps its records, and the old content beside them', (_, content) => {
    const file = join(temporaryFolder(), 'log');
    writeFileSync(file, content, { mode: 0o600 });
    const log = new MetricsLog(file, { resumeAt: 3 });
    log.append({ step: 4 });
    log.close();
    expect(readFileSync(file, 'utf8')).toBe(`${one}${two}${three}${four}`);
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe(content);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

describe('what is in a folder already', () => {
  it.each(Object.values(RUN_FILES))('a user\'s own %s is not written over', async (name) => {
    const path = temporaryFolder();
    writeFileSync(join(path, name), 'mine');
    const error = await errorOf(() => RunFolder.create(path, {}));
    expect([error.code, error.message.includes(name)]).toEqual(['ERR_MG_CHECKPOINT', true]);
    expect([readdirSync(path), readFileSync(join(path, name), 'utf8')]).toEqual([[name], 'mine']);
  });

  it('nor is what a link of such a name points to, even to nothing', async () => {
    const path = temporaryFolder();
    symlinkSync('nowhere', join(path, 'metrics.jsonl'));
    expect((await errorOf(() => RunFolder.create(path, {}))).code).toBe('ERR_MG_CHECKPOINT');
    expect(readdirSync(path)).toEqual(['metrics.jsonl']);
  });

  it('other files stay as they are', async () => {
    const path = temporaryFolder();
    writeFileSync(join(path, 'notes.txt'), 'mine');
    (await RunFolder.create(path, {})).close();
    expect(readFileSync(join(path, 'notes.txt'), 'utf8')).toBe('mine');
  });
});

describe('the lock of a run folder', () => {
  const lockOf = (path: string): string => join(path, '.lock');
  const owner = (more: object): string => JSON.stringify({ host: hostname(), pid: process.pid, born: null, ...more });
  const gone = (): number => spawnSync(process.execPath, ['-e', '']).pid;

  it('keeps a second run and a second resume out, by name of the process, until it is closed', async () => {
    const path = temporaryFolder();
    const run = await RunFolder.create(path, { first: true });
    run.log.append({ step: 1 });
    for (const open of [() => RunFolder.create(path, {}), () => RunFolder.resume(path, 0)]) {
      const error = await errorOf(open);
      expect(error.code).toBe('ERR_MG_CHECKPOINT');
      expect(error.message).toContain('in use by this process');
    }
    expect(readFileSync(join(path, 'metrics.jsonl'), 'utf8')).toBe('{"step":1}\n');
    run.close();
    expect(readdirSync(path)).not.toContain('.lock');
    (await RunFolder.resume(path, 1)).close();
  });

  it.each([
    ['a process that is gone', () => owner({ pid: gone() })],
    ['a process whose number another has by now', () => owner({ born: '1' })],
    ['nobody: torn while it was made', () => ''],
    ['nobody: zeros of a power cut', () => '\0'.repeat(80)],
  ])('of %s is taken over', async (_, content) => {
    const path = temporaryFolder();
    writeFileSync(lockOf(path), content());
    (await RunFolder.create(path, {})).close();
    expect(readdirSync(path).toSorted()).toEqual(['config.json', 'metrics.jsonl']);
  });

  it.each([
    ['another living process', () => owner({ pid: process.ppid }), /in use by process \d+; end that run first/],
    ['another machine', () => owner({ host: 'elsewhere' }), /on elsewhere; if no run is under way there, remove .*\.lock$/],
  ])('of %s is respected', async (_, content, message) => {
    const path = temporaryFolder();
    writeFileSync(lockOf(path), content());
    expect((await errorOf(() => RunFolder.create(path, {}))).message).toMatch(message);
    expect(readFileSync(lockOf(path), 'utf8')).toBe(content());
  });
});

describe('checkpoints side by side', () => {
  it.each([[0, []], [1, [40]], [2, [30, 40]], [9, [10, 20, 30, 40]]] as const)('the newest %d are kept', async (newest, kept) => {
    const path = temporaryFolder();
    const run = await RunFolder.create(path, {});
    for (const step of [10, 20, 30, 40]) {
      await run.save(tensors, new Map([['step', String(step)]]));
      await run.keep(step, newest);
    }
    run.close();
    const found = readdirSync(path).filter((name) => name.startsWith('checkpoint-')).toSorted();
    expect(found).toEqual(kept.map((step) => `checkpoint-${step}.safetensors`));
    for (const step of kept) {
      expect((await readTensors(join(path, `checkpoint-${step}.safetensors`))).metadata.get('step')).toBe(String(step));
    }
  });

  it('of a run that went on from an older one, later ones stay until it gets there, and push nothing out', async () => {
    const path = temporaryFolder();
    const run = await RunFolder.create(path, {});
    const save = async (step: number, mark: string): Promise<void> => {
      await run.save(tensors, new Map([['mark', mark]]));
      await run.keep(step, 2);
    };
    for (const step of [10, 20, 30, 40]) await save(step, 'first');
    const marks = async (): Promise<string[]> => {
      const names = readdirSync(path).filter((name) => name.startsWith('checkpoint-')).toSorted();
      return await Promise.all(
        names.map(async (name) => `${name.slice(11, 13)} ${(await readTensors(join(path, name))).metadata.get('mark')}`),
      );
    };
    await save(20, 'second'); // the run began anew at 10
    expect(await marks()).toEqual(['20 second', '30 first', '40 first']);
    for (const step of [30, 40]) await save(step, 'second');
    expect(await marks()).toEqual(['30 second', '40 second']);
    run.close();
  });

  it('kept twice is kept once, and leaves nothing beside it', async () => {
    const path = temporaryFolder();
    const run = await RunFolder.create(path, {});
    await run.save(tensors, new Map());
    for (let i = 0; i < 2; i += 1) await run.keep(7, 3);
    run.close();
    const names = ['checkpoint-7.safetensors', 'checkpoint.safetensors', 'config.json', 'metrics.jsonl'];
    expect(readdirSync(path).toSorted()).toEqual(names);
  });
});
