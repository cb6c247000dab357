/** Ends of all kinds while native work is queued: the process lives, or ends as it was told to. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const JOBS = fileURLToPath(new URL('addon-jobs.mjs', import.meta.url));

function run(...args: string[]) {
  const child = spawnSync(process.execPath, [JOBS, ...args], { encoding: 'utf8', timeout: 110_000 });
  return { status: child.status, signal: child.signal, stdout: child.stdout.trim(), stderr: child.stderr };
}

describe('workers', { timeout: 120_000 }, () => {
  it('that are terminated while their jobs run take nothing with them, 20 times', () => {
    const { stdout, ...end } = run('workers', '20');
    expect(end).toEqual({ status: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ repeats: 20, lost: 0, bytes: 4 * 4 * 24 * 24 * 32 });
  });

  it('work side by side, eight of them, while the number of threads changes', () => {
    const { stdout, ...end } = run('crowd');
    expect(end).toEqual({ status: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ codes: new Array(8).fill(0), lost: 0 });
  });
});

describe('a process with queued jobs', { timeout: 60_000 }, () => {
  const REPEATS = 5;

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
  });
});
