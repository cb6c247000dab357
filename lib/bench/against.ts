// Multigrid memory against another kind: the cost of a step and of a training window over the size of the memory.

import { noGrad, scope } from '../autograd/index.js';
import type { MultigridConfig } from '../models/multigrid/config.js';
import { estimate } from '../models/multigrid/estimate.js';
import { MultigridMemory } from '../models/multigrid/multigrid-memory.js';
import type { SequenceModel } from '../models/sequence-model.js';
import type { TensorState } from '../nn/tensor-state.js';
import type { ModelCost } from '../nn/cost.js';
import type { Module } from '../nn/module.js';
import { square, sum } from '../ops/index.js';
import { vectorKind, type VectorName } from '../runs/kinds.js';
import { Rng } from '../tensor/rng.js';
import { Tensor } from '../tensor/tensor.js';
import { memoryBandwidth, time, type Times } from './measure.js';

export type Side = 'multigrid' | VectorName;

export const PRECISIONS = ['float32', 'float64'] as const;
export type Precision = (typeof PRECISIONS)[number];

/**
 * One model of the sweep. Size: highest level of the multigrid ladder, and how many of its layers reach it; of other kinds their
 * cells in slots of 16.
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
  /** Time of what a step must read and write (a DNC: its links) at the measured bandwidth, as a share of the time of a step. */
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

/** Slots of memories beside those with as many cells as a multigrid memory, so that the power law has points to stand on. */
const BETWEEN = [1448, 2048];

/** Sizes whose memory grows, and the other kind with as many cells. Multigrid size 3.5: level 3 half filled. */
export function sweep(isQuick: boolean, precision: Precision = 'float32', against: VectorName = 'dnc'): Point[] {
  const rest = isQuick ? { runs: 5, budgetMs: 1500 } : { runs: 15, budgetMs: 8000 };
  const shared = { batch: 32, steps: 20, precision, ...rest };
  const sizes = isQuick ? [2, 3.5, 3, 4.5] : [2, 3.5, 3, 4.5, 4, 5.5, 5, 6.5, 6, 7.5];
  const models = sizes.map((size) => ({ size, cells: estimate(ladderOf(size), { batch: 1, steps: 1 }).memoryCells }));
  const other = (slots: number): Point => ({ side: against, cells: slots * WORD, size: slots, ...shared });
  const pairs = models.flatMap(({ size, cells }) => [
    { side: 'multigrid', cells, size, ...shared } as const,
    other(Math.round(cells / WORD)),
  ]);
  return [...pairs, ...BETWEEN.map(other)].sort((a, b) => a.cells - b.cells || a.side.localeCompare(b.side));
}

/** Bytes that a point needs, of inference or of training. */
export function bytesNeeded({ side, size, cells, batch, steps, precision: dtype }: Point, isTraining: boolean): number {
  const window = { batch, steps: isTraining ? steps : 1 };
  if (side === 'multigrid') return bytesOf(estimate(ladderOf(size), { ...window, dtype }), isTraining);
  using model = buildOther(side, cells, dtype);
  return bytesOf(model.estimate(window), isTraining);
}

const bytesOf = ({ bytesTraining, bytesInference }: ModelCost, isTraining: boolean): number => (
  isTraining ? bytesTraining : bytesInference
);

function buildOther(side: VectorName, cells: number, dtype: Precision, rng = new Rng(1)): SequenceModel<TensorState> {
  const kind = vectorKind(side);
  return kind.build(kind.ofCells(cells), { inputs: INPUTS, outputs: OUTPUTS, rng, dtype });
}

interface Subject {
  readonly model: Module;
  step(): void;
  window(): void;
}

function subject({ side, size, cells, batch, steps, precision: dtype }: Point): Subject {
  const rng = new Rng(1);
  if (side !== 'multigrid') {
    const model = buildOther(side, cells, dtype, rng);
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

/** Numbers that a step must move for each row; undefined where none bound its time. */
export function trafficOf(side: Side, cells: number): number | undefined {
  if (side === 'multigrid') return undefined;
  const kind = vectorKind(side);
  return kind.traffic?.(kind.ofCells(cells));
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
  const { side, cells, batch, runs, budgetMs } = point;
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
  const traffic = trafficOf(side, cells);
  const bytes = 2 * (point.precision === 'float64' ? 8 : 4) * batch;
  const bound = traffic === undefined ? null : (bytes * traffic) / (await bytesPerSecond()) * 1000;
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
