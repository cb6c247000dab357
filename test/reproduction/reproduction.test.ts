// The published rows: each can be trained, stopped, scored and reported; their test sets and the answers that need no memory.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tasks } from '../../lib/index.js';
import { bytesOf, measureExploration, measureTime } from '../../lib/reproduction/cost.js';
import { hasTakenOff, readRecord, readRecords, reportCurve, reportTable, taskTable } from '../../lib/reproduction/report.js';
import { reproduceExploration, weightsOf } from '../../lib/reproduction/explore.js';
import type { SeedRecord } from '../../lib/reproduction/record.js';
import { notesOn, reproduce, scoreWeights, withData } from '../../lib/reproduction/reproduce.js';
import { compare, exploredRows, findRow, RECIPES, recipeRun, reproducibleRows, showFigure } from '../../lib/reproduction/rows.js';
import { chance, TEST_ITEMS, TEST_SEED, testItems, testSetHash, withoutMemory } from '../../lib/reproduction/test-set.js';
import { explorationRun } from '../../lib/runs/exploration.js';
import { checkRunConfig } from '../../lib/runs/run-config.js';
import type { RunConfig } from '../../lib/runs/run.js';
import { published } from '../../lib/runs/published.js';
import { loadTensors } from '../../lib/tensor/tensor-file.js';
import { sharedFile } from '../tasks/shared-data.js';

const out = mkdtempSync(join(tmpdir(), 'mg-reproduce-'));
const ARCHIVE = sharedFile('data/babi/babi-tasks_1-20_v1-2-en.tar.gz');
beforeAll(() => {
  if (existsSync(ARCHIVE)) execFileSync('tar', ['-xzf', ARCHIVE, '-C', out, 'tasks_1-20_v1-2/en']);
});
afterAll(() => rmSync(out, { recursive: true, force: true }));
const byName = new Map(reproducibleRows().map((row) => [row.run, row]));

/** Small files of the same form where the task is shown with the whole data set by other rows. */
const LETTERS = join(out, 'letters');
mkdirSync(LETTERS);
for (const part of ['background', 'evaluation']) {
  copyFileSync(new URL('../golden/omniglot/letters.zip', import.meta.url), join(LETTERS, `images_${part}.zip`));
}

/** One update of two short episodes, whatever the row. */
const short = (run: RunConfig): Partial<RunConfig> => ({
  batchSize: 2,
  steps: 1,
  validate: { every: 1, items: 2 },
  task: shortTask(run),
});
function shortTask({ name, task }: RunConfig): RunConfig['task'] {
  if (task.name === 'mapping') return { ...task, pathLength: 4 };
  if (task.name === 'omniglot') return { ...task, characters: [2, 2], validation: 1 };
  return task.name === 'babi' && !['babi', 'babi-dnc'].includes(name) ? { ...task, tasks: [1] } : task;
}

/** The user's data of a row, and what has to be there for it. */
function dataOf(row: string): { folder: string; source: string } | undefined {
  const { name } = recipeRun(row, 'fast').task;
  if (name === 'babi') return { folder: join(out, 'tasks_1-20_v1-2/en'), source: ARCHIVE };
  if (name === 'omniglot') return { folder: LETTERS, source: LETTERS };
  return name.startsWith('mnist') ? { folder: sharedFile('data/mnist'), source: sharedFile('data/mnist') } : undefined;
}

describe('rows', () => {
  it('are all the tables of the paper, each run once', () => {
    const paper = published.filter(({ source }) => source.startsWith('Huynh'));
    const rowsOf = (table: string): number => paper.filter((row) => row.table === table).length;
    expect([rowsOf('Table 1'), rowsOf('Table 2'), rowsOf('Table 3'), rowsOf('Table 4')]).toEqual([13, 10, 2, 2]);
    const rows = reproducibleRows();
    expect(new Set(rows.map(({ run }) => run)).size).toBe(rows.length);
    const startable = new Set([...rows, ...exploredRows()].map(({ run }) => run));
    for (const { run, table, row } of paper) expect(startable, `${table}, ${row}`).toContain(run);
  });

  it.each([...byName.keys()])('%s has both recipes as runs that can be checked', (row) => {
    for (const recipe of RECIPES) {
      const run = recipeRun(row, recipe);
      expect(run.model).toEqual(recipeRun(row, 'official').model);
      expect(checkRunConfig({ ...run, model: run.model, name: row }).steps).toBe(run.steps);
    }
  });

  it('stand beside our scores in the published unit', () => {
    const [first] = findRow('map15-8k').published;
    expect(compare(first!, { f: 0.5, precision: 0.25, recall: 1 })).toEqual([
      { figure: 'precision', published: 99.79, ours: 25 },
      { figure: 'recall', published: 99.88, ours: 100 },
      { figure: 'f', published: 99.83, ours: 50 },
    ]);
    const [second] = findRow('map25-q9').published;
    expect(compare(second!, { 'query3.f': 0.1, 'query9.f': 0.9 }).at(-1)!.ours).toBeCloseTo(90);
    expect(compare(findRow('recall-8k').published[0]!, {})[0]!.ours).toBeNull();
    expect(() => findRow('map26')).toThrow(/expected a row among map15-8k, /);
  });

  it('show figures as they are printed', () => {
    expect([showFigure(99.83), showFigure([0.0043, 0.0009]), showFigure(null)]).toEqual(['99.83', '0.0043 ± 0.0009', '–']);
  });

  it('of data sets ask for the user’s copy', () => {
    expect(() => withData(recipeRun('mnist-recall', 'fast'), undefined)).toThrow(/the folder of your copy of MNIST.*--data/);
    expect(() => withData(recipeRun('babi-dnc', 'fast'), undefined)).toThrow(/the folder of your copy of bAbI.*--data/);
    expect(() => withData(recipeRun('omniglot-sam', 'fast'), undefined)).toThrow(/the folder of your copy of Omniglot.*--data/);
  });
});

describe('the test set', () => {
  it('of a task with a fixed number of episodes is all of them, unless fewer are wanted', () => {
    const sized = { ...wrap(tasks.recall({ items: 4 })), size: 7, describe: () => tasks.recall({ items: 4 }).describe() };
    expect([testItems(sized as never, TEST_ITEMS), testItems(sized as never, 3), testItems(recall, TEST_ITEMS)]).toEqual([
      7,
      3,
      5000,
    ]);
  });

  const recall = tasks.recall({ items: 4 }) as never;
  it('has one hash for all seeds, and another for other episodes', () => {
    const hash = testSetHash(recall, 20);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(testSetHash(tasks.recall({ items: 4 }) as never, 20)).toBe(hash);
    expect(testSetHash(recall, 21)).not.toBe(hash);
    expect(testSetHash(tasks.recall({ items: 5 }) as never, 20)).not.toBe(hash);
  });

  it('is not drawn by a training', async () => {
    await expect(reproduce({ row: 'recall-8k', recipe: 'fast', seed: TEST_SEED, out })).rejects.toThrow(/another seed/);
  });

  it('answered by chance has half of the bits wrong: within four deviations of a coin', () => {
    const bits = 400 * 9;
    expect(Math.abs(chance(recall, 400)['errorRate']! - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / bits));
  });

  it('answered without memory is no better than chance where every bit is a coin of its own', () => {
    expect(Math.abs(withoutMemory(recall, 400, 400)['errorRate']! - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / (400 * 9)));
  });

  it('answered without memory knows how often a bit is set: of copies that are 1 throughout, all', () => {
    const description = { ...tasks.recall({ items: 4 }).describe(), form: 'recall' as const };
    const ones = { ...wrap(tasks.recall({ items: 4 })), describe: () => description };
    expect(withoutMemory(ones as never, 8, 8)['errorRate']).toBe(0);
    // Of N-grams a 1 is as likely as a 0 without memory, and each of the 199 answers costs a bit.
    expect(Math.abs(withoutMemory(tasks.nGrams() as never, 50, 50)['bits']! - 199)).toBeLessThan(1);
  });
});

/** The task, with answers that are all 1. */
function wrap(task: ReturnType<typeof tasks.recall>) {
  const windows: typeof task.windows = (items, options) =>
    [...task.windows(items, options)].map((window) => ({
      ...window,
      outputs: window.outputs.map((output) => ({
        ...output,
        target: { ...output.target, data: new Float32Array(output.target.data.length).fill(1) },
      })),
    }));
  return {
    name: task.name,
    version: task.version,
    generate: task.generate.bind(task),
    windows,
    scorer: task.scorer.bind(task),
  };
}

describe('one seed', () => {
  const rows = [...byName.keys()].filter((row) => existsSync(dataOf(row)?.source ?? '.'));
  it.each(rows)('of %s is trained, scored and noted', async (row) => {
    const data = dataOf(row)?.folder;
    const change = short(recipeRun(row, 'fast'));
    const options = { row, recipe: 'fast', seed: 3, out, items: 2, change, ...(data === undefined ? {} : { data }) } as const;
    const { record, folder, isFinished } = await reproduce(options);
    expect(isFinished).toBe(true);
    expect(record).toEqual(readRecord(`${folder}.json`));
    expect(record).toMatchObject({ row, recipe: 'fast', seed: 3, test: { items: 2 } });
    expect(JSON.stringify(record)).not.toContain(out);
    if (data !== undefined) expect(JSON.stringify(record.run)).not.toContain(data);
    const reached = findRow(row).published.flatMap((figures) => compare(figures, record.test.scores));
    const measured = reached.filter(({ figure }) => !/^(\d+|seconds|task\d+)$/.test(figure));
    for (const { figure, ours } of measured) expect(ours, figure).not.toBeNull();
  });

  it('of a policy stands on the memory of its row, and is trained, scored and noted, also in parts', async () => {
    const row = exploredRows()[0]!.run;
    const change = { episodes: 2, episodeSteps: 4, rollout: 2, steps: 8, validate: { every: 8, items: 2 } } as const;
    const options = { row, recipe: 'fast', seed: 3, out, items: 2, change } as const;
    expect(existsSync(weightsOf(out, 'map25-walk', 'fast', 3))).toBe(true); // by the test before
    const stop = new AbortController();
    const stopAt = { onStep: ({ step }: { step: number }) => (step >= 4 ? stop.abort() : undefined) } as const;
    const first = await reproduceExploration({ ...options, signal: stop.signal, callbacks: [stopAt] });
    expect([first.isFinished, first.record.step]).toEqual([false, 4]);
    const { record, folder, isFinished } = await reproduceExploration(options);
    expect([isFinished, record.step]).toEqual([true, 8]);
    expect(record).toEqual(readRecord(`${folder}.json`));
    for (const { figure, ours } of compare(findRow(row).published[0]!, record.test.scores)) expect(ours, figure).not.toBeNull();
    await expect(reproduceExploration({ ...options, seed: 4 })).rejects.toThrow(
      /the weights of map25-walk.*reproduce map25-walk first/,
    );
    await expect(reproduceExploration({ ...options, change: { ...change, rollout: 4 } })).rejects.toThrow(
      /expected a run with rollout 4, got rollout 2; choose another --out/,
    );
  });

  it('goes on where a stop left it, to the record of a run that was never stopped', async () => {
    const change = { batchSize: 2, steps: 60, validate: { every: 30, items: 2 }, task: { name: 'recall', items: 3 } } as const;
    const options = { row: 'recall-8k', recipe: 'official', seed: 5, items: 4, change } as const;
    const whole = await reproduce({ ...options, out: join(out, 'whole') });
    const stop = new AbortController();
    const stopAt = { onStep: ({ step }: { step: number }) => (step >= 24 ? stop.abort() : undefined) } as const;
    const first = await reproduce({ ...options, out: join(out, 'parts'), signal: stop.signal, callbacks: [stopAt] });
    expect([first.isFinished, first.record.step]).toEqual([false, 24]);
    const second = await reproduce({ ...options, out: join(out, 'parts') });
    const kept = ({ curve, test, step }: SeedRecord) => ({ curve, test, step });
    expect(kept(second.record)).toEqual(kept(whole.record));
    expect(second.record.cpuSeconds).toBeGreaterThanOrEqual(first.record.cpuSeconds);
    const end = new AbortController();
    const endAt = { onStep: () => end.abort(new Error('enough')) } as const;
    const stopped = { ...options, out: join(out, 'stopped'), stop: end.signal, callbacks: [endAt] };
    await expect(reproduce(stopped)).rejects.toThrow('enough');
    expect(existsSync(join(out, 'stopped/recall-8k/official-5/checkpoint.safetensors'))).toBe(true);
    expect(existsSync(join(out, 'stopped/recall-8k/official-5.json'))).toBe(false);
    await expect(reproduce({ ...options, seed: 5, out: join(out, 'parts'), change: { ...change, batchSize: 3 } }))
      .rejects.toThrow(/expected a run with batchSize 3, got batchSize 2; choose another --out/);
  });

  it('leaves weights that score the same again', async () => {
    const path = join(out, 'recall-8k', 'fast-3');
    const record = readRecord(`${path}.json`);
    const { tensors } = await loadTensors(`${path}.safetensors`);
    const load = async (model: { loadStateDict(state: typeof tensors): unknown }): Promise<void> => {
      model.loadStateDict(tensors);
    };
    const again = await scoreWeights(record.run as RunConfig, load as never, { items: 2 });
    expect(again).toEqual({ scores: record.test.scores, sha256: record.test.sha256 });
  });

  it('has a cost, measured', async () => {
    const run = recipeRun('recall-8k', 'fast');
    const time = await measureTime({ ...run, batchSize: 1 }, 0.01);
    expect(time.hours).toBeCloseTo(run.steps / time.stepsPerSecond / 3600);
    expect(bytesOf(run)).toBeGreaterThan(127_529 * 4);
    const walk = { ...explorationRun('explore9'), episodes: 2, rollout: 2 };
    const walked = await measureExploration(walk, 0.01);
    expect(walked.hours).toBeCloseTo(walk.steps / walked.stepsPerSecond / 3600);
  });
});

describe('the report', () => {
  it('puts every record beside the published figure', () => {
    const records = readRecords(out);
    const line = reportTable(records).split('\n').find((text) => text.includes('`recall-8k`'))!;
    const record = records.find(({ row }) => row === 'recall-8k')!;
    const score = record.test.scores['errorRate']!;
    expect(line.split(' | ').slice(1, 4)).toEqual(['`recall-8k`', 'errorRate', '0.003 ± 0.0002']);
    expect(line).toContain(`${score.toFixed(4)} (1 seed)`);
    expect(line.split(' | ')[4]).toBe(record.baselines!.withoutMemory['errorRate']!.toFixed(4));
    expect(line.split(' | ')[7]).toBe(`–, ${hasTakenOff(record) ? 1 : 0} of 1`);
    expect(reportTable([record, record]).split(' | ')).toContain(`–, ${hasTakenOff(record) ? 2 : 0} of 2`);
    expect(reportCurve(records, 'recall-8k', 'errorRate')).toContain('fast, seed 3');
  });

  it('has the tasks of bAbI in a table of their own, each beside the published figure', () => {
    const known = readRecords(out).find(({ row }) => row === 'recall-8k')!;
    const scores = { meanError: 40, failedTasks: 2, task1Error: 30, task20Error: 50 };
    const record = { ...known, row: 'babi', recipe: 'official', test: { ...known.test, scores } } as const;
    expect(taskTable([known])).toBe('');
    const lines = taskTable([record, { ...record, row: 'babi-dnc', recipe: 'fast' }]).split('\n');
    expect(lines).toHaveLength(22);
    expect(lines[0]).toBe('| task | `babi`: published | official | `babi-dnc`: published | fast |');
    expect(lines[2]).toBe('| 1 | 0 ± 0.1 | 30.00 (1 seed) | 9 ± 12.6 | 30.00 (1 seed) |');
    expect(lines[3]).toBe('| 2 | 34.2 ± 0.8 | – | 39.2 ± 20.5 | – |');
    expect(lines[21]).toBe('| 20 | 0.3 ± 0.4 | 50.00 (1 seed) | 0 ± 0.1 | 50.00 (1 seed) |');
    expect(reportTable([record])).toContain('| Table 3 | `babi` | meanError | 12.4 ± 2.1 |');
    expect(reportTable([record])).not.toContain('task1');
  });

  it('counts a seed as taken off once it is a fifth of the way from no memory to perfect', () => {
    const record = readRecords(out).find(({ row }) => row === 'recall-8k')!;
    const [at, without] = [(errorRate: number) => ({ ...record.test, scores: { errorRate } }), { errorRate: 0.5 }];
    const baselines = { chance: without, withoutMemory: without };
    expect([0.39, 0.41, 0.61].map((error) => hasTakenOff({ ...record, test: at(error), baselines }))).toEqual([
      true,
      false,
      false,
    ]);
    const mapped = { ...record, row: 'map15-8k', baselines };
    const found = [0.1, 0.3].map((f) =>
      hasTakenOff({ ...mapped, test: { ...record.test, scores: { f, precision: 1, recall: 0 } } })
    );
    expect(found).toEqual([false, true]);
  });

  it('says what is to be known of the data: missing files by their task', () => {
    const folder = mkdtempSync(join(out, 'babi-'));
    for (let task = 1; task <= 20; task++) {
      for (const part of task === 3 ? ['test'] : ['train', 'test']) writeFileSync(join(folder, `qa${task}_x_${part}.txt`), '');
    }
    const run = recipeRun('babi', 'fast');
    expect(notesOn({ ...run, task: { ...run.task, folder } as never })).toEqual([
      'no story left out',
      'training file of task 3 missing',
    ]);
    expect(notesOn(recipeRun('recall-8k', 'fast'))).toEqual([]);
  });

  it('refuses what is no record', () => {
    expect(() => readRecord(join(out, 'recall-8k', 'fast-3', 'config.json'))).toThrow(
      /expected a record with row, curve and test/,
    );
    expect(readFileSync(join(out, 'recall-8k', 'fast-3.json'), 'utf8')).toContain('"sha256"');
  });
});
