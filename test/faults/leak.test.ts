/** A long training run takes no more memory than a short one: validations, saves, logs and listeners included. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { packageRoot } from '../../lib/native.js';
import { temporaryFolder } from '../helpers/files.js';
import { promised, shown } from '../helpers/promises.js';

const TRAINEE = fileURLToPath(new URL('trainee.mjs', import.meta.url));
const UPDATES = promised('M3');
const MB = 2 ** 20;

interface Use {
  readonly update: number;
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
  readonly bytes: number;
  readonly tensors: number;
}

it(
  `after ${UPDATES} updates as many bytes and tensors are alive as after a quarter of them, and the process is no larger`,
  () => {
    const args = ['--expose-gc', TRAINEE, join(packageRoot, 'dist/index.js'), temporaryFolder(), String(UPDATES), '1000'];
    const env = { ...process.env, MULTIGRID_MEMORY_THREADS: '1' };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    const uses = stdout.trim().split('\n').map((line) => JSON.parse(line) as Use).filter(({ rss }) => rss !== undefined);
    expect(uses.map(({ update }) => update)).toEqual([1, 2, 3, 4].map((quarter) => quarter * UPDATES / 4));
    const [first, , , last] = uses;
    for (const key of ['bytes', 'tensors'] as const) expect(uses.map((use) => use[key])).toEqual(uses.map(() => first![key]));
    const figures = uses.map(({ rss, heapUsed }) => `${(rss / MB).toFixed(1)} and ${(heapUsed / MB).toFixed(1)}`).join(', ');
    const figure = `MB resident and of heap at each quarter: ${figures}; ${last!.bytes} bytes in ${
      last!.tensors
    } tensors throughout`;
    console.info(figure);
    // From the first quarter on: at the promised size the warm-up is over by then.
    const isWarm = UPDATES >= 20_000;
    const warm = { rss: 8 * MB, heapUsed: MB, external: MB, arrayBuffers: MB };
    const slack = isWarm ? warm : { heapUsed: 4 * MB, external: MB };
    for (const [key, most] of Object.entries(slack)) {
      expect(last![key as keyof Use] - first![key as keyof Use], key).toBeLessThanOrEqual(most);
    }
    shown('M3', UPDATES, figure);
  },
  36_000_000,
);
