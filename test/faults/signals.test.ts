/** Signals at random moments of a training run: it ends with the status of the signal, saved at its last step; a second one ends
 *  the process at once, and what was saved can be gone on with. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { inspectTensors } from '../../lib/index.js';
import { packageRoot } from '../../lib/native.js';
import { temporaryFolder } from '../helpers/files.js';
import { isPromised, promised, shown } from '../helpers/promises.js';

const MAIN = join(packageRoot, 'dist/cli/main.js');
const COUNT = promised('L3');
const STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const NAMES = Object.keys(STATUS) as (keyof typeof STATUS)[];
const folder = temporaryFolder();
const run = {
  model: { kind: 'lstm', hidden: 4 },
  task: { name: 'copy', bits: 1, lengths: [1, 1] },
  steps: 10_000_000,
  validate: { every: 300, items: 2 },
  optimizer: { name: 'adam' },
};
/** Takes seconds for an update. */
const slow = { ...run, model: { kind: 'lstm', hidden: 512 }, task: { ...run.task, lengths: [30, 30] }, batchSize: 32 };
writeFileSync(join(folder, 'run.json'), JSON.stringify(run));
writeFileSync(join(folder, 'slow.json'), JSON.stringify(slow));

/** A run in a process of its own, `milliseconds` after its log has begun; what it ended with, and how long that took. */
async function ended(name: string, file: string, milliseconds: number, kill: (pid: number) => Promise<void>) {
  const args = [MAIN, 'train', file, '--out', name];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, MULTIGRID_MEMORY_THREADS: '1' },
  });
  const status = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  const log = join(folder, name, 'metrics.jsonl');
  while (child.exitCode === null && !(existsSync(log) && statSync(log).size > 0)) await pause(10);
  await pause(milliseconds);
  const began = performance.now();
  await kill(child.pid!);
  return { status: await status, ms: performance.now() - began };
}

async function savedStep(name: string): Promise<number> {
  const { metadata } = await inspectTensors(join(folder, name, 'checkpoint.safetensors'));
  return (JSON.parse(metadata.get('progress')!) as { step: number }).step;
}

const lastStep = (name: string): number => {
  const lines = readFileSync(join(folder, name, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return (JSON.parse(lines.at(-1)!) as { step: number }).step;
};

it(`${COUNT} signals: each run ends with the status of its signal, saved at the last step of its log`, async () => {
  const took: number[] = [];
  for (let i = 0; i < COUNT; i++) {
    const [signal, name] = [NAMES[i % NAMES.length]!, `one-${i}`];
    const { status, ms } = await ended(name, 'run.json', Math.random() * 300, async (pid) => void process.kill(pid, signal));
    expect(status, signal).toBe(STATUS[signal]);
    expect(await savedStep(name)).toBe(lastStep(name));
    took.push(ms);
  }
  took.sort((a, b) => a - b);
  if (isPromised) expect(took.at(-1)).toBeLessThan(2000);
  const ms = (x: number): string => `${Math.round(x)} ms`;
  shown(
    'L3',
    COUNT,
    `each with its status, saved at its last step; median ${ms(took[COUNT >> 1]!)}, longest ${ms(took.at(-1)!)}`,
  );
}, 36_000_000);

it('a second signal ends the process at once: in the middle of a long update, unsaved, with its own status', async () => {
  const { status } = await ended('two', 'slow.json', 0, async (pid) => {
    process.kill(pid, 'SIGTERM');
    await pause(50);
    process.kill(pid, 'SIGINT');
  });
  expect(status).toBe(STATUS.SIGINT);
  expect(existsSync(join(folder, 'two', 'checkpoint.safetensors'))).toBe(false);
}, 36_000_000);
