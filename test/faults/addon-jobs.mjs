// Queues convolutions that take a while: `node addon-jobs.mjs workers|crowd|train|copies|exit|throw|wait|end`.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('../..', import.meta.url));
const binding = process.env.MG_BINDING === undefined ? require('node-gyp-build')(root) : require(process.env.MG_BINDING);
const self = fileURLToPath(import.meta.url);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** About a millisecond of work each; the promises of some results are left pending. */
function queueJobs(count) {
  const dims = Int32Array.of(4, 24, 24, 3, 3, 32, 16);
  const x = binding.allocate(0, 4 * 24 * 24 * 16);
  const kernel = binding.allocate(0, 3 * 3 * 16 * 32);
  const reads = [];
  for (let i = 0; i < count; i++) {
    const y = binding.convForward([x], kernel, null, dims);
    if (i % 10 === 0) reads.push(binding.read(y));
    else binding.release(y);
  }
  return reads;
}

async function workers(repeats) {
  const before = binding.memory().live;
  for (let i = 0; i < repeats; i++) {
    const worker = new Worker(self, { workerData: { jobs: 300 } });
    await new Promise((resolve) => worker.once('message', resolve));
    await pause((i * 7) % 23);
    await worker.terminate();
  }
  const lost = binding.memory().live - before;
  const results = await Promise.all(queueJobs(11));
  console.log(JSON.stringify({ repeats, lost, bytes: results[1].byteLength }));
}

/** Eight environments at once, while the number of threads changes under their jobs. */
async function crowd() {
  const before = binding.memory().live;
  const crew = Array.from({ length: 8 }, () => new Worker(self, { workerData: { jobs: 100, finish: true } }));
  const done = crew.map((worker) => new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject)));
  for (let i = 0; i < 20; i++) {
    binding.setThreads(1 + (i % 4));
    await pause(5);
  }
  const codes = await Promise.all(done);
  console.log(JSON.stringify({ codes, lost: binding.memory().live - before }));
}

/** Eight workers that train the same small network: a hash of the weights of each. */
async function train(index) {
  const before = binding.memory().live;
  const crew = Array.from({ length: 8 }, () => new Worker(self, { workerData: { index } }));
  const hashes = await Promise.all(crew.map((worker) =>
    new Promise((resolve, reject) => {
      let hash = '';
      worker.on('message', (text) => (hash = text)).once('exit', () => resolve(hash)).once('error', reject);
    })
  ));
  console.log(JSON.stringify({ hashes, lost: binding.memory().live - before }));
}

async function trainedHash(index) {
  const { models, optim, Rng, tasks, Trainer } = await import(index);
  const model = new models.LSTMNetwork({ inputs: 4, outputs: 3, hidden: 8, rng: new Rng(1) });
  const task = tasks.copy({ bits: 3, lengths: [2, 4] });
  const trainer = new Trainer({ model, task, optimizer: new optim.Adam(model), batchSize: 4 });
  await trainer.fit({ steps: 200 });
  const hash = createHash('sha256');
  for (const [, tensor] of model.stateDict()) hash.update(await tensor.data());
  return hash.digest('hex');
}

/** Two files of the same addon, loaded beside each other: each gives the other's numbers, and keeps its own books. */
async function copies() {
  const folder = mkdtempSync(join(tmpdir(), 'mg-copies-'));
  const source = process.env.MG_BINDING ?? require('node-gyp-build').path(root);
  const both = ['a', 'b'].map((name) => {
    copyFileSync(source, join(folder, `${name}.node`));
    return require(join(folder, `${name}.node`));
  });
  for (const copy of both) copy.init(class extends Error {});
  const results = await Promise.all(both.map(async (copy) => {
    const dims = Int32Array.of(2, 12, 12, 3, 3, 8, 4);
    const x = copy.fromArray(Float32Array.from({ length: 2 * 12 * 12 * 4 }, (_, i) => Math.sin(i)));
    const kernel = copy.fromArray(Float32Array.from({ length: 9 * 4 * 8 }, (_, i) => Math.cos(i)));
    const y = copy.convForward([x], kernel, null, dims);
    const values = await copy.read(y);
    for (const storage of [x, kernel, y]) copy.release(storage);
    await copy.sync();
    return Buffer.from(values.buffer ?? values).toString('base64');
  }));
  console.log(JSON.stringify({ equal: results[0] === results[1], lost: both.map((copy) => copy.memory().live) }));
  rmSync(folder, { recursive: true });
}

if (!isMainThread && workerData.index !== undefined) {
  parentPort.postMessage(await trainedHash(workerData.index));
} else if (!isMainThread) {
  const reads = queueJobs(workerData.jobs);
  parentPort.postMessage('started');
  if (workerData.finish === true) await Promise.all(reads);
  else await new Promise(() => setInterval(() => queueJobs(10), 1));
} else {
  const [, , mode, repeats] = process.argv;
  if (mode === 'workers') await workers(Number(repeats));
  if (mode === 'crowd') await crowd();
  if (mode === 'train') await train(repeats);
  if (mode === 'copies') await copies();
  if (['exit', 'throw', 'wait', 'end'].includes(mode)) {
    const reads = queueJobs(300);
    console.log('started');
    if (mode === 'exit') process.exit(7);
    if (mode === 'throw') throw new Error('on purpose');
    if (mode === 'wait') setInterval(() => {}, 1000);
    if (mode === 'end') await Promise.all(reads);
  }
}
