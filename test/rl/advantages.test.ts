/** Advantages against the mixture of n-step returns that defines them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advantages, type Discount, type RolloutNumbers } from '../../lib/rl/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { cases } from '../helpers/promises.js';

/**
 * Σ_{n<N} (1 − λ)λ^{n−1}·R_n + λ^{N−1}·R_N − V_t, where R_n = Σ_{i<n} γⁱ r_{t+i} + γⁿ·V after n steps, and N is the number of
 * steps until the episode or the rollout ends (Schulman et al. 2016, equations 11 to 16, for a finite horizon).
 */
function naive(numbers: RolloutNumbers, { gamma, lambda }: Discount, t: number, e: number): number {
  const { steps, episodes, reward, value, lastValue, terminated, truncated, cutValue } = numbers;
  const at = (step: number): number => step * episodes + e;
  const ends = (step: number): boolean => terminated[at(step)] === 1 || truncated[at(step)] === 1 || step === steps - 1;
  const valueAfter = (step: number): number => {
    if (terminated[at(step)] === 1) return 0;
    if (truncated[at(step)] === 1) return cutValue[at(step)]!;
    return step === steps - 1 ? lastValue[e]! : value[at(step + 1)]!;
  };
  let horizon = 1;
  while (!ends(t + horizon - 1)) horizon++;
  const returns = Array.from({ length: horizon }, (_, k) => {
    let sum = 0;
    for (let i = 0; i <= k; i++) sum += gamma ** i * reward[at(t + i)]!;
    return sum + gamma ** (k + 1) * valueAfter(t + k);
  });
  const mixed = returns.map((R, k) => (k === horizon - 1 ? 1 : 1 - lambda) * lambda ** k * R);
  return mixed.reduce((sum, part) => sum + part, 0) - value[at(t)]!;
}

function drawn(steps: number, episodes: number, seed: number): RolloutNumbers {
  const rng = new Rng(seed);
  const numbers = (size: number): number[] => Array.from({ length: size }, () => rng.normal());
  const ends = (size: number): number[] => Array.from({ length: size }, () => (rng.integer(6) === 0 ? 1 : 0));
  const size = steps * episodes;
  return {
    steps,
    episodes,
    reward: numbers(size),
    value: numbers(size),
    lastValue: numbers(episodes),
    terminated: ends(size),
    truncated: ends(size),
    cutValue: numbers(size),
  };
}

const unit = fc.double({ min: 0, max: 1, noNaN: true });

describe('advantages', () => {
  it('are the mixture of n-step returns, through ends and cuts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 25 }),
        fc.integer({ min: 1, max: 4 }),
        unit,
        unit,
        fc.nat(),
        (steps, episodes, gamma, lambda, seed) => {
          const numbers = drawn(steps, episodes, seed);
          const { advantage, target } = advantages(numbers, { gamma, lambda });
          for (let t = 0; t < steps; t++) {
            for (let e = 0; e < episodes; e++) {
              const at = t * episodes + e;
              expect(advantage[at]).toBeCloseTo(naive(numbers, { gamma, lambda }, t, e), 10);
              expect(target[at]).toBeCloseTo(advantage[at]! + numbers.value[at]!, 12);
            }
          }
        },
      ),
      { numRuns: cases(60) },
    );
  });

  it('by hand: a cut counts the state it was cut in, an end counts nothing and wins, the next row begins anew', () => {
    const one = { episodes: 1, value: [1, 2, 3], reward: [10, 20, 30], lastValue: [5], cutValue: [0, 7, 0] };
    const discount = { gamma: 0.5, lambda: 0.5 };
    const none = [0, 0, 0];
    const last = 30 + 0.5 * 5 - 3;
    const cut = advantages({ steps: 3, ...one, terminated: none, truncated: [0, 1, 0] }, discount).advantage;
    expect(Array.from(cut)).toEqual([10 + 1 - 1 + 0.25 * 21.5, 20 + 3.5 - 2, last]);
    const ended = advantages({ steps: 3, ...one, terminated: [0, 1, 0], truncated: [0, 1, 0] }, discount).advantage;
    expect(Array.from(ended)).toEqual([10 + 1 - 1 + 0.25 * 18, 20 - 2, last]);
    const neither = advantages({ steps: 3, ...one, terminated: none, truncated: none }, discount).advantage;
    expect(Array.from(neither)).toEqual([10 + 0.25 * (19.5 + 0.25 * last), 20 + 1.5 - 2 + 0.25 * last, last]);
  });
});
