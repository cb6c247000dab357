// What a step of a sparse access memory costs by each search, and what the search finds, where every row was written: SAM's
// sizes (W = 32, 4 heads, 4 reads), rows and queries of normal numbers, one thread, forward alone.
//   node bench/train/sparse-index.mjs [--slots 1e4,1e5,1e6] [--seconds 1] [--checks 32] [--out FILE]
// Windows of two lengths begin with the same memory; their difference is that of steps alone, their beginning what is left: the
// copy of the memory, and the index of all rows. Times are of the processor. `recall`: of what the exact search reads for 64
// queries, the share that is read.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { device, diagnostics, noGrad, ops, Rng, setThreads, Tensor } from '../../dist/index.js';

const { values: options } = parseArgs({
  options: {
    slots: { type: 'string', default: '1e4,1e5,1e6' },
    seconds: { type: 'string', default: '1' },
    checks: { type: 'string', default: '32' },
    out: { type: 'string' },
  },
});
const [seconds, checks] = [Number(options.seconds), Number(options.checks)];
setThreads(1);

const settings = (slots, index, heads = 4) => ({
  ...{ slots, wordSize: 32, heads, reads: 4, hidden: 0, strength: true, index, checks, links: 0, linkRead: 'rows' },
  ...{ forgetBias: 1, clip: 0, epsilon: 1e-6, delta: 0.005 },
});

/** All rows written, slots in their order on the ring. */
function fullState(s) {
  const N = s.slots;
  const ring = new Int32Array(2 * (N + 1));
  for (let node = 0; node <= N; node++) {
    ring[2 * node] = (node + N) % (N + 1);
    ring[2 * node + 1] = (node + 1) % (N + 1);
  }
  const own = {
    memory: Tensor.normal([1, N, s.wordSize], [0, 1], new Rng(1)),
    ring: Tensor.from(ring, [1, N + 1, 2]),
    counts: Tensor.from(Int32Array.of(N, 1), [1, 2]),
  };
  const zeros = ops.samZeros({ ...s, slots: s.heads + s.reads, index: 'live' }, 1);
  for (const name of Object.keys(own)) zeros[name].dispose();
  return { ...zeros, ...own };
}

/** Processor seconds of a window, and what it read at its end. */
async function window(s, state, steps) {
  const x = Tensor.normal([steps, 1, ops.samInterface(s).size], [0, 1], new Rng(2));
  await device().sync();
  const began = process.cpuUsage();
  const run = noGrad(() => ops.samWindow(x, null, state, s.slots, s));
  await device().sync();
  const { user, system } = process.cpuUsage(began);
  const read = [...await run.state.readSlots.data()];
  for (const tensor of [x, run.hidden, run.words, ...Object.values(run.state)]) tensor.dispose();
  return { seconds: (user + system) / 1e6, read };
}

/** Steps are doubled until they take as long as wanted, and no less than the beginning. */
async function measure(s, state) {
  const { seconds: beginning } = await window(s, state, 1);
  for (let steps = 64;; steps *= 2) {
    const longer = await window(s, state, steps + 1);
    const difference = longer.seconds - beginning;
    if (difference > Math.max(seconds, beginning)) return { beginningMs: 1e3 * beginning, stepMs: (1e3 * difference) / steps };
  }
}

const points = [];
for (const slots of options.slots.split(',').map(Number)) {
  const [state, asked] = [fullState(settings(slots, 'live')), fullState(settings(slots, 'live', 64))];
  const { read: exact } = await window(settings(slots, 'live', 64), asked, 1);
  for (const index of ['live', 'lsh', 'kdtree']) {
    const times = await measure(settings(slots, index), state);
    const { read } = await window(settings(slots, index, 64), asked, 1);
    const common = read.filter((slot, i) => exact.slice(i - (i % 4), i - (i % 4) + 4).includes(slot)).length;
    points.push({ slots, index, ...times, recall: common / read.length });
    console.error(JSON.stringify(points.at(-1)));
  }
  for (const tensor of [...Object.values(state), ...Object.values(asked)]) tensor.dispose();
}
const result = {
  date: new Date().toISOString(),
  machine: { cpu: cpus()[0].model, threads: 1, simd: diagnostics().binary.simd },
  command: `node bench/train/sparse-index.mjs --checks ${checks}`,
  unit: 'processor milliseconds of one sample, forward',
  checks,
  points,
};
if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result, null, 2));
