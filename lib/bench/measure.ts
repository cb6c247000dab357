// Times and how they are summed up.

import { native } from '../native.js';
import { device } from '../tensor/device.js';
import { Tensor } from '../tensor/tensor.js';

/** Milliseconds: median, and the quarter and three-quarter points. */
export interface Times {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly runs: number;
}

export function summarize(times: readonly number[]): Times {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { median: at(0.5), low: at(0.25), high: at(0.75), runs: sorted.length };
}

/** Runs `body` and all it queues once to warm up, then until `runs` times or `budgetMs` are used up, at least twice. */
export async function time(body: () => void, runs: number, budgetMs: number): Promise<Times> {
  const once = async (): Promise<number> => {
    const start = performance.now();
    body();
    await device().sync();
    return performance.now() - start;
  };
  await once();
  const times: number[] = [];
  const began = performance.now();
  while (times.length < 2 || (times.length < runs && performance.now() - began < budgetMs)) times.push(await once());
  return summarize(times);
}

/**
 * Bytes per second of p ← p − g on arrays far larger than any cache, by all threads: two read, one written in place; the best of
 * several.
 */
export async function memoryBandwidth(bytes = 2 ** 28): Promise<number> {
  using p = Tensor.zeros([bytes / 4]);
  using g = Tensor.zeros([bytes / 4]);
  const times: number[] = [];
  for (let k = 0; k < 8; k++) {
    const start = performance.now();
    native().sgdStep([p.storage('bench')], [g.storage('bench')], [], null, Int32Array.of(0), Infinity, 1, 0, 0);
    await device().sync();
    times.push(performance.now() - start);
  }
  return (3 * bytes) / (Math.min(...times) / 1000);
}

/**
 * A power law through points: the slope of log y over log x by least squares, and its standard error (NaN for too few points).
 */
export interface Fit {
  readonly exponent: number;
  readonly error: number;
  readonly points: number;
}

export function fitPower(points: readonly (readonly [x: number, y: number])[]): Fit {
  const count = points.length;
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const mean = (k: 0 | 1): number => logs.reduce((sum, p) => sum + p[k], 0) / count;
  const [mx, my] = [mean(0), mean(1)];
  const spread = logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  const exponent = count < 2 ? NaN : logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / spread;
  const missed = logs.reduce((sum, [x, y]) => sum + (y - my - exponent * (x - mx)) ** 2, 0);
  return { exponent, error: count < 3 ? NaN : Math.sqrt(missed / (count - 2) / spread), points: count };
}
