/** A trained agent as a policy like any other. */
import type { MultigridMemoryState } from '../models/multigrid/multigrid-memory-state.js';
import { Rng } from '../tensor/rng.js';
import { unscoped } from '../tensor/scope.js';
import type { ActorCritic } from './actor-critic.js';
import type { Environment } from './environment.js';
import { dispose, look } from './judge.js';
import type { Policy } from './policies.js';
import { chooseActions } from './sample.js';

export interface AgentPolicyOptions {
  /** Of the draws of actions. Default 0. */
  readonly seed?: number;
  /** The likeliest action instead of a drawn one. Default false. */
  readonly greedy?: boolean;
  /** What becomes of the memory before each step, for ablations. Default: nothing. */
  readonly disturb?: (state: MultigridMemoryState) => MultigridMemoryState;
}

/** Keeps the memory of each row, from zeros at each beginning of an episode. Free it with `using` or `dispose`. */
export function agentPolicy(agent: ActorCritic, options: AgentPolicyOptions = {}): Policy & Disposable {
  const { seed = 0, greedy = false } = options;
  const draws = greedy ? null : new Rng(seed).split('policy');
  let state: MultigridMemoryState | null = null;
  let step = 0;
  return {
    name: agent.constructor.name,
    async act(env: Environment) {
      state ??= unscoped(() => agent.initialState(env.episodes));
      const seen = await look(agent, env.observe(), state);
      const { observation, memory } = seen;
      dispose({ observation, memory });
      state.dispose();
      state = seen.state;
      return chooseActions(seen.logits, agent.actions, draws?.split(step++) ?? null);
    },
    ended(rows) {
      if (state === null) return;
      const held = state.tensors();
      unscoped(() => state!.reset(rows));
      for (const tensor of held) tensor.dispose();
    },
    [Symbol.dispose]() {
      state?.dispose();
      state = null;
    },
  };
}
