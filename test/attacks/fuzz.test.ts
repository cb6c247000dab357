/** A little fuzz of every reader, guided by coverage as the long one is: node test/fuzz/fuzz.mjs. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('every reader refuses by a code, or takes, what half a second of fuzz makes of its files', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['test/fuzz/fuzz.mjs', '0.5'], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  const counts = [...stdout.matchAll(/^(.*): (\d+) files, (\d+) features/gm)];
  const readers = [
    'checkpoints',
    'logs',
    'records of checkpoints',
    'event files',
    'run files',
    'images and labels',
    'stories',
    'pictures',
  ];
  expect(counts.map(([, name]) => name)).toEqual([...readers, 'archives']);
  for (const [line, , files, features] of counts) expect([Number(files) > 0, Number(features) > 30], line).toEqual([true, true]);
});
