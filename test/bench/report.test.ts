// What the benchmarks say about what they measured: units, fits, sides that end, and where points stand in the pictures.
import { describe, expect, it } from 'vitest';
import { bytesNeeded, measure, sweep, type Measured, type Point } from '../../lib/bench/against.js';
import { learn, type Curve } from '../../lib/bench/learning.js';
import { learningChart, learningRow } from '../../lib/bench/learning-report.js';
import { comparedRun } from '../../lib/runs/comparisons.js';
import { summarize } from '../../lib/bench/measure.js';
import { exponents, HEADER, machine, row, sixDigits, sweepChart, type Sweep } from '../../lib/bench/report.js';
import { runSweep } from '../../lib/bench/run-sweep.js';
import { buildRun } from '../../lib/runs/run-config.js';
import { Trainer } from '../../lib/train/trainer.js';
import { all, parseXml, texts } from '../plot/picture-reader.js';

const shared = { batch: 4, steps: 3, runs: 2, budgetMs: 1, precision: 'float32' } as const;
const none = {
  forward: null,
  training: null,
  sequencesPerSecond: null,
  parameters: 0,
  peakBytes: 0,
  rssBytes: 0,
  boundShare: null,
};

/** A point whose step takes `forward` ms, and whose window grows with the power 1.5 of that. */
const measured = (point: Point, forward: number): Measured => ({
  ...point,
  ...none,
  forward: summarize([forward]),
  training: summarize([10 * forward ** 1.5]),
  peakBytes: 1e3 * point.cells,
});
/** A DNC that costs the square of its slots from 999 on and less than that below; a multigrid memory that costs its cells. */
const costOf = ({ side, cells, size }: Point): number => (
  side === 'multigrid' ? cells / 1e4 : size < 999 ? 1 : (size / 999) ** 2
);

describe('a sweep', () => {
  it('fits the DNC to its large memories alone, multigrid to all, and leaves out what was not measured', () => {
    const points = sweep(false).map((point) => measured(point, costOf(point)));
    const large = points.filter(({ side, size }) => side === 'dnc' && size >= 999).length;
    const fits = exponents([...points, { ...points.at(-1)!, ...none }]);
    expect(Object.keys(fits)).toEqual(['multigrid forward', 'multigrid training', 'dnc forward', 'dnc training']);
    for (const [name, { exponent, points: count }] of Object.entries(fits)) {
      const step = name.startsWith('dnc') ? 2 : 1; // cells are slots to the nearest sixteenth
      expect(exponent, name).toBeCloseTo(name.endsWith('forward') ? step : 1.5 * step, 3);
      expect(count, name).toBe(name.startsWith('dnc') ? large : 10);
    }
  });

  it('ends a side at the first point that does not fit, says so, and goes on with the other', async () => {
    const [asked, told]: [Point[], string[]] = [[], []];
    const ends = (point: Point): boolean => point.side === 'dnc' && point.cells > 16_000;
    const options = { against: 'dnc', isQuick: true, device: 'cpu', precision: 'float64' } as const;
    const result = await runSweep(options, (point) => told.push(row(point).join(' ')), (point) => {
      asked.push(point);
      return Promise.resolve(ends(point) ? { ...point, ...none, note: 'needs 99.0 GB' } : measured(point, costOf(point)));
    });
    const multigrid = (points: readonly Point[]): Point[] => points.filter(({ side }) => side === 'multigrid');
    expect(asked.filter(ends)).toHaveLength(1);
    expect(multigrid(asked)).toEqual(multigrid(sweep(true, 'float64')));
    expect(told).toHaveLength(asked.length);
    expect(told.filter((line) => line.includes('needs 99.0 GB'))).toHaveLength(1);
    expect(result.points.map(({ side, cells }) => [side, cells])).toEqual(asked.map(({ side, cells }) => [side, cells]));
    expect(result).toMatchObject({ device: 'cpu', precision: 'float64' });
    for (const { median, runs } of Object.values(result.inference)) expect(median > 0 && runs >= 2).toBe(true);
  });

  it('is written in milliseconds, sequences a second, megabytes and percent', () => {
    const point: Measured = {
      side: 'dnc',
      cells: 1600,
      size: 100,
      ...shared,
      parameters: 1234,
      forward: { median: 1.25, low: 1, high: 2, runs: 5 },
      training: { median: 50, low: 40, high: 60.5, runs: 5 },
      sequencesPerSecond: 80,
      peakBytes: 3e6,
      rssBytes: 70e6,
      boundShare: 0.755,
      note: 'a note',
    };
    expect(Object.fromEntries(HEADER.map((name, k) => [name, row(point)[k]]))).toEqual({
      'memory': 'dnc',
      'cells': '1600',
      'parameters': '1234',
      'step ms': '1.25 (1.00–2.00)',
      'window ms': '50.0 (40.0–60.5)',
      'sequences/s': '80.0',
      'tensors MB': '3',
      'RSS MB': '70',
      'of bound': '76 %',
      'note': 'a note',
    });
    expect(row({ ...point, ...none }).slice(3, 6)).toEqual(['–', '–', '–']);
  });

  it('is drawn with a curve of each side in each panel, its exponent in the legend', () => {
    const points = sweep(true).map((point) => measured(point, costOf(point)));
    const inference = { multigrid: summarize([1]), dnc: summarize([1]) };
    const of: Sweep = {
      date: '',
      device: 'cuda:7',
      precision: 'float64',
      machine: machine('avx2', 2),
      points,
      exponents: exponents(points),
      inference,
    };
    const svg = parseXml(sweepChart(of));
    const written = texts(svg);
    for (
      const text of [
        'one step, ms',
        'multigrid, exponent 1.00',
        'dnc, exponent 2.00',
        'training window of 20 steps, ms',
        'multigrid, exponent 1.50',
        'dnc, exponent 3.00',
        'peak memory, MB',
        'memory cells',
      ]
    ) expect(written).toContain(text);
    expect(written.some((text) => /^\d+M$/.test(text)), 'memory of up to 41 MB').toBe(false);
    expect(written.some((text) => text.includes('float64') && text.includes('cuda:7'))).toBe(true);
    expect(all(svg, 'circle')).toHaveLength(3 * points.length);
  });

  it('goes to JSON with six digits, and counts are whole', () => {
    expect(JSON.parse(JSON.stringify({ cells: 2_620_872, ms: 0.123456789, big: 1234567.89, none: null }, sixDigits))).toEqual(
      { cells: 2_620_872, ms: 0.123457, big: 1_234_570, none: null },
    );
  });
});

describe('a point', () => {
  const dnc: Point = { side: 'dnc', cells: 640, size: 40, ...shared };

  it('tells sequences a second, and for the DNC its share of the bound: links read and written once', async () => {
    const gigabyte = (): Promise<number> => Promise.resolve(1e9); // a second
    const [small, wide, multigrid] = [
      await measure(dnc, 1e9, () => 5e6, gigabyte),
      await measure({ ...dnc, precision: 'float64' }, 1e9, () => 5e6, gigabyte),
      await measure({ side: 'multigrid', cells: 3744, size: 2, ...shared }, 1e9, () => 5e6, gigabyte),
    ];
    for (const { training, sequencesPerSecond, peakBytes } of [small, wide, multigrid]) {
      expect(sequencesPerSecond).toBe((1000 * 4) / training!.median);
      expect(peakBytes).toBe(5e6);
    }
    // 4 samples of 40² links of 4 and 8 bytes, twice: 51.2 and 102.4 µs.
    expect(small.boundShare! * small.forward!.median).toBeCloseTo(0.0512, 10);
    expect(wide.boundShare! * wide.forward!.median).toBeCloseTo(0.1024, 10);
    expect(multigrid.boundShare).toBeNull();
  });

  it('without room for a window has a step alone, and says how much the window needs', async () => {
    const result = await measure(dnc, bytesNeeded(dnc, true) - 1, () => 0);
    expect(result.forward!.median).toBeGreaterThan(0);
    expect([result.training, result.sequencesPerSecond]).toEqual([null, null]);
    expect(result.note).toMatch(/^training needs \d+\.\d GB$/);
  });
});

describe('learning', () => {
  const curve = (
    model: Curve['model'],
    metric: string,
    values: readonly number[],
    better: Curve['better'] = 'higher',
  ): Curve => ({
    better,
    model,
    seed: 3,
    parameters: 10,
    memory: 20,
    steps: [500, 1000],
    seconds: [3000, 7000],
    cpuSeconds: [20, 40],
    loss: [8, 2],
    scores: values.map((value, k) => (
      { step: 500 * (k + 1), seconds: 3000 + 4000 * k, cpuSeconds: 20 * (k + 1), scores: { [metric]: value, other: 7 } }
    )),
  });

  it('a row has the last scores, and the best of them all', () => {
    expect(learningRow(curve('dnc', 'accuracy', [0.75, 0.5]))).toEqual([
      'dnc',
      '3',
      '10',
      '20',
      '1000',
      '7000',
      '40',
      'accuracy 0.5, other 7',
      '0.75 at 500',
    ]);
    expect(learningRow(curve('lstm', 'errorRate', [0.75, 0.5], 'lower')).at(-1)).toBe('0.5 at 1000');
  });

  it('the picture has loss and score over time steps, then over CPU seconds, for each model in its color', () => {
    const curves = [curve('multigrid', 'accuracy', [0.5, 0.75]), curve('dnc', 'accuracy', [0.5, 0.625])];
    const svg = parseXml(learningChart('copy', curves));
    const written = texts(svg);
    expect(['loss, nats a sequence', 'accuracy'].map((text) => written.filter((one) => one === text).length)).toEqual([2, 2]);
    // Ends of the axes: 1,000 steps twice, 40 CPU seconds twice; the 7,000 seconds on the wall are nowhere.
    expect(['1000', '40', '7000'].map((text) => written.filter((one) => one === text).length)).toEqual([2, 2, 0]);
    const lines = all(svg, 'path').filter(({ attributes }) => attributes['stroke-width'] === '2');
    const colors = lines.map(({ attributes }) => attributes['stroke']);
    expect(new Set(colors).size).toBe(2);
    expect(colors).toHaveLength(8);
  });

  it('notes what the trainer of that seed and that fall of the rate says, from update to update', async () => {
    const [run, steps] = [comparedRun('copy', 'dnc'), 80];
    const setup = buildRun({ ...run, seed: 2, steps, lr: { ...run.lr, steps } });
    using _model = setup.model;
    const expected: [number, number][] = []; // so short a run is noted at every update
    for await (const { step, loss } of new Trainer(setup).run({ steps })) expected.push([step, loss / run.batchSize]);
    const curve = await learn('dnc', 2, { task: 'copy', sides: ['dnc'], seeds: [2], steps, seconds: null }, () => {});
    expect(curve.steps.map((step, k) => [step, curve.loss[k]])).toEqual(expected);
    expect(expected.length).toBeGreaterThanOrEqual(3);
  });

  it('notes the loss of a time step where mazes are learned in windows: a new network is unsure of 144 cells', async () => {
    for (const side of ['multigrid', 'dnc'] as const) {
      const { loss } = await learn(side, 1, { task: 'map9', sides: [side], seeds: [1], steps: 20, seconds: null }, () => {});
      expect(loss[0]! / (144 * Math.LN2), side).toBeGreaterThan(0.9);
      expect(loss[0]! / (144 * Math.LN2), side).toBeLessThan(1.1);
    }
  });
});
