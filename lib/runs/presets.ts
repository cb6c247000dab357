/** Runs as rows: model, task and schedule under one name. */
import { fail } from '../check.js';
import type { MappingOptions } from '../tasks/mapping/mapping-options.js';
import type { TaskSpec } from '../tasks/registry.js';
import { comparedRuns, RECALL_OF_PAIRS } from './comparisons.js';
import type { RunConfig, RunModel, Schedule } from './run.js';
import {
  BY_PAIRS,
  COPYING,
  MAP9,
  MAPPING,
  N_GRAMS,
  N_GRAMS_SPARSE,
  PAIRING,
  SEEKING,
  SEQUENCES,
  SORTING,
  SPARSE_LEARNING,
} from './schedules.js';

type Row = readonly [model: RunModel, task: TaskSpec, schedule: Schedule];

const maze = (model: RunModel, options: MappingOptions): Row => [model, { name: 'mapping', ...options }, MAPPING];

/** A DNC of as many numbers as the multigrid memory beside it; its units follow from the published parameter counts. */
const dnc = (hidden: number): RunModel => ({ kind: 'dnc', slots: 500, wordSize: 16, readHeads: 4, hidden });

/** The memory that Rae et al. 2016 learn with: 2·10⁶ slots, of which a run touches a few thousand. */
const SAM: RunModel = { kind: 'sam', slots: 2_000_000, wordSize: 32, heads: 4, reads: 4, hidden: 100 };

/** Its dense counterpart, whose memory of 100 steps takes as much. */
const DAM: RunModel = { kind: 'dam', slots: 64, wordSize: 32, heads: 4, hidden: 100 };

/**
 * Judged on 100 characters, ten pictures of each, after training on up to 130 steps (Rae et al. 2016, §4.5). One answer in ten
 * can only be guessed: with 500 labels that is 0.9 bits of the mean loss.
 */
const OMNIGLOT: TaskSpec = { name: 'omniglot', characters: [100, 100], labels: 500, stretch: 0.2, validation: 5 };
const BY_CHARACTERS: Schedule = {
  ...SPARSE_LEARNING,
  levels: { below: 1.4, most: 13 },
  validate: { every: 100_000, items: 16 },
};

/** A slot for each of 200 bits, and more. */
const PREDICTING = { slots: 256, wordSize: 16, heads: 1, hidden: 64, start: SEEKING } as const;

/** The tasks of Rae et al. 2016, §4.2 and 4.5, and one of Graves et al. 2014. */
const SPARSE: Readonly<Record<string, Row>> = {
  'copy-sam': [SAM, { name: 'copy', bits: 8, lengths: [1, 20] }, COPYING],
  'recall-sam': [{ ...SAM, heads: 1, hidden: 64, start: SEEKING }, RECALL_OF_PAIRS, PAIRING],
  'sort-sam': [{ ...SAM, start: SEEKING }, { name: 'priority-sort' }, SORTING],
  'recall-levels-sam': [
    { ...SAM, wordSize: 64, heads: 1, reads: 16, hidden: 128, start: SEEKING },
    { ...RECALL_OF_PAIRS, bits: 16, items: [1000, 1000] },
    BY_PAIRS,
  ],
  'n-grams-sam': [{ kind: 'sam', ...PREDICTING, reads: 16 }, { name: 'n-grams' }, N_GRAMS_SPARSE],
  'n-grams-dam': [{ kind: 'dam', ...PREDICTING }, { name: 'n-grams' }, N_GRAMS],
  'n-grams-ntm': [{ kind: 'ntm', slots: 128, wordSize: 20, hidden: 100 }, { name: 'n-grams' }, SPARSE_LEARNING],
  'n-grams-lstm': [{ kind: 'lstm', hidden: 128, layers: 3 }, { name: 'n-grams' }, SPARSE_LEARNING],
  'omniglot-sam': [SAM, OMNIGLOT, BY_CHARACTERS],
  'omniglot-dam': [DAM, OMNIGLOT, BY_CHARACTERS],
};

/** One story at a time at a rate of 10⁻⁴ (Graves et al. 2016). */
const STORIES: Schedule = { ...SEQUENCES, batchSize: 1, lr: { from: 1e-4, to: 1e-4, steps: 2_000_000 } };

/**
 * The runs behind the paper's Tables 1 to 3 (Huynh, Maire, Walter 2020). Lists that are recalled hold distinct items: with equal
 * ones among them no network can reach the published figure (see `RecallOptions.distinct`).
 */
const PUBLISHED: Readonly<Record<string, Row>> = {
  'map15-8k': maze('map15-8k', { size: 15 }),
  'map25-8k': maze('map25-8k', { size: 25 }),
  'map25': maze('map25', { size: 25 }),
  'map25-f9q9': maze('map25-f9q9', { size: 25, view: 9, motion: 'random', pathLength: 500 }),
  'map25-q9': maze('map25-q9', { size: 25, query: 9 }),
  'map25-walk500': maze('map25', { size: 25, motion: 'random', pathLength: 500 }),
  'map25-walk1500': maze('map25', { size: 25, motion: 'random', pathLength: 1500 }),
  'ablated': maze('ablated', { size: 25 }),
  'convlstm-thick': maze('convlstm-thick', { size: 25, inputLevels: [4] }),
  'convlstm-deep': maze('convlstm-deep', { size: 25, inputLevels: [4] }),
  'map15-dnc': maze(dnc(293), { size: 15 }),
  'map25-dnc': maze(dnc(148), { size: 25 }),
  'sort-8k': ['sort-8k', { name: 'sorting', items: 20 }, SEQUENCES],
  'sort-50': ['sort-50', { name: 'sorting', items: 50 }, SEQUENCES],
  'sort-dnc': [dnc(384), { name: 'sorting', items: 20 }, SEQUENCES],
  'recall-8k': ['recall-8k', { name: 'recall', items: 10, distinct: true }, SEQUENCES],
  'recall-20': ['recall-20', { name: 'recall', items: 20, distinct: true }, SEQUENCES],
  'recall-dnc': [dnc(384), { name: 'recall', items: 10, distinct: true }, SEQUENCES],
  'mnist-sort': ['mnist-sort', { name: 'mnist-sorting', items: 20 }, SEQUENCES],
  'mnist-recall': ['mnist-recall', { name: 'mnist-recall', items: 10 }, SEQUENCES],
  'mnist-sort-dnc': [dnc(234), { name: 'mnist-sorting', items: 20, presentation: 'pixels' }, SEQUENCES],
  'mnist-recall-dnc': [dnc(206), { name: 'mnist-recall', items: 10, presentation: 'pixels' }, SEQUENCES],
  'babi': ['babi', { name: 'babi' }, { ...SEQUENCES, batchSize: 1 }],
  'babi-dnc': [{ kind: 'dnc', slots: 256, wordSize: 64, readHeads: 4, hidden: 256 }, { name: 'babi' }, STORIES],
};

/** Beside it on bAbI, in the sizes of Graves et al. 2016: those of Rae et al. are not published. */
const BABI: Readonly<Record<string, Row>> = {
  'babi-lstm': [{ kind: 'lstm', hidden: 512 }, { name: 'babi' }, STORIES],
  'babi-ntm': [{ kind: 'ntm', slots: 256, wordSize: 64, readHeads: 4, hidden: 256 }, { name: 'babi' }, STORIES],
  'babi-dam': [{ kind: 'dam', slots: 256, wordSize: 64, heads: 4, hidden: 256 }, { name: 'babi' }, STORIES],
  'babi-sam': [{ kind: 'sam', slots: 256, wordSize: 64, heads: 4, reads: 4, hidden: 256 }, { name: 'babi' }, STORIES],
  'babi-sdnc': [{ kind: 'sdnc', slots: 256, wordSize: 64, heads: 4, reads: 4, hidden: 256 }, { name: 'babi' }, STORIES],
};

/** Half of the episodes walk freely, half of them bump: what a memory must know before a policy explores on it. */
const walks = (options: MappingOptions, pathLength: number): TaskSpec => (
  { name: 'mapping', ...options, motion: 'random', moveRule: 'mixed', pathLength }
);

/** Memories that explorations stand on. */
const WALKS: Readonly<Record<string, Row>> = {
  'map9-walk': ['map9', walks({ size: 9, locationScale: 0.05 }, 200), {
    ...MAP9,
    steps: 50_000,
    lr: { ...MAP9.lr, steps: 50_000 },
  }],
  'map25-8k-walk': ['map25-8k', walks({ size: 25, locationScale: 0.05 }, 1000), MAPPING],
  'map25-walk': ['map25', walks({ size: 25 }, 1000), MAPPING],
};

const RUNS: ReadonlyMap<string, RunConfig> = new Map([
  ...comparedRuns().filter(({ name }) => name === 'map9'),
  ...Object.entries({ ...PUBLISHED, ...BABI, ...SPARSE, ...WALKS }).map(([name, [model, task, schedule]]): RunConfig => ({
    name,
    model,
    task,
    ...schedule,
  })),
  ...comparedRuns().filter(({ name }) => name !== 'map9'),
].map((run) => [run.name, run]));

export const PRESET_RUNS: readonly string[] = [...RUNS.keys()];

export function isPresetRun(name: string): boolean {
  return RUNS.has(name);
}

/** The run of that name. Throws ERR_MG_CONFIG. */
export function presetRun(name: string): RunConfig {
  const run = RUNS.get(name);
  return structuredClone(run ?? fail('ERR_MG_CONFIG', 'preset', `the name of a preset (${PRESET_RUNS.join(', ')})`, name));
}
