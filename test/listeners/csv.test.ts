// The csv listener: one line an update, and a log of a resumed run that is that of a run never stopped; and where logs are made.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { csv, jsonLines } from '../../lib/listeners/callbacks.js';
import type { TrainContext, Training } from '../../lib/train/events.js';
import { errorOf } from '../helpers/files.js';

const folder = mkdtempSync(join(tmpdir(), 'csv-'));
afterAll(() => rmSync(folder, { recursive: true }));

const HEAD = 'step,update,loss,lr,gradNorm';

/** Updates at these steps, of a run that begins at `from`. */
async function listen(file: string, from: number, steps: readonly number[], log = csv): Promise<void> {
  const listener = log(file);
  const context = { trainer: { step: from }, steps: 100, validates: false, better: {} } as unknown as TrainContext<Training>;
  await listener.onStart?.(context);
  for (const step of steps) {
    await listener.onStep?.({ step, update: step / 10, loss: step / 4, lr: 0.5, gradNorm: 2, elapsedMs: 1 } as never, context);
  }
  await listener.onEnd?.({} as never, context);
}

const line = (step: number): string => `${step},${step / 10},${step / 4},0.5,2`;
const text = (...steps: number[]): string => [HEAD, ...steps.map(line), ''].join('\n');

it('writes the names of the columns and a line for each update; a new run begins anew', async () => {
  const file = join(folder, 'new.csv');
  writeFileSync(file, 'an older log\n');
  await listen(file, 0, [10, 20, 30]);
  expect(readFileSync(file, 'utf8')).toBe(text(10, 20, 30));
});

it.each([
  ['where the log ends', text(10, 20), text(10, 20, 30, 40)],
  ['before its end: later lines are cut off', text(10, 20, 30, 40, 50), text(10, 20, 30, 40)],
  ['behind a line that a kill has torn', `${text(10, 20)}30,3,7`, text(10, 20, 30, 40)],
  ['without a log', undefined, text(30, 40)],
  ['behind a mark that an editor put first', `\uFEFF${text(10, 20, 30)}`, `\uFEFF${text(10, 20, 30, 40)}`],
  [
    'behind line ends of Windows',
    text(10, 20, 30).replaceAll('\n', '\r\n'),
    `${text(10, 20).replaceAll('\n', '\r\n')}${line(30)}\n${line(40)}\n`,
  ],
])('goes on at step 20 %s', async (name, before, after) => {
  const file = join(folder, `${name.length}.csv`);
  if (before !== undefined) writeFileSync(file, before);
  await listen(file, 20, [30, 40]);
  expect(readFileSync(file, 'utf8')).toBe(after);
});

it('does not go on in a file that is no such log, and leaves it as it is', async () => {
  const file = join(folder, 'letter.csv');
  writeFileSync(file, 'dear reader\n20\n');
  const error = await errorOf(() => listen(file, 20, [30]));
  expect([error.code, error.message]).toEqual([
    'ERR_MG_CHECKPOINT',
    expect.stringContaining(`expected a log that begins with ${HEAD}`),
  ]);
  expect(readFileSync(file, 'utf8')).toBe('dear reader\n20\n');
});

it.each([['csv', csv], ['jsonLines', jsonLines]])('%s makes the folders of a log', async (name, log) => {
  const file = join(folder, name, 'of', 'mine', 'log');
  await listen(file, 0, [10, 20], log);
  expect(readFileSync(file, 'utf8').trim().split('\n').length).toBe(name === 'csv' ? 3 : 2);
  const error = await errorOf(() => listen(join(file, 'log'), 0, [10], log)); // in a file
  expect([error.code, error.message, (error.cause as NodeJS.ErrnoException).code]).toEqual([
    'ERR_MG_CHECKPOINT',
    expect.stringContaining(`${join(file, 'log')}: expected a log that can be written, got `),
    expect.stringMatching(/^(EEXIST|ENOTDIR)$/),
  ]);
});
