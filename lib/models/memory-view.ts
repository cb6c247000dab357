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

/** A matrix of slots, and how much each head wrote to them and read from them at this step. */
export interface MemorySlots {
  /** [B,N,W]; of a memory that stores touched slots alone, those. */
  readonly memory: Tensor;
  /** [B,V,N]; absent where a memory does not keep them: what it wrote is what has changed. */
  readonly writeWeights?: Tensor;
  /** [B,R,N], or [B,R,K] of the slots in `readSlots`. */
  readonly readWeights: Tensor;
  /** int32 [B,R,K]: the slots that were read; −1 for none. */
  readonly readSlots?: Tensor;
}

/** Live handles of a state, not copies: they are gone when the state is. */
export type MemoryView =
  | { readonly form: 'grids'; readonly grids: readonly MemoryGrid[] }
  | ({ readonly form: 'slots' } & MemorySlots);

/** The view of a state that holds tensors of these names. */
export function slotsView({ values }: { readonly values: MemorySlots }): MemoryView {
  const { memory, writeWeights, readWeights, readSlots } = values;
  return {
    form: 'slots',
    memory,
    readWeights,
    ...(writeWeights === undefined ? {} : { writeWeights }),
    ...(readSlots === undefined ? {} : { readSlots }),
  };
}
