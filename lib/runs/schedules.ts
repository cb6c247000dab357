/** How long and how fast: schedules that rows of runs share. */
import type { Schedule } from './run.js';

/** As published: 1e-3 to 1e-4 over 10⁶ time steps, 32 episodes side by side (Huynh, Maire, Walter 2020). */
const PUBLISHED = {
  batchSize: 32,
  optimizer: { name: 'rmsprop' },
  lr: { from: 1e-3, to: 1e-4, steps: 1_000_000 },
  seed: 1,
} as const;
const PUBLISHED_SCORES = { every: 100_000, items: 500 };

/** 8·10⁶ time steps in windows of 20. */
export const MAPPING: Schedule = {
  ...PUBLISHED,
  steps: 8_000_000,
  truncate: 20,
  clipNorm: 10_000,
  validate: PUBLISHED_SCORES,
};

/** 2·10⁶ time steps in whole episodes. */
export const SEQUENCES: Schedule = {
  ...PUBLISHED,
  steps: 2_000_000,
  truncate: null,
  clipNorm: 100_000,
  validate: PUBLISHED_SCORES,
};

/** Small enough to watch it learn in minutes: 714 batches. The clipping and ρ here end the first plateau soonest. */
export const MAP9: Schedule = {
  ...PUBLISHED,
  steps: 35_000,
  truncate: 20,
  lr: { from: 2e-3, to: 2e-4, steps: 35_000 },
  clipNorm: 3_000,
  optimizer: { name: 'rmsprop', decay: 0.95 },
  validate: { every: 5_000, items: 64 },
};

/** What networks of vectors learn with unless the run says otherwise: Adam is several times faster on them than RMSProp. */
export const VECTORS: Schedule = {
  steps: 400_000,
  batchSize: 16,
  truncate: null,
  optimizer: { name: 'adam' },
  lr: { from: 1e-3, to: 1e-4, steps: 400_000 },
  clipNorm: 50,
  seed: 1,
  validate: { every: 20_000, items: 256 },
};

/** Sparse memories: 8 episodes at a time, as Rae et al. 2016 have them; their rates are of many workers and another optimizer. */
export const SPARSE_LEARNING: Schedule = {
  ...VECTORS,
  batchSize: 8,
  steps: 2_000_000,
  lr: { from: 1e-3, to: 1e-4, steps: 2_000_000 },
};

/** With which SAM learns copy in half a minute of one core. */
export const COPYING: Schedule = { ...SPARSE_LEARNING, steps: 100_000, lr: { from: 3e-3, to: 3e-4, steps: 100_000 } };

/** With which DAM predicts within two bits of the optimum in two minutes of one core: 32,000 sequences of 200 bits. */
export const N_GRAMS: Schedule = {
  ...VECTORS,
  lr: { from: 3e-3, to: 3e-4, steps: 400_000 },
  validate: { every: 50_000, items: 256 },
};

/** With Muon and 16 rows a step SAM ends 5 bits above the optimum; with Adam and 8 rows it was 15 above after as many steps. */
export const N_GRAMS_SPARSE: Schedule = { ...N_GRAMS, optimizer: { name: 'muon' }, lr: { from: 1e-2, to: 1e-3, steps: 400_000 } };

/** Side by side: whole sequences with Adam, and a rate that falls to a tenth over the run. */
export function compared(steps: number, rate: number): Schedule {
  return { ...VECTORS, steps, lr: { from: rate, to: rate / 10, steps }, validate: { every: steps, items: 256 } };
}

/** Gates and strengths with which memories that are asked by content begin to learn soonest: see `startOptions`. */
export const SEEKING = { alpha: 2, gamma: -2, strength: 4 } as const;

/** With which one head of SAM learns to recall pairs: with Adam, or with gates that start half open, it takes far longer. */
export const PAIRING: Schedule = { ...compared(30_000, 1e-2), optimizer: { name: 'muon' }, batchSize: 32 };

/** With which SAM learns to sort, from gates that start as {@link SEEKING}: half a minute of one core. */
export const SORTING: Schedule = { ...compared(60_000, 1e-2), optimizer: { name: 'muon' }, batchSize: 8 };

/**
 * Recall of ever more pairs: lists of 3 to 6, then of 3 to twice as many, and so on. Lists of one or two pairs are left out: an
 * LSTM keeps them without the memory. Scores are those of the task.
 */
export const BY_PAIRS: Schedule = {
  ...PAIRING,
  steps: 1_000_000,
  lr: { from: 1e-2, to: 2e-3, hold: 8_000, steps: 30_000 },
  levels: { below: 0.05, batches: 20, least: 3, start: 6, most: 16_384 },
  validate: { every: 25_000, items: 32 },
};
