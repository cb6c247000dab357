// Every figure of bench/README.md is that of the committed results, and those of the README are those of bench/README.md.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { NetworkShare } from '../lib/bench/kernels.js';
import type { Curve } from '../lib/bench/learning.js';
import { ladder } from '../lib/bench/against.js';
import type { Sweep } from '../lib/bench/report.js';
import type { Times } from '../lib/bench/measure.js';
import { models } from '../lib/index.js';
import { comparedRun } from '../lib/runs/comparisons.js';
import type { KindName } from '../lib/runs/kinds.js';
import type { RunConfig } from '../lib/runs/run.js';
import { readSteps, stepTable } from '../lib/reproduction/figures.js';
import { costTable } from '../lib/reproduction/costs.js';
import { readRecords, reportTable, taskTable } from '../lib/reproduction/report.js';
import { measured, measuredTable, readme } from './helpers/readme.js';

const results = <T>(name: string): T => (
  JSON.parse(readFileSync(new URL(`../bench/results/${name}.json`, import.meta.url), 'utf8')) as T
);
/** The page in one line. */
const prose = measured.replaceAll('\n', ' ');
const numberOf = (text: string): number => Number(text.replaceAll(/[, %]/g, ''));
/** The figure as the page rounds it: to as many decimals as are printed. */
function expectFigure(text: string, value: number, where: string): void {
  const decimals = text.split('.')[1]?.replace(/\D/g, '').length ?? 0;
  const most = 0.5 * 10 ** -decimals * (1 + 1e-9); // a half may be rounded either way
  expect(Math.abs(numberOf(text) - value), `${where}: ${text} for ${value}`).toBeLessThanOrEqual(most);
}

interface KernelsFile {
  readonly machine: Sweep['machine'];
  readonly peakGflops: number;
  readonly rows: readonly NetworkShare[];
}
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

describe('what bench/README.md says was measured', () => {
  const sweep = results<Sweep>('against-dnc');

  it('shares of the peak, on both sets of instructions', () => {
    const runs = ['avx512', 'avx2'].map((path) => results<KernelsFile>(`shares-${path}`));
    expect(runs.map(({ machine: { simd, threads } }) => [simd, threads])).toEqual([['avx512', 1], ['avx2', 1]]);
    const table = measuredTable('network', 'AVX-512: forward', 'training', 'AVX2: forward', 'training');
    expect(table.map(([name]) => name)).toEqual(runs[0]!.rows.map(({ preset, network }) => `\`${preset}\` ${network}`));
    for (const [at, cells] of table.entries()) {
      const shown = cells.slice(1).map((cell) => /^([\d,.]+) ms, (\d+) %$/.exec(cell)!.slice(1));
      runs.forEach(({ rows }, k) => {
        const { forward, training, forwardShare, trainingShare } = rows[at]!;
        ([[forward, forwardShare], [training, trainingShare]] as const).forEach(([times, share], pass) => {
          const [ms, percent] = shown[2 * k + pass] as [string, string];
          expectFigure(ms, times!.median, cells[0]!);
          expectFigure(percent, 100 * share!, cells[0]!);
        });
      });
    }
    const [, ...peaks] = /peak of ([\d.]+) GFLOP\/s with AVX-512 and ([\d.]+) with AVX2/.exec(prose)!;
    runs.forEach(({ peakGflops }, k) => expectFigure(peaks[k]!, peakGflops, 'peak'));
  });

  it('exploration of 9×9 mazes', () => {
    interface Scores extends Record<string, number | null> {
      readonly coverage100: number;
      readonly reward: number;
    }
    interface Agent {
      readonly cpuSeconds: number;
      readonly sampled: Scores;
      readonly greedy: Scores;
      readonly memoryZeroed: Scores;
      readonly memoryOfAnotherMaze: Scores;
      readonly long: Record<string, number>;
    }
    const { reference, agents } = results<{ reference: Record<string, Scores>; agents: Agent[] }>('explore9');
    const rows = measuredTable('who walks', 'visited after 100 steps', 'reward', 'steps to 90 %, median');
    const [frontier, depthFirst, leastVisited, noUturn, free, uniform] = [
      'frontier',
      'depthFirst',
      'leastVisited',
      'noUturn',
      'free',
      'uniform',
    ].map((name) => [reference[name]!]);
    const of = (key: 'sampled' | 'greedy' | 'memoryZeroed' | 'memoryOfAnotherMaze') => agents.map((agent) => agent[key]);
    const expected = [
      frontier,
      depthFirst,
      leastVisited,
      of('sampled'),
      of('greedy'),
      noUturn,
      free,
      of('memoryOfAnotherMaze'),
      uniform,
      of('memoryZeroed'),
    ];
    expect(rows).toHaveLength(expected.length);
    rows.forEach(([name, coverage, reward, steps], row) => {
      const scores = expected[row]!;
      coverage!.split(', ').forEach((text, k) => expectFigure(text, 100 * scores[k]!.coverage100, name!));
      reward!.split(', ').forEach((text, k) => expectFigure(text, scores[k]!.reward, name!));
      expect(steps).toBe(scores.map(({ steps90 }) => steps90 ?? '–').join(', '));
    });
    for (const { sampled, memoryZeroed, memoryOfAnotherMaze } of agents) {
      expect(sampled.coverage100).toBeGreaterThan(reference['noUturn']!.coverage100);
      expect(Math.max(memoryZeroed.coverage100, memoryOfAnotherMaze.coverage100)).toBeLessThan(sampled.coverage100 - 0.2);
    }
    const [{ long }] = agents as [Agent];
    const [, ...seen] = /After 250, 500 and 1,000 steps it has visited ([\d.]+), ([\d.]+) and ([\d.]+) %/.exec(prose)!;
    ['coverage250', 'coverage500', 'coverage1000'].forEach((key, k) => expectFigure(seen[k]!, 100 * long[key]!, key));
    const [, ...own] = /finds places with precision ([\d.]+), recall ([\d.]+) and F ([\d.]+) %/.exec(prose)!;
    ['precision', 'recall', 'f'].forEach((key, k) => expectFigure(own[k]!, 100 * long[key]!, key));
    const [, ...walks] = /free walks of the same length with ([\d.]+), ([\d.]+) and ([\d.]+) %/.exec(prose)!;
    ['precision', 'recall', 'f'].forEach((key, k) => expectFigure(walks[k]!, 100 * long[`random.${key}`]!, key));
    const [, least, most] = /after 800,000 steps, (\d+) to (\d+) seconds/.exec(prose)!;
    const seconds = agents.map(({ cpuSeconds }) => cpuSeconds);
    expectFigure(least!, Math.min(...seconds), 'seconds');
    expectFigure(most!, Math.max(...seconds), 'seconds');
  });

  it('exploration of 25×25 mazes', () => {
    type Scores = Readonly<Record<'coverage250' | 'coverage500' | 'coverage1000' | 'reward', number>>;
    type Kind = 'sampled' | 'greedy' | 'memoryZeroed' | 'memoryOfAnotherMaze' | 'localisation';
    interface Explored {
      readonly reference: Readonly<Record<string, Scores>>;
      readonly agents: readonly [Readonly<Record<Kind, Scores & { readonly 'f': number; readonly 'random.f': number }>>];
    }
    const { reference: policy, agents: [agent] } = results<Explored>('explore25');
    const expected: readonly (Scores | undefined)[] = [
      ...[policy['frontier'], policy['depthFirst'], policy['leastVisited'], policy['noUturn']],
      ...[agent.sampled, agent.greedy, policy['free'], agent.memoryOfAnotherMaze, policy['uniform'], agent.memoryZeroed],
    ];
    const rows = measuredTable('who walks', 'visited after 250 steps', 'after 500', 'after 1,000', 'reward after 1,000');
    expect(rows).toHaveLength(expected.length);
    rows.forEach(([name, ...cells], row) => {
      const { coverage250, coverage500, coverage1000, reward } = expected[row]!;
      [100 * coverage250, 100 * coverage500, 100 * coverage1000, reward].forEach((value, k) =>
        expectFigure(cells[k]!, value, name!)
      );
    });
    expect(Math.max(agent.memoryZeroed.reward, agent.memoryOfAnotherMaze.reward)).toBeLessThan(agent.sampled.reward - 200);
    const [, own, random] = /F ([\d.]+) % on the policy's paths, ([\d.]+) % on free walks/.exec(prose)!;
    expectFigure(own!, 100 * agent.localisation.f, 'F of own paths');
    expectFigure(random!, 100 * agent.localisation['random.f'], 'F of free walks');
  });

  it('costs of a larger memory', () => {
    const table = measuredTable(
      'memory cells',
      'DNC slots',
      'step: multigrid',
      'DNC',
      'window: multigrid',
      'DNC',
      'GB: multigrid',
      'DNC',
    );
    const of = (side: string): Sweep['points'] => sweep.points.filter((point) => point.side === side);
    expect(table.map(([cells]) => numberOf(cells!))).toEqual(of('multigrid').map(({ cells }) => cells));
    of('multigrid').forEach((multigrid, k) => {
      const [, slots, step, dncStep, window, dncWindow, memory, dncMemory] = table[k]! as [string, ...string[]];
      expect(numberOf(slots!)).toBe(Math.round(multigrid.cells / 16));
      const shape = ladder(Math.floor(multigrid.size), multigrid.size % 1 === 0 ? 2 : 1);
      expect(models.estimate(shape, { batch: 1, steps: 1 }).memoryCells).toBe(multigrid.cells);
      const dnc = of('dnc').find((point) => point.size === numberOf(slots!));
      const shows = (text: string, times: Times | null | undefined, note: string | undefined, what: string): void => {
        if (times) expectFigure(text, times.median, `${multigrid.cells} ${what}`);
        else if (note === undefined) expect(text).toBe('–');
        else expectFigure(/^needs (\d+) GB$/.exec(text)![1]!, Number(/needs ([\d.]+) GB/.exec(note)![1]), what);
      };
      shows(step!, multigrid.forward, multigrid.note, 'step');
      shows(window!, multigrid.training, multigrid.note, 'window');
      shows(dncStep!, dnc?.forward, dnc?.note, 'DNC step');
      shows(dncWindow!, dnc?.training, dnc?.forward === null ? undefined : dnc?.note, 'DNC window');
      expectFigure(memory!, multigrid.rssBytes / 1e9, 'GB');
      if (dnc && dnc.forward !== null) expectFigure(dncMemory!, dnc.rssBytes / 1e9, 'DNC GB');
      else expect(dncMemory).toBe('–');
    });
  });

  it('the powers that they grow with, and the setting of the paper', () => {
    const fit = String.raw`(\S+) ± (\S+)`;
    const sentence = `to the power ${fit} for a multigrid step and ${fit} for a window, ${fit} and ${fit} for the DNC`;
    const powers = new RegExp(sentence).exec(prose)!.slice(1);
    ['multigrid forward', 'multigrid training', 'dnc forward', 'dnc training'].forEach((name, k) => {
      expectFigure(powers[2 * k]!, sweep.exponents[name]!.exponent, name);
      expectFigure(powers[2 * k + 1]!, sweep.exponents[name]!.error, `error of ${name}`);
    });
    const [, dnc, multigrid] = /a step by `model.step` takes (\S+) ms, that of `map15-8k` (\S+) ms/.exec(prose)!;
    expectFigure(dnc!, sweep.inference.dnc!.median, 'inference');
    expectFigure(multigrid!, sweep.inference.multigrid!.median, 'inference');
    expectFigure(/with (\d+) GB, medians/.exec(prose)![1]!, sweep.machine.memoryGB, 'memory');
    interface Axis {
      exponentOfCellsTimesChannels: { forward: number; training: number };
    }
    const { axes } = results<{ axes: Record<string, Axis> }>('linear-cost');
    const linear = [
      /exponent is (\S+) for a step forward and (\S+) with backward/,
      /by more layers (\S+) and (\S+);/,
      /by wider ones [^(]* to the power (\S+) and (\S+) \(/,
    ].flatMap((pattern) => pattern.exec(prose)!.slice(1));
    ['finer levels', 'more layers', 'more channels'].forEach((axis, k) => {
      expectFigure(linear[2 * k]!, axes[axis]!.exponentOfCellsTimesChannels.forward, axis);
      expectFigure(linear[2 * k + 1]!, axes[axis]!.exponentOfCellsTimesChannels.training, axis);
    });
  });

  it('what was learned', () => {
    const of = (name: string): Curve[] => results<{ curves: Curve[] }>(name).curves;
    const curves = {
      'copy': of('learning-copy'),
      'associative recall': of('learning-recall'),
      'copy of 1 to 20': of('learning-copy-20'),
      'recall of 3 to 6 pairs': of('learning-recall-pairs'),
      'sort of 20, the best 16': of('learning-sort-best'),
    };
    const table = measuredTable(
      'task',
      'model',
      'parameters',
      'memory',
      'time steps',
      'sequences',
      'seconds of one core',
      'wrong bits per sequence',
      'right bits',
    );
    expect(table).toHaveLength(14);
    for (const [task, name, parameters, memory, steps, , seconds, wrong, right] of table as string[][]) {
      const where = `${task} ${name}`;
      const runs = curves[task as keyof typeof curves].filter(({ model }) => model === name!.split(',')[0]!.toLowerCase());
      expect(runs.length, where).toBeGreaterThan(0);
      for (const run of runs) expect([run.parameters, run.memory]).toEqual([numberOf(parameters!), numberOf(memory!)]);
      const last = runs.map(({ scores }) => scores.at(-1)!);
      const past = last.map(({ step }) => step - numberOf(steps!)); // a run ends with an episode
      expect(past.every((few) => few >= 0 && few < 40), where).toBe(true);
      const [least, most = least] = seconds!.split(' to ');
      expectRounded(least!, Math.min(...last.map(({ cpuSeconds }) => cpuSeconds)), where);
      expectRounded(most!, Math.max(...last.map(({ cpuSeconds }) => cpuSeconds)), where);
      figuresOf(wrong!, last.length).forEach((figure, k) => expectFigure(figure, last[k]!.scores['bitErrors']!, where));
      figuresOf(right!, last.length).forEach((figure, k) => expectFigure(figure, 100 * last[k]!.scores['accuracy']!, where));
    }
  });

  it.each(['copy-20', 'recall-pairs', 'sort-best'] as const)(
    '%s was learned with the settings that the comparison has',
    (task) => {
      const { runs, curves } = results<{ runs: Record<string, RunConfig>; curves: Curve[] }>(`learning-${task}`);
      expect(Object.keys(runs)).toEqual([...new Set(curves.map(({ model }) => model))]);
      for (const [kind, run] of Object.entries(runs)) {
        const own = comparedRun(task, kind as KindName);
        expect(run).toEqual({ ...own, steps: run.steps, lr: { ...own.lr, steps: run.steps } });
      }
    },
  );

  it('how SAM and DAM came to sort', () => {
    const { curves } = results<{ curves: Curve[] }>('learning-sort-best');
    const [, way, cost, dense] = /SAM has (.*?), where they cost (\S+) bits .* figure 2: it has (.*?), at a quarter/.exec(prose)!;
    for (const [model, text, count] of [['sam', way!, 4], ['dam', dense!, 3]] as const) {
      const { scores } = curves.find((curve) => curve.model === model)!;
      const points = [...text.matchAll(/([\d.]+) (?:wrong )?after ([\d,]+)/g)];
      expect(points).toHaveLength(count);
      for (const [, figure, step] of points) {
        const scored = scores.find((score) => score.step >= numberOf(step!))!;
        expectFigure(figure!, scored.scores['bitErrors']!, `${model} after ${step}`);
      }
    }
    expectFigure(cost!, curves.find(({ model }) => model === 'sam')!.scores.at(-1)!.scores['bits']!, 'cost');
  });

  it('who maps a maze', () => {
    const { curves } = results<{ curves: Curve[] }>('learning-map9');
    const table = measuredTable('', 'parameters', 'memory', 'F', 'precision', 'recall', 'seconds of one core');
    expect(table).toHaveLength(2);
    for (const [name, parameters, memory, f, precision, recall, seconds] of table as string[][]) {
      const runs = curves.filter(({ model }) => model === name!.split(',')[0]!.toLowerCase());
      const last = runs.map(({ scores }) => scores.at(-1)!);
      expect(last.every(({ step }) => step >= 35_000 && step < 35_049), name).toBe(true);
      for (const run of runs) expect([run.parameters, run.memory]).toEqual([numberOf(parameters!), numberOf(memory!)]);
      Object.entries({ f, precision, recall }).forEach(([score, text]) => {
        figuresOf(text!, last.length).forEach((figure, k) => expectFigure(figure, last[k]!.scores[score]!, `${name} ${score}`));
      });
      const [least, most] = seconds!.split(' to ');
      expectRounded(least!, Math.min(...last.map(({ cpuSeconds }) => cpuSeconds)), name!);
      expectRounded(most!, Math.max(...last.map(({ cpuSeconds }) => cpuSeconds)), name!);
    }
  });

  it('how map9 learns', () => {
    interface Scores {
      steps: number[];
      f: number[];
    }
    interface Learning {
      steps: number[];
      f: Record<string, number[]>;
      swing: Scores;
      start: { f: number };
    }
    const { steps, f, swing, start } = results<Learning>('map9-learning');
    const [, when, scores] = /\(seed 1 at steps ([\d, ]+): ([\d., ]+)\)/.exec(prose)!;
    expect(when!.split(', ').map(numberOf)).toEqual(swing.steps);
    scores!.split(', ').forEach((figure, k) => expectFigure(figure, swing.f[k]!, `F at ${swing.steps[k]}`));
    expectFigure(/ends at F (\S+) on 256 mazes/.exec(prose)![1]!, start.f, 'npm start');
    const head = /^\| time steps \| (.*) \|$/m.exec(measured)![1]!.split(' | ');
    expect(head.map(numberOf)).toEqual(steps);
    const [medians, ranges] = measuredTable('time steps', ...head) as [string[], string[]];
    steps.forEach((step, k) => {
      const values = [1, 2, 3].map((seed) => f[`seed ${seed}`]![k]!);
      expectFigure(medians[k + 1]!, median(values), `F at ${step}`);
      const [lowest, highest] = ranges[k + 1]!.split(', ');
      expectFigure(lowest!, Math.min(...values), `lowest F at ${step}`);
      expectFigure(highest!, Math.max(...values), `highest F at ${step}`);
    });
  });

  it('a step of a session beside PyTorch', () => {
    interface Stepped {
      readonly simd: string;
      readonly threads: number;
      readonly milliseconds: string;
      readonly cases: readonly {
        ms: Times;
        fastest: string;
        torch: readonly { name: string; median: number }[];
        ratio: number;
      }[];
    }
    const { simd, threads, milliseconds, cases: [one] } = results<Stepped>('session-step-beside-pytorch');
    expect([simd, threads, milliseconds]).toEqual(['avx2', 1, 'of the processor']);
    const said = /takes ([\d.]+) ms \(([\d.]+)–([\d.]+)\); PyTorch at its fastest, .*? ([\d.]+) ms, ([\d.]+) times as much/;
    const [, ...figures] = said.exec(prose)!;
    expect(one!.fastest).toContain('frozen');
    const { ms, torch, fastest, ratio } = one!;
    const measuredAs = [ms.median, ms.low, ms.high, torch.find(({ name }) => name === fastest)!.median, ratio];
    figures.forEach((figure, k) => expectFigure(figure, measuredAs[k]!, 'a step'));
  });

  it('training windows beside PyTorch with AVX2', () => {
    interface Window {
      readonly model: string;
      readonly steps: number;
      readonly batch: number;
      readonly ms: Times;
      readonly fastest: string;
      readonly torch: readonly { name: string; median: number }[];
      readonly ratio: number;
    }
    const { simd, threads, cases } = results<{ simd: string; threads: number; cases: readonly Window[] }>(
      'training-beside-pytorch-avx2',
    );
    expect([simd, threads]).toEqual(['avx2', 1]);
    for (const { model, steps, batch, ms, fastest, torch, ratio } of cases) {
      expect(batch).toBe(32);
      const row = new RegExp(`\\| \`${model}\`, training window of ${steps} steps \\| (\\d+) \\| (\\d+) \\| ([\\d.]+) \\|`);
      const [, mine, theirs, times] = row.exec(prose)!;
      expectFigure(mine!, ms.median, model);
      expectFigure(theirs!, torch.find(({ name }) => name === fastest)!.median, `${model} in PyTorch`);
      expectFigure(times!, ratio, `${model}, ratio`);
    }
  });

  it('the same beside PyTorch', () => {
    interface Torch {
      median: number;
      ratios: { median: number };
    }
    interface Case {
      model: string;
      what: string;
      batch: number;
      ms: Times;
      torch: Torch[];
    }
    interface Row {
      name: string;
      results: Record<'ours' | 'eager', { ms: Times }>;
      speedup: { eager: number };
    }
    const ours = new Map(
      results<{ cases: Case[] }>('multigrid-beside-pytorch').cases.map((one) => {
        const fastest = one.torch.reduce((best, torch) => (torch.median < best.median ? torch : best));
        return [`${one.model} ${one.what} ${one.batch}`, [one.ms.median, fastest.median, fastest.ratios.median] as const];
      }),
    );
    const dnc = new Map(
      results<{ dnc: Row[] }>('dnc-beside-pytorch').dnc.map((
        { name, results: times, speedup },
      ) => [name, [times.ours.ms.median, times.eager.ms.median, speedup.eager] as const]),
    );
    const table = measuredTable('', 'ours', 'PyTorch', 'ratio');
    expect(table).toHaveLength(ours.size + dnc.size);
    let what = ['', ''];
    for (const [name, ...figures] of table as [string, string, string, string][]) {
      const batch = /one episode/.test(name) ? 1 : Number(/(\d+) episodes/.exec(name)?.[1] ?? 32);
      const slots = /DNC, ([\d,]+) slots/.exec(name)?.[1];
      const isWindow = /window|the same/.test(name);
      if (slots === undefined) what = [/`(.*)`/.exec(name)![1]!, isWindow ? 'window' : 'writer'];
      const row = slots === undefined ?
        ours.get(`${what.join(' ')} ${batch}`)
        : dnc.get(`DNC ${isWindow ? 'training' : 'step'}, N = ${numberOf(slots)}, B = ${batch}`);
      expect(row, name).toBeDefined();
      figures.forEach((figure, k) => expectFigure(figure, row![k]!, name));
    }
  });
});

it('rows of the paper that were reproduced', () => {
  const records = readRecords(fileURLToPath(new URL('../bench/results/reproduction', import.meta.url)));
  expect(records.length).toBeGreaterThan(0);
  for (const page of [measured, readme]) expect(page).toContain(reportTable(records));
});

it('how far each row of the paper came, and in how long', () => {
  const folder = fileURLToPath(new URL('../bench/results/reproduction', import.meta.url));
  const records = new Map(readRecords(folder).filter(({ recipe }) => recipe === 'fast').map((record) => [record.row, record]));
  const told = {
    'recall-8k': /Recall of ten items, (?<minutes>\d+) minutes of one core: (?<errorRate>\S+) % of the bits/,
    'recall-dnc':
      /The DNC recalls .{1,60} were published, after (?<steps>\S+) steps .{1,20}, (?<minutes>\d+) minutes of one core/,
    'mnist-recall': /MNIST recall, (?<minutes>\d+) minutes of one core: (?<errorRate>\S+) % of the classes/,
    'mnist-sort': /MNIST sort of twenty, (?<minutes>\d+) minutes of one core: (?<errorRate>\S+) % of the classes/,
    'map15-8k':
      /15×15 falls .{1,30}: F (?<f>\S+) where .{1,30} after (?<steps>\S+) steps .{1,20}, (?<minutes>\d+) minutes of one core/,
    'sort-8k':
      /short as well: (?<errorRate>\S+) % of the bits .{1,50} after (?<steps>\S+) steps .{1,25}, (?<minutes>\d+) minutes of one/,
  };
  for (const [row, text] of Object.entries(told)) {
    const { test, cpuSeconds, steps } = records.get(row)!;
    const { f, errorRate } = test.scores;
    const measures = { f: 100 * f!, errorRate: 100 * errorRate!, minutes: cpuSeconds / 60, steps };
    for (const [name, figure] of Object.entries(text.exec(prose)!.groups!))
      expectFigure(figure, measures[name as keyof typeof measures], `${row} ${name}`);
  }
  expect(records.get('recall-dnc')!.test).toMatchObject({ items: 5_000, scores: { errorRate: 0 } });
  const sorter = records.get('sort-dnc')!;
  const [, ended, of, minutes, wrong, before] =
    /The DNC of priority sort was ended at (\S+) of (\S+) steps, after (\d+) minutes .{1,20} with (\S+) % .{1,40}\((\S+) % on 500/
      .exec(prose)!;
  expect([ended, of].map((text) => numberOf(text!))).toEqual([sorter.step, sorter.steps]);
  expectFigure(minutes!, sorter.cpuSeconds / 60, 'sort-dnc minutes');
  expectFigure(wrong!, 100 * sorter.test.scores['errorRate']!, 'sort-dnc');
  expectFigure(before!, 100 * Number(sorter.curve.find((line) => line['errorRate'] !== undefined)!['errorRate']), 'sort-dnc');
  const ways = {
    'map15-8k': ['f', 1, /On 64 mazes F was (.*?) and rose to the end while the rate fell/],
    'sort-8k': ['errorRate', 100, /short as well: .*? On 500 lists it was (.*? at the end)/],
    'recall-dnc': ['errorRate', 100, /The DNC recalls .*? On 500 lists it was (.*? at 200,000)\./],
  } as const;
  for (const [row, [score, factor, text]] of Object.entries(ways)) {
    const { curve } = records.get(row)!;
    const validated = curve.filter((line) => line[score] !== undefined);
    const [, way] = text.exec(prose)!;
    for (const [, figure, step] of way!.matchAll(/([\d.]+)(?: %)? at ([\d,]+|the end)/g)) {
      const scored = step === 'the end' ? validated.at(-1) : validated.find((line) => Number(line['step']) >= numberOf(step!));
      expectFigure(figure!, factor * Number(scored![score]), `${row} at ${step}`);
    }
  }
});

it('question answering, and how far it came', () => {
  const all = readRecords(fileURLToPath(new URL('../bench/results/reproduction', import.meta.url)));
  expect(measured).toContain(taskTable(all));
  const { test, cpuSeconds, steps, curve } = all.find(({ row }) => row === 'babi')!;
  const [, words, minutes, error, items] =
    /falls far short so far: after (\S+) words, .{1,30} (\d+) minutes of one core, (\S+) % of the answers on all (\S+) test/.exec(
      prose,
    )!;
  expect([words, items].map((text) => numberOf(text!))).toEqual([steps, test.items]);
  expectFigure(minutes!, cpuSeconds / 60, 'minutes');
  expectFigure(error!, test.scores['meanError']!, 'mean error');
  const dnc = all.find(({ row }) => row === 'babi-dnc')!;
  const [, others, spent] = /the DNC at (\S+) % after as many words, (\d+) minutes of one core/.exec(prose)!;
  expect(dnc.steps).toBe(steps);
  expectFigure(others!, dnc.test.scores['meanError']!, 'mean error of the DNC');
  expectFigure(spent!, dnc.cpuSeconds / 60, 'minutes of the DNC');
  for (let task = 1; task <= 20; task++) expect(test.scores[`task${task}Error`], `task ${task}`).toBeGreaterThan(5);
  const [, way] = /On 500 stories it was (.*? at the end)/.exec(prose)!;
  const scored = curve.filter((line) => line['meanError'] !== undefined);
  for (const [, figure, step] of way!.matchAll(/([\d.]+) % at ([\d,]+|the end)/g)) {
    const line = step === 'the end' ? scored.at(-1) : scored.find((each) => Number(each['step']) >= numberOf(step!));
    expectFigure(figure!, Number(line!['meanError']), `bAbI at ${step}`);
  }
});

it('N-grams, and how they were learned', () => {
  const [record] = readRecords(fileURLToPath(new URL('../bench/results/reproduction', import.meta.url)))
    .filter(({ row }) => row === 'n-grams-dam');
  const { test, cpuSeconds, steps, curve } = record!;
  const [, items, excess, trained, seconds] =
    /bits of (\S+) sequences .{1,40} at (\S+) bits .{1,50} after (\S+) steps in batches of 16, (\d+) seconds/.exec(prose)!;
  expect([items, trained].map((text) => numberOf(text!))).toEqual([test.items, steps]);
  expectFigure(excess!, test.scores['excess']!, 'excess');
  expectFigure(seconds!, cpuSeconds, 'seconds');
  expect(test.scores['excess']).toBeLessThan(2);
  const [, ...way] =
    /it was (\S+) bits above after \S+ steps, (\S+) after \S+, (\S+) after \S+, (\S+) after \S+ and (\S+) at the end/
      .exec(prose)!;
  [50_000, 100_000, 150_000, 200_000, 400_000].forEach((step, k) => {
    const scored = curve.find((line) => Number(line['step']) >= step)!;
    expectFigure(way[k]!, Number(scored['excess']), `after ${step}`);
  });
});

it('N-grams with SAM', () => {
  const [record] = readRecords(fileURLToPath(new URL('../bench/results/reproduction', import.meta.url)))
    .filter(({ row }) => row === 'n-grams-sam');
  const { run, test, cpuSeconds, curve } = record!;
  const [, rows, excess, seconds] =
    /SAM in its place, reading (\d+) rows a step, falls short: (\S+) bits above .{1,30}, (\d+) seconds/.exec(prose)!;
  const { model } = run as { model: { reads: number } };
  expect([numberOf(rows!), (run as RunConfig).optimizer]).toEqual([model.reads, { name: 'muon' }]);
  expectFigure(excess!, test.scores['excess']!, 'excess');
  expectFigure(seconds!, cpuSeconds, 'seconds');
  const [, ...way] = /sequences (\S+) bits after 50,000 .{1,10} (\S+) after 1\S+, (\S+) after 1\S+, (\S+) after \S+ and (\S+) at/
    .exec(prose)!;
  [50_000, 100_000, 150_000, 200_000, 400_000].forEach((step, k) => {
    expectFigure(way[k]!, Number(curve.find((line) => Number(line['step']) >= step)!['excess']), `after ${step}`);
  });
});

it('costs of sparse memories', () => {
  const folder = fileURLToPath(new URL('../bench/results/reproduction', import.meta.url));
  expect(measured).toContain(costTable(folder));
  const { exponentOfSlots, bytesOfStepAndSample, rows, beside } = JSON.parse(
    readFileSync(`${folder}/sparse-cost.json`, 'utf8'),
  ) as {
    exponentOfSlots: number;
    bytesOfStepAndSample: Record<string, number>;
    rows: Record<string, Record<string, number>>;
    beside: Record<string, number>;
  };
  expect(measured).toContain(`the power ${exponentOfSlots.toFixed(2).replace('-', '−')} of their number`);
  for (const bytes of Object.values(bytesOfStepAndSample)) expect(measured).toContain(`keeps ${(bytes / 1024).toFixed(1)} KiB`);
  expect(measured).toContain(`its ${Math.round(rows['S1']!['denseMs']! / 1000)} s lie on the line`);
  const times = Math.round(beside['damRatio']! / 1000).toLocaleString('en');
  expect(measured).toContain(`DAM, takes ${(beside['damMs']! / 1000).toFixed(1)} s`);
  expect(measured).toContain(`${times},000 times as much as SAM`);
});

it('SDNC beside dense memories', () => {
  const file = new URL('../bench/results/reproduction/sdnc-beside-dense.json', import.meta.url);
  const { steps, difference, ms, beside } = JSON.parse(readFileSync(file, 'utf8')) as {
    steps: number;
    difference: Record<'float64' | 'float32', number>;
    ms: Record<string, number>;
    beside: Record<string, number>;
  };
  expect(steps).toBe(4);
  expect(difference.float64).toBeLessThan(1e-15);
  const figures = [
    /and by ([\d.e-]+) in float32/,
    /A step of eight episodes takes it ([\d,]+) ms, of which SDNC takes ([\d.]+) ms .* and ([\d.]+) ms where it searches those/,
    /made again for backward \((\d+) ms\), it is (\d+) and (\d+) times faster/,
  ].flatMap((pattern) => pattern.exec(prose)!.slice(1));
  expect(Number(figures.shift())).toBe(Number(difference.float32.toPrecision(2)));
  [ms['plain'], ms['linear'], ms['live'], ms['fused'], beside['fusedTimes'], beside['fusedLiveTimes']].forEach((value, k) => {
    expectFigure(figures[k]!, value!, 'S3');
  });
});

it('times of a step', () => {
  expect(measured).toContain(stepTable(readSteps(fileURLToPath(new URL('../bench/results/reproduction', import.meta.url)))));
});

it('what the README says of it', () => {
  const text = readme.replaceAll('\n', ' ');
  const ratios = new Map(measuredTable('', 'ours', 'PyTorch', 'ratio').map(([name, , , ratio]) => [name!, ratio!]));
  const [, window, step] = /takes (\S+) times less time than with PyTorch [\d.]+, a step of a DNC with 500 slots (\S+) times/
    .exec(text)!;
  expect(window).toBe(ratios.get('`map25`, training window of 20 steps, 32 episodes'));
  expect(step).toBe(ratios.get('DNC, 500 slots, step, 32 episodes'));
  const scores = measuredTable('', 'parameters', 'memory', 'F', 'precision', 'recall', 'seconds of one core');
  const [, multigrid, dnc] = /mazes at F (\S+), the DNC at ([\d.]+) \(medians/.exec(text)!;
  expect([multigrid, dnc]).toEqual(scores.map(([, , , f]) => f!.split(', ').sort()[1]));
});

/** Whole seconds, of which half a second more or less is no matter. */
function expectRounded(text: string, value: number, where: string): void {
  expect(Math.abs(numberOf(text) - value), `${where}: ${text} for ${value}`).toBeLessThanOrEqual(0.5);
}

/** One figure for each run. */
function figuresOf(text: string, runs: number): string[] {
  const figures = text.split(', ');
  expect(figures).toHaveLength(runs);
  return figures;
}

it('recall by levels, and how far it came', () => {
  const [record] = readRecords(fileURLToPath(new URL('../bench/results/reproduction', import.meta.url)))
    .filter(({ row }) => row === 'recall-levels-sam');
  const { test, cpuSeconds, step } = record!;
  const run = record!.run as RunConfig;
  const [, bits, trained, seconds, most, items, pairs, wrong, all] = new RegExp(
    String
      .raw`keys and values of (\d+) bits.* after (\S+) steps in batches of 32, (\d+) seconds of one core, lists had up to (\S+) `
      + String
        .raw`pairs\. Of (\d+) lists of (\S+) pairs .{1,60} (\S+) bits of an answer are wrong, and (\S+) % of the answers have `
      + 'none',
  ).exec(prose)!;
  const { items: [low, high], bits: own } = run.task as unknown as { items: [number, number]; bits: number };
  expect([bits, trained, most, items, pairs, pairs].map((text) => numberOf(text!)))
    .toEqual([own, step, test.scores['trainedTo'], test.items, low, high]);
  expectFigure(seconds!, cpuSeconds, 'seconds');
  expectFigure(wrong!, test.scores['bitErrors']!, 'wrong bits');
  expectFigure(all!, 100 * (1 - test.scores['sequenceErrorRate']!), 'answers without a wrong bit');
});
