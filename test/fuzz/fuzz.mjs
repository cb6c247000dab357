// Fuzz guided by coverage: node test/fuzz/fuzz.mjs [seconds for each reader] [part of a reader's name]. MG_SEED repeats a run.
// A reader must refuse what it does not take by an error with a code, within a second. Kept as row F1 where all had a minute.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { keepResults } from '../results.mjs';
import { READERS } from './readers.mjs';

const seconds = Number(process.argv[2] ?? 60);
const wanted = process.argv[3] ?? '';
const seed = Number(process.env.MG_SEED ?? Date.now() % 2 ** 31);
if (!(seconds > 0)) {
  console.error('expected seconds for each reader, above 0');
  process.exit(2);
}
const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'mg-fuzz-'));
const HANGS_AFTER = 30; // seconds without a new file, on a machine that has other work

/** What became of a reader. */
function fuzz(name) {
  const shared = new SharedArrayBuffer(8 + 2 ** 20);
  const folder = mkdtempSync(join(root, 'reader-'));
  const workerData = { dist, folder, name, seconds, seed, shared };
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData });
    const [beat, length] = [new Int32Array(shared, 0, 1), new Int32Array(shared, 4, 1)];
    let [last, still] = [-1, 0];
    const watch = setInterval(() => {
      const now = Atomics.load(beat, 0);
      still = now === last ? still + 1 : 0;
      last = now;
      if (still < HANGS_AFTER) return;
      const file = Buffer.from(new Uint8Array(shared, 8, Atomics.load(length, 0))).toString('base64');
      void worker.terminate();
      resolve({ name, runs: now, features: 0, kept: 0, slowest: 1000 * still, findings: [{ stack: 'never ends', file }] });
    }, 1000);
    worker.once('message', resolve).once('error', reject).once('exit', () => clearInterval(watch));
  });
}

const all = Object.keys(READERS);
const results = [];
for (const name of all.filter((each) => each.includes(wanted))) {
  const result = await fuzz(name);
  results.push(result);
  const { runs, features, kept, slowest, findings } = result;
  console.log(`${name}: ${runs} files, ${features} features of code, ${kept} kept, longest ${slowest.toFixed(0)} ms of CPU`);
  for (const [i, { stack, file }] of findings.entries()) {
    const path = join(tmpdir(), `mg-fuzz-${name.replaceAll(' ', '-')}-${i}`);
    writeFileSync(path, Buffer.from(file, 'base64'));
    console.error(`WRONG: ${path}: ${stack}`);
  }
}
rmSync(root, { recursive: true, force: true });
const isRight = results.every(({ findings, slowest }) => findings.length === 0 && slowest < 1000);
if (isRight && results.length === all.length && seconds >= 60) {
  const figures = results.map(({ name, runs, features }) => `${name} ${runs} files, ${features} features`).join('; ');
  keepResults('npm run test:fuzz', [[
    'F1',
    seconds,
    `seed ${seed}: ${figures}; all refused by a code or taken, none took a second`,
  ]]);
}
process.exit(isRight ? 0 : 1);
