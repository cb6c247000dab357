/** The command line as a user meets it: compiled, in processes of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bytesNeeded, type Measured } from '../../lib/bench/against.js';
import { decode } from '../../lib/files/safetensors.js';
import { packageRoot } from '../../lib/native.js';
import { FIGURES } from '../../lib/reproduction/figures.js';
import { exploredRows, reproducibleRows } from '../../lib/reproduction/rows.js';
import { EXPLORATION_RUNS } from '../../lib/runs/exploration.js';
import { PRESET_RUNS } from '../../lib/runs/presets.js';

const main = join(packageRoot, 'dist', 'cli', 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'mg-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tiny = join(folder, 'tiny.json');
const tinyRun = {
  name: 'tiny',
  task: { name: 'mapping', size: 5, outputSide: 6 },
  steps: 45,
  batchSize: 4,
  truncate: 4,
  clipNorm: 100,
  seed: 3,
  lr: { from: 0.002, to: 0.001, steps: 45 },
  validate: { every: 18, items: 3 },
  model: {
    task: 'mapping',
    input: { 0: 4 },
    writer: [[0, 0, 4], [0, 1, 4]],
    front: [[0, 0, 4], [0, 1, 4]],
    tail: [[1, 1, 4], [1, 1, 1]],
  },
};
writeFileSync(tiny, JSON.stringify(tinyRun));

function run(...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', cwd: folder });
  return { status, out: stdout, err: stderr };
}

const json = (text: string): Record<string, unknown>[] =>
  text.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);

describe('help', () => {
  const whole = run('--help').out;
  const names = [...whole.slice(whole.indexOf('Commands:')).matchAll(/^  ([a-z]+) /gm)].map(([, name]) => name!);

  it('lists the commands, and an unknown one is answered by a suggestion', () => {
    expect(names).toEqual([
      ...['train', 'eval', 'reproduce', 'models', 'estimate', 'inspect', 'plot', 'watch', 'demo', 'report', 'bench', 'doctor'],
      ...['build', 'help'],
    ]);
    const { status, err } = run('wach');
    expect([status, err]).toEqual([2, expect.stringMatching(/unknown command 'wach'\n\(Did you mean watch\?\)/)]);
  });

  it.each(names.filter((name) => name !== 'help'))('of %s is the same asked for in either way', (name) => {
    const own = run(name, '--help'); // which loads this command alone
    expect([own.status, own.out]).toEqual([0, expect.stringMatching(new RegExp(`^Usage: multigrid-memory ${name} `))]);
    expect(run('help', name).out).toBe(own.out);
  });
});

describe('reproduce', () => {
  it('without a row lists every row and figure at once, with its steps and the bytes of its estimate', () => {
    const { status, out } = run('reproduce', '--json');
    expect(status).toBe(0);
    const rows = json(out).filter(({ row }) => row !== undefined);
    expect(rows.map(({ row }) => row)).toEqual([...reproducibleRows(), ...exploredRows()].map(({ run: name }) => name));
    for (const row of rows) {
      const bytes = expect.any(Number) as number;
      expect(row).toMatchObject({ steps: expect.any(Number) as number, bytes, time: null, obstacle: 'not timed' });
      expect(row.bytes).toBeGreaterThan(0);
    }
    expect(json(out).slice(rows.length).map(({ figure }) => figure)).toEqual(FIGURES.map(({ name }) => name));
    const lines = run('reproduce').out.split('\n');
    expect(lines[0]).toMatch(/^row +table +figure +published +recorded +steps +GB$/);
    expect(lines.filter((line) => /^recall-8k .* errorRate .* 0\.003 ± 0\.0002 /.test(line))).toHaveLength(1);
  });
});

describe('models', () => {
  it('prints a line of name, task, parameters and memory for each run', () => {
    const { status, out } = run('models', '--json');
    const rows = json(out);
    expect(status).toBe(0);
    expect(rows.map(({ name }) => name)).toEqual([...PRESET_RUNS, ...EXPLORATION_RUNS]);
    for (const row of rows) expect(Object.keys(row)).toEqual(['name', 'task', 'parameters', 'memory']);
    expect(rows).toContainEqual(expect.objectContaining({ name: 'map9', parameters: 84821, memory: 3600 }));
    expect(rows).toContainEqual(expect.objectContaining({ name: 'map25', parameters: 650225, memory: 76968 }));
    expect(rows).toContainEqual({ name: 'explore9', task: 'exploration', parameters: 45393, memory: 3600 });
  });
});

describe('train', () => {
  it('leaves a run folder with weights, log, curve and picture, and prints the scores', () => {
    const out = join(folder, 'whole');
    const result = run('train', tiny, '--out', out, '--items', '4', '--json', '--tensorboard');
    expect(result.err).not.toContain('rror');
    expect(result.status).toBe(0);
    const row = json(result.out).at(-1);
    expect(row).toMatchObject({ name: 'tiny', step: 45, items: 4 });
    for (const score of ['f', 'precision', 'recall', 'stepsPerSecond']) expect(row![score]).toBeTypeOf('number');
    for (const file of ['config.json', 'metrics.jsonl', 'checkpoint.safetensors', 'best.safetensors', 'tensorboard']) {
      expect(existsSync(join(out, file))).toBe(true);
    }
    for (const picture of ['learning-curve.svg', 'memory-picture.svg']) {
      expect(readFileSync(join(out, picture), 'utf8')).toMatch(/^(?:<\?xml.*\?>\s*)?<svg[^]*<\/svg>\s*$/);
    }
  });

  it('leaves no folder behind for a run that cannot be built', () => {
    const config = { model: 'map9', name: 'wrong', optimizer: { name: 'rmsprop', rho: 1 } };
    writeFileSync(join(folder, 'wrong.json'), JSON.stringify(config));
    const { status, err } = run('train', 'wrong.json');
    expect(err).toMatch(/^run, optimizer: expected options among .* got "rho"\n$/);
    expect(status).toBe(2);
    expect(existsSync(join(folder, 'runs', 'wrong'))).toBe(false);
  });

  it('explores: says what to train first, leaves a run folder, goes on with it, scores and draws it', () => {
    const missing = run('train', 'explore9', '--steps', '100');
    expect(missing.status).toBe(4);
    expect(missing.err).toContain('train it first, npx multigrid-memory train map9-walk, or name it with --memory');
    expect(existsSync(join(folder, 'runs', 'explore9'))).toBe(false);
    const memory = join(packageRoot, 'bench', 'results', 'weights', 'map9-walk.safetensors');
    const first = ['--memory', memory, '--out', 'agent', '--steps', '640', '--validate-every', '320', '--items', '2'];
    expect(run('train', 'explore9', ...first).status).toBe(0);
    const on = ['--out', 'agent', '--resume'];
    for (
      const [words, said] of [
        [['explore9', ...on, '--seed', '9'], /--seed 1, as the run in agent has it, got 9/],
        [['explore25', ...on], /memory of the run in agent, "map9-walk", got "map25-8k-walk"; name agent.config\.json/],
        [['explore9', ...on, '--precision', 'tf32'], /train: expected --precision float32 for an exploration/],
      ] as const
    ) {
      const refused = run('train', ...words);
      expect([refused.status, said.test(refused.err)], refused.err).toEqual([2, true]);
    }
    const again = run('train', 'explore9', ...on, '--steps', '960', '--items', '2', '--json', '--keep', '1', '--tensorboard');
    expect(again.status).toBe(0);
    const events = json(again.out);
    expect(events[0]).toMatchObject({ event: 'update', loss: expect.any(Number), entropy: expect.any(Number) });
    expect(events.filter(({ event }) => event === 'validation')).toEqual([
      { event: 'validation', step: 960, reward: expect.any(Number), coverage: expect.any(Number), bumps: expect.any(Number) },
    ]);
    const end = {
      event: 'end',
      reason: 'completed',
      name: 'explore9',
      step: 960,
      items: 2,
      coverage100: expect.any(Number) as number,
    };
    expect(events.at(-1)).toMatchObject(end);
    expect(JSON.parse(readFileSync(join(folder, 'agent', 'config.json'), 'utf8'))).toMatchObject({ steps: 960 });
    expect(existsSync(join(folder, 'agent', 'checkpoint-960.safetensors'))).toBe(true);
    expect(existsSync(join(folder, 'agent', 'tensorboard'))).toBe(true);
    const [scores] = json(run('eval', 'agent', '--items', '2', '--steps', '120', '--json').out);
    expect(scores).toMatchObject({
      steps: 120,
      coverage100: expect.any(Number),
      f: expect.any(Number),
      'random.f': expect.any(Number),
    });
    expect(run('plot', 'agent', '--out', 'reward.svg').status).toBe(0);
    expect(readFileSync(join(folder, 'reward.svg'), 'utf8')).toContain('Reward of an episode');
    expect(run('plot', 'agent', '--memory', '--out', 'ways.svg').status).toBe(0);
    expect(readFileSync(join(folder, 'ways.svg'), 'utf8')).toEqual(
      readFileSync(join(folder, 'agent', 'paths.svg'), 'utf8')
        .replaceAll('explore9 at step 960', 'explore9'),
    );
  });

  it('stopped and resumed in another process, it gives the same weights and the same log', () => {
    const out = join(folder, 'parts');
    expect(run('train', tiny, '--out', out, '--steps', '22', '--items', '1').status).toBe(0);
    expect(run('train', tiny, '--out', out, '--steps', '45', '--items', '4', '--resume').status).toBe(0);
    const read = (run: string, file: string) => readFileSync(join(folder, run, file));
    const losses = (run: string) => read(run, 'metrics.jsonl').toString().split('\n').filter((line) => line.includes('loss'));
    expect(losses('parts')).toEqual(losses('whole'));
    const tensors = (run: string) => {
      const bytes = read(run, 'checkpoint.safetensors');
      return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
    };
    expect(tensors('parts').equals(tensors('whole'))).toBe(true);
  });

  it('killed before it saved anything, it begins anew in its folder, to the same weights and the same log', () => {
    const read = (run: string, file: string): Buffer => readFileSync(join(folder, run, file));
    mkdirSync(join(folder, 'killed'));
    writeFileSync(join(folder, 'killed', 'config.json'), read('whole', 'config.json'));
    writeFileSync(join(folder, 'killed', 'metrics.jsonl'), read('whole', 'metrics.jsonl').subarray(0, 200));
    const { status, err } = run('train', tiny, '--out', 'killed', '--items', '1', '--resume');
    expect(status, err).toBe(0);
    expect(err).toContain('resumed at step 0');
    expect(read('killed', 'checkpoint.safetensors').equals(read('whole', 'checkpoint.safetensors'))).toBe(true);
    const losses = (run: string) => read(run, 'metrics.jsonl').toString().split('\n').filter((line) => line.includes('loss'));
    expect(losses('killed')).toEqual(losses('whole'));
  });

  it('begins with the weights of another run, also where it is killed before it saved anything', () => {
    // At a rate of 0 the weights stay those that the run begins with; its path is another, so that it is no resumed run.
    const still = { ...tinyRun, name: 'still', lr: { from: 0, to: 0, steps: 1 }, task: { ...tinyRun.task, pathLength: 6 } };
    writeFileSync(join(folder, 'still.json'), JSON.stringify({ ...still, weights: 'whole' }));
    writeFileSync(join(folder, 'drawn.json'), JSON.stringify(still));
    expect(run('train', 'still.json', '--out', 'named', '--steps', '8', '--items', '1').status).toBe(0);
    expect(run('train', 'drawn.json', '--out', 'told', '--steps', '8', '--items', '1', '--weights', 'whole').status).toBe(0);
    mkdirSync(join(folder, 'anew'));
    writeFileSync(join(folder, 'anew', 'config.json'), readFileSync(join(folder, 'told', 'config.json')));
    expect(run('train', 'drawn.json', '--out', 'anew', '--resume', '--items', '1').status).toBe(0);
    const weights = (of: string): [string, unknown][] => {
      const { tensors } = decode(readFileSync(join(folder, of, 'checkpoint.safetensors')));
      return [...tensors].filter(([key]) => key.startsWith('model.')).map(([key, { data }]) => [key, data]);
    };
    for (const  of of['named', 'told', 'anew']) expect(weights(of)).toEqual(weights('whole'));

    const wrong = run('train', 'map15-8k', '--weights', 'whole');
    expect([wrong.status, wrong.err]).toEqual([4, expect.stringMatching(/^loadStateDict: expected /)]);
    expect(existsSync(join(folder, 'runs', 'map15-8k'))).toBe(false);
    expect(run('train', 'drawn.json', '--out', 'told', '--resume', '--weights', 'whole').status).toBe(2);
    expect(run('train', 'explore9', '--weights', 'whole').err).toMatch(/^train: expected --memory for an exploration/);
  });

  it('saves and ends with 130 at Ctrl-C, and goes on later', async () => {
    const out = join(folder, 'interrupted');
    const child = spawn(process.execPath, [main, 'train', tiny, '--out', out, '--steps', '1000000'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    const status = await new Promise<number | null>((resolve) => {
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      const log = join(out, 'metrics.jsonl');
      const poll = setInterval(() => {
        if (!existsSync(log) || readFileSync(log, 'utf8').split('\n').length < 20) return;
        clearInterval(poll);
        child.kill('SIGINT');
      }, 20);
      child.on('exit', resolve);
    });
    expect(status).toBe(130);
    expect(said).toContain('--resume');
    expect(run('eval', out, '--items', '2', '--json').status).toBe(0);
  });
});

describe('a finished run', () => {
  const out = join(folder, 'whole');
  it('says on which device it is scored, and why', () => {
    expect(run('eval', out, '--items', '1').err).toMatch(/on cpu \(auto: [^)]*(CUDA|driver|GPU|cuda)/);
    expect(run('eval', out, '--items', '1', '--device', 'cpu').err).toContain('on cpu (named)');
  });

  it('is scored again by eval, to the same numbers', () => {
    const scored = (path: string) => run('eval', path, '--items', '4', '--json');
    const [first, second] = [scored(out), scored(join(out, 'checkpoint.safetensors'))];
    const score = (text: string) => ({ ...json(text)[0], seconds: 0 });
    expect(score(first.out)).toEqual(score(second.out));
    expect(run('eval', out, '--items', '4').out).toMatch(/F \d\.\d{4} {3}precision/);
  });

  it('is shown by inspect, and drawn by plot', () => {
    const [row] = json(run('inspect', out, '--json').out);
    expect(row).toMatchObject({ parameters: expect.any(Number) as number });
    expect((row!['entries'] as { key: string }[]).some(({ key }) => key === 'model.writer.1.level0.kernel')).toBe(true);
    const svg = join(folder, 'curve.svg');
    expect(run('plot', out, '--out', svg).status).toBe(0);
    expect(readFileSync(svg, 'utf8')).toContain('<svg');
  });
});

describe('doctor', () => {
  it('finds nothing wrong', () => {
    const { status, out } = run('doctor', '--json');
    expect(status).toBe(0);
    const found = (name: string) => expect.objectContaining({ device: 'cpu', name, ok: true });
    expect(json(out)[0]!['checks']).toEqual(expect.arrayContaining(['gradients', 'multigrid', 'DNC', 'NTM', 'LSTM'].map(found)));
  });
});

describe('a point of a sweep in a process of its own', () => {
  it.each(
    [
      { side: 'dnc', cells: 9600, size: 600 },
      { side: 'multigrid', cells: 9864, size: 3.5 },
    ] as const,
  )('takes the memory that $side was said to need, within a third', ({ side, cells, size }) => {
    const point = { side, cells, size, batch: 32, steps: 20, runs: 2, budgetMs: 1, precision: 'float32' } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, [
      join(packageRoot, 'dist', 'bench', 'point.js'),
      JSON.stringify({ point, limitBytes: 1e12, device: 'cpu' }),
    ], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const { peakBytes, ...measured } = JSON.parse(stdout) as Measured;
    expect(measured).toMatchObject(point);
    expect(measured.training!.median).toBeGreaterThan(measured.forward!.median);
    expect(Math.abs(peakBytes / bytesNeeded(point, true) - 1)).toBeLessThan(1 / 3);
  });
});

describe('a wrong call ends with its own status and one sentence', () => {
  const damaged = join(folder, 'damaged.safetensors');
  writeFileSync(damaged, 'not a checkpoint at all');
  it.each([
    [2, ['train', 'map99']],
    [2, ['train', tiny, '--steps', 'NaN']],
    [2, ['train', tiny, '--steps', '-1']],
    [2, ['nothing']],
    [2, ['plot', 'x']],
    [2, ['train', damaged]],
    [3, ['train', tiny, '--device', 'cuda:99', '--out', join(folder, 'no-device')]],
    [3, ['eval', join(folder, 'whole'), '--device', 'cuda:99']],
    [3, ['bench', '--against', 'dnc', '--device', 'cuda:99']],
    [2, ['train', tiny, '--device', 'gpu']],
    [2, ['build', '--cuda', 'maybe']],
    [4, ['eval', damaged]],
    [4, ['inspect', join(folder, 'nowhere')]],
    [4, ['eval', join(folder, 'nowhere')]],
    [4, ['train', tiny, '--out', join(damaged, 'below-a-file')]],
    [4, ['train', tiny, '--out', join(folder, 'whole')]],
    [4, ['train', tiny, '--out', join(folder, 'nowhere'), '--resume']],
    [4, ['bench', '--learning', '--out', join(folder, 'nowhere', 'curves')]],
    [2, ['bench', '--learning', '--precision', 'float64']],
    [2, ['bench']],
    [2, ['bench', '--against', 'dnc', '--learning']],
    [2, ['bench', '--kernels', '--learning']],
    [2, ['bench', '--kernels', 'map9', '--precision', 'float64']],
    [2, ['bench', '--kernels', 'map10']],
  ])('%i: %j', (status, args) => {
    const result = run(...args);
    expect(result.status, result.err).toBe(status);
    expect(result.err).not.toContain('    at ');
    expect(result.err.trim().length).toBeGreaterThan(10);
  });
});
