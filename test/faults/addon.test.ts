/** Ends of all kinds while native work is queued: the process lives, or ends as it was told to. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../lib/native.js';
import { promised, shown } from '../helpers/promises.js';

const JOBS = fileURLToPath(new URL('addon-jobs.mjs', import.meta.url));

function run(...args: string[]) {
  const child = spawnSync(process.execPath, [JOBS, ...args], { encoding: 'utf8', timeout: 3_000_000 });
  return { status: child.status, signal: child.signal, stdout: child.stdout.trim(), stderr: child.stderr };
}

describe('workers', { timeout: 3_000_000 }, () => {
  it('that are terminated while their jobs run take nothing with them', () => {
    const repeats = promised('B3');
    const { stdout, ...end } = run('workers', String(repeats));
    expect(end).toEqual({ status: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ repeats, lost: 0, bytes: 4 * 4 * 24 * 24 * 32 });
    shown('B3', repeats, '0 crashes, 0 live bytes lost; 8 training at once, same weights; two copies of the addon');
  });

  it('train side by side, eight of them, to the same weights', () => {
    const { stdout, ...end } = run('train', join(packageRoot, 'dist', 'index.js'));
    expect(end).toEqual({ status: 0, signal: null, stderr: '' });
    const { hashes, lost } = JSON.parse(stdout) as { hashes: string[]; lost: number };
    expect([hashes.length, new Set(hashes).size, lost]).toEqual([8, 1, 0]);
  });

  it('of two copies of the addon in one process do not mix', () => {
    const { stdout, ...end } = run('copies');
    expect(end).toEqual({ status: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ equal: true, lost: [0, 0] });
  });

  it('work side by side, eight of them, while the number of threads changes', () => {
    const { stdout, ...end } = run('crowd');
    expect(end).toEqual({ status: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ codes: new Array(8).fill(0), lost: 0 });
  });
});

describe('a process with queued jobs', { timeout: 3_000_000 }, () => {
  const REPEATS = promised('B4');

  it('ends with the code given to process.exit', () => {
    for (let i = 0; i < REPEATS; i++) expect(run('exit')).toEqual({ status: 7, signal: null, stdout: 'started', stderr: '' });
  });

  it('ends with code 0 when its promises are settled', () => {
    for (let i = 0; i < REPEATS; i++) expect(run('end')).toEqual({ status: 0, signal: null, stdout: 'started', stderr: '' });
  });

  it('ends with code 1 and the message of an error that nobody catches', () => {
    for (let i = 0; i < REPEATS; i++) {
      const { stderr, ...end } = run('throw');
      expect(end).toEqual({ status: 1, signal: null, stdout: 'started' });
      expect(stderr).toContain('on purpose');
    }
  });

  it('ends by SIGTERM', async () => {
    for (let i = 0; i < REPEATS; i++) {
      const child = spawn(process.execPath, [JOBS, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      child.kill('SIGTERM');
      expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
    }
    shown('B4', REPEATS, 'each of process.exit, end, uncaught error and SIGTERM with its own status');
  });
});
