// Queues convolutions that take a while. `node addon-jobs.mjs workers|crowd|exit|throw|wait|end`, or as a worker of itself.
import { createRequire } from 'node:module';
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

if (!isMainThread) {
  const reads = queueJobs(workerData.jobs);
  parentPort.postMessage('started');
  if (workerData.finish === true) await Promise.all(reads);
  else await new Promise(() => setInterval(() => queueJobs(10), 1));
} else {
  const [, , mode, repeats] = process.argv;
  if (mode === 'workers') await workers(Number(repeats));
  if (mode === 'crowd') await crowd();
  if (['exit', 'throw', 'wait', 'end'].includes(mode)) {
    const reads = queueJobs(300);
    console.log('started');
    if (mode === 'exit') process.exit(7);
    if (mode === 'throw') throw new Error('on purpose');
    if (mode === 'wait') setInterval(() => {}, 1000);
    if (mode === 'end') await Promise.all(reads);
  }
}
