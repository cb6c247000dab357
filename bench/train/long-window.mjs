// One training window of 1500 steps through map25 for 32 episodes within a budget, with the memory it took (minutes to an hour):
//   node bench/train/long-window.mjs [--steps 1500] [--batch 32] [--model map25] [--budget 8e9] [--out FILE]
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { device, diagnostics, models, optim, Rng, Trainer } from '../../dist/index.js';
import { segmentLength, trainingBytes } from '../../dist/train/segments.js';

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '1500' },
    batch: { type: 'string', default: '32' },
    model: { type: 'string', default: 'map25' },
    budget: { type: 'string', default: '8e9' },
    out: { type: 'string' },
  },
});
const [steps, batchSize, memoryBudget] = [options.steps, options.batch, options.budget].map(Number);

const model = new models.MultigridMemory(options.model, { rng: new Rng(1) });
const [writer, reader] = model.plan.networks;
const { level, side } = reader.layers.at(-1).grids[0];
const rng = new Rng(2);

/** Random grids in, random bits asked for: a mapping task of any length. */
function grids(network) {
  return Object.fromEntries(network.input.map(({ level: at, channels }) => {
    const shape = [steps, batchSize, 3 * 2 ** at, 3 * 2 ** at, channels];
    return [at, { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.uniform(-1, 1)) }];
  }));
}
const bits = new Float32Array(steps * batchSize * side ** 2).map(() => (rng.uniform(0, 1) < 0.5 ? 0 : 1));
const target = { shape: [steps, batchSize, side, side, 1], data: bits };
const window = {
  index: 0,
  start: 0,
  steps,
  batch: batchSize,
  first: true,
  last: true,
  input: grids(writer),
  outputs: [{ name: 'map', query: grids(reader), target }],
};
const task = {
  name: 'random',
  version: 1,
  generate: () => null,
  windowCount: () => 1,
  windows: () => [window],
  describe: () => ({
    form: 'stepwise',
    input: {},
    outputs: [{ name: 'map', logits: [side, side, 1], loss: 'bceWithLogits' }],
    metrics: ['loss'],
    steps,
    window: null,
  }),
  scorer: () => ({ add: () => {}, result: () => ({}) }), // random bits have no score
};

const trainer = new Trainer({ model, task, optimizer: new optim.RMSProp(model, { lr: 1e-3 }), batchSize, memoryBudget });
const segment = segmentLength(model, { batch: batchSize, steps }, memoryBudget);
console.error(`${options.model}: segments of ${segment} steps on level ${level}`);
await device('cpu').sync();
const before = device('cpu').memory().held;
const began = performance.now();
const cpuBefore = process.cpuUsage();
const { history } = await trainer.fit({ steps });
const cpu = process.cpuUsage(cpuBefore);
const { peak, cached } = device('cpu').memory();
let weights = 0;
for (const parameter of model.parameters()) weights += parameter.size * 4;
// The weights were in use before; RMSProp has one number for each.
const predicted = trainingBytes(model, { batch: batchSize, steps }, segment) - 2 * weights;
const report = {
  date: new Date().toISOString(),
  cpu: cpus()[0].model,
  threads: diagnostics().binary.threads,
  model: options.model,
  steps,
  batch: batchSize,
  budgetBytes: memoryBudget,
  segmentSteps: segment,
  seconds: (performance.now() - began) / 1e3,
  cpuSeconds: (cpu.user + cpu.system) / 1e6,
  loss: history[0].loss,
  predictedBytes: predicted,
  peakBytes: peak - before,
  cachedBytes: cached,
  peakOverPredicted: (peak - before) / predicted,
  residentBytesAtMost: process.resourceUsage().maxRSS * 1024,
};
const text = `${JSON.stringify(report, null, 2)}\n`;
if (options.out === undefined) process.stdout.write(text);
else writeFileSync(options.out, text);
