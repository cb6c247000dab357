/**
 * The programs of bench:gpu on the CPU, with few runs: they work, and the PyTorch peer computes the same loss where PyTorch is.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { models } from '../../lib/index.js';
import { packageRoot } from '../../lib/native.js';

interface Job {
  readonly [key: string]: unknown;
}
interface Result {
  readonly ms: { readonly median: number; readonly runs: number };
  readonly loss?: number;
  readonly flop?: number;
  readonly bytes?: number;
}

const few = { warmups: 1, runs: 2, budgetMs: 100, device: 'cpu', precision: 'float32' };

function measure(command: string, program: string, job: Job): Result {
  const { status, stdout, stderr } = spawnSync(command, [join(packageRoot, program)], {
    input: JSON.stringify({ ...job, ...few }),
    encoding: 'utf8',
    env: { ...process.env, MULTIGRID_MEMORY_DEVICE: 'cpu' },
  });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Result;
}

const python = ['python3', '/usr/bin/python3'].find((each) => spawnSync(each, ['-c', 'import torch']).status === 0);
const plan = models.planModel('map9');
const network = { preset: 'map9', steps: 3, batch: 2, plan };
const dnc = { slots: 20, steps: 3, batch: 2 };

describe('bench:gpu', () => {
  it.each([
    ['conv', { batch: 2, side: 6, channels: [4, 4], outputs: 8 }],
    ['matmul', { m: 4, k: 5, n: 6 }],
    ['maxPool', { batch: 2, side: 6, channels: 4 }],
    ['add', { size: 100 }],
    ['tanh', { size: 100 }],
    ['sum', { size: 100 }],
    ['softmax', { rows: 4, columns: 9 }],
  ])('measures %s', (op, sizes) => {
    const { ms, flop, bytes } = measure(process.execPath, 'bench/gpu/ops.mjs', { op, sizes });
    expect(ms.median).toBeGreaterThan(0);
    expect(flop! + bytes!).toBeGreaterThan(0);
  });

  it.each([
    ['network.mjs', { ...network, what: 'window' }],
    ['network.mjs', { ...network, what: 'online' }],
    ['network.mjs', { ...network, steps: 1, what: 'write' }],
    ['dnc.mjs', { ...dnc, what: 'step' }],
  ])('measures %s', (program, job) => {
    expect(measure(process.execPath, `bench/gpu/${program}`, job).ms.runs).toBeGreaterThanOrEqual(2);
  });

  // Losses of a few thousand terms in float32, summed in another order.
  it.skipIf(python === undefined).each([
    ['network.mjs', 'multigrid_torch.py', network, 'eager'],
    ['network.mjs', 'multigrid_torch.py', network, 'strong'],
    ['dnc.mjs', 'dnc_torch.py', dnc, 'eager'],
  ])('%s and %s have one loss (skipped without PyTorch)', (program, peer, job, mode) => {
    const [ours, theirs] = [
      measure(process.execPath, `bench/gpu/${program}`, { ...job, what: 'training' }),
      measure(python!, `bench/peers/gpu/${peer}`, { ...job, what: 'training', mode }),
    ];
    expect(Math.abs(theirs.loss! / ours.loss! - 1)).toBeLessThanOrEqual(1e-5);
  });
});
