// Axes: where a value lies, and which values get a tick.
// Ours, in 65 lines: d3-scale and d3-shape would replace forty lines by ten packages and 0.8 MB, for all users.

/** An axis from data to px. `ticks` are values worth a label, in rising order, all inside the domain. */
export interface Scale {
  readonly domain: readonly [number, number];
  readonly ticks: readonly number[];
  /** Position in px; NaN for a value that has none (NaN, or ≤ 0 on a logarithmic axis). */
  at(value: number): number;
}

/** Rounds a step up to 1, 2 or 5 times a power of ten. */
export function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** A linear axis over [low, high], with about `count` ticks; `isWidened` moves the ends out to whole ticks. */
export function linearScale(low: number, high: number, from: number, to: number, count: number, isWidened: boolean): Scale {
  const size = Math.max(Math.abs(low), Math.abs(high));
  const isPoint = !(high - low > Math.max(size * 1e-12, 1e-300));
  const half = size > 1e-290 ? size / 2 : 0.5;
  const [first, last] = isPoint ? [low - half, low + half] : [low, high];
  const step = niceStep((last - first) / Math.max(1, count));
  const [begin, end] = isWidened
    ? [Math.floor(first / step + 1e-9), Math.ceil(last / step - 1e-9)]
    : [Math.ceil(first / step - 1e-9), Math.floor(last / step + 1e-9)];
  const ticks = Array.from({ length: end - begin + 1 }, (_, i) => tidyNumber((begin + i) * step));
  const domain: [number, number] = isWidened ? [tidyNumber(begin * step), tidyNumber(end * step)] : [first, last];
  const slope = (to - from) / (domain[1] - domain[0]);
  return { domain, ticks, at: (value) => from + (value - domain[0]) * slope };
}

/** A logarithmic axis over [low, high], both positive: ticks at powers of ten, and at 2 and 5 of each where there is room. */
export function logScale(low: number, high: number, from: number, to: number): Scale {
  const [first, last] = high > low * (1 + 1e-12) ? [low, high] : [low / 2, low * 2];
  const decades = Math.log10(last / first);
  const factors = decades <= 2.2 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / 8));
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(first)); power <= Math.ceil(Math.log10(last)); power += 1) {
    if (power % every === 0) all.push(...factors.map((factor) => tidyNumber(factor * 10 ** power)));
  }
  const below = all.findLast((tick) => tick <= first * (1 + 1e-9));
  const above = all.find((tick) => tick >= last * (1 - 1e-9));
  // The ends move out to a tick only if that costs little room.
  const domain: [number, number] = [
    below !== undefined && below > first / 1.6 ? below : first,
    above !== undefined && above < last * 1.6 ? above : last,
  ];
  const ticks = all.filter((tick) => tick >= domain[0] * (1 - 1e-9) && tick <= domain[1] * (1 + 1e-9));
  const slope = (to - from) / Math.log(domain[1] / domain[0]);
  return { domain, ticks, at: (value) => (value > 0 ? from + Math.log(value / domain[0]) * slope : NaN) };
}

const tidyNumber = (value: number): number => Number(value.toPrecision(12));

/** A tick as people write it: 0.05, 2.5, 12k, 1.5M, 1e-6. */
export function tickLabel(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return value.toExponential().replace('e+', 'e');
  if (size >= 1e6) return `${tidyNumber(value / 1e6)}M`;
  if (size >= 1e4) return `${tidyNumber(value / 1e3)}k`;
  return String(tidyNumber(value));
}
