/** What the heads of a sparse or dense access memory wrote at a step, worked out of the states before and after it. */
import { noGrad } from '../../autograd/index.js';
import { samInterface, type SamSettings } from '../../ops/index.js';
import { scope } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Affine } from '../affine.js';
import type { HeadWeights } from '../memory-view.js';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/**
 * α·γ and α·(1 − γ) of each row and head after a step that left `hidden` [B,H], of
 *   w_h = α_h (γ_h r'_h + (1 − γ_h) 1_u)     α, γ logistic, of ξ = h·W_ξ + b     r': what was read before     u: the slot erased
 * Source: Rae et al., NIPS 2016.
 */
export async function writeGates(
  interfaceLayer: Affine,
  hidden: Tensor,
  settings: Pick<SamSettings, 'wordSize' | 'heads' | 'strength' | 'links'>,
): Promise<{ readonly kept: Float64Array; readonly fresh: Float64Array }> {
  const { size, parts } = samInterface(settings);
  const { heads } = settings;
  const reading = ((): Promise<ArrayLike<number>> => {
    using _ = scope();
    return noGrad(() => interfaceLayer.forward(hidden)).data();
  })();
  const raw = await reading;
  const count = (raw.length / size) * heads;
  const gate = (name: string, i: number): number => sigmoid(raw[Math.floor(i / heads) * size + parts[name]![0] + (i % heads)]!);
  return {
    kept: Float64Array.from({ length: count }, (_, i) => gate('alpha', i) * gate('gamma', i)),
    fresh: Float64Array.from({ length: count }, (_, i) => gate('alpha', i) * (1 - gate('gamma', i))),
  };
}

/** The `heads` slots that a step erases: the least recently accessed ones, those without a row in their order. */
export function oldestSlots(ring: ArrayLike<number>, live: number, front: number, slots: number, heads: number): number[] {
  let [node, rows] = [front, live];
  return Array.from({ length: heads }, () => {
    if (node === 0 && rows < slots) return rows++;
    if (node === 0) node = ring[1]!;
    const slot = node - 1;
    node = ring[2 * node + 1]!;
    return slot;
  });
}

/** The `heads` slots of the least usage, of equal ones the lower first. */
export function leastUsed(usage: ArrayLike<number>, heads: number): number[] {
  const order = Array.from(usage, (_, slot) => slot).sort((a, b) => usage[a]! - usage[b]! || a - b);
  return order.slice(0, heads);
}

/** Nothing: what a new episode has written. */
export const noWrites = (heads: number, batch: number, slots: number): HeadWeights => (
  { heads, weights: new Float64Array(batch * heads * slots), slots: null }
);
