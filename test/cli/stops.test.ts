/** How a run ends from outside, goes on, and keeps what is asked of it: the command line in processes of its own. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quoted } from '../../lib/cli/described-run.js';
import { packageRoot } from '../../lib/native.js';

const main = join(packageRoot, 'dist', 'cli', 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'mg-stops-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const env = { ...process.env, MULTIGRID_MEMORY_THREADS: '1' };

const tiny = (more: object = {}): object => ({
  name: 'tiny',
  model: { kind: 'lstm', hidden: 8 },
  task: { name: 'copy', bits: 3, lengths: [2, 2] },
  steps: 200,
  batchSize: 2,
  validate: { every: 50, items: 4 },
  ...more,
});
const write = (name: string, value: unknown): void =>
  writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
write('tiny.json', tiny());
write('long.json', tiny({ name: 'long', steps: 5_000_000, validate: { every: 5_000_000, items: 4 } }));

function run(...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', cwd: folder, env });
  return { status, out: stdout, err: stderr };
}

/** A run under way, with some steps in its log. */
async function started(
  name: string,
  ...more: string[]
): Promise<{ child: ChildProcess; text: () => string; end: Promise<number | null> }> {
  const args = ['train', 'long.json', '--out', name, ...more];
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (data: Buffer) => (text += data.toString()));
  const end = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  const log = join(folder, name, 'metrics.jsonl');
  for (let i = 0; i < 400 && !(existsSync(log) && statSync(log).size > 2000); i += 1) await new Promise((r) => setTimeout(r, 25));
  return { child, text: () => text, end };
}

describe.each([['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const)('%s', (signal, status) => {
  it(`ends a run with ${status}, saved, with the command that goes on with it`, async () => {
    const name = `runs of ${signal}`;
    const { child, text, end } = await started(name, '--tensorboard');
    child.kill(signal);
    expect(await end).toBe(status);
    expect(existsSync(join(folder, name, 'checkpoint.safetensors'))).toBe(true);
    const command = /go on with: npx multigrid-memory (.*)/.exec(text())![1]!;
    expect(command).toBe(`train long.json --out '${name}' --resume --tensorboard`);
    const again = spawnSync('sh', ['-c', `exec "${process.execPath}" "${main}" ${command} --steps 1 --items 1`], {
      cwd: folder,
      env,
    });
    expect(again.status).toBe(0);
  });
});

it('a checkpoint that cannot be saved at Ctrl-C is told, with another status than that of a clean stop', async () => {
  const { child, text, end } = await started('gone');
  renameSync(join(folder, 'gone'), join(folder, 'away'));
  child.kill('SIGINT');
  expect(await end).toBe(4);
  expect(text()).toMatch(/checkpoint\.safetensors: expected to write the file, got ENOENT/);
});

it('a reader of standard output and error that goes away ends no run', async () => {
  const { child, end } = await started('unread', '--json');
  child.stdout!.destroy();
  child.stderr!.destroy();
  const before = statSync(join(folder, 'unread/metrics.jsonl')).size;
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(child.exitCode).toBeNull();
  expect(statSync(join(folder, 'unread/metrics.jsonl')).size).toBeGreaterThan(before);
  child.kill('SIGINT');
  expect(await end).toBe(130);
});

describe('--resume', () => {
  beforeAll(() => {
    expect(run('train', 'tiny.json', '--out', 'whole', '--items', '4').status).toBe(0);
    write('other-model.json', tiny({ model: { kind: 'lstm', hidden: 99 } }));
    write('other-task.json', tiny({ task: { name: 'copy', bits: 4, lengths: [2, 2] } }));
    write('other-batch.json', tiny({ batchSize: 4 }));
    write('other-rate.json', tiny({ lr: { from: 1, to: 1, steps: 1 } }));
    write('other-clip.json', tiny({ clipNorm: 1 }));
    write('other-truncate.json', tiny({ truncate: 2 }));
    write('other-optimizer.json', tiny({ optimizer: { name: 'rmsprop' } }));
  });
  const copy = (to: string): void => cpSync(join(folder, 'whole'), join(folder, to), { recursive: true });

  it.each([
    ['tiny.json', '--seed', '7'],
    ['map9'],
    ['other-model.json'],
    ['other-task.json'],
    ['other-batch.json'],
    ['other-rate.json'],
    ['other-clip.json'],
    ['other-truncate.json'],
    ['other-optimizer.json'],
  ])('is refused, and nothing changed, for %s %s %s', (...args) => {
    const before = readFileSync(join(folder, 'whole/checkpoint.safetensors'));
    const { status, err } = run('train', ...args, '--out', 'whole', '--resume', '--steps', '250');
    expect([status, err]).toEqual([2, expect.stringMatching(/train --resume: expected .* in whole/)]);
    expect(readFileSync(join(folder, 'whole/checkpoint.safetensors')).equals(before)).toBe(true);
  });

  it('heeds --steps, for good, and --validate-every', () => {
    copy('longer');
    expect(
      run('train', 'tiny.json', '--out', 'longer', '--resume', '--steps', '260', '--validate-every', '5', '--items', '4').status,
    ).toBe(0);
    const log = readFileSync(join(folder, 'longer/metrics.jsonl'), 'utf8').trim().split('\n').map((line) =>
      JSON.parse(line) as { step: number }
    );
    expect(log.filter((line) => line.step > 200 && 'accuracy' in line).length).toBeGreaterThanOrEqual(9);
    const config = JSON.parse(readFileSync(join(folder, 'longer/config.json'), 'utf8')) as { steps: number };
    expect(config.steps).toBe(260);
    // The same length, not the old one.
    expect(run('train', 'tiny.json', '--out', 'longer', '--resume', '--items', '4').status).toBe(0);
  });
});

describe('a run file', () => {
  it.each(['', '.', '..', '../x', 'a/b', 'a\\b', '../../outside', 'a\0b', 'x'.repeat(201)])(
    'whose name is %j is refused',
    (name) => {
      write('named.json', tiny({ name }));
      expect(run('train', 'named.json', '--items', '2').status).toBe(2);
      expect(existsSync(join(folder, 'runs'))).toBe(false);
    },
  );

  it('of an exploration may not leave runs by its name either', () => {
    for (const name of ['../x', 'a/b', '..', '']) {
      write('leaving.json', { algorithm: 'a2c', name });
      const { status, err } = run('train', 'leaving.json');
      expect([status, err.startsWith('run: expected name to be a name of 1 to 200 bytes')], err).toEqual([2, true]);
    }
  });

  it.each([
    ['lr.form', { lr: { from: 1, to: 1, steps: 1, form: 2 } }],
    ['validate.item', { validate: { every: 5, items: 2, item: 3 } }],
  ])('with an unknown %s is refused', (_, more) => {
    write('unknown.json', tiny(more));
    expect(run('train', 'unknown.json', '--out', 'unknown').status).toBe(2);
    expect(existsSync(join(folder, 'unknown'))).toBe(false);
  });

  it.each([
    ['a model of pyramids on a task of vectors', { model: 'map9', task: { name: 'copy', bits: 6, lengths: [1, 2] } }],
    ['a model of other channels', { model: 'map9', task: { name: 'recall' } }],
  ])('with %s is refused before there is a folder', (_, value) => {
    write('misfit.json', { ...value, steps: 100 });
    const { status, err } = run('train', 'misfit.json', '--out', 'misfit');
    expect([status, existsSync(join(folder, 'misfit'))]).toEqual([2, false]);
    expect(err).toMatch(/expected a model that can take the task (copy|recall)/);
  });

  it('may begin with a byte order mark', () => {
    write('bom.json', `\uFEFF${JSON.stringify(tiny({ steps: 20 }))}`);
    expect(run('train', 'bom.json', '--out', 'bom', '--items', '2').status).toBe(0);
  });
});

it('--json prints an object for each update and each validation, and the end last', () => {
  const { out } = run('train', 'tiny.json', '--out', 'told', '--items', '4', '--json');
  const events = out.trim().split('\n').map((line) => JSON.parse(line) as { event: string; step: number });
  expect(events.filter(({ event }) => event === 'update').length).toBe(40);
  expect(events.filter(({ event }) => event === 'validation').length).toBe(4);
  expect(events.at(-1)).toMatchObject({ event: 'end', reason: 'completed', step: 200 });
});

it('--json tells of an interrupted run too, how far it came and where it lies', async () => {
  const { child, text, end } = await started('told half', '--json');
  child.kill('SIGINT');
  expect(await end).toBe(130);
  const lines = text().split('\n').filter((line) => line.startsWith('{"event":"end"'));
  expect(lines).toHaveLength(1);
  const step = Number(/stopped at step (\d+)/.exec(text())![1]);
  expect(JSON.parse(lines[0]!)).toEqual({ event: 'end', reason: 'aborted', name: 'long', step, folder: 'told half' });
});

it('a data set that has moved is named by --data; a checkpoint alone opens none', () => {
  const story = (n: number): string => `1 Mary went to place${n}.\n2 Where is Mary? \tplace${n}\t1\n`;
  mkdirSync(join(folder, 'babi'));
  for (const part of ['train', 'test']) {
    writeFileSync(join(folder, `babi/qa1_x_${part}.txt`), Array.from({ length: 20 }, (_, n) => story(n)).join(''));
  }
  write('babi.json', tiny({ task: { name: 'babi', folder: 'babi' }, steps: 30, validate: { every: 20, items: 2 } }));
  expect(run('train', 'babi.json', '--out', 'read', '--items', '2').out).toContain('on 2 episodes of the test set');
  renameSync(join(folder, 'babi'), join(folder, 'moved'));
  expect(run('eval', 'read', '--items', '2').status).toBe(2);
  expect(run('eval', 'read', '--items', '2', '--data', 'moved').out).toContain('episodes of the test set');
  const alone = run('eval', 'read/checkpoint.safetensors', '--items', '2');
  expect([alone.status, alone.err]).toEqual([2, expect.stringMatching(/add --data/)]);
  expect(run('eval', 'read/checkpoint.safetensors', '--items', '2', '--data', 'moved', '--split', 'validation').out)
    .toContain('kept back from training');
});

it.each([
  ['a/b-c_1.json', 'a/b-c_1.json'],
  ['my runs', '\'my runs\''],
  ['it\'s', '\'it\'\\\'\'s\''],
  ['$HOME', '\'$HOME\''],
  ['', '\'\''],
  ['a;b', '\'a;b\''],
])('the word %j is quoted as %s', (word, shell) => {
  expect(quoted(word)).toBe(shell);
  expect(spawnSync('sh', ['-c', `printf %s ${quoted(word)}`], { encoding: 'utf8' }).stdout).toBe(word);
});
