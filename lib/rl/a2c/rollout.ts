/** T steps of an agent in its environment: what it wrote, saw, did and was given. */
import type { MultigridMemoryState } from '../../models/multigrid/multigrid-memory-state.js';
import type { Pyramid } from '../../nn/multigrid/pyramid.js';
import { concat } from '../../ops/index.js';
import type { Rng } from '../../tensor/rng.js';
import { unscoped } from '../../tensor/scope.js';
import type { ActorCritic } from './actor-critic.js';
import type { RolloutNumbers } from './advantages.js';
import { checkedStep, endedRows, selectRows, type Environment } from '../environment.js';
import { dispose, look, type Look } from './judge.js';
import { chooseActions } from './sample.js';

/** What training on T steps of E episodes needs. The tensors belong to the caller, and to no scope. */
export interface Rollout {
  readonly numbers: RolloutNumbers;
  /** [T,E] */
  readonly actions: Int32Array;
  /** Outputs of the writer's layers, [T,E,…]. */
  readonly memory: readonly Pyramid[];
  /** [T,E,…] for each level. */
  readonly observation: Pyramid;
}

export interface RolloutOptions {
  /** T */
  readonly steps: number;
  /** Row b of step t draws its action from this stream, split by `first + t`, then by b. */
  readonly draws: Rng;
  readonly first: number;
  readonly rewardScale: number;
  /** Told of the rewards of each step and of the rows that ended, before their next episodes begin. */
  readonly onStep: (reward: ArrayLike<number>, ended: readonly number[]) => void;
}

function emptyNumbers(steps: number, episodes: number) {
  const size = steps * episodes;
  return {
    steps,
    episodes,
    reward: new Float64Array(size),
    value: new Float64Array(size),
    lastValue: new Float64Array(episodes),
    terminated: new Uint8Array(size),
    truncated: new Uint8Array(size),
    cutValue: new Float64Array(size),
  };
}

/** Windows of one step, joined along their first axis. */
function joined(windows: readonly Pyramid[]): Pyramid {
  return unscoped(() => windows[0]!.map((_, level) => concat(windows.map((window) => window.at(level)), 0)));
}

/** An agent in an environment. Its state holds what was seen up to, not including, the view it has now. */
export class Actor {
  readonly #agent: ActorCritic;
  readonly #env: Environment;
  #state: MultigridMemoryState;

  constructor(agent: ActorCritic, env: Environment, state?: MultigridMemoryState) {
    this.#agent = agent;
    this.#env = env;
    this.#state = state ?? unscoped(() => agent.initialState(env.episodes));
  }

  get state(): MultigridMemoryState {
    return this.#state;
  }

  /** A copy of the state, for {@link goBack}. It belongs to the caller. */
  kept(): MultigridMemoryState {
    return unscoped(() => this.#state.detach());
  }

  /** Takes `state` over in place of its own. */
  goBack(state: MultigridMemoryState): void {
    this.#state.dispose();
    this.#state = state;
  }

  /** Plays `options.steps` steps. Episodes that end are followed by the next ones. A fault leaves it in the middle: go back. */
  async play(options: RolloutOptions): Promise<Rollout> {
    const { steps } = options;
    const numbers = emptyNumbers(steps, this.#env.episodes);
    const actions = new Int32Array(steps * this.#env.episodes);
    const looks: Look[] = [];
    try {
      for (let t = 0; t < steps; t++) {
        looks.push(await look(this.#agent, this.#env.observe(), this.#state));
        await this.#act(t, looks[t]!, options, numbers, actions);
      }
      const after = await look(this.#agent, this.#env.observe(), this.#state);
      numbers.lastValue.set(after.value);
      dispose(after);
      const memory = looks[0]!.memory.map((_, layer) => joined(looks.map((seen) => seen.memory[layer]!)));
      return { numbers, actions, memory, observation: joined(looks.map((seen) => seen.observation)) };
    } catch (error) {
      for (const { state } of looks.slice(-1)) if (state !== this.#state) state.dispose();
      throw error;
    } finally {
      for (const { observation, memory } of looks) dispose({ observation, memory });
    }
  }

  dispose(): void {
    this.#state.dispose();
  }

  async #act(
    t: number,
    seen: Look,
    { draws, first, rewardScale, onStep }: RolloutOptions,
    numbers: ReturnType<typeof emptyNumbers>,
    actions: Int32Array,
  ): Promise<void> {
    const env = this.#env;
    const chosen = chooseActions(seen.logits, this.#agent.actions, draws.split(first + t));
    const step = checkedStep(env, chosen);
    const at = t * env.episodes;
    actions.set(chosen, at);
    numbers.value.set(seen.value, at);
    numbers.reward.set(Array.from(step.reward, (reward) => reward * rewardScale), at);
    numbers.terminated.set(step.terminated, at);
    numbers.truncated.set(step.truncated, at);
    const ended = endedRows(step);
    const cut = ended.filter((row) => step.terminated[row] !== 1);
    if (cut.length > 0) {
      const values = await this.#valuesOf(cut, seen.state);
      cut.forEach((row, i) => (numbers.cutValue[at + row] = values[i]!));
    }
    onStep(step.reward, ended);
    if (ended.length > 0) env.begin(ended);
    this.#advance(seen.state, ended);
  }

  /** V of rows whose episodes were cut, in the states they were cut in. */
  async #valuesOf(rows: readonly number[], state: MultigridMemoryState): Promise<ArrayLike<number>> {
    const own = unscoped(() => state.select(rows));
    try {
      const seen = await look(this.#agent, selectRows(this.#env.observe(), rows), own);
      dispose(seen);
      return seen.value;
    } finally {
      own.dispose();
    }
  }

  /** Moves on to the state after the last view, with zeros for the episodes that begin. */
  #advance(state: MultigridMemoryState, begun: readonly number[]): void {
    this.#state.dispose();
    this.#state = state;
    if (begun.length === 0) return;
    const held = state.tensors();
    unscoped(() => state.reset(begun));
    for (const tensor of held) tensor.dispose();
  }
}
