// What the programs of this folder share: one job as JSON on standard input, one result as JSON on standard output; weights and
// inputs are sines of a running number, so that another program gets the same loss.
import { readFileSync } from 'node:fs';
import { time } from '../../dist/bench/measure.js';
import { device, setDefaultDevice, Tensor, tidy } from '../../dist/index.js';

export const job = JSON.parse(readFileSync(0, 'utf8'));
setDefaultDevice(job.device);

/** Online steps that are queued one after the other, then waited for. */
export const IN_A_ROW = 20;

export const wave = (count, frequency, scale = 1) =>
  Float32Array.from({ length: count }, (_, n) => scale * Math.sin(frequency * (n + 1)));
export const tensor = (shape, frequency, scale) => Tensor.from(wave(shape.reduce((a, b) => a * b, 1), frequency, scale), shape);

/** Weights as sines with the variance of He's initialization, biases small. */
export function setWeights(model) {
  for (const [, p] of model.namedParameters()) {
    const fanIn = p.shape.length > 1 ? p.size / p.shape.at(-1) : 0;
    p.copyFrom(fanIn > 0 ? wave(p.size, 0.7, Math.sqrt(4 / fanIn)) : wave(p.size, 1.3, 0.05));
  }
}

/** Milliseconds of `body`: warm-ups, then at most `job.runs` runs within `job.budgetMs`, each waited for: median, quartiles. */
export async function milliseconds(body) {
  const run = () => {
    tidy(() => {
      body();
      return [];
    });
  };
  for (let k = 0; k < job.warmups; k++) run();
  await device().sync();
  return time(run, job.runs, job.budgetMs);
}

export function finish(result) {
  process.stdout.write(`${JSON.stringify({ ...result, peakBytes: device().memory().peak })}\n`);
}
