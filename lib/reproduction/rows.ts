/** The rows that can be reproduced: a run, the published rows it stands for, and what its scores are called there. */
import { fail } from '../check.js';
import { EXPLORATION_RUNS } from '../runs/exploration.js';
import { isPresetRun, presetRun } from '../runs/presets.js';
import { published, type Figure, type PublishedRow } from '../runs/published.js';
import type { RunConfig } from '../runs/run.js';

export const RECIPES = ['official', 'fast'] as const;
/** `official`: as published, to the letter. `fast`: this project's, the fewest core-hours found so far for the same score. */
export type Recipe = (typeof RECIPES)[number];

/** A run, and every published row that it is to reach. */
export interface Row {
  readonly run: string;
  readonly published: readonly PublishedRow[];
}

function rowsOf(isWanted: (run: string) => boolean): Row[] {
  const names = new Set(published.flatMap(({ run }) => (run !== null && isWanted(run) ? [run] : [])));
  return [...names].map((run) => ({ run, published: published.filter((row) => row.run === run) }));
}

/** Runs of a model on a task, in the order of their published rows. */
export const reproducibleRows = (): Row[] => rowsOf(isPresetRun);

/** Whether a row is that of a policy, which stands on the memory of another row. */
export const isExplored = (run: string): boolean => EXPLORATION_RUNS.includes(run);

/** The rows of policies. */
export const exploredRows = (): Row[] => rowsOf(isExplored);

/** The row of that run. Throws ERR_MG_ARGUMENT. */
export function findRow(run: string): Row {
  const rows = [...reproducibleRows(), ...exploredRows()];
  return rows.find((row) => row.run === run) ??
    fail('ERR_MG_ARGUMENT', 'reproduce', `a row among ${rows.map((row) => row.run).join(', ')}`, run);
}

const MUON = { optimizer: { name: 'muon', betas: [0.9, 0.99] }, batchSize: 16 } as const;
/**
 * Muon, and lessons on lists of 13 items for rows of 10. Trained on lists of 10, recall came to 0.0060 wrong bits: it kept six
 * items apart and found a common place for the oldest. What it came to so stands in `bench/results/reproduction/recall-8k`.
 */
const LESSONS: Partial<RunConfig> = {
  ...MUON,
  clipNorm: 150,
  steps: 150_000,
  lr: { from: 7e-3, to: 0, steps: 105_000, hold: 45_000, warmup: 500 },
  curriculum: { below: 0.08, start: 2, items: 13 },
  validate: { every: 5_000, items: 500 },
};
const ADAM = { optimizer: { name: 'adam' }, batchSize: 16, clipNorm: 50 } as const;
const SLOTS: Partial<RunConfig> = {
  ...ADAM,
  steps: 300_000,
  lr: { from: 1e-3, to: 1e-4, steps: 300_000 },
  validate: { every: 10_000, items: 500 },
};
/** Pixels from 0 to 1. */
const unitPixels = (row: string): RunConfig['task'] => ({ ...presetRun(row).task, pixelScale: 1 / 255 } as RunConfig['task']);
/** What differs from the published recipe. Records in `bench/results/reproduction` tell the run that made them. */
const FAST: Readonly<Record<string, Partial<RunConfig>>> = {
  'recall-8k': LESSONS,
  'mnist-recall': {
    ...LESSONS,
    steps: 80_000,
    lr: { from: 7e-3, to: 0, steps: 45_000, hold: 35_000, warmup: 500 },
    curriculum: { below: 0.4, items: 13 },
    validate: { every: 4_000, items: 500 },
    task: unitPixels('mnist-recall'),
  },
  'sort-8k': {
    ...MUON,
    clipNorm: 500,
    steps: 1_100_000,
    lr: { from: 7e-3, to: 0, steps: 1_000_000, hold: 100_000, warmup: 500 },
    validate: { every: 10_000, items: 500 },
    task: { name: 'sorting', items: 20, priorityScale: 4 },
  },
  'mnist-sort': {
    ...MUON,
    clipNorm: 500,
    steps: 120_000,
    lr: { from: 4e-3, to: 0, steps: 80_000, hold: 40_000, warmup: 500 },
    curriculum: { below: 0.6, start: 3 },
    validate: { every: 5_000, items: 500 },
    task: unitPixels('mnist-sort'),
  },
  'recall-20': { ...ADAM, steps: 300_000, lr: { from: 2e-3, to: 2e-4, steps: 300_000 } },
  'sort-50': { ...ADAM, clipNorm: 500, steps: 400_000, lr: { from: 2e-3, to: 2e-4, steps: 400_000 } },
  'recall-dnc': SLOTS,
  'sort-dnc': SLOTS,
  'map15-8k': {
    task: { name: 'mapping', size: 15, locationOrigin: 'start', locationScale: 0.15 },
    ...MUON,
    batchSize: 8,
    clipNorm: 10_000,
    steps: 1_000_000,
    lr: { from: 6e-3, to: 0, steps: 940_000, hold: 60_000, warmup: 1_000 },
    curriculum: { below: 0.03, batches: 75, ends: 6_000 },
    validate: { every: 10_000, items: 64 },
  },
  'map15-dnc': { optimizer: { name: 'adam' }, clipNorm: 50, lr: { from: 3e-3, to: 3e-4, steps: 1_000_000 } },
  'map25-dnc': { optimizer: { name: 'adam' }, clipNorm: 50, lr: { from: 3e-3, to: 3e-4, steps: 1_000_000 } },
};

/** As `map9` is trained: locations near 1 instead of raw integers up to 36. */
const MAPPING_FAST: Partial<RunConfig> = {
  optimizer: { name: 'rmsprop', decay: 0.95 },
  clipNorm: 3_000,
  lr: { from: 2e-3, to: 2e-4, steps: 1_000_000 },
};

/** The run of a row by a recipe. */
export function recipeRun(row: string, recipe: Recipe): RunConfig {
  const run = presetRun(row);
  if (recipe === 'official') return run;
  if (FAST[row] !== undefined) return { ...run, ...FAST[row] };
  if (run.task.name !== 'mapping') return run;
  return { ...run, ...MAPPING_FAST, task: { ...run.task, locationScale: 0.05 } };
}

/** Our score behind a published figure: its name, and the factor that brings it to the published unit. */
const SCORES: Readonly<Record<string, readonly [metric: string, factor: number]>> = {
  precision: ['precision', 100],
  recall: ['recall', 100],
  f: ['f', 100],
  errorRate: ['errorRate', 1],
  excess: ['excess', 1],
  trainedTo: ['trainedTo', 1],
  meanError: ['meanError', 1],
  failedTasks: ['failedTasks', 1],
  ...Object.fromEntries(Array.from({ length: 20 }, (_, k) => [`task${k + 1}`, [`task${k + 1}Error`, 1] as const])),
};

/** A figure of a table beside what we have for it. */
export interface Compared {
  readonly figure: string;
  readonly published: Figure;
  readonly ours: number | null;
}

/**
 * The figures of a published row beside our scores, in the published unit. With two questions (`query9.f`) the last one is meant:
 * a row with a second reader is about its answers.
 */
export function compare({ figures }: PublishedRow, scores: Readonly<Record<string, number>>): Compared[] {
  return Object.entries(figures).map(([figure, value]) => {
    const [metric, factor] = SCORES[figure] ?? [figure, 1];
    const name = Object.keys(scores).findLast((key) => key === metric || key.endsWith(`.${metric}`));
    return { figure, published: value, ours: name === undefined ? null : scores[name]! * factor };
  });
}

/** `0.0043 ± 0.0009`, `99.83`, or a dash where the text at hand lacks the figure. */
export function showFigure(figure: Figure): string {
  if (figure === null) return '–';
  return typeof figure === 'number' ? String(figure) : figure.join(' ± ');
}
