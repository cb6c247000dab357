/** What a memory looks like after a step, whatever its kind: data for pictures and for those who watch. */
import type { Tensor } from '../tensor/tensor.js';

/** One grid of one layer; hidden and cell [B,H,W,C] (1-D: [B,L,C]). */
export interface MemoryGrid {
  /** Counted from 1. */
  readonly layer: number;
  readonly level: number;
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

/** A matrix of slots [B,N,W], and how much each head wrote to them and read from them at this step: [B,V,N], [B,R,N]. */
export interface MemorySlots {
  readonly memory: Tensor;
  readonly writeWeights: Tensor;
  readonly readWeights: Tensor;
}

/** Live handles of a state, not copies: they are gone when the state is. */
export type MemoryView =
  | { readonly form: 'grids'; readonly grids: readonly MemoryGrid[] }
  | ({ readonly form: 'slots' } & MemorySlots);

/** The view of a state that holds tensors of these names. */
export function slotsView({ values }: { readonly values: MemorySlots }): MemoryView {
  const { memory, writeWeights, readWeights } = values;
  return { form: 'slots', memory, writeWeights, readWeights };
}
