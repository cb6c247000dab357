// What a kill, a full disk and a missing folder do to a checkpoint: nothing.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFileAtomic } from '../../lib/files/atomic-file.js';
import { readMetrics } from '../../lib/files/metrics-log.js';
import { readTensors } from '../../lib/files/safetensors.js';
import { errorOf, temporaryFolder } from '../helpers/files.js';
import { promised, shown } from '../helpers/promises.js';
import { transpileLib } from '../helpers/transpile.js';

const SAVER = fileURLToPath(new URL('./saver.mjs', import.meta.url));
const KILLS = promised('F4');
const LANES = 2;
let lib = '';
beforeAll(() => {
  lib = transpileLib('files/safetensors.ts', 'files/metrics-log.ts');
}, 120_000);
afterAll(() => rmSync(lib, { recursive: true, force: true }));

/** Opens the checkpoint and checks that it is whole: every value is its step. Returns the step. */
async function savedStep(folder: string): Promise<number> {
  const { tensors, metadata } = await readTensors(join(folder, 'checkpoint.safetensors'));
  const step = Number(metadata.get('step'));
  expect(tensors.get('w')?.data.every((value) => value === step)).toBe(true);
  return step;
}

const numbers = (output: string, word: string): number[] =>
  [...output.matchAll(new RegExp(`^${word} (\\d+)$`, 'gm'))].map((match) => Number(match[1]));

describe('SIGKILL while saving', () => {
  /** One life of a saving child, killed `delay` ms after it began to save. */
  async function lifeOf(folder: string, delay: number): Promise<string> {
    const child = spawn(process.execPath, [SAVER, lib, folder], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let complaints = '';
    child.stderr.on('data', (text) => (complaints += String(text)));
    const started = new Promise<void>((resolve) => {
      child.stdout.on('data', (text) => {
        output += String(text);
        if (output.includes('start ')) resolve();
      });
    });
    const closed = once(child, 'close');
    await Promise.race([started, closed]);
    await sleep(delay);
    child.kill('SIGKILL');
    const [, signal] = await closed;
    expect(complaints).toBe('');
    expect(signal).toBe('SIGKILL');
    return output;
  }

  it(`of ${KILLS} kills none leaves a file unreadable or older than acknowledged; leftovers are swept`, async () => {
    const seed = Number(process.env['MG_SEED'] ?? Date.now() % 2 ** 31);
    let state = seed;
    const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
    const totals = { saves: 0, leftovers: 0, swept: 0 };
    const lane = async (): Promise<void> => {
      const folder = temporaryFolder();
      let acknowledged = 0;
      for (let kill = 0; kill < KILLS / LANES; kill += 1) {
        const output = await lifeOf(folder, random() * 40);
        acknowledged = Math.max(acknowledged, ...numbers(output, 'saved'));
        totals.saves += numbers(output, 'saved').length;
        totals.swept += numbers(output, 'swept').reduce((sum, count) => sum + count, 0);
        const names = readdirSync(folder);
        totals.leftovers += names.filter((name) => name.endsWith('.tmp')).length;
        expect(names.filter((name) => name.endsWith('.tmp')).length).toBeLessThanOrEqual(1);
        if (acknowledged > 0 || names.includes('checkpoint.safetensors')) {
          expect(await savedStep(folder)).toBeGreaterThanOrEqual(acknowledged);
        }
      }
      const last = spawnSync(process.execPath, [SAVER, lib, folder, '1'], { encoding: 'utf8' });
      totals.swept += numbers(last.stdout, 'swept')[0] ?? 0;
      expect(readdirSync(folder)).toEqual(['checkpoint.safetensors']);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    const figure = `${totals.saves} saves acknowledged, ${totals.leftovers} leftovers, all swept, none unreadable, none older`;
    console.info(`seed ${seed}: ${figure}`);
    expect(totals.saves).toBeGreaterThan(KILLS / 4);
    expect(totals.leftovers).toBeGreaterThan(0);
    expect(totals.swept).toBe(totals.leftovers);
    shown('F4', KILLS, figure);
  }, 3_600_000);
});

describe('a disk that takes no more', () => {
  const limited = process.platform === 'win32' ? it.skip : it;

  limited('a file-size limit leaves the old checkpoint, no leftover, and the process goes on', async () => {
    const folder = temporaryFolder();
    expect(spawnSync(process.execPath, [SAVER, lib, folder, '3', '1000']).status).toBe(0);
    // 4 MB to write, 32 or 64 kB allowed
    const script = `ulimit -f 64; exec "${process.execPath}" "${SAVER}" "${lib}" "${folder}" 2 1000000`;
    const child = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
    expect(child.stderr).toBe('');
    expect(child.stdout).toBe('swept 0\nstart 3\nfailed ERR_MG_CHECKPOINT EFBIG\nfailed ERR_MG_CHECKPOINT EFBIG\n');
    expect(child.status).toBe(0);
    expect(await savedStep(folder)).toBe(3);
    expect(readdirSync(folder)).toEqual(['checkpoint.safetensors']);
  });

  /** Runs a script in a folder that is a small file system of its own; where none can be mounted, the test is skipped aloud. */
  function onSmallDisk(skip: (note: string) => void, script: (save: string, folder: string) => string): string {
    const folder = temporaryFolder();
    const save = `"${process.execPath}" "${SAVER}" "${lib}" "${folder}"`;
    const mounted = `mount -t tmpfs -o size=256k tmpfs "${folder}" || exit 77
      ${script(save, folder)}`;
    const child = spawnSync('unshare', ['-rm', 'sh', '-c', mounted], { encoding: 'utf8' });
    if (child.status === 77 || child.error !== undefined)
      skip(`no file system can be mounted here: ${child.stderr}${child.error}`);
    expect([child.status, child.stderr]).toEqual([0, '']);
    return child.stdout;
  }

  it('a full disk leaves the old checkpoint, no leftover, and the process goes on', ({ skip }) => {
    const failed = 'failed ERR_MG_CHECKPOINT ENOSPC\n';
    const said = onSmallDisk(skip, (save, folder) => `${save} 3 1000; ${save} 2 1000000; ${save} 1 1000; ls -A "${folder}"`);
    expect(said).toBe(
      'swept 0\nstart 0\nsaved 1\nsaved 2\nsaved 3\n' +
        `swept 0\nstart 3\n${failed}${failed}` +
        'swept 0\nstart 3\nsaved 4\ncheckpoint.safetensors\n',
    );
    shown('F5', 6, 'size limit, full disk, read-only disk, read-only folder, vanished folder, a log at its limit');
  });

  it('a disk that turns read-only leaves the old checkpoint, and saving goes on when it is writable again', ({ skip }) => {
    const said = onSmallDisk(skip, (save, folder) => {
      const turn = (how: string): string => `mount -o remount,${how} "${folder}"`;
      return `${save} 2 1000; ${turn('ro')}; ${save} 2 1000; ${turn('rw')}; ${save} 1 1000; ls -A "${folder}"`;
    });
    const failed = 'failed ERR_MG_CHECKPOINT EROFS\n';
    expect(said).toBe(
      'swept 0\nstart 0\nsaved 1\nsaved 2\n' +
        `swept 0\nstart 2\n${failed}${failed}` +
        'swept 0\nstart 2\nsaved 3\ncheckpoint.safetensors\n',
    );
  });

  limited('a folder that nobody may write into leaves the old checkpoint', () => {
    const folder = temporaryFolder();
    expect(spawnSync(process.execPath, [SAVER, lib, folder, '2', '1000']).status).toBe(0);
    for (const path of [folder, join(folder, 'checkpoint.safetensors'), lib]) chmodSync(path, 0o755);
    // Root may write everywhere: then the child becomes nobody. What it runs must be readable for it.
    const nobody = process.getuid!() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    chmodSync(folder, 0o555);
    const { stdout, stderr } = spawnSync(process.execPath, [SAVER, lib, folder, '1', '1000'], { encoding: 'utf8', ...nobody });
    chmodSync(folder, 0o755);
    expect([stdout, stderr]).toEqual(['swept 0\nstart 2\nfailed ERR_MG_CHECKPOINT EACCES\n', '']);
    expect(readdirSync(folder)).toEqual(['checkpoint.safetensors']);
  });

  limited('a log that reaches the limit keeps its whole lines, and takes shorter ones after', () => {
    const file = join(temporaryFolder(), 'metrics.jsonl');
    const code = `import { MetricsLog } from '${lib}/files/metrics-log.js';
      const log = new MetricsLog('${file}');
      const codes = [];
      for (let step = 1; step <= 40; step += 1) {
        try { log.append({ step, text: 'x'.repeat(step < 40 ? 100 : 1) }); }
        catch (error) { codes.push(error.code, error.cause.code); }
      }
      console.log([...new Set(codes)].join());`;
    const child = spawnSync(
      'sh',
      ['-c', `ulimit -f 1; exec "${process.execPath}" --input-type=module -e '${code.replaceAll('\'', `'"'"'`)}'`],
      { encoding: 'utf8' },
    );
    expect(child.stdout).toBe('ERR_MG_CHECKPOINT,EFBIG\n');
    const steps = readMetrics(file).map(({ step }) => step);
    expect(steps).toEqual([...steps.keys()].map((i) => (i < steps.length - 1 ? i + 1 : 40)));
    expect(readFileSync(file, 'utf8').endsWith('\n')).toBe(true);
  });

  it('a folder that vanishes, or turns into a file, between two saves is refused; saving goes on when it is back', async () => {
    const folder = join(temporaryFolder(), 'run');
    mkdirSync(folder);
    const file = join(folder, 'checkpoint.safetensors');
    await writeFileAtomic(file, [Buffer.from('old')]);
    renameSync(folder, `${folder}-away`);
    expect(((await errorOf(() => writeFileAtomic(file, [Buffer.from('new')]))).cause as NodeJS.ErrnoException).code).toBe(
      'ENOENT',
    );
    writeFileSync(folder, 'a file in the place of the folder');
    expect(((await errorOf(() => writeFileAtomic(file, [Buffer.from('new')]))).cause as NodeJS.ErrnoException).code).toBe(
      'ENOTDIR',
    );
    rmSync(folder);
    renameSync(`${folder}-away`, folder);
    await writeFileAtomic(file, [Buffer.from('new')]);
    expect(readdirSync(folder)).toEqual(['checkpoint.safetensors']);
  });
});
