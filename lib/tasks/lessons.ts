/** What tasks with lessons share: their weights, and draws by them. */
import { checkNumber, fail } from '../check.js';
import type { Rng } from '../tensor/rng.js';

/** Weights of `lessons` lessons, at least 0, the first of them open. */
export function checkWeights(where: string, weights: unknown, lessons: number): void {
  if (!Array.isArray(weights) || weights.length !== lessons) {
    fail('ERR_MG_ARGUMENT', where, `a weight for each of ${lessons} lessons`, weights);
  }
  for (const weight of weights) checkNumber(where, 'every weight', weight, 0);
  if (weights[0] === 0) fail('ERR_MG_ARGUMENT', where, 'a first lesson that is open', weights);
}

/** A place, in proportion to the weights. */
export function drawWeighted(rng: Rng, weights: readonly number[]): number {
  let rest = rng.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [place, weight] of weights.entries()) {
    if (rest < weight) return place;
    rest -= weight;
  }
  return weights.findLastIndex((weight) => weight > 0); // what rounding has left over
}
