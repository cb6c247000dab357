// What sparse and dense memories cost in the settings of Rae et al. 2016: LSTM of 100 units, words of 32, 4 heads, 4 reads.
//   node bench/train/sparse-cost.mjs [--runs 5] [--most-bytes 4e9] [--out FILE]
// S1: one forward and backward step over the number of slots, batch 8. S2: what 100 steps keep for backward, batch 1. S5: what
// links add to a step. One thread; times are of the processor, since machines are shared. A dense memory that needs more than
// `--most-bytes` is not run: its time is on the line through the two largest that were; the bytes of the NTM in S2 are those of
// `estimate`.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { device, diagnostics, memory, models, ops, Rng, scope, setThreads, Tensor } from '../../dist/index.js';

const { values: options } = parseArgs({
  options: {
    'runs': { type: 'string', default: '5' },
    'most-bytes': { type: 'string', default: '4e9' },
    'out': { type: 'string' },
  },
});
const [runs, mostBytes] = [Number(options.runs), Number(options['most-bytes'])];
setThreads(1);

const SIZES = { inputs: 8, outputs: 8, wordSize: 32, hidden: 100 };
const MAKE = {
  sam: (slots) => new models.SAM({ ...SIZES, slots, heads: 4, reads: 4, rng: new Rng(1) }),
  sdnc: (slots) => new models.SDNC({ ...SIZES, slots, heads: 4, reads: 4, rng: new Rng(1) }),
  dam: (slots) => new models.DAM({ ...SIZES, slots, heads: 4, rng: new Rng(1) }),
  ntm: (slots) => new models.NTM({ ...SIZES, slots, readHeads: 4, writeHeads: 4, rng: new Rng(1) }),
};

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const bytesOf = (kind, slots, size) => {
  const model = MAKE[kind](slots);
  const { bytesTraining } = model.estimate(size);
  model.dispose();
  return bytesTraining;
};

/** Processor milliseconds of a step of the whole batch, and bytes that its graph keeps. */
async function measure(kind, slots, { batch, steps }) {
  if (bytesOf(kind, slots, { batch, steps }) > mostBytes) return null;
  const model = MAKE[kind](slots);
  const x = Tensor.normal([steps, batch, SIZES.inputs], [0, 1], new Rng(2));
  const [times, kept] = [[], []];
  for (let run = 0; run <= runs; run++) {
    const opened = scope();
    const state = model.initialState(batch);
    await device().sync();
    const before = memory().bytes;
    const began = process.cpuUsage();
    const { y, state: after } = model.forward(x, state);
    await device().sync();
    for (const tensor of after.tensors()) tensor.dispose(); // the state that is carried on is not kept for backward
    kept.push(memory().bytes - before);
    ops.sum(y).backward();
    await device().sync();
    const { user, system } = process.cpuUsage(began);
    if (run > 0) times.push((user + system) / 1000 / steps); // the first one fills caches and buffers
    for (const parameter of model.parameters()) parameter.grad = null; // goes with the scope
    opened[Symbol.dispose]();
  }
  x.dispose();
  model.dispose();
  return { ms: median(times), bytes: median(kept) };
}

const points = [];
async function point(kind, slots, size) {
  const measured = await measure(kind, slots, size);
  points.push({ kind, slots, ...size, ...(measured ?? { ms: null, bytes: null }) });
  console.error(JSON.stringify(points.at(-1)));
  return measured;
}

/** Of a dense memory: measured, or on the straight line through the two largest sizes that fit. */
async function dense(kind, slots, size) {
  const known = [];
  for (let of = slots; of >= 10 && known.length < 2; of /= 10) {
    const measured = await point(kind, of, size);
    if (measured === null) continue;
    if (of === slots) return { ms: measured.ms, isMeasured: true };
    known.push({ of, ms: measured.ms });
  }
  const [large, small] = known;
  return { ms: large.ms + ((large.ms - small.ms) / (large.of - small.of)) * (slots - large.of), isMeasured: false };
}

function slope(of) {
  const [xs, ys] = [of.map(({ slots }) => Math.log(slots)), of.map(({ ms }) => Math.log(ms))];
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const [mx, my] = [mean(xs), mean(ys)];
  return xs.reduce((s, x, k) => s + (x - mx) * (ys[k] - my), 0) / xs.reduce((s, x) => s + (x - mx) ** 2, 0);
}

const one = { batch: 8, steps: 1 };
const long = { batch: 8, steps: 100 };
const single = { batch: 1, steps: 100 };
const scaling = [];
for (const slots of [1e3, 1e4, 1e5, 1e6, 1e7]) scaling.push({ slots, ...await point('sam', slots, long) });
const sparse = scaling.find(({ slots }) => slots === 1e6);
const [ntm, dam] = [await dense('ntm', 1e6, one), await dense('dam', 1e6, one)];
const kept = { sam: await point('sam', 64_000, single), ntm: { bytes: bytesOf('ntm', 64_000, single) } };
const links = { sdnc: await point('sdnc', 2048, long), sam: await point('sam', 2048, long) };

const MIB = 2 ** 20;
const result = {
  date: new Date().toISOString(),
  machine: { cpu: cpus()[0].model, threads: 1, simd: diagnostics().binary.simd },
  command: 'node bench/train/sparse-cost.mjs --out bench/results/reproduction/sparse-cost.json',
  unit: 'processor milliseconds of a step, forward and backward, of the whole batch',
  exponentOfSlots: slope(scaling),
  bytesOfStepAndSample: Object.fromEntries(scaling.map(({ slots, bytes }) => [slots, bytes / 800])),
  denseIsMeasured: { S1: ntm.isMeasured, S2: false },
  rows: {
    S1: { denseMs: ntm.ms, sparseMs: sparse.ms, ratio: ntm.ms / sparse.ms },
    S2: { denseMiB: kept.ntm.bytes / MIB, sparseMiB: kept.sam.bytes / MIB, ratio: kept.ntm.bytes / kept.sam.bytes },
    S4: { timesFaster: ntm.ms / sparse.ms, timesLessMemory: kept.ntm.bytes / kept.sam.bytes },
    S5: { microseconds: (1000 * (links.sdnc.ms - links.sam.ms)) / 8 },
  },
  beside: { damMs: dam.ms, damIsMeasured: dam.isMeasured, damRatio: dam.ms / sparse.ms },
  points,
};
if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify({ ...result, points: undefined }, null, 2));
