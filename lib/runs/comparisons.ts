/** Tasks on which all kinds are trained side by side: the same episodes for each, in the setting that it learns best with. */
import type { MultigridConfig } from '../models/multigrid/config.js';
import type { TaskSpec } from '../tasks/registry.js';
import { KIND_NAMES, vectorKind, type Alike, type KindName, type VectorModel, type VectorName } from './kinds.js';
import type { RunConfig, RunModel, Schedule } from './run.js';
import { compared, MAP9, PAIRING, SEEKING, SORTING } from './schedules.js';

interface Comparison {
  /** A question to the reader, for the command's help. */
  readonly about: string;
  readonly task: TaskSpec;
  /** Where multigrid memory is shown the episodes in another way than networks of vectors. */
  readonly gridTask?: TaskSpec;
  readonly grid: RunModel;
  readonly vectors: Alike;
  readonly schedule: { readonly grid: Schedule; readonly vectors: Schedule };
}

/** For bit sequences shown in every cell of a 3×3 grid: numbers that enter at each step, and bits that leave. */
const sequence = (inputs: number, bits: number): MultigridConfig => ({
  input: { 0: inputs },
  lstm: [[0, 0, 8], [0, 1, 8], [0, 1, 8], [0, 2, 8], [0, 1, 8]],
  tail: [[0, 0, 8]],
  fc: [72, bits],
});

/** One item is one patch, and the answer is read once: a window of 6 steps where the other models need 32. */
const LADDER: MultigridConfig['writer'] = [[0, 0, 8], [0, 1, 8], [0, 1, 8]];
const recall = (bitsOfCell: number): MultigridConfig => ({
  input: { 0: bitsOfCell },
  writer: LADDER,
  front: LADDER,
  mem: 'same-index',
  tail: [[0, 1, 16], [0, 0, 16], [0, 0, bitsOfCell]],
});

const sequences = (steps: number, rate = 1e-3): Comparison['schedule'] => (
  { grid: compared(steps, 2e-3), vectors: compared(steps, rate) }
);
const { steps: MAP9_STEPS, truncate, batchSize } = MAP9;
const SPEC = { name: 'copy', bits: 6, lengths: [1, 10] } as const;
/** The size of items is ours; Rae et al. do not print theirs. */
export const RECALL_OF_PAIRS = { name: 'associative-recall', items: [3, 6], vectors: 1, bits: 8, form: 'pairs' } as const;

/**
 * The settings of Rae et al. 2016, figure 2: LSTM of 100 units, 4 heads, batches of 8. Memories are alike; the optimizer and its
 * rate are ours, the same for all. Four heads of SAM and DAM erase four slots at each step: of the 64 slots that the dense ones
 * have there, none is left after 16 steps, and a list of 20 vectors is due after 21. 256 slots outlast every episode.
 */
function inSlots(
  task: Extract<TaskSpec, { readonly name: 'copy' | 'priority-sort' }>,
  grid: MultigridConfig,
  schedule: Comparison['schedule'],
  start?: Alike['start'],
): Omit<Comparison, 'about'> {
  return {
    task: { ...task, presentation: 'flat' },
    gridTask: { ...task, presentation: 'grid' },
    grid,
    vectors: { slots: 256, wordSize: 32, readHeads: 4, hidden: 100, ...(start && { start }) },
    schedule: { grid: { ...schedule.grid, batchSize: 8 }, vectors: { ...schedule.vectors, batchSize: 8 } },
  };
}

const PAIRS: Omit<Comparison, 'about'> = {
  task: { ...RECALL_OF_PAIRS, presentation: 'flat' },
  gridTask: { ...RECALL_OF_PAIRS, presentation: 'grid' },
  grid: sequence(10, 8),
  vectors: { slots: 256, wordSize: 32, readHeads: 1, hidden: 64, start: SEEKING },
  schedule: { grid: PAIRING, vectors: PAIRING },
};

export const comparisons = {
  'map9': {
    about: 'where in a 9×9 maze is what you are shown?',
    task: { name: 'mapping', size: 9, locationScale: 0.05 }, // raw locations learn it too, about half as fast
    grid: 'map9',
    // As many memory cells. Of rates from 1e-3 to 2e-2 and of 128 and 256 units, these suit the DNC best; others take the same.
    vectors: { slots: 225, readHeads: 4, hidden: 256 },
    schedule: { grid: MAP9, vectors: { ...MAP9, ...compared(MAP9_STEPS, 3e-3), truncate, batchSize } },
  },
  'recall': {
    about: '4 patches of 9 bits; one is shown again: what followed it?',
    task: { name: 'recall', items: 4 },
    grid: recall(1),
    vectors: { slots: 64, readHeads: 2, hidden: 100 },
    schedule: sequences(200_000),
  },
  'copy': {
    about: '1 to 10 vectors of 6 bits, to be given back in order',
    task: { ...SPEC, presentation: 'flat' },
    gridTask: { ...SPEC, presentation: 'grid' },
    grid: sequence(7, 6),
    vectors: { slots: 16, readHeads: 1, hidden: 64 },
    schedule: sequences(200_000),
  },
  'associative-recall': {
    about: '2 to 6 items of 3 vectors of 6 bits; one is shown again: what followed it?',
    task: { name: 'associative-recall', presentation: 'flat' },
    gridTask: { name: 'associative-recall', presentation: 'patch' },
    grid: recall(2),
    vectors: { slots: 32, readHeads: 2, hidden: 100 },
    schedule: sequences(300_000),
  },
  'copy-20': {
    about: '1 to 20 vectors of 8 bits, to be given back in order (Rae et al. 2016)',
    ...inSlots({ name: 'copy' }, sequence(9, 8), sequences(100_000, 3e-3)),
  },
  'recall-pairs': {
    about: '3 to 6 keys and values of 8 bits; one key is shown again: what was its value? (Rae et al. 2016)',
    ...PAIRS,
  },
  'sort-best': {
    about: '20 vectors of 8 bits with priorities: the best 16, in order (Rae et al. 2016)',
    ...inSlots({ name: 'priority-sort' }, sequence(9, 8), { ...sequences(SORTING.steps), vectors: SORTING }, SEEKING),
  },
} as const satisfies Record<string, Comparison>;

export type ComparedTask = keyof typeof comparisons;
export const COMPARED_TASKS = Object.keys(comparisons) as readonly ComparedTask[];

/** Under this name the run of a kind on a task is a preset; `map9` is multigrid's own. */
export function comparedName(task: ComparedTask, kind: KindName): string {
  return kind === 'multigrid' && task === 'map9' ? 'map9' : `${kind}-${task}`;
}

/** The run of one kind on one task. */
export function comparedRun(task: ComparedTask, kind: KindName): RunConfig {
  const { grid, gridTask, vectors, schedule, ...row }: Comparison = comparisons[task];
  const name = comparedName(task, kind);
  if (kind === 'multigrid') return { name, model: grid, task: gridTask ?? row.task, ...schedule.grid };
  return { name, model: vectorModel(kind, vectors), task: row.task, ...schedule.vectors };
}

function vectorModel(kind: VectorName, alike: Alike): VectorModel {
  return { kind, ...vectorKind(kind).beside(alike) } as VectorModel;
}

export function comparedRuns(): RunConfig[] {
  return COMPARED_TASKS.flatMap((task) => KIND_NAMES.map((kind) => comparedRun(task, kind)));
}
