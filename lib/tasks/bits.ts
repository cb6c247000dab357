/** Random bits, and the patches that lists are made of. */
import type { Rng } from '../tensor/rng.js';

export const PATCH = 9; // bits of a 3×3 patch

/** Bits with probability ½, each from one random word. */
export function randomBits(rng: Rng, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => rng.integer(2));
}
