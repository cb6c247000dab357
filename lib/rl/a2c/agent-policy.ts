/** A trained agent as a policy like any other. */
import { checkChoice, checkInstance, checkInteger, checkOptions } from '../../check.js';
import type { MultigridMemoryState } from '../../models/multigrid/multigrid-memory-state.js';
import { Rng } from '../../tensor/rng.js';
import { unscoped } from '../../tensor/scope.js';
import { ActorCritic } from './actor-critic.js';
import type { Environment } from '../environment.js';
import { dispose, look, type Ablation } from './judge.js';
import type { Policy } from '../policy.js';
import { chooseActions } from './sample.js';

export interface AgentPolicyOptions {
  /** Of the draws of actions. Default 0. */
  readonly seed?: number;
  /** The likeliest action instead of a drawn one. Default false. */
  readonly greedy?: boolean;
  /** What is read in place of the memory: `zero` nothing, `other` the memory of the next row. Default: the row's own memory. */
  readonly ablation?: Ablation;
}

/** Keeps the memory of each row, from zeros at each beginning of an episode. Free it with `using` or `dispose`. */
export function agentPolicy(agent: ActorCritic, options: AgentPolicyOptions = {}): Policy & Disposable {
  checkInstance('agentPolicy', 'agent', agent, ActorCritic, 'an ActorCritic');
  checkOptions('agentPolicy', options, ['seed', 'greedy', 'ablation']);
  const { greedy = false, ablation } = options;
  const seed = checkInteger('agentPolicy', 'seed', options.seed ?? 0, 0);
  if (ablation !== undefined) checkChoice('agentPolicy', 'ablation', ablation, ['zero', 'other']);
  const draws = greedy ? null : new Rng(seed).split('policy');
  let state: MultigridMemoryState | null = null;
  let step = 0;
  return {
    name: agent.constructor.name,
    async act(env: Environment) {
      state ??= unscoped(() => agent.initialState(env.episodes));
      const seen = await look(agent, env.observe(), state, ablation);
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
