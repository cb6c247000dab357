/** Actions from logits. */
import { argmax } from '../../tasks/scorers.js';
import type { Rng } from '../../tensor/rng.js';

/** An action drawn from softmax(logits): the first k whose cumulated probability exceeds a uniform draw. */
export function sampleAction(logits: ArrayLike<number>, start: number, count: number, rng: Rng): number {
  const top = logits[start + argmax(logits, start, count)]!;
  const weights = Array.from({ length: count }, (_, k) => Math.exp(logits[start + k]! - top));
  let left = rng.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  for (let k = 0; k < count - 1; k++) {
    left -= weights[k]!;
    if (left < 0) return k;
  }
  return count - 1;
}

/** One action for each row of logits [B,A], drawn from a stream of its own or, without one, the likeliest. */
export function chooseActions(logits: ArrayLike<number>, actions: number, rng: Rng | null): Int32Array {
  return Int32Array.from({ length: logits.length / actions }, (_, row) => (
    rng === null ? argmax(logits, row * actions, actions) : sampleAction(logits, row * actions, actions, rng.split(row))
  ));
}
