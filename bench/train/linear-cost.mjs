// Milliseconds of a time step against memory cells, forward and with backward; cells grow by finer levels, layers and channels:
//   node bench/train/linear-cost.mjs [--runs 7] [--most 5e6] [--out FILE]
// Exponents are slopes of log time over log cells. A convolution does 9·C·(5C to 13C)·4 products for C cells of a position, so
// by channels alone time goes with the square; there the exponent against cells · channels is the one to be 1.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { device, diagnostics, fused, Pyramid, Rng, scope, Tensor } from '../../dist/index.js';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '7' },
    most: { type: 'string', default: '5e6' },
    out: { type: 'string' },
  },
});
const [runs, most] = [Number(options.runs), Number(options.most)];
const BATCH = 2;
const STEPS = 4;

const range = (count) => Array.from({ length: count }, (_, i) => i);

/** Layers of conv-LSTM on levels 0 … top that read and hold the same channels everywhere, so that all do the same work. */
function chain(top, layers, channels) {
  const output = range(top + 1);
  const grids = output.map((level) => ({ level, channels }));
  return range(layers).map(() => ({ input: grids, output, channels }));
}

const cellsOf = (top, layers, channels) => range(top + 1).reduce((sum, level) => sum + 9 * 4 ** level, 0) * layers * channels;

function spread(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

async function timed(body) {
  const began = performance.now();
  const opened = scope();
  body();
  await device().sync();
  opened[Symbol.dispose]();
  return (performance.now() - began) / STEPS;
}

async function measure(top, layers, channels) {
  const plan = fused.plan({ layers: chain(top, layers, channels), batch: BATCH, steps: STEPS });
  const inference = fused.plan({ layers: chain(top, layers, channels), batch: BATCH, steps: STEPS, backward: false });
  const opened = scope();
  const rng = new Rng(1);
  const normal = (shape, deviation, name) => Tensor.normal(shape, [0, deviation], rng.split(name));
  const parameters = new Map([...plan.parameters].map(([name, shape]) => [name, normal(shape, 0.05, name)]));
  const x = Pyramid.of(Object.fromEntries(
    range(top + 1).map((level) => {
      const side = 3 * 2 ** level;
      return [level, normal([STEPS, BATCH, side, side, channels], 1, `x${level}`)];
    }),
  ));
  const forward = () => void fused.forward(inference, parameters, x);
  const training = () => {
    const { y, saved } = fused.forward(plan, parameters, x);
    fused.backward(plan, parameters, saved, y);
  };
  const times = [[], []];
  for (let k = 0; k <= runs; k++) {
    for (const [i, body] of [forward, training].entries()) {
      const ms = await timed(body);
      if (k > 0) times[i].push(ms);
    }
  }
  opened[Symbol.dispose]();
  device().emptyCache();
  const cells = cellsOf(top, layers, channels);
  const [forwardMs, trainingMs] = times.map(spread);
  return { top, layers, channels, cells, forward: forwardMs, training: trainingMs, flopPerStep: plan.forwardFlop / STEPS };
}

/** Slope of log y over log x by least squares. */
function exponent(points) {
  const logs = points.map((point) => point.map(Math.log));
  const mean = (k) => logs.reduce((sum, point) => sum + point[k], 0) / logs.length;
  const [mx, my] = [mean(0), mean(1)];
  return logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

const axes = {
  'finer levels': range(6).map((k) => [3 + k, 2, 3]),
  'more layers': [1, 2, 4, 8, 16, 32, 64].map((layers) => [3, layers, 8]),
  'more channels': [4, 8, 16, 32, 64, 128].map((channels) => [3, 2, channels]),
};
const { threads, simd } = diagnostics().binary;
const report = {
  date: new Date().toISOString(),
  cpu: cpus()[0].model,
  threads,
  simd,
  batch: BATCH,
  steps: STEPS,
  unit: 'milliseconds of a time step of the batch',
  axes: {},
};
for (const [name, sizes] of Object.entries(axes)) {
  const points = [];
  for (const size of sizes) {
    if (cellsOf(...size) <= most) points.push(await measure(...size));
  }
  const against = (of, pass) => exponent(points.map((point) => [of(point), point[pass].median]));
  const fit = (of) => ({ forward: against(of, 'forward'), training: against(of, 'training') });
  const byCells = fit(({ cells }) => cells);
  const byProduct = fit(({ cells, channels }) => cells * channels);
  report.axes[name] = { exponent: byCells, exponentOfCellsTimesChannels: byProduct, points };
  console.error(name, JSON.stringify(byCells), JSON.stringify(byProduct));
}
const text = `${JSON.stringify(report, null, 2)}\n`;
if (options.out === undefined) process.stdout.write(text);
else writeFileSync(options.out, text);
