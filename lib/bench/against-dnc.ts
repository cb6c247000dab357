// Multigrid memory against the DNC: the cost of a step and of a training window over the size of the memory.

import { noGrad, scope } from '../autograd/index.js';
import type { MultigridConfig } from '../models/multigrid/config.js';
import { DNC } from '../models/dnc.js';
import { estimate } from '../models/multigrid/estimate.js';
import { MultigridMemory } from '../models/multigrid/multigrid-memory.js';
import type { Module } from '../nn/module.js';
import { square, sum } from '../ops/index.js';
import { diagnostics } from '../tensor/device.js';
import { Rng } from '../tensor/rng.js';
import { Tensor } from '../tensor/tensor.js';
import { memoryBandwidth, time, type Times } from './measure.js';

export type Side = 'multigrid' | 'dnc';

export const PRECISIONS = ['float32', 'float64'] as const;
export type Precision = (typeof PRECISIONS)[number];

/**
 * One model of the sweep. Size: highest level of the multigrid ladder, and how many of its layers reach it; or slots of the DNC.
 */
export interface Point {
  readonly side: Side;
  readonly cells: number;
  readonly size: number;
  readonly batch: number;
  readonly steps: number;
  readonly runs: number;
  readonly budgetMs: number;
  readonly precision: Precision;
}

export interface Measured extends Point {
  readonly parameters: number;
  /**
   * One time step of the batch without gradient, and a window of `steps` with gradient; null where it did not fit or was not
   * asked.
   */
  readonly forward: Times | null;
  readonly training: Times | null;
  readonly sequencesPerSecond: number | null;
  /** Highest bytes of tensors alive. */
  readonly peakBytes: number;
  /** Most memory that the process had in use. */
  readonly rssBytes: number;
  /** DNC: time of the link traffic (read and written once) at the measured bandwidth, as a share of the time of a step. */
  readonly boundShare: number | null;
  readonly note?: string;
}

export const WORD = 16;
const INPUTS = 36;
const OUTPUTS = 36;

/** 8 channels everywhere: two layers for each highest level 1 … top, the last one once or twice. */
export function ladder(top: number, last: 1 | 2): MultigridConfig {
  const rows = Array.from({ length: top }, (_, k) => [0, k + 1, 8] as const);
  const layers = rows.flatMap((row, k) => Array.from({ length: k + 1 === top ? last : 2 }, () => row));
  return { input: { 0: 4 }, lstm: layers, tail: [[0, 0, 4]] };
}

const ladderOf = (size: number): MultigridConfig => ladder(Math.floor(size), size % 1 === 0 ? 2 : 1);

/** Slots of DNCs beside those with as many cells as a multigrid memory, so that the power law has points to stand on. */
const BETWEEN = [1448, 2048];

/** Sizes whose memory grows from point to point, and the DNC with as many cells. Multigrid size 3.5: level 3 half filled. */
export function sweep(isQuick: boolean, precision: Precision = 'float32'): Point[] {
  const rest = isQuick ? { runs: 5, budgetMs: 1500 } : { runs: 15, budgetMs: 8000 };
  const shared = { batch: 32, steps: 20, precision, ...rest };
  const sizes = isQuick ? [2, 3.5, 3, 4.5] : [2, 3.5, 3, 4.5, 4, 5.5, 5, 6.5, 6, 7.5];
  const models = sizes.map((size) => ({ size, cells: estimate(ladderOf(size), { batch: 1, steps: 1 }).memoryCells }));
  const dnc = (slots: number): Point => ({ side: 'dnc', cells: slots * WORD, size: slots, ...shared });
  const pairs = models.flatMap(({ size, cells }) => [
    { side: 'multigrid', cells, size, ...shared } as const,
    dnc(Math.round(cells / WORD)),
  ]);
  return [...pairs, ...BETWEEN.map(dnc)].sort((a, b) => a.cells - b.cells || a.side.localeCompare(b.side));
}

/**
 * Bytes that a DNC's backward takes for links: on the CPU those of four samples a thread over the whole window where 1 GiB holds
 * them, else the fewest from which they can be rebuilt, of one sample a thread; and a gradient for each of these samples.
 */
function replayBytes(steps: number, link: number): number {
  const { threads } = diagnostics().binary;
  const root = Math.ceil(Math.sqrt(steps));
  const fewest = root - 1 + Math.ceil(steps / root) - 1;
  return Math.max(threads * (fewest + 1) * link, Math.min(2 ** 30, 4 * threads * steps * link));
}

/** Bytes that a point needs: state before and after, and for training what backward keeps. */
export function bytesNeeded({ side, size, batch, steps, precision }: Point, isTraining: boolean): number {
  if (side === 'multigrid') {
    const wider = precision === 'float64' ? 2 : 1; // the estimate counts float32
    const cost = estimate(ladderOf(size), { batch, steps });
    return wider * (isTraining ? cost.bytesTraining : estimate(ladderOf(size), { batch, steps: 1 }).bytesInference);
  }
  const each = precision === 'float64' ? 8 : 4;
  const link = each * size * size;
  return (isTraining ? 2 : 1) * batch * link + (isTraining ? replayBytes(steps, link) + steps * batch * size * each * 24 : 0);
}

interface Subject {
  readonly model: Module;
  step(): void;
  window(): void;
}

function subject({ side, size, batch, steps, precision: dtype }: Point): Subject {
  const rng = new Rng(1);
  if (side === 'dnc') {
    const model = new DNC({ inputs: INPUTS, outputs: OUTPUTS, slots: size, wordSize: WORD, rng, dtype });
    const frames = Tensor.normal([steps, batch, INPUTS], [0, 1], rng, { dtype });
    const frame = Tensor.normal([batch, INPUTS], [0, 1], rng, { dtype });
    let state = model.initialState(batch);
    return {
      model,
      step() {
        const next = noGrad(() => model.step(frame, state, { consume: true }));
        next.y.dispose();
        state = next.state;
      },
      window: () => train(model, () => model.forward(frames, state).y),
    };
  }
  const model = new MultigridMemory(ladderOf(size), { rng, dtype });
  const frames = Tensor.normal([steps, batch, 3, 3, 4], [0, 1], rng, { dtype });
  const frame = Tensor.normal([batch, 3, 3, 4], [0, 1], rng, { dtype });
  let state = model.initialState(batch);
  return {
    model,
    step() {
      const next = noGrad(() => model.step({ input: frame }, state));
      state.dispose();
      for (const y of next.logits) y.dispose();
      state = next.state;
    },
    window: () => train(model, () => model.forward({ input: frames }, state).y),
  };
}

function train(model: Module, forward: () => Tensor): void {
  using _ = scope();
  sum(square(forward())).backward();
  for (const parameter of model.parameters()) {
    parameter.grad?.dispose();
    parameter.grad = null;
  }
}

/** A point of which nothing is known but why. */
export const unmeasured = (point: Point, note: string): Measured => ({
  ...point,
  parameters: 0,
  forward: null,
  training: null,
  sequencesPerSecond: null,
  peakBytes: 0,
  rssBytes: 0,
  boundShare: null,
  note,
});

/** Measures one point in this process. `limitBytes`: what may be used; beyond it a time is null and `note` says so. */
export async function measure(
  point: Point,
  limitBytes: number,
  peak: () => number,
  bytesPerSecond: () => Promise<number> = memoryBandwidth,
): Promise<Measured> {
  using _ = scope();
  const { side, size, batch, runs, budgetMs } = point;
  const fits = (isTraining: boolean): boolean => bytesNeeded(point, isTraining) <= limitBytes;
  if (!fits(false)) {
    const gigabytes = (bytesNeeded(point, false) / 1e9).toFixed(1);
    return unmeasured(point, `needs ${gigabytes} GB`);
  }
  const { model, step, window } = subject(point);
  const forward = await time(step, 3 * runs, budgetMs);
  const training = fits(true) ? await time(window, runs, budgetMs) : null;
  const peakBytes = peak();
  const rssBytes = process.resourceUsage().maxRSS * 1024;
  const linkBytes = (point.precision === 'float64' ? 8 : 4) * size * size * batch;
  const bound = side === 'dnc' ? (2 * linkBytes) / (await bytesPerSecond()) * 1000 : null;
  const parameters = model.count().parameters;
  model.dispose();
  return {
    ...point,
    parameters,
    forward,
    training,
    peakBytes,
    rssBytes,
    sequencesPerSecond: training === null ? null : (1000 * batch) / training.median,
    boundShare: bound === null ? null : bound / forward.median,
    ...(training === null ? { note: `training needs ${(bytesNeeded(point, true) / 1e9).toFixed(1)} GB` } : {}),
  };
}
