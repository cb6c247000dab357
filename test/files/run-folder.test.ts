// A run folder keeps what it was given, and a resumed run leaves the log of a run that was never stopped.
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MetricsLog, readMetrics } from '../../lib/files/metrics-log.js';
import { runFiles, RunFolder } from '../../lib/files/run-folder.js';
import type { FileTensor } from '../../lib/files/safetensors.js';
import { errorOf, temporaryFolder } from '../helpers/files.js';

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
      { numRuns: 200 },
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

  it('a damaged line is named and the file is left as it is', async () => {
    const file = join(temporaryFolder(), 'log');
    for (const line of ['{"step":"2"}', 'null', '7', '{', '']) {
      const content = `{"step":1}\n${line}\n{"step":3}\n`;
      writeFileSync(file, content);
      const error = await errorOf(() => new MetricsLog(file, { resumeAt: 3 }));
      expect(error.code).toBe('ERR_MG_CHECKPOINT');
      expect(error.message).toContain('line 2');
      expect((await errorOf(() => readMetrics(file))).message).toContain('line 2');
      expect(readFileSync(file, 'utf8')).toBe(content);
    }
  });
});
