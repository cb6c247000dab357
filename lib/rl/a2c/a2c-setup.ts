/** What actor-critic training is told, and the checks of it: a wrong word is a fault before the first step. */
import { checkInstance, checkInteger, checkNumber, checkOptions, fail, words } from '../../check.js';
import { Optimizer } from '../../optim/optimizer.js';
import { checkSchedule, type Schedule } from '../../optim/schedule.js';
import type { Callback, Training } from '../../train/events.js';
import { checkCallbacks } from '../../train/trainer-setup.js';
import { ActorCritic } from './actor-critic.js';
import { checkEnvironment, type Environment } from '../environment.js';

export interface A2CSetup {
  readonly agent: ActorCritic;
  readonly env: Environment;
  /** Of the agent's own parameters, or of some of them. */
  readonly optimizer: Optimizer;
  /** Steps of each episode between updates, T. Default 20. */
  readonly rollout?: number;
  /** Discount of rewards to come. Default 0.99. */
  readonly gamma?: number;
  /** Decay of generalized advantages: 0 trusts the value, 1 the rewards. Default 0.95. */
  readonly lambda?: number;
  /** Weight of the entropy, which keeps the policy from settling early; may change over steps. Default 0.01. */
  readonly entropy?: Schedule;
  /** Weight of the squared error of the value. Default 0.5. */
  readonly valueWeight?: number;
  /** Largest global norm of the gradient. Default 0.5. */
  readonly clipNorm?: number;
  /** Factor on rewards within the loss, so that values stay near 1. Reported rewards are not scaled. Default 0.1. */
  readonly rewardScale?: number;
  /** Of the draws of actions. Default 0. */
  readonly seed?: number;
  readonly callbacks?: readonly Callback<Training>[];
  /** Goes into checkpoints as JSON. */
  readonly config?: unknown;
}

export type ResolvedA2C = Required<A2CSetup>;

const KEYS = [
  'agent',
  'env',
  'optimizer',
  'rollout',
  'gamma',
  'lambda',
  'entropy',
  'valueWeight',
  'clipNorm',
  'rewardScale',
  'seed',
  'callbacks',
  'config',
] as const satisfies readonly (keyof A2CSetup)[];

/** Fills in the defaults. Throws ERR_MG_ARGUMENT for what cannot be trained with. */
export function checkA2C(setup: A2CSetup): ResolvedA2C {
  const where = 'A2C';
  checkOptions(where, setup, KEYS);
  const agent = checkInstance(where, 'agent', setup.agent, ActorCritic, 'an ActorCritic');
  const env = checkEnvironment(where, setup.env);
  const optimizer = checkInstance(where, 'optimizer', setup.optimizer, Optimizer, 'an Optimizer');
  if (env.actions !== agent.actions)
    fail(
      'ERR_MG_ARGUMENT',
      where,
      `an environment with ${agent.actions} actions, as the agent has them`,
      words(`one with ${env.actions}`),
    );
  const own = new Set(agent.parameters());
  const foreign = optimizer.groups.flatMap(({ parameters }) => [...parameters]).find(([, parameter]) => !own.has(parameter));
  if (foreign !== undefined) fail('ERR_MG_ARGUMENT', where, 'an optimizer of the agent\'s own parameters', foreign[0]);
  checkCallbacks(where, setup.callbacks);
  const clipNorm = checkNumber(where, 'clipNorm', setup.clipNorm ?? 0.5, 0);
  if (clipNorm === 0) fail('ERR_MG_ARGUMENT', where, 'clipNorm above 0', clipNorm);
  return {
    agent,
    env,
    optimizer,
    rollout: checkInteger(where, 'rollout', setup.rollout ?? 20, 1),
    gamma: checkNumber(where, 'gamma', setup.gamma ?? 0.99, 0, 1),
    lambda: checkNumber(where, 'lambda', setup.lambda ?? 0.95, 0, 1),
    entropy: checkSchedule(`${where}, entropy`, setup.entropy ?? 0.01),
    valueWeight: checkNumber(where, 'valueWeight', setup.valueWeight ?? 0.5, 0),
    clipNorm,
    rewardScale: checkNumber(where, 'rewardScale', setup.rewardScale ?? 0.1, 0),
    seed: checkInteger(where, 'seed', setup.seed ?? 0, 0),
    callbacks: setup.callbacks ?? [],
    config: setup.config ?? null,
  };
}
