/** One episode in each row of an environment, played to its end. */
import { checkOptionalFunction, checkOptions, checkSignal, fail } from '../check.js';
import { checkedStep, checkEnvironment, endedRows, type Environment } from './environment.js';
import type { Policy } from './policy.js';

export interface PlayOptions<E extends Environment> {
  readonly env: E;
  readonly policy: Policy<E>;
  /** Told after each step, before any row begins anew; counted from 1. */
  readonly onStep?: (step: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * The mean over rows of `reward`, the undiscounted sum of each first episode, and of the environment's measures at its end.
 * Rows that end early play on in further episodes, which count for nothing. Aborting rejects with the signal's reason.
 */
export async function play<E extends Environment>(options: PlayOptions<E>): Promise<Record<string, number>> {
  checkOptions('play', options, ['env', 'policy', 'onStep', 'signal']);
  const { env, policy, onStep, signal } = options;
  checkOptionalFunction('play', 'onStep', onStep);
  checkSignal('play', signal);
  checkEnvironment('play', env);
  if (typeof policy?.act !== 'function') fail('ERR_MG_ARGUMENT', 'play', 'policy to be a policy, with act', policy);
  const reward = new Float64Array(env.episodes);
  const scores: Record<string, number>[] = [];
  const open = new Set(reward.keys());
  for (let step = 1; open.size > 0; step++) {
    signal?.throwIfAborted();
    const taken = checkedStep(env, await policy.act(env));
    for (const row of open) reward[row]! += taken.reward[row]!;
    onStep?.(step);
    const ended = endedRows(taken);
    const measures = Object.entries(env.measures?.() ?? {});
    for (const row of ended.filter((each) => open.delete(each))) {
      scores.push({ reward: reward[row]!, ...Object.fromEntries(measures.map(([name, values]) => [name, values[row]!])) });
    }
    if (ended.length === 0 || open.size === 0) continue;
    env.begin(ended);
    policy.ended?.(ended);
  }
  const mean = (name: string): number => scores.reduce((sum, score) => sum + score[name]!, 0) / scores.length;
  return Object.fromEntries(Object.keys(scores[0]!).map((name) => [name, mean(name)]));
}
