/** A sparse access memory as the native window knows it: its sizes, the interface vector, and the state that it carries. */
import { checkInteger, checkObject } from '../../check.js';
import type { FloatDType } from '../../tensor/dtype.js';
import type { Shape } from '../../tensor/shape.js';
import { Tensor } from '../../tensor/tensor.js';
import { interfaceOf, type ControllerWeights, type Interface } from './controller.js';

export interface SamSettings {
  /** N, W, R, K, and H of the controller; hidden 0: there is none and the input is the raw interface. */
  readonly slots: number;
  readonly wordSize: number;
  readonly heads: number;
  readonly reads: number;
  readonly hidden: number;
  /** Each head has a strength 1 + softplus, else it is 1. */
  readonly strength: boolean;
  /**
   * `live`: only rows that were ever touched are stored and searched; `linear`: all of them. The same bits come of both.
   * `lsh`, `kdtree`: an index names the rows that are searched, on the CPU alone; see `samWindow`.
   */
  readonly index: 'live' | 'linear' | 'lsh' | 'kdtree';
  /** Rows that `lsh` and `kdtree` are asked for; where no more are live, all are searched. */
  readonly checks: number;
  /** K_L, temporal links of a slot and head; 0: none. */
  readonly links: number;
  /** `rows`: links are followed by the rows of the read slots; `paper`: as printed, by all rows that mention them. */
  readonly linkRead: 'rows' | 'paper';
  readonly forgetBias: number;
  /** Hidden and cell are brought into −clip … clip; 0: they are left alone. */
  readonly clip: number;
  /** Under the norms and in the cosine. */
  readonly epsilon: number;
  /** Weight that a slot has to exceed in a step to count as accessed. */
  readonly delta: number;
}

/** Weights of the controller [I+RW+H,4H], [4H] and of the interface [H,D], [D]. */
export type SamWeights = ControllerWeights;

/**
 * The state of a batch; zeros are a new episode. Slots 0 … live−1 were touched and have rows, the others still hold the constant
 * 1e-6 and have none. The ring of slots, the least recently accessed first, is a circle of nodes: s+1 for slot s, and 0 for all
 * slots without a row.
 */
export interface SamTensors {
  /** Place for C rows, [B,C,W]. */
  readonly memory: Tensor;
  /** int32 [B,C+1,2]: the nodes before and behind each node. */
  readonly ring: Tensor;
  /** int32 [B,2]: live, and the node at the front. */
  readonly counts: Tensor;
  /** int32 [B,R,K] and [B,R,K]: what was read at the step before; of falling weight. */
  readonly readSlots: Tensor;
  readonly readWeights: Tensor;
  readonly readWords: Tensor;
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

/** With temporal links, N and then P of each slot, and precedence; a weight of 0 is no entry. No gradient passes through. */
export interface SdncTensors extends SamTensors {
  /** int32 [B,C,2,R,K_L] and [B,C,2,R,K_L]. */
  readonly linkSlots: Tensor;
  readonly linkWeights: Tensor;
  /** int32 [B,R,K_L] and [B,R,K_L]. */
  readonly precedenceSlots: Tensor;
  readonly precedenceWeights: Tensor;
}

/** Places of the parts of the interface vector, and its size D = R(2W + 2), and R more for strengths, and 3R for read modes. */
export function samInterface(s: Pick<SamSettings, 'wordSize' | 'heads' | 'strength' | 'links'>): Interface {
  checkObject('samInterface', 'settings', s);
  for (const name of ['wordSize', 'heads'] as const) checkInteger('samInterface', name, s[name], 1);
  checkInteger('samInterface', 'links', s.links, 0);
  const { wordSize: W, heads: R, strength, links } = s;
  return interfaceOf({
    queries: [R, W],
    adds: [R, W],
    alpha: [R],
    gamma: [R],
    ...(strength ? { strengths: [R] } : {}),
    ...(links > 0 ? { modes: [R, 3] } : {}),
  });
}

/** Shapes of the state of a batch with place for `capacity` rows, in the order of the native call; links where there are some. */
export function samStateShapes(s: SamSettings, batch: number, capacity: number): Readonly<Record<string, Shape>> {
  checkObject('samStateShapes', 'settings', s);
  for (const name of ['wordSize', 'heads', 'reads', 'hidden', 'links'] as const) checkInteger('samStateShapes', name, s[name], 0);
  checkInteger('samStateShapes', 'batch', batch, 0);
  checkInteger('samStateShapes', 'capacity', capacity, 0);
  const { wordSize: W, heads: R, reads: K, hidden: H, links: L } = s;
  const shapes: { readonly [Name in keyof SamTensors]: Shape } = {
    memory: [batch, capacity, W],
    ring: [batch, capacity + 1, 2],
    counts: [batch, 2],
    readSlots: [batch, R, K],
    readWeights: [batch, R, K],
    readWords: [batch, R, W],
    hidden: [batch, H],
    cell: [batch, H],
  };
  if (L === 0) return { ...shapes };
  const links: { readonly [Name in Exclude<keyof SdncTensors, keyof SamTensors>]: Shape } = {
    linkSlots: [batch, capacity, 2, R, L],
    linkWeights: [batch, capacity, 2, R, L],
    precedenceSlots: [batch, R, L],
    precedenceWeights: [batch, R, L],
  };
  return { ...shapes, ...links };
}

/** Names of the state that are int32. */
export const samIndices: ReadonlySet<string> = new Set<keyof SdncTensors>([
  'ring',
  'counts',
  'readSlots',
  'linkSlots',
  'precedenceSlots',
]);

/** Numbers that the index of `rows` rows takes while a window runs: native/ops/sam/cpu/search/index.h. */
export function samIndexNumbers({ index, slots, wordSize }: SamSettings, rows: number): number {
  if (index === 'lsh') {
    const [tables, bits] = [8, Math.max(4, Math.ceil(Math.log2(slots)) - 4)];
    const lists = Math.min(2 ** bits, 2 ** Math.ceil(Math.log2(rows)));
    return tables * (3 * rows + lists + bits * wordSize) + 2 * rows;
  }
  const trees = 4; // each with links and leaf of a row; nodes of 7 numbers, and 2 of the queue
  return index === 'kdtree' ? trees * (3 * rows + 9 * (rows + 1)) + 3 * rows : 0;
}

/** The state of a new episode. */
export function samZeros(
  s: SamSettings,
  batch: number,
  options: { readonly dtype?: FloatDType; readonly device?: Tensor['device'] } = {},
): SdncTensors {
  checkObject('samZeros', 'settings', s);
  for (const name of ['slots', 'wordSize', 'heads', 'reads'] as const) checkInteger('samZeros', name, s[name], 1);
  const capacity = s.index === 'linear' ? s.slots : Math.min(s.slots, s.heads + s.reads);
  const zeros = Object.entries(samStateShapes(s, batch, capacity)).map((
    [name, shape],
  ) => [name, Tensor.zeros(shape, { ...options, ...(samIndices.has(name) ? { dtype: 'int32' as const } : {}) })]);
  return Object.fromEntries(zeros) as SdncTensors;
}
