/** Small environments with known optima, and agents small enough to learn them in seconds. */
import { MultigridMemory, type MultigridConfig } from '../../lib/models/index.js';
import { ActorCritic, type Environment, type EnvironmentStep } from '../../lib/rl/index.js';
import type { HostPyramid } from '../../lib/tasks/index.js';
import { Rng } from '../../lib/tensor/rng.js';

/** Planes of a 3×3 view: channel c of row e is constant, `values[e][c]`. */
function planes(values: readonly (readonly number[])[]): HostPyramid {
  const data = Float32Array.from(values.flatMap((channels) => Array.from({ length: 9 }, () => channels).flat()));
  return { 0: { data, shape: [values.length, 3, 3, values[0]!.length] } };
}

/** What all of them share: rows that end are begun by the caller, and stand as JSON. */
abstract class World<Row> implements Environment {
  abstract readonly name: string;
  abstract readonly actions: number;
  abstract readonly observation: Record<number, readonly number[]>;
  readonly episodes: number;
  readonly steps: number;
  readonly seed: number;
  protected rows: Row[] = [];

  constructor(options: { episodes: number; steps: number; seed: number }) {
    ({ episodes: this.episodes, steps: this.steps, seed: this.seed } = options);
  }

  protected abstract fresh(row: number, last?: Row): Row;
  protected abstract show(row: Row): number[];
  protected abstract move(row: Row, action: number): { reward: number; terminated?: boolean; truncated?: boolean };

  observe(): HostPyramid {
    return planes(this.rows.map((row) => this.show(row)));
  }

  step(actions: Int32Array): EnvironmentStep {
    const results = this.rows.map((row, e) => this.move(row, actions[e]!));
    return {
      reward: results.map(({ reward }) => reward),
      terminated: results.map(({ terminated }) => (terminated === true ? 1 : 0)),
      truncated: results.map(({ truncated }) => (truncated === true ? 1 : 0)),
    };
  }

  begin(rows: readonly number[]): void {
    for (const row of rows) this.rows[row] = this.fresh(row, this.rows[row]);
  }

  save(): unknown {
    return structuredClone(this.rows);
  }

  restore(saved: unknown): void {
    this.rows = structuredClone(saved) as Row[];
  }
}

/**
 * Two states. Action 0 stays, action 1 goes to the other one; staying in state 1 is worth 1, all else 0. Nothing ever ends, but
 * one step in five an episode is cut. Optimum: V(1) = 1/(1 − γ), V(0) = γ/(1 − γ).
 */
export class TwoStates extends World<{ state: number; steps: number; index: number }> {
  readonly name = 'two states';
  readonly actions = 2;
  readonly observation = { 0: [3, 3, 2] };

  constructor(options: { episodes?: number; seed?: number } = {}) {
    super({ episodes: 16, steps: Infinity, seed: 0, ...options });
    this.rows = Array.from({ length: this.episodes }, (_, row) => this.fresh(row));
  }

  protected fresh(row: number, last?: { index: number }): { state: number; steps: number; index: number } {
    const index = last === undefined ? row : last.index + this.episodes;
    return { state: new Rng(this.seed).split(index).integer(2), steps: 0, index };
  }

  protected show({ state }: { state: number }): number[] {
    return [1 - state, state];
  }

  protected move(row: { state: number; steps: number; index: number }, action: number): { reward: number; truncated: boolean } {
    const reward = row.state === 1 && action === 0 ? 1 : 0;
    if (action === 1) row.state = 1 - row.state;
    row.steps += 1;
    return { reward, truncated: new Rng(this.seed).split(row.index).split(row.steps).integer(5) === 0 };
  }
}

/**
 * A corridor of `steps` places that ends in a junction. A sign at its entrance, seen there alone, says which way is right.
 * Actions: forward, left, right; bumping costs 0.1, the right turn gives 1, the wrong one −1, and either ends the episode.
 * Optimum: 1. Without memory a turn is worth 0 in the mean.
 */
export class TMaze extends World<{ sign: number; place: number; index: number }> {
  readonly name = 'T-maze';
  readonly actions = 3;
  readonly observation = { 0: [3, 3, 3] };

  constructor(options: { episodes?: number; steps?: number; seed?: number } = {}) {
    super({ episodes: 32, steps: 4, seed: 0, ...options });
    this.rows = Array.from({ length: this.episodes }, (_, row) => this.fresh(row));
  }

  protected fresh(row: number, last?: { index: number }): { sign: number; place: number; index: number } {
    const index = last === undefined ? row : last.index + this.episodes;
    return { sign: new Rng(this.seed).split(index).integer(2), place: 0, index };
  }

  protected show({ sign, place }: { sign: number; place: number }): number[] {
    const atEntrance = place === 0 ? 1 : 0;
    return [atEntrance * (1 - sign), atEntrance * sign, place === this.steps ? 1 : 0];
  }

  protected move(row: { sign: number; place: number }, action: number): { reward: number; terminated: boolean } {
    const atJunction = row.place === this.steps;
    if (atJunction && action > 0) return { reward: action - 1 === row.sign ? 1 : -1, terminated: true };
    if (atJunction || action > 0) return { reward: -0.1, terminated: false };
    row.place += 1;
    return { reward: 0, terminated: false };
  }

  heldOut({ episodes, seed }: { episodes: number; seed: number }): TMaze {
    return new TMaze({ episodes, steps: this.steps, seed });
  }
}

export interface TinyAgent {
  readonly channels: number;
  readonly actions: number;
  readonly width?: number;
  readonly dtype?: 'float32' | 'float64';
  readonly seed?: number;
}

/** A memory of two layers on 3×3 that has learned nothing, and an agent on it. */
export function tinyAgent({ channels, actions, width = 8, dtype = 'float32', seed = 1 }: TinyAgent): ActorCritic {
  const config: MultigridConfig = {
    input: { 0: channels },
    writer: [[0, 0, width], [0, 0, width]],
    front: [[0, 0, width], [0, 0, width]],
    tail: [[0, 0, 1]],
  };
  const memory = new MultigridMemory(config, { rng: new Rng(seed).split('memory'), dtype });
  return new ActorCritic({ memory, actions, warmStart: false, rng: new Rng(seed).split('policy') });
}

/** All tensors of a module or an optimizer as one comparable text. */
export function bitsOf(holder: { stateDict(): Map<string, { dataSync(): ArrayBufferView }> }): string {
  return [...holder.stateDict()].map(([name, tensor]) => {
    const { buffer } = tensor.dataSync();
    return `${name}:${Buffer.from(buffer as ArrayBuffer).toString('base64')}`;
  }).join('\n');
}
