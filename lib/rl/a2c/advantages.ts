/** Generalized advantage estimation over a rollout of several episodes side by side. */

import { checkInteger, checkNumber, checkOptions, fail, words } from '../../check.js';

/** T steps of E episodes, row by row: entry t·E + e is step t of episode e. */
export interface RolloutNumbers {
  readonly steps: number;
  readonly episodes: number;
  readonly reward: ArrayLike<number>;
  /** V of the state in which the step was taken, [T,E]. */
  readonly value: ArrayLike<number>;
  /** V of the states after the last step, [E]; not looked at where an episode ended there. */
  readonly lastValue: ArrayLike<number>;
  readonly terminated: ArrayLike<number>;
  readonly truncated: ArrayLike<number>;
  /** V of the state that an episode was cut in, before the next one began; looked at where `truncated` is 1. */
  readonly cutValue: ArrayLike<number>;
}

export interface Discount {
  readonly gamma: number;
  readonly lambda: number;
}

const KEYS = [
  'steps',
  'episodes',
  'reward',
  'value',
  'lastValue',
  'terminated',
  'truncated',
  'cutValue',
] as const satisfies readonly (keyof RolloutNumbers)[];

function checkCount(name: string, given: ArrayLike<number> | undefined, count: number, each: string): void {
  if (given?.length === count) return;
  const got = words(given?.length === undefined ? 'none' : `${given.length} numbers`);
  fail('ERR_MG_SHAPE', 'advantages', `${name} of ${count} numbers, one ${each}`, got);
}

/**
 *   δ_t = r_t + γ·V' − V_t,   A_t = δ_t + γλ·A_{t+1},   target_t = A_t + V_t
 * V' is V_{t+1}; 0 where the episode terminated; V of the state it was cut in where it was truncated. At either end the sum
 * stops: A_{t+1} counts as 0, for the next row belongs to the next episode. In double. Source: Schulman et al. 2016, equation 16.
 */
export function advantages(
  numbers: RolloutNumbers,
  discount: Discount,
): { advantage: Float64Array; target: Float64Array } {
  checkOptions('advantages', numbers, KEYS, 'numbers');
  checkOptions('advantages', discount, ['gamma', 'lambda'], 'discount');
  const { gamma, lambda } = discount;
  const { steps, episodes, reward, value, lastValue, terminated, truncated, cutValue } = numbers;
  checkInteger('advantages', 'steps', steps, 1);
  checkInteger('advantages', 'episodes', episodes, 1);
  const of = { reward, value, terminated, truncated, cutValue };
  checkNumber('advantages', 'gamma', discount.gamma);
  checkNumber('advantages', 'lambda', discount.lambda);
  for (const [name, given] of Object.entries(of)) checkCount(name, given, steps * episodes, 'for each step of each episode');
  checkCount('lastValue', lastValue, episodes, 'for each episode');
  const advantage = new Float64Array(steps * episodes);
  for (let e = 0; e < episodes; e++) {
    let later = 0;
    for (let t = steps - 1; t >= 0; t--) {
      const at = t * episodes + e;
      const ended = terminated[at] === 1 || truncated[at] === 1;
      const next = t === steps - 1 ? lastValue[e]! : value[at + episodes]!;
      const onward = terminated[at] === 1 ? 0 : truncated[at] === 1 ? cutValue[at]! : next;
      const delta = reward[at]! + gamma * onward - value[at]!;
      later = delta + (ended ? 0 : gamma * lambda * later);
      advantage[at] = later;
    }
  }
  return { advantage, target: advantage.map((a, at) => a + value[at]!) };
}
