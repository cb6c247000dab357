// Runs by name: each is a checked run of a task that its model takes, and published figures stand beside runs that there are.
import { describe, expect, it } from 'vitest';
import { presetConfig, presetNames } from '../../lib/models/multigrid/presets.js';
import { COMPARED_TASKS, comparedName } from '../../lib/runs/comparisons.js';
import { EXPLORATION_RUNS } from '../../lib/runs/exploration.js';
import { KIND_NAMES } from '../../lib/runs/kinds.js';
import { PRESET_RUNS, presetRun } from '../../lib/runs/presets.js';
import { published, type Figure } from '../../lib/runs/published.js';
import { checkRunConfig } from '../../lib/runs/run-config.js';
import { estimateRun } from '../../lib/runs/run-model.js';
import { makeTask } from '../../lib/tasks/registry.js';
import type { Task } from '../../lib/tasks/task.js';

const needsData = (name: string): boolean => /^(mnist|babi)/.test(presetRun(name).task.name);

describe('presets', () => {
  it('cover every published configuration, on the task that its model names', () => {
    for (const name of presetNames) expect([name, presetRun(name).task.name]).toEqual([name, presetConfig(name).task]);
  });

  it('cover every kind on every task of the comparisons', () => {
    const names = COMPARED_TASKS.flatMap((task) => KIND_NAMES.map((kind) => comparedName(task, kind)));
    expect(names.filter((name) => !PRESET_RUNS.includes(name))).toEqual([]);
    expect(PRESET_RUNS).toEqual(expect.arrayContaining(['dnc-copy', 'dnc-recall', 'ntm-copy', 'lstm-copy']));
  });

  it.each(['copy-20', 'recall-pairs', 'sort-best'] as const)('hold the longest episode of %s', (task) => {
    const sequences = makeTask(presetRun(`sam-${task}`).task) as Task<{ readonly due: ArrayLike<number> }>;
    const steps = sequences.atLevel!(sequences.levels!).generate(1, 0).due.length;
    for (const kind of ['sam', 'sdnc', 'dam'] as const) {
      const { heads, slots } = presetRun(`${kind}-${task}`).model as unknown as { heads: number; slots: number };
      expect(slots).toBeGreaterThanOrEqual(heads * steps); // each step erases a slot for each head
    }
  });

  it.each(PRESET_RUNS)('%s can be checked, and is the same as a run file of its name', (name) => {
    expect(checkRunConfig(presetRun(name))).toEqual(presetRun(name));
    expect(checkRunConfig({ model: name })).toEqual(presetRun(name));
  });

  it('of multigrid memory take what their task delivers', () => {
    for (const name of presetNames.filter((each) => !needsData(each))) {
      const { input } = makeTask(presetRun(name).task).describe();
      const channels = Object.fromEntries(Object.entries(input).map(([level, shape]) => [level, shape.at(-1)]));
      expect([name, channels]).toEqual([name, presetConfig(name).input]);
    }
  });

  it('map mazes of published sizes: 12, 24 and 48 cells a side, the start at 6, 15 and 25', () => {
    const task = (name: string) => makeTask(presetRun(name).task).describe();
    const side = (name: string): unknown => task(name).outputs.at(-1)!.logits;
    expect(['map9', 'map15-8k', 'map25', 'map25-q9', 'map25-f9q9', 'convlstm-thick'].map(side))
      .toEqual([[12, 12, 1], [24, 24, 1], [48, 48, 1], [48, 48, 1], [48, 48, 1], [48, 48, 1]]);
    expect(['map9', 'map15-8k', 'map25', 'map25-f9q9', 'map25-walk1500'].map((name) => task(name).steps))
      .toEqual([49, 169, 529, 500, 1500]);
  });

  // Parameters as the paper's Tables 1 and 2 print them, in millions; 500 slots of 16.
  it.each([['map15-dnc', 0.75], ['map25-dnc', 0.68], ['sort-dnc', 0.76], ['recall-dnc', 0.76]] as const)(
    '%s has the published %d million parameters and 8,000 numbers of memory',
    (name, millions) => {
      const { parameters, memoryCells } = estimateRun(presetRun(name), { batch: 1, steps: 1 });
      expect([Math.round(parameters / 1e4) / 100, memoryCells]).toEqual([millions, 8000]);
    },
  );

  it.each(['map26', '', 'toString', '__proto__'])('%j is none', (name) => {
    expect(() => presetRun(name)).toThrow(expect.objectContaining({ code: 'ERR_MG_CONFIG' }));
  });
});

describe('published figures', () => {
  it('stand in rows of their own, beside a run that there is', () => {
    const keys = published.map(({ source, table, row }) => `${source}, ${table}, ${row}`);
    expect(new Set(keys).size).toBe(keys.length);
    const unknown = published.filter(({ run }) => run !== null && ![...PRESET_RUNS, ...EXPLORATION_RUNS].includes(run));
    expect(unknown).toEqual([]);
  });

  it('are complete: every column of every row has a figure, and only one value is missing from the paper', () => {
    const figures = published.flatMap(({ table, row, figures: of }) => (
      Object.entries(of).map(([name, figure]) => [table, row, name, figure])
    ));
    expect(figures.filter(([, , , figure]) => figure === undefined)).toEqual([]);
    expect(figures.filter(([, , , figure]) => figure === null)).toEqual([['Table 2', '10', 'errorRate', null]]);
  });

  it('of Table 1 agree with each other: F is the harmonic mean of precision and recall, to a digit of the last place', () => {
    const rows = published.filter(({ table, figures }) => table === 'Table 1' && 'f' in figures);
    expect(rows).toHaveLength(13);
    for (const { row, figures } of rows) {
      const { precision, recall, f } = figures as Record<string, number>;
      const expected = 2 * precision! * recall! / (precision! + recall!);
      expect(Math.abs(expected - f!), row).toBeLessThanOrEqual(0.02);
    }
  });

  it('of Table 4 have the means of Table 3', () => {
    const mean = (system: string) => {
      const [row] = published.filter((each) => each.table === 'Table 4' && each.system === system);
      const values = Object.values(row!.figures).map((figure: Figure) => (figure as [number, number])[0]);
      return values.reduce((a, b) => a + b, 0) / values.length;
    };
    expect([mean('multigrid'), mean('DNC')].map((value) => value.toFixed(1))).toEqual(['12.4', '16.7']);
  });
});
