/** What the latest finished episodes were worth: means that a run reports while it goes on. */
import { fail, words } from '../../check.js';
import type { Environment } from '../environment.js';

interface Saved {
  readonly returns: readonly number[];
  readonly finished: readonly Readonly<Record<string, number>>[];
}

/** Sums of rewards of the episodes under way, and the scores of the last E that ended (E: episodes side by side). */
export class EpisodeLog {
  readonly #env: Environment;
  #returns: readonly number[];
  #finished: readonly Readonly<Record<string, number>>[] = [];

  constructor(env: Environment) {
    this.#env = env;
    this.#returns = new Array<number>(env.episodes).fill(0);
  }

  /** The rewards of a step, and the rows whose episodes ended with it and have not begun anew yet. */
  add(reward: ArrayLike<number>, ended: readonly number[]): void {
    const returns = this.#returns.map((sum, row) => sum + reward[row]!);
    this.#returns = returns.map((sum, row) => (ended.includes(row) ? 0 : sum));
    if (ended.length === 0) return;
    const measures = Object.entries(this.#env.measures?.() ?? {});
    const scoresOf = (row: number) => Object.fromEntries(measures.map(([name, values]) => [name, values[row]!]));
    const finished = ended.map((row) => ({ reward: returns[row]!, ...scoresOf(row) }));
    this.#finished = [...this.#finished, ...finished].slice(-this.#env.episodes);
  }

  /** `reward` (the undiscounted sum) and the environment's measures, each a mean; empty before the first episode has ended. */
  means(): Record<string, number> {
    const names = Object.keys(this.#finished[0] ?? {});
    const mean = (name: string): number => this.#finished.reduce((sum, scores) => sum + scores[name]!, 0) / this.#finished.length;
    return Object.fromEntries(names.map((name) => [name, mean(name)]));
  }

  save(): Saved {
    return { returns: this.#returns, finished: this.#finished };
  }

  restore(saved: unknown): void {
    const { returns, finished } = (saved ?? {}) as Partial<Saved>;
    if (!Array.isArray(returns) || returns.length !== this.#env.episodes || !Array.isArray(finished)) {
      fail('ERR_MG_CHECKPOINT', 'A2C', `returns of ${this.#env.episodes} episodes`, words('something else'));
    }
    this.#returns = [...returns as number[]];
    this.#finished = [...finished as Record<string, number>[]];
  }
}
