// What a kill, a full disk and a missing folder do to a checkpoint: nothing.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFileAtomic } from '../../lib/files/atomic-file.js';
import { readMetrics } from '../../lib/files/metrics-log.js';
import { readTensors } from '../../lib/files/safetensors.js';
import { errorOf, temporaryFolder } from '../helpers/files.js';
import { transpileLib } from '../helpers/transpile.js';

const SAVER = fileURLToPath(new URL('./saver.mjs', import.meta.url));
const KILLS = 200;
const LANES = 2;
let lib = '';
beforeAll(() => {
  lib = transpileLib('files/safetensors.ts', 'files/metrics-log.ts');
});
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
    console.info(`seed ${seed}: ${totals.saves} saves acknowledged, ${totals.leftovers} leftovers, ${totals.swept} swept`);
    expect(totals.saves).toBeGreaterThan(KILLS / 4);
    expect(totals.leftovers).toBeGreaterThan(0);
    expect(totals.swept).toBe(totals.leftovers);
  }, 180_000);
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

  it('a full disk leaves the old checkpoint, no leftover, and the process goes on', () => {
    const folder = temporaryFolder();
    const save = `"${process.execPath}" "${SAVER}" "${lib}" "${folder}"`;
    const script = `mount -t tmpfs -o size=256k tmpfs "${folder}" || exit 77
      ${save} 3 1000; ${save} 2 1000000; ${save} 1 1000; ls -A "${folder}"`;
    const child = spawnSync('unshare', ['-rm', 'sh', '-c', script], { encoding: 'utf8' });
    if (child.status !== 0) {
      console.warn(
        `skipped the full disk: a small file system cannot be mounted here (${child.stderr.trim() || String(child.error)})`,
      );
      return;
    }
    const failed = 'failed ERR_MG_CHECKPOINT ENOSPC\n';
    expect(child.stdout).toBe(
      'swept 0\nstart 0\nsaved 1\nsaved 2\nsaved 3\n' +
        `swept 0\nstart 3\n${failed}${failed}` +
        'swept 0\nstart 3\nsaved 4\ncheckpoint.safetensors\n',
    );
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
