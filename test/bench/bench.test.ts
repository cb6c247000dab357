import { describe, expect, it } from 'vitest';
import { models } from '../../lib/index.js';
import { ladder, measure, sweep } from '../../lib/bench/against.js';
import { learn } from '../../lib/bench/learning.js';
import { LEARNING_HEADER, learningChart, learningRow, scoredLine } from '../../lib/bench/learning-report.js';
import { COMPARED_TASKS, comparedRun } from '../../lib/runs/comparisons.js';
import { networkShares, peakFlops, SHARE_HEADER, shareRow, type NetworkShare } from '../../lib/bench/kernels.js';
import { KIND_NAMES } from '../../lib/runs/kinds.js';
import { fitPower, summarize } from '../../lib/bench/measure.js';
import { exponents, FIT_FROM, HEADER, machine, row, sweepChart } from '../../lib/bench/report.js';
import { checkRunConfig } from '../../lib/runs/run-config.js';
import type { RunConfig } from '../../lib/runs/run.js';
import { parseXml, texts } from '../plot/picture-reader.js';

describe('bench', () => {
  it('compares equal numbers of memory cells, in rising order, and fits the DNC to four points or more', () => {
    for (const isQuick of [true, false]) {
      const points = sweep(isQuick);
      const dnc = points.filter(({ side }) => side === 'dnc');
      expect(points.map(({ cells }) => cells)).toEqual(points.map(({ cells }) => cells).toSorted((a, b) => a - b));
      for (const { cells } of points.filter(({ side }) => side === 'multigrid')) {
        expect(Math.min(...dnc.map((p) => Math.abs(p.cells - cells)))).toBeLessThanOrEqual(8);
      }
      expect(dnc.filter(({ size }) => size >= FIT_FROM).length).toBeGreaterThanOrEqual(4);
    }
    expect(models.estimate(ladder(2, 2), { batch: 1, steps: 1 }).memoryCells).toBe(8 * (2 * 45 + 2 * 189));
  });

  it('finds the exponent of a power law, its error, and the quartiles of times', () => {
    const exact = fitPower([1, 10, 100].map((x) => [x, 3 * x ** 1.7]));
    expect(exact.exponent).toBeCloseTo(1.7, 12);
    expect(exact.error).toBeLessThan(1e-12); // rounding alone
    // log y = 0, 1, 1 at log x = 0, 1, 2: slope 1/2, residuals -1/6, 1/3, -1/6, so the error is sqrt(1/6 / 1 / 2)
    const bent = fitPower([[1, 1], [Math.E, Math.E], [Math.E ** 2, Math.E]]);
    expect(bent.exponent).toBeCloseTo(0.5, 12);
    expect(bent.error).toBeCloseTo(Math.sqrt(1 / 12), 12);
    expect(fitPower([[1, 1]])).toEqual({ exponent: NaN, error: NaN, points: 1 });
    expect(summarize([4, 1, 3, 2, 5])).toEqual({ median: 3, low: 2, high: 4, runs: 5 });
  });

  it('says what share of the peak each network of a preset reaches, by operations counted by hand', async () => {
    const options = { runs: 2, budgetMs: 1, threads: 1 };
    const shares = async (limitBytes: number): Promise<NetworkShare[]> => {
      const rows: NetworkShare[] = [];
      for await (const row of networkShares('map9', { ...options, limitBytes })) rows.push(row);
      return rows;
    };
    const [writer, reader] = await shares(1e9);
    // cells · channels in · 4C of each layer and level; times 9 taps, 2, 20 steps and 32 episodes
    const layers = [9 * 8 * 16, 45 * 8 * 16, 45 * 16 * 32, (45 * 24 + 144 * 16) * 32, (9 * 24 + 36 * 32 + 144 * 24) * 32];
    const gflop = layers.reduce((sum, n) => sum + n * 9 * 2 * 20 * 32, 0) / 1e9;
    expect(writer).toMatchObject({ preset: 'map9', network: 'writer', batch: 32, steps: 20, gflop });
    expect(reader).toMatchObject({ preset: 'map9', network: 'reader', batch: 32, steps: 20 });
    for (const { forward, training, forwardShare, trainingShare, gflop: work } of [writer!, reader!]) {
      expect(forward!.median).toBeGreaterThan(0);
      expect(training!.median).toBeGreaterThan(0);
      // a training pass counts as three passes forward, beside one and the same peak
      expect((forwardShare! * forward!.median) / work).toBeCloseTo((trainingShare! * training!.median) / work / 3, 9);
    }
    expect(peakFlops()).toBeGreaterThan(1e9); // one vector of four lanes at a gigahertz would do several
    const refused = await shares(1e6);
    expect(refused.map(({ forward, trainingShare }) => [forward, trainingShare])).toEqual([[null, null], [null, null]]);
    for (const row of [writer!, refused[0]!]) expect(shareRow(row)).toHaveLength(SHARE_HEADER.length);
  });

  it('measures a point of each side, refuses one that does not fit, and draws the result', async () => {
    const shared = { batch: 2, steps: 3, runs: 2, budgetMs: 1, precision: 'float32' } as const;
    const points = [
      await measure({ side: 'multigrid', cells: 3744, size: 2, ...shared }, 1e9, () => 5e6),
      await measure({ side: 'dnc', cells: 320, size: 20, ...shared }, 1e9, () => 5e6),
      await measure({ side: 'dnc', cells: 320, size: 20, ...shared }, 10, () => 0),
    ];
    expect(points[1]!.parameters).toBeGreaterThan(100_000);
    expect(points[2]).toMatchObject({ forward: null, training: null });
    expect(points.map(row).every((cells) => cells.length === HEADER.length)).toBe(true);
    const inference = { multigrid: summarize([1]), dnc: summarize([1]) };
    const sweepOf = {
      date: '',
      device: 'cpu',
      precision: 'float32',
      machine: machine('avx2', 2),
      points,
      exponents: exponents(points),
      inference,
    };
    expect(sweepChart(sweepOf)).toContain('<svg');
  });

  it.each(COMPARED_TASKS)('describes a run of each model on %s, with the same episodes', (task) => {
    const [multigrid, ...others] = KIND_NAMES.map((side) => checkRunConfig(comparedRun(task, side)));
    const episodes = (run: RunConfig): unknown => ({ ...run.task, presentation: undefined });
    for (const other of others) {
      expect(episodes(other)).toEqual(episodes(multigrid!));
      expect([other.steps, other.batchSize]).toEqual([multigrid!.steps, multigrid!.batchSize]);
    }
  });

  it('notes the loss of a sequence, which starts at ln 2 for each of its bits', async () => {
    // 18 bits are due. A network that is new says 0 or 1 with probabilities near ½, and one update moves it little:
    // within a tenth.
    for (const side of ['multigrid', 'dnc'] as const) {
      const { loss } = await learn(
        side,
        1,
        { task: 'associative-recall', sides: [side], seeds: [1], steps: 1, seconds: null },
        () => {},
      );
      expect(Math.abs(loss[0]! / (18 * Math.LN2) - 1)).toBeLessThan(0.1);
    }
  });

  it.each(KIND_NAMES)('trains %s on copy for some steps', async (side) => {
    const lines: string[] = [];
    const curve = await learn(
      side,
      1,
      { task: 'copy', sides: [side], seeds: [1], steps: 60, seconds: null },
      (scored) => lines.push(scoredLine(scored)),
    );
    expect(curve.scores.at(-1)!.step).toBeGreaterThanOrEqual(60);
    expect(lines).toHaveLength(curve.scores.length);
    expect(lines.at(-1)).toMatch(new RegExp(`^copy ${side} seed 1: \\d+ steps, \\d+ s, accuracy `));
    expect(curve.loss.every((loss) => Number.isFinite(loss) && loss > 0)).toBe(true);
    expect(learningRow(curve)).toHaveLength(LEARNING_HEADER.length);
    const axes = texts(parseXml(learningChart('copy', [curve])))
      .filter((text) => text === 'time steps' || text === 'CPU seconds of training');
    expect(axes).toEqual(['time steps', 'time steps', 'CPU seconds of training', 'CPU seconds of training']);
  });

  it('a run ends when its seconds are used up', async () => {
    const curve = await learn('dnc', 1, { task: 'copy', sides: ['dnc'], seeds: [1], steps: null, seconds: 1e-6 }, () => {});
    expect(curve.scores).toHaveLength(1);
  });
});
