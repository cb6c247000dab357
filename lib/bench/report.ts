// A sweep as data, table and picture.

import { cpus, totalmem } from 'node:os';
import { fitPower, type Fit, type Times } from './measure.js';
import { trafficOf, type Measured, type Side } from './against.js';
import { kindOf } from '../runs/kinds.js';
import { lineChart, type Series } from '../plot/line-chart.js';

export interface Sweep {
  readonly date: string;
  readonly machine: {
    readonly cpu: string;
    readonly threads: number;
    readonly memoryGB: number;
    readonly simd: string;
    readonly node: string;
  };
  readonly device: string;
  readonly precision: string;
  readonly points: readonly Measured[];
  /** Power of the cells that time grows with: over all points; where a step has a bound, over those from {@link FIT_FROM} on. */
  readonly exponents: Readonly<Record<string, Fit>>;
  /** One step, one sample, 8K memory, 15×15 maps (Huynh, Maire, Walter 2020, appendix D). */
  readonly inference: Readonly<Partial<Record<Side, Times>>>;
}

export function machine(simd: string, threads: number): Sweep['machine'] {
  return { cpu: cpus()[0]?.model ?? process.arch, threads, memoryGB: Math.round(totalmem() / 1e9), simd, node: process.version };
}

/** Numbers in JSON to six digits; whole ones, which count something, as they are. */
export const sixDigits = (_key: string, value: unknown): unknown => (
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value
);

/** Slots: below, the parts of a DNC's step that grow linearly still count. */
export const FIT_FROM = 999;

/** Multigrid first. */
function sidesOf(points: readonly Measured[]): Side[] {
  return [...new Set<Side>(['multigrid', ...points.map(({ side }) => side)])];
}

export function exponents(points: readonly Measured[]): Record<string, Fit> {
  const fit = (side: Side, what: 'forward' | 'training'): Fit =>
    fitPower(points.flatMap((p) => {
      const times = p[what];
      const isSmall = trafficOf(side, p.cells) !== undefined && p.size < FIT_FROM;
      return p.side !== side || times === null || isSmall ? [] : [[p.cells, times.median] as const];
    }));
  const both = ['forward', 'training'] as const;
  return Object.fromEntries(sidesOf(points).flatMap((side) => both.map((what) => [`${side} ${what}`, fit(side, what)])));
}

const ms = (t: Times | null): string => (
  t === null ? '–' : `${t.median.toPrecision(3)} (${t.low.toPrecision(3)}–${t.high.toPrecision(3)})`
);

export const HEADER = [
  'memory',
  'cells',
  'parameters',
  'step ms',
  'window ms',
  'sequences/s',
  'tensors MB',
  'RSS MB',
  'of bound',
  'note',
] as const;

export function row(p: Measured): string[] {
  const share = p.boundShare === null ? '–' : `${(100 * p.boundShare).toFixed(0)} %`;
  return [
    p.side,
    String(p.cells),
    String(p.parameters),
    ms(p.forward),
    ms(p.training),
    p.sequencesPerSecond?.toPrecision(3) ?? '–',
    (p.peakBytes / 1e6).toFixed(0),
    (p.rssBytes / 1e6).toFixed(0),
    share,
    p.note ?? '',
  ];
}

/** Time of a step and of a training window, and memory, over the size of the memory; both axes logarithmic. */
export function sweepChart({ points, exponents: slopes, device, precision, machine: { cpu, threads } }: Sweep): string {
  const sides = sidesOf(points);
  const series = (of: (p: Measured) => number | null, slope?: 'forward' | 'training'): Series[] =>
    sides.map((side) => {
      const shown = points.filter((p) => p.side === side && of(p) !== null);
      const name = slope === undefined ? side : `${side}, exponent ${(slopes[`${side} ${slope}`]?.exponent ?? NaN).toFixed(2)}`;
      return { name, x: shown.map((p) => p.cells), y: shown.map((p) => of(p)!), hasMarkers: true };
    });
  return lineChart({
    title: `Cost of memory: ${sides.map((side) => kindOf(side).title).join(' and ')}`,
    subtitle: `batch 32, ${precision}, ${device}, ${threads} threads, ${cpu}`,
    xLabel: 'memory cells',
    xScale: 'log',
    panels: [
      { title: 'one step, ms', yScale: 'log', series: series((p) => p.forward?.median ?? null, 'forward') },
      { title: 'training window of 20 steps, ms', yScale: 'log', series: series((p) => p.training?.median ?? null, 'training') },
      { title: 'peak memory, MB', yScale: 'log', series: series((p) => (p.peakBytes > 0 ? p.peakBytes / 1e6 : null)) },
    ],
  });
}
