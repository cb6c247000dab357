// The rl room: names only.

export { A2C, type A2CEvent } from './a2c/a2c.js';
export type { A2CSetup, ResolvedA2C } from './a2c/a2c-setup.js';
export { ActorCritic, type ActorCriticOptions, type Judgement, type PolicyConfig } from './a2c/actor-critic.js';
export { advantages, type Discount, type RolloutNumbers } from './a2c/advantages.js';
export { agentPolicy, type AgentPolicyOptions } from './a2c/agent-policy.js';
export { a2cLoss, type LossParts, type LossWeights, type Targets } from './a2c/a2c-loss.js';
export type { Ablation } from './a2c/judge.js';
export type { Environment, EnvironmentStep } from './environment.js';
export { explore, localisation, type ExploreOptions, type LocalisationOptions } from './mazes/exploration.js';
export { MazeWalk } from './mazes/maze-walk.js';
export { mazes, type MazesEnvironment, type MazesOptions, type SavedRow } from './mazes/mazes.js';
export { play, type PlayOptions } from './play.js';
export * as policies from './mazes/policies.js';
export type { Policy } from './policy.js';
