// Training windows and writer steps beside PyTorch, run in turns:
//   node bench/train/compare-torch.mjs [--rounds 7] [--only NAME] [--threads 2] [--out FILE]
// Both sides compute the same first loss from the same weights and data, or nothing is timed. --python names the interpreter;
// PyTorch runs in both memory layouts and orders of computation, steps also as a frozen graph, and the fastest counts; our steps
// are those of a session. On one thread, times are those of the processor, which other programs disturb little.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { device, diagnostics, models, ops, optim, Pyramid, Rng, scope, setThreads, Tensor } from '../../dist/index.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    out: { type: 'string' },
    python: { type: 'string', default: '/usr/bin/python3' },
  },
});

const CASES = [
  { name: 'map25 window', model: 'map25', what: 'window', steps: 20, batch: 32 },
  { name: 'map15-8k window', model: 'map15-8k', what: 'window', steps: 20, batch: 32 },
  { name: 'recall-8k window', model: 'recall-8k', what: 'window', steps: 20, batch: 32 },
  { name: 'mnist-recall window', model: 'mnist-recall', what: 'window', steps: 10, batch: 32 },
  { name: 'map25 writer step', model: 'map25', what: 'writer', steps: 1, batch: 32 },
  { name: 'map25 writer step, one sample', model: 'map25', what: 'writer', steps: 1, batch: 1 },
  { name: 'map15-8k writer step, one sample', model: 'map15-8k', what: 'writer', steps: 1, batch: 1 },
];

/** Steps of a session, or of PyTorch, in one time that is taken. */
const STEPS = 20;

// The C library keeps memory between steps instead of returning it, which PyTorch's training needs to be fast.
const KEEP = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '34359738368', MALLOC_TOP_PAD_: '268435456' };

const ONE_THREAD = options.threads === '1';
/** Milliseconds: of this process's processor time, or of the clock. */
const now = () => {
  if (!ONE_THREAD) return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Weights and random data of a case, as tensors of ours and as files for the peer. */
function prepare({ model: name, what, steps, batch }, folder) {
  const model = new models.MultigridMemory(name, { rng: new Rng(1) });
  const rng = new Rng(2);
  const [writer, reader] = model.plan.networks;
  const asked = model.plan.read === 'last' ? 1 : steps;
  const grids = (network, count, key) =>
    Object.fromEntries(network.input.map(({ level, channels }) => {
      const side = model.plan.baseSide * 2 ** level;
      return [level, Tensor.normal([count, batch, side, side, channels], [0, 1], rng.split(`${key}${level}`))];
    }));
  const data = { input: grids(writer, steps, 'input') };
  const loss = model.plan.fc === null ? 'bceWithLogits' : 'crossEntropy';
  if (what === 'window') {
    data.query = grids(reader, asked, 'query');
    const side = loss === 'crossEntropy' ? null : reader.layers.at(-1).grids[0].side;
    const count = asked * batch * (side === null ? 1 : side ** 2);
    const draws = Tensor.uniform([count], [0, side === null ? 10 : 2], rng.split('target')).dataSync().map(Math.floor);
    data.target = side === null ?
      Tensor.from(Int32Array.from(draws), [asked, batch])
      : Tensor.from(draws, [asked, batch, side, side, 1]);
  }
  const named = (key, pyramid) => Object.entries(pyramid).map(([level, x]) => [`${key}${level}`, x]);
  const tensors = [
    ...model.namedParameters(),
    ...named('input', data.input),
    ...named('query', data.query ?? {}),
    ...(data.target === undefined ? [] : [['target', data.target]]),
  ];
  let first = 0;
  const places = {};
  const parts = tensors.map(([key, x]) => {
    places[key] = [first, x.shape];
    first += x.size;
    return Float32Array.from(x.dataSync());
  });
  writeFileSync(join(folder, 'data.bin'), Buffer.concat(parts.map((part) => Buffer.from(part.buffer))));
  const last = model.plan.read === 'last';
  const meta = { networks: model.plan.networks, tensors: places, count: first, steps, batch, loss, last };
  writeFileSync(join(folder, 'meta.json'), JSON.stringify(meta));
  return { model, data, loss };
}

/** Runs `body` and frees what it made. */
function scoped(body) {
  const opened = scope();
  try {
    return body(opened);
  } finally {
    opened[Symbol.dispose]();
  }
}

/** One run of ours: its check number and a function that runs once more and gives its milliseconds. */
async function ours({ what, batch }, { model, data, loss }) {
  const optimizer = new optim.RMSProp(model, { lr: 1e-3, flavor: 'pytorch' });
  const input = Pyramid.of(data.input);
  if (what === 'writer') return stepped(model.session({ batch }), input);
  const window = () =>
    scoped((s) => {
      const { logits } = model.forward({ input, queries: [Pyramid.of(data.query)] });
      const total = loss === 'crossEntropy'
        ? ops.crossEntropy(logits[0], data.target)
        : ops.bceWithLogits(logits[0], data.target);
      total.backward();
      optimizer.step({ timeSteps: 1 });
      optimizer.zeroGrad();
      return s.keep(total);
    });
  const first = window();
  const check = await first.item();
  first.dispose();
  return {
    check,
    run: async () => {
      const began = now();
      const value = window();
      await device().sync();
      const ms = now() - began;
      value.dispose();
      return ms;
    },
  };
}

/** Steps of a session, several for a time: the clock of a process has steps of its own. */
function stepped(session, input) {
  const grids = input.tensors().map((x) => x.dataSync());
  session.stepSync(grids);
  const hidden = scoped(() => session.state().layers.flatMap((layer) => layer.hidden.tensors()).map((x) => x.dataSync()));
  return {
    check: hidden.flatMap((x) => [...x]).reduce((a, b) => a + b, 0),
    run: async () => {
      const began = now();
      for (let k = 0; k < STEPS; k++) session.stepSync(grids);
      return (now() - began) / STEPS;
    },
  };
}

/** A PyTorch process that runs once for each line it is sent; null, with the reason on standard error, where there is none. */
async function peer(folder, what, layout, order) {
  const program = fileURLToPath(new URL('../peers/multigrid_torch.py', import.meta.url));
  const settings = { what, layout, order, threads: options.threads, repeat: what === 'writer' ? STEPS : 1 };
  const named = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const child = spawn(options.python, [program, folder, ...named], {
    env: { ...process.env, ...KEEP },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    return done ? null : JSON.parse(value);
  };
  const check = await read();
  if (check === null) return null;
  const ended = once(child, 'exit');
  const run = () => {
    child.stdin.write('\n');
    return read();
  };
  const end = () => {
    child.stdin.end();
    return ended;
  };
  return { name: `${layout} ${order}`, check, run, end };
}

function spread(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { median: at(0.5), low: at(0.25), high: at(0.75), least: sorted[0], runs: sorted.length };
}

async function compare(one, rounds) {
  const folder = mkdtempSync(join(tmpdir(), 'mg-compare-'));
  try {
    const mine = await ours(one, prepare(one, folder));
    const configs = one.what === 'writer' ?
      [['nchw', 'step'], ['nhwc', 'step'], ['nchw', 'frozen'], ['nhwc', 'frozen']]
      : one.model === 'mnist-recall' ?
      [['nchw', 'split'], ['nhwc', 'split']]
      : [['nchw', 'step'], ['nhwc', 'step'], ['nhwc', 'split']];
    await mine.run();
    const own = [];
    const torch = [];
    for (const [layout, order] of configs) { // one peer at a time: each keeps gigabytes
      const other = await peer(folder, one.what, layout, order);
      if (other === null) return { ...one, skipped: 'no PyTorch' };
      const pair = `${one.name}, ${other.name}`;
      if (Math.abs(other.check / mine.check - 1) > 1e-3) throw new Error(`${pair}: expected ${mine.check}, got ${other.check}`);
      const [here, there] = [[], []];
      for (let round = 0; round < rounds; round++) {
        here.push(await mine.run());
        const ms = await other.run();
        if (ms === null) throw new Error(`${pair}: PyTorch ended in round ${round + 1}; it may have run out of memory`);
        there.push(ms);
      }
      await other.end();
      own.push(...here);
      torch.push({ name: other.name, ...spread(there), ratios: spread(there.map((ms, i) => ms / here[i])) });
    }
    const best = torch.reduce((x, y) => (y.median < x.median ? y : x));
    return { ...one, ms: spread(own), torch, fastest: best.name, ratio: best.ratios.median, ratios: best.ratios };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One line for whoever waits: our time, that of the fastest configuration of PyTorch, and their ratio. */
function summary({ name, skipped, ms, torch, fastest, ratio, ratios }) {
  if (skipped) return `${name}: skipped, ${skipped}`;
  const theirs = torch.find((config) => config.name === fastest).median;
  return `${name}: ${ms.median.toFixed(2)} ms, PyTorch (${fastest}) ${theirs.toFixed(2)} ms, `
    + `ratio ${ratio.toFixed(2)} (${ratios.low.toFixed(2)}–${ratios.high.toFixed(2)})`;
}

setThreads(Number(options.threads));
const { binary } = diagnostics();
const report = {
  date: new Date().toISOString(),
  cpu: cpus()[0].model,
  simd: binary.simd,
  threads: binary.threads,
  milliseconds: ONE_THREAD ? 'of the processor' : 'by the clock',
  cases: [],
};
for (const one of CASES.filter(({ name }) => name.includes(options.only))) {
  const row = await compare(one, Number(options.rounds) * (one.what === 'writer' ? 10 : 1));
  report.cases.push(row);
  console.error(summary(row));
}
const text = `${JSON.stringify(report, null, 2)}\n`;
if (options.out === undefined) process.stdout.write(text);
else writeFileSync(options.out, text);
