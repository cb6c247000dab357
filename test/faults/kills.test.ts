/** A training run that is killed again and again, and gone on with: nothing of it differs from the run that nobody disturbed. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readMetrics } from '../../lib/files/metrics-log.js';
import { inspectTensors } from '../../lib/files/safetensors.js';
import { packageRoot } from '../../lib/native.js';
import { temporaryFolder } from '../helpers/files.js';
import { promises } from '../helpers/promises.js';

const TRAINEE = fileURLToPath(new URL('trainee.mjs', import.meta.url));
const KILLS = promises.get('L1')!.ci; // as many as the promise has, over hours, by test/soak.mjs
const UPDATES_A_LIFE = 150; // about what one does before its kill; then it would have to be killed before it ends
const SAVE_EVERY = 20;

const argsOf = (folder: string, updates: number): string[] => [
  TRAINEE,
  join(packageRoot, 'dist/index.js'),
  folder,
  String(updates),
  String(SAVE_EVERY),
];
const env = { ...process.env, MULTIGRID_MEMORY_THREADS: '1' };

/** One life, killed a moment after it has logged `lines` lines and something is saved. */
async function life(folder: string, updates: number, lines: number, moment: number): Promise<string> {
  const [log, saved] = ['log.csv', 'run/checkpoint.safetensors'].map((name) => join(folder, name));
  const size = (): number => statSync(log!, { throwIfNoEntry: false })?.size ?? 0;
  const child = spawn(process.execPath, argsOf(folder, updates), { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (text) => (complaints += String(text)));
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  await Promise.race([once(child.stdout, 'data'), closed]); // it says where it begins
  const begun = size();
  while (child.exitCode === null && !(existsSync(saved!) && size() >= begun + 30 * lines)) await sleep(1);
  await sleep(moment);
  child.kill('SIGKILL');
  const [code, signal] = await closed;
  expect([complaints, code ?? 0]).toEqual(['', 0]);
  return signal ?? 'ended';
}

const stepOf = async (file: string): Promise<{ step: number; best: { step: number } | null }> => {
  const { metadata } = await inspectTensors(file);
  return {
    ...JSON.parse(metadata.get('progress')!) as { step: number },
    ...JSON.parse(metadata.get('record')!) as { best: { step: number } | null },
  };
};

it(`${KILLS} kills later, log, checkpoints and best are byte for byte those of the undisturbed run`, async () => {
  const updates = KILLS * UPDATES_A_LIFE;
  const [whole, cut] = [temporaryFolder(), temporaryFolder()];
  expect(spawnSync(process.execPath, argsOf(whole, updates), { env, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  const seed = Number(process.env['MG_SEED'] ?? Date.now() % 2 ** 31);
  let state = seed;
  const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
  const logOf = (folder: string): string => readFileSync(join(folder, 'run/metrics.jsonl'), 'utf8');
  const right = logOf(whole);
  const file = (name: string): string => join(cut, 'run', name);

  let saved = 0;
  let ahead = 0; // kills between the best and the checkpoint of one step
  for (let kills = 0; kills < KILLS; kills += 1) {
    expect(await life(cut, updates, random() * 3 * SAVE_EVERY, random() * 20)).toBe('SIGKILL');
    expect(right.startsWith(logOf(cut).replace(/[^\n]*$/, ''))).toBe(true);
    const files = readdirSync(join(cut, 'run'));
    const logged = readMetrics(file('metrics.jsonl')).at(-1)?.step ?? 0;
    const best = files.includes('best.safetensors') ? await stepOf(file('best.safetensors')) : null;
    if (best !== null) expect([best.best?.step, best.step <= logged]).toEqual([best.step, true]);
    const at = await stepOf(file('checkpoint.safetensors'));
    expect(at.step).toBeGreaterThanOrEqual(saved);
    expect(at.step).toBeLessThanOrEqual(logged);
    saved = at.step;
    if (best !== null && best.step > at.step) ahead += 1;
  }
  expect(saved).toBeGreaterThan(3 * SAVE_EVERY * KILLS / 2); // on average a life does one and a half times what is between saves
  expect(spawnSync(process.execPath, argsOf(cut, updates), { env, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  for (const name of ['run/metrics.jsonl', 'log.csv', 'log.jsonl']) {
    expect(readFileSync(join(cut, name), 'utf8') === readFileSync(join(whole, name), 'utf8'), name).toBe(true);
  }
  expect(readdirSync(join(cut, 'run')).toSorted()).toEqual(readdirSync(join(whole, 'run')).toSorted());
  for (const name of readdirSync(join(whole, 'run')).filter((each) => each.endsWith('.safetensors'))) {
    expect(readFileSync(file(name)).equals(readFileSync(join(whole, 'run', name))), name).toBe(true);
  }
  const figure = `${KILLS} kills in ${updates} updates, the last checkpoint before the end at step ${saved} of ${3 * updates}, ` +
    `${ahead} kills between best and checkpoint; log, csv, checkpoints and best equal byte for byte`;
  console.info(`seed ${seed}: ${figure}`);
}, 3_600_000);
