/** What a memory looks like after a step, whatever its kind: data for pictures and for those who watch. */
import type { Tensor } from '../tensor/tensor.js';

/** One grid of one layer; hidden and cell [B,H,W,C] (1-D: [B,L,C]; layers without grids: [B,L]). */
export interface MemoryGrid {
  /** Counted from 1. */
  readonly layer: number;
  readonly level: number;
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

/** Weights of heads over slots as numbers: [B,V,N], or [B,V,K] of the slots that `slots` names, −1 for none. */
export interface HeadWeights {
  /** V. */
  readonly heads: number;
  readonly weights: ArrayLike<number>;
  readonly slots: ArrayLike<number> | null;
}

/** A matrix of slots, and how much each head wrote to them and read from them at this step. */
export interface MemorySlots {
  /** [B,N,W]; of a memory that stores touched slots alone, those. */
  readonly memory: Tensor;
  /** What the step wrote. It is asked for before this returns, so that the states may be freed meanwhile. */
  writes(): Promise<HeadWeights>;
  /** [B,R,N], or [B,R,K] of the slots in `readSlots`. */
  readonly readWeights: Tensor;
  /** int32 [B,R,K]: the slots that were read; −1 for none. */
  readonly readSlots?: Tensor;
}

/** Live handles of a state, not copies: they are gone when the state is. */
export type MemoryView =
  | { readonly form: 'grids'; readonly grids: readonly MemoryGrid[] }
  | ({ readonly form: 'slots' } & MemorySlots);

/** The view of a state whose tensors have these names. */
export function slotsView(
  { memory, readWeights, readSlots }: { readonly memory: Tensor; readonly readWeights: Tensor; readonly readSlots?: Tensor },
  writes: () => Promise<HeadWeights>,
): MemoryView {
  return { form: 'slots', memory, writes, readWeights, ...(readSlots === undefined ? {} : { readSlots }) };
}

/** The view of a state that keeps its write weights [B,V,N]. */
export function keptView({ values }: {
  readonly values: { readonly memory: Tensor; readonly readWeights: Tensor; readonly writeWeights: Tensor };
}): MemoryView {
  const { writeWeights } = values;
  const heads = writeWeights.shape[1]!;
  return slotsView(values, async () => ({ heads, weights: await writeWeights.data(), slots: null }));
}
