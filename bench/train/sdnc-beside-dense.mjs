// SDNC beside dense DNCs in the setting of Rae et al. 2016, supplement D.2: 2,048 slots of 32 numbers, 4 read heads, LSTM of 100
// units, batch 8, one thread each; one step forward and backward, in windows of a few steps from a new episode.
//   node bench/train/sdnc-beside-dense.mjs [--runs 5] [--steps 4] [--python /usr/bin/python3] [--out FILE]
// Dense are one as people write it, in PyTorch (bench/peers/dnc_plain.py), and this package's own, fused. The plain one gets the
// weights and inputs of ours, and nothing is timed unless outputs and gradients are the same. Runs take turns; times are of the
// processor. SDNC searches all rows (`linear`, as the article) or those that were touched (`live`). Memory: 10 steps, batch 1, by
// `estimate`, and its dense DNC is the fused one, which keeps fewer links than a plain one.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { device, diagnostics, models, ops, Rng, scope, setThreads, Tensor } from '../../dist/index.js';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    steps: { type: 'string', default: '4' },
    python: { type: 'string', default: '/usr/bin/python3' },
    out: { type: 'string' },
  },
});
const [runs, steps] = [Number(options.runs), Number(options.steps)];
setThreads(1);

/** By the largest value of each output and gradient; in float32 a sum over all slots rounds as many times as there are some. */
const MOST_DIFFERENCE = { float64: 1e-12, float32: 1e-4 };
const SIZES = { inputs: 8, outputs: 8, slots: 2048, wordSize: 32, hidden: 100 };
const sdnc = (index) => new models.SDNC({ ...SIZES, heads: 4, reads: 4, index, rng: new Rng(1) });
const dnc = (own) => new models.DNC({ ...SIZES, readHeads: 4, writeHeads: 1, rng: new Rng(1), ...own });

/** Outputs and gradients of the sum of their squares, as arrays; and the processor milliseconds of a step. */
async function window(model, x) {
  const opened = scope();
  const began = process.cpuUsage();
  const { y } = model.forward(x);
  ops.sum(ops.mul(y, y)).backward();
  await device().sync();
  const { user, system } = process.cpuUsage(began);
  const read = (tensor) => Float64Array.from(tensor.dataSync());
  const values = [read(y), ...Array.from(model.parameters(), ({ grad }) => read(grad))];
  for (const parameter of model.parameters()) parameter.grad = null;
  opened[Symbol.dispose]();
  return { values, ms: (user + system) / 1000 / x.shape[0] };
}

/** The plain DNC with these weights and inputs: what it computes, and a run when asked. */
async function plain(model, x) {
  const folder = mkdtempSync(join(tmpdir(), 'mg-dense-'));
  const tensors = [...model.namedParameters(), ['x', x]];
  const Numbers = model.dtype === 'float64' ? Float64Array : Float32Array;
  const parts = tensors.map(([, tensor]) => Buffer.from(Numbers.from(tensor.dataSync()).buffer));
  writeFileSync(join(folder, 'data.bin'), Buffer.concat(parts));
  const { slots, wordSize, readHeads } = model.settings;
  const shapes = tensors.map(([name, { shape }]) => [name, shape]);
  const count = tensors.reduce((sum, [, { size }]) => sum + size, 0);
  const meta = { dtype: model.dtype, count, tensors: shapes, slots, wordSize, readHeads };
  writeFileSync(join(folder, 'meta.json'), JSON.stringify(meta));
  const program = fileURLToPath(new URL('../peers/dnc_plain.py', import.meta.url));
  const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };
  const child = spawn(options.python, [program, folder, '--threads', '1'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('PyTorch ended');
    return JSON.parse(value);
  };
  const { torch } = await next();
  const bytes = readFileSync(join(folder, 'peer.bin'));
  const flat = new Numbers(bytes.buffer, bytes.byteOffset, bytes.byteLength / Numbers.BYTES_PER_ELEMENT);
  rmSync(folder, { recursive: true });
  const run = async () => {
    child.stdin.write('\n');
    return (await next()) / x.shape[0];
  };
  return { torch, flat, run, end: () => child.stdin.end() };
}

/** The largest difference of each output and gradient, by its largest value. */
function difference(values, flat) {
  let first = 0;
  const each = values.map((own) => {
    const most = own.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
    const apart = own.reduce((top, value, i) => Math.max(top, Math.abs(value - flat[first + i])), 0);
    first += own.length;
    return apart / most;
  });
  if (first !== flat.length) throw new Error(`expected ${first} numbers of PyTorch, got ${flat.length}`);
  return Math.max(...each);
}

async function compared(model, x) {
  const [own, peer] = [await window(model, x), await plain(model, x)];
  const apart = difference(own.values, peer.flat);
  console.error(`${model.dtype}, ${model.settings.slots} slots, ${x.shape[0]} steps: ${apart}`);
  const most = MOST_DIFFERENCE[model.dtype];
  if (!(apart <= most)) throw new Error(`expected the same of both DNCs within ${most}, got ${apart}`);
  return { peer, apart };
}

// More steps of fewer slots, so that all of them are written and links are followed.
const small = dnc({ slots: 16, dtype: 'float64' });
const long = await compared(small, Tensor.normal([40, 3, SIZES.inputs], [0, 1], new Rng(3), { dtype: 'float64' }));
long.peer.end();

const x = Tensor.normal([steps, 8, SIZES.inputs], [0, 1], new Rng(2));
const dense = dnc();
const { peer, apart } = await compared(dense, x);
const sides = {
  plain: peer.run,
  fused: async () => (await window(dense, x)).ms,
};
for (const index of ['linear', 'live']) {
  const model = sdnc(index);
  sides[index] = async () => (await window(model, x)).ms;
}
const times = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
for (let run = 0; run <= runs; run++) {
  for (const [name, once] of Object.entries(sides)) {
    const repeats = name === 'linear' || name === 'live' ? 20 : 1; // short ones often: the clock of the processor is coarse
    let ms = 0;
    for (let k = 0; k < repeats; k++) ms += await once();
    if (run > 0) times[name].push(ms / repeats); // the first one fills caches and buffers
  }
  console.error(Object.entries(times).map(([name, all]) => `${name} ${all.at(-1)?.toFixed(3)}`).join(', '));
}
peer.end();

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const ms = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
const bytes = (model) => model.estimate({ batch: 1, steps: 10 }).bytesTraining;
const [plainRatios, fusedRatios] = ['plain', 'fused'].map((name) => times[name].map((each, k) => each / times.linear[k]));
const result = {
  date: new Date().toISOString(),
  machine: { cpu: cpus()[0].model, threads: 1, simd: diagnostics().binary.simd, torch: peer.torch },
  command: 'node bench/train/sdnc-beside-dense.mjs --out bench/results/reproduction/sdnc-beside-dense.json',
  unit: 'processor milliseconds of a step, forward and backward, of the whole batch',
  steps,
  difference: { float64: long.apart, float32: apart },
  rows: {
    S3: { timesFaster: median(plainRatios), timesLessMemory: bytes(dense) / bytes(sdnc('live')) },
  },
  beside: { fusedTimes: median(fusedRatios), liveTimes: ms.plain / ms.live, fusedLiveTimes: ms.fused / ms.live },
  ms,
  times,
};
if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify({ ...result, times: undefined }, null, 2));
