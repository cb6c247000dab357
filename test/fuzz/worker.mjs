// Runs one reader on ever new files: those that reach a block of its code that none has reached before, or reach it more often,
// are changed further. The file that is being read lies in shared memory, so that one that never ends can be told.
import { Session } from 'node:inspector/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { mutant, randomOf, wordsOf } from './mutate.mjs';

const { dist, folder, name, seconds, seed, shared } = workerData;
const [beat, length] = [new Int32Array(shared, 0, 1), new Int32Array(shared, 4, 1)];
const current = new Uint8Array(shared, 8);

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
const { READERS } = await import('./readers.mjs');
const { seeds, mend = (bytes) => bytes, read } = await READERS[name]((module) => import(`${dist}/${module}`), folder);

const features = new Set();
/** How many blocks, and by powers of two how often, have been reached since last time that never were before. */
async function discovered() {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const before = features.size;
  for (const { url, functions } of result) {
    if (!url.startsWith('file:') || !url.includes('/dist/')) continue;
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        if (count > 0) features.add(`${url}:${startOffset}:${endOffset}:${Math.floor(Math.log2(count))}`);
      }
    }
  }
  return features.size - before;
}

const findings = [];
let slowest = 0;
function run(bytes) {
  current.set(bytes);
  Atomics.store(length, 0, bytes.length);
  Atomics.add(beat, 0, 1);
  const began = process.cpuUsage().user;
  try {
    read(Buffer.from(bytes));
  } catch (error) {
    const isTyped = typeof error.code === 'string' && error.code.startsWith('ERR_MG_');
    if (!isTyped && !findings.some(({ stack }) => stack === error.stack)) {
      findings.push({ stack: error.stack, file: Buffer.from(bytes).toString('base64') });
    }
  }
  slowest = Math.max(slowest, (process.cpuUsage().user - began) / 1000);
}

const known = { others: [], words: wordsOf(seeds) };
await discovered(); // loading
for (const bytes of seeds) {
  run(bytes);
  known.others.push(bytes);
}
await discovered();
const random = randomOf(seed);
const BATCH = 32; // files between two looks at what was reached; where something was, each is run again alone
let runs = 0;
for (const end = Date.now() + 1000 * seconds; Date.now() < end && findings.length < 10;) {
  const batch = Array.from({ length: BATCH }, () => {
    const bytes = mutant(random, known);
    return random(2) === 0 ? mend(bytes) : bytes;
  });
  batch.forEach(run);
  runs += BATCH;
  const before = new Set(features);
  if (await discovered() === 0) continue;
  const found = [...features].filter((feature) => !before.has(feature));
  for (const feature of found) features.delete(feature);
  for (const bytes of batch) {
    run(bytes);
    if (await discovered() > 0) known.others.push(bytes);
  }
  for (const feature of found) features.add(feature);
}
parentPort.postMessage({ name, runs, features: features.size, kept: known.others.length, slowest, findings });
