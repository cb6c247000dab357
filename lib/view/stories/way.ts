/** Ways through a maze: the spiral of the paper, the steps of a policy, or those of whoever watches. */
import { agentPolicy } from '../../rl/a2c/agent-policy.js';
import type { ActorCritic } from '../../rl/a2c/actor-critic.js';
import { mazes, type MazesEnvironment, type MazeView } from '../../rl/mazes/mazes.js';
import { free, frontier } from '../../rl/mazes/policies.js';
import type { Policy } from '../../rl/policy.js';
import { spiralPath } from '../../tasks/mapping/motion.js';
import type { MappingOptions } from '../../tasks/mapping/mapping-options.js';
import type { Motion } from '../story.js';

export const MOTIONS = ['spiral', 'random', 'policy', 'own'] as const;
export type MotionName = (typeof MOTIONS)[number];

export interface Way extends Disposable {
  readonly motion: MotionName;
  readonly line: string;
  /** [n, n] row-major, 0 free, 1 wall. */
  readonly cells: Uint8Array;
  /** Cells so far, row·n + column. */
  readonly path: readonly number[];
  /** Of the whole way; null: as many as are walked. */
  readonly steps: number | null;
  /** One step more. */
  extend(): Promise<void>;
  facts(step: number): [string, string][];
}

/** Mazes of the seed, which no training draws: their stream has another name, and theirs begins far from small numbers. */
const HELD_OUT = 0x7001_c7ee;

/** What a maze is and how it is seen, without how the task walks through it. */
function mazeView(options: MappingOptions): MazeView {
  const { motion: _m, moveRule: _r, pathLength: _p, query: _q, targetTiming: _t, startCell, ...view } = options;
  return startCell === undefined ? view : { ...view, startCell };
}

/** The environment of one maze, walked for at most `steps`. */
function oneMaze(options: MappingOptions, seed: number, steps: number): MazesEnvironment {
  return mazes({ ...mazeView(options), episodes: 1, steps, seed: HELD_OUT + seed, staggered: false });
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** A way of an environment: a policy's, or without one that of whoever calls `move`. */
export class Walked implements Way {
  readonly #env: MazesEnvironment;
  readonly #policy: (Policy<MazesEnvironment> & Partial<Disposable>) | null;

  constructor(
    env: MazesEnvironment,
    policy: (Policy<MazesEnvironment> & Partial<Disposable>) | null,
    readonly motion: MotionName,
    readonly line: string,
    readonly steps: number | null,
  ) {
    this.#env = env;
    this.#policy = policy;
  }

  get cells(): Uint8Array {
    return this.#env.walks[0]!.cells;
  }

  get path(): readonly number[] {
    return this.#env.walks[0]!.path;
  }

  async extend(): Promise<void> {
    if (this.#policy !== null) this.#env.step(await this.#policy.act(this.#env));
  }

  /** 0 up, 1 down, 2 left, 3 right. Before a wall it stays. */
  move(action: number): void {
    this.#env.step(Int32Array.of(action));
  }

  facts(step: number): [string, string][] {
    const { path, actions, freeCells } = this.#env.walks[0]!;
    const bumps = actions.slice(0, step).filter((_, t) => path[t + 1] === path[t]).length;
    return [['Bumps', String(bumps)], ['Free cells visited', percent(new Set(path.slice(0, step + 1)).size / freeCells)]];
  }

  [Symbol.dispose](): void {
    this.#policy?.[Symbol.dispose]?.();
  }
}

/** From the middle outwards, through walls. */
class Spiral implements Way {
  readonly motion = 'spiral';
  readonly line = 'The spiral of the paper: from the middle outwards, through walls, past every cell once.';
  readonly path: readonly number[];

  constructor(readonly cells: Uint8Array, size: number, length: number) {
    this.path = [...spiralPath(size).slice(0, length)];
  }

  get steps(): number {
    return this.path.length;
  }

  async extend(): Promise<void> {}

  facts(): [string, string][] {
    return [];
  }

  [Symbol.dispose](): void {}
}

export interface WayOptions {
  readonly motion: MotionName;
  readonly seed: number;
  /** Steps of a way that nobody walks. */
  readonly steps: number;
  /** Steps after which one's own walk ends. */
  readonly most: number;
  readonly agent: ActorCritic | null;
}

/** The motions there are for a task, the agent's own first where there is one. */
export function motionsOf(agent: ActorCritic | null): Motion[] {
  return [
    { name: 'spiral', title: 'Spiral' },
    { name: 'random', title: 'Random walk' },
    { name: 'policy', title: agent === null ? 'Nearest frontier' : 'Trained policy' },
    { name: 'own', title: 'Walk yourself' },
  ];
}

const WAYS: Readonly<Record<MotionName, (options: MappingOptions, given: WayOptions) => Way>> = {
  spiral(options, { seed, steps }) {
    const { cells, size } = oneMaze(options, seed, 1).walks[0]!;
    return new Spiral(cells, size, steps);
  },
  random(options, { seed, steps }) {
    const line = 'A random walk: at each step one of the free neighbors.';
    return new Walked(oneMaze(options, seed, steps), free({ seed }), 'random', line, steps);
  },
  policy(options, { seed, steps, agent }) {
    const line = agent === null
      ? 'An explorer that goes to the nearest cell it has seen and not visited.'
      : 'The trained policy, which reads from this memory where to go.';
    const policy = agent === null ? frontier({ seed }) : agentPolicy(agent, { seed }) as Policy<MazesEnvironment> & Disposable;
    return new Walked(oneMaze(options, seed, steps), policy, 'policy', line, steps);
  },
  own: (options, { seed, most }) =>
    new Walked(
      oneMaze(options, seed, most),
      null,
      'own',
      'Your own walk: the arrow keys move, a cell that is chosen is asked about.',
      null,
    ),
};

/** The way of this motion through maze `seed`. ERR_MG_ARGUMENT for options that do not fit. */
export function makeWay(options: MappingOptions, given: WayOptions): Way {
  return WAYS[given.motion](options, given);
}
