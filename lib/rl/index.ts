// The rl room: names only.

export type { Environment, EnvironmentStep } from './environment.js';
export { MazeWalk } from './maze-walk.js';
export { mazes, type MazesEnvironment, type MazesOptions } from './mazes.js';
export { play, type PlayOptions } from './play.js';
export * as policies from './policies.js';
export type { Policy } from './policies.js';
