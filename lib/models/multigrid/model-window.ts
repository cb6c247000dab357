// What a window of a multigrid memory takes and gives, and what is checked of it.

import { checkInteger, checkList, checkOptions, fail, words } from '../../check.js';
import { Pyramid } from '../../nn/multigrid/pyramid.js';
import { slice } from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import type { MultigridMemoryState } from './multigrid-memory-state.js';
import type { NetworkPlan } from './plan.js';

/** A pyramid, or a tensor where there is one grid only. */
export type Grids = Pyramid | Tensor;

/** A window of a multigrid memory. */
export interface MultigridInputs {
  /** What the writer, encoder or network sees: [T,B,H,W,C] for each level (1-D: [T,B,L,C]). */
  readonly input: Grids;
  /**
   * One query for each reader, [Q,B,…]: asked at each of the last Q ≤ T steps, of the memory after that step, unless `askedAt`
   * says otherwise. Models without readers take none.
   */
  readonly queries?: readonly Grids[];
  /** For each reader, the step of the window, from 0, at which each of its Q questions is asked: in any order, with repeats. */
  readonly askedAt?: readonly (readonly number[] | undefined)[];
  /** Steps the decoder runs after the window; default T. Other models have no use for it. */
  readonly outputSteps?: number;
}

export interface MultigridOutputs {
  /** Answers of the first reader, of the decoder or of the network: `logits[0]`. */
  readonly y: Tensor;
  /**
   * One tensor for each reader, else one: [Q,B,H,W,C] on the output grid, [Q,B,C] when that has one position, [Q,B,Out] after a
   * fully connected head. No activation.
   */
  readonly logits: readonly Tensor[];
  /** The memory after the last step: of the writer, encoder or network. */
  readonly state: MultigridMemoryState;
}

/** What the first network of a model has made of a window. */
export interface Written {
  /** Outputs of all layers of a writer, of the last layer of other networks; [T,B,…]. */
  readonly memory: readonly Pyramid[];
  readonly state: MultigridMemoryState;
}

/** ERR_MG_ARGUMENT for a lone tensor or pyramid, for what is missing, and for keys that nobody reads. */
export function checkInputs(inputs: unknown): void {
  if (typeof inputs !== 'object' || inputs === null || inputs instanceof Tensor || inputs instanceof Pyramid) {
    fail('ERR_MG_ARGUMENT', 'MultigridMemory', '{ input, queries?, askedAt?, outputSteps? }', inputs);
  }
  checkOptions('MultigridMemory', inputs, ['input', 'queries', 'askedAt', 'outputSteps']);
  const { queries } = inputs as { queries?: unknown };
  if (queries !== undefined) checkList('MultigridMemory', 'queries as a list, one for each reader', queries);
}

/** Steps of a memory, which all its grids share, as they share their batch with the query. ERR_MG_ARGUMENT, ERR_MG_SHAPE. */
export function checkMemory(memory: unknown, query: Pyramid): number {
  if (!Array.isArray(memory) || memory.length === 0 || !memory.every((layer) => layer instanceof Pyramid)) {
    fail('ERR_MG_ARGUMENT', 'read', 'memory to be a list of Pyramids, as write gives it', memory);
  }
  const all = (memory as Pyramid[]).flatMap((layer) => layer.tensors());
  const [steps = 0, batch = 0] = all[0]!.shape;
  const odd = all.find(({ shape }) => shape[0] !== steps || shape[1] !== batch);
  if (odd !== undefined) fail('ERR_MG_SHAPE', 'read', `a memory [${steps}, ${batch}, …] in all its grids`, odd.shape);
  const { shape } = query.tensors()[0]!;
  if (shape[1] !== batch) fail('ERR_MG_SHAPE', 'read', `a query of ${batch} rows, as the memory has`, shape);
  return steps;
}

/** ERR_MG_ARGUMENT unless there is a step of the window for each question. */
export function checkAskedAt(askedAt: unknown, asked: number, steps: number): void {
  if (!Array.isArray(askedAt) || askedAt.length !== asked || asked === 0) {
    fail('ERR_MG_ARGUMENT', 'read', `askedAt to be a step for each of ${asked} questions`, askedAt);
  }
  for (const step of askedAt) checkInteger('read', 'every step of askedAt', step, 0, steps - 1);
}

/** The input of a network as a pyramid; a lone tensor stands for its single level. */
export function grids({ name, input }: NetworkPlan, value: Grids): Pyramid {
  if (value instanceof Pyramid) return value;
  if (!(value instanceof Tensor)) fail('ERR_MG_ARGUMENT', name, 'a Pyramid, or a Tensor for a single grid', value);
  const levels = input.map((grid) => grid.level).join(', ');
  if (input.length !== 1) fail('ERR_MG_ARGUMENT', name, `a Pyramid with levels ${levels}`, words(value.toString()));
  return Pyramid.of({ [input[0]!.level]: value });
}

/** Steps `first` … `first + count − 1` of a window. */
export function stepsOf(grid: Tensor, first: number, count: number): Tensor {
  const [steps = 1, ...rest] = grid.shape;
  return steps === count ? grid : slice(grid, [first, ...rest.map(() => 0)], [count, ...rest]);
}
