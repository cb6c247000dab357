/** What is told of an agent that explores: how it covers mazes it never saw, and whether its memory still knows them. */
import type { ActorCritic } from '../rl/a2c/actor-critic.js';
import { agentPolicy } from '../rl/a2c/agent-policy.js';
import { explore, localisation } from '../rl/mazes/exploration.js';
import type { Ablation } from '../rl/a2c/judge.js';
import { free } from '../rl/mazes/policies.js';
import { explorationMazes, type ExplorationRun } from './exploration.js';

export interface ScoreOptions {
  readonly agent: ActorCritic;
  readonly run: ExplorationRun;
  /** Mazes. */
  readonly items: number;
  /** Steps in each of them. */
  readonly steps: number;
  /** Of mazes, draws and queries. Default: one that training never uses. */
  readonly seed?: number;
  /** The likeliest actions instead of drawn ones. Default false. */
  readonly greedy?: boolean;
  readonly ablation?: Ablation;
  readonly signal?: AbortSignal;
}

/** Distance between the seeds of training and held-out mazes. */
const HELD_OUT = 0x5eed_0001;

/** Coverage at its marks, reward, bumps and steps to nine tenths; see `explore`. */
export async function coverageScores(options: ScoreOptions) {
  const { agent, run, items, steps, greedy = false, ablation, signal } = options;
  const seed = options.seed ?? run.seed + HELD_OUT;
  const env = explorationMazes(run, { episodes: items, steps, seed, staggered: false });
  using policy = agentPolicy(agent, { seed, greedy, ...(ablation === undefined ? {} : { ablation }) });
  return { env, seed, ...(await explore({ env, policy, ...(signal === undefined ? {} : { signal }) })) };
}

/**
 * Those, and `f`, `precision`, `recall` of the frozen reader on the agent's own paths, beside `random.f`, … on free walks of the
 * same length through the same mazes (Huynh, Maire, Walter 2020, Table 1, rows 10, 11 and 13).
 */
export async function explorationScores(options: ScoreOptions): Promise<Record<string, number>> {
  const { agent: { memory }, signal } = options;
  const heeded = signal === undefined ? {} : { signal };
  const { env, seed, scores, mazes } = await coverageScores(options);
  const walked = await explore({ env: env.heldOut({ episodes: options.items, seed }), policy: free({ seed }), ...heeded });
  const own = await localisation({ memory, view: env.view, mazes, seed, ...heeded });
  const random = await localisation({ memory, view: env.view, mazes: walked.mazes, seed, ...heeded });
  return { ...scores, ...own, ...Object.fromEntries(Object.entries(random).map(([name, value]) => [`random.${name}`, value])) };
}
