// The rl room: names only.

export { A2C, type A2CEvent } from './a2c.js';
export type { A2CSetup } from './a2c-setup.js';
export { ActorCritic, type ActorCriticOptions, type Judgement, type PolicyConfig } from './actor-critic.js';
export { advantages, type Discount, type RolloutNumbers } from './advantages.js';
export { agentPolicy, type AgentPolicyOptions } from './agent-policy.js';
export { a2cLoss, type LossParts, type LossWeights, type Targets } from './a2c-loss.js';
export type { Ablation } from './judge.js';
export type { Environment, EnvironmentStep } from './environment.js';
export { explore, localisation, type ExploreOptions, type LocalisationOptions } from './exploration.js';
export { MazeWalk } from './maze-walk.js';
export { mazes, type MazesEnvironment, type MazesOptions } from './mazes.js';
export { play, type PlayOptions } from './play.js';
export * as policies from './policies.js';
export type { Policy } from './policies.js';
