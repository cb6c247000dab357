/** Who decides what to do in an environment. */
import type { Environment } from './environment.js';

/** Chooses an action for each episode of an environment. */
export interface Policy<E extends Environment = Environment> {
  readonly name: string;
  /** One action for each row. Called once at every step, and after each beginning of an episode. */
  act(env: E): Int32Array | Promise<Int32Array>;
  /** The episodes in these rows are over. */
  ended?(rows: readonly number[]): void;
}
