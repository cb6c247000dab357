/** What an agent acts in: episodes side by side, each showing a view, taking an action and giving a reward. */
import { checkInteger, fail, words } from '../check.js';
import type { HostPyramid } from '../tasks/task.js';

/** What one step gave, one entry for each episode. */
export interface EnvironmentStep {
  readonly reward: ArrayLike<number>;
  /** 1 where the episode came to its natural end: nothing is to be had after it. Wins over `truncated`. */
  readonly terminated: ArrayLike<number>;
  /** 1 where the episode was cut although it could go on: its value counts on. */
  readonly truncated: ArrayLike<number>;
}

/**
 * E episodes side by side. All that happens follows from the seed it was made with and from the actions, so that a run can be
 * repeated; `save` and `restore` let it be resumed.
 */
export interface Environment {
  readonly name: string;
  /** Episodes side by side, E. */
  readonly episodes: number;
  /** Actions are 0 … actions − 1. */
  readonly actions: number;
  /** Shape of what one episode shows, for each level of a pyramid: `{ 0: [3, 3, 4] }`. */
  readonly observation: Readonly<Record<number, readonly number[]>>;
  /** What the episodes show now, [E, …] for each level, in fresh arrays. */
  observe(): HostPyramid;
  /** One action for each episode. */
  step(actions: Int32Array): EnvironmentStep;
  /** Begins the next episode in each of these rows. */
  begin(rows: readonly number[]): void;
  /** What there is to tell of each episode so far beside its reward, [E] under each name. */
  measures?(): Readonly<Record<string, ArrayLike<number>>>;
  /** Where all episodes stand, as JSON of its own: later steps do not change it. */
  save(): unknown;
  /** Goes on where `save` was called. */
  restore(saved: unknown): void;
  /** An environment of the same kind, at its beginning, whose episodes this one never draws. What `evaluate` needs. */
  heldOut?(options: { readonly episodes: number; readonly seed: number }): Environment;
}

const METHODS = ['observe', 'step', 'begin', 'save', 'restore'] as const satisfies readonly (keyof Environment)[];

/** The environment behind `value`, or ERR_MG_ARGUMENT. */
export function checkEnvironment(where: string, value: unknown): Environment {
  const env = value as Environment;
  const isWhole = typeof value === 'object' && value !== null && METHODS.every((method) => typeof env[method] === 'function');
  if (!isWhole) fail('ERR_MG_ARGUMENT', where, `env to be an environment, with ${METHODS.join(', ')}`, value);
  checkInteger(where, 'env.episodes', env.episodes, 1);
  checkInteger(where, 'env.actions', env.actions, 1);
  return env;
}

/** Its step, with numbers that training can go on with: a reward that is not finite is ERR_MG_NON_FINITE. */
export function checkedStep(env: Environment, actions: Int32Array): EnvironmentStep {
  const step = env.step(actions);
  for (const key of ['reward', 'terminated', 'truncated'] as const) {
    if (step[key]?.length !== env.episodes)
      fail(
        'ERR_MG_SHAPE',
        env.name,
        `${key} of ${env.episodes} numbers, one for each episode`,
        words(step[key] === undefined ? 'none' : `${step[key].length} numbers`),
      );
  }
  const bad = Array.from(step.reward).findIndex((reward) => !Number.isFinite(reward));
  if (bad >= 0) fail('ERR_MG_NON_FINITE', env.name, 'finite rewards', words(`${step.reward[bad]} in episode ${bad}`));
  return step;
}

/** The rows where an episode has ended. */
export function endedRows({ terminated, truncated }: EnvironmentStep): number[] {
  return Array.from(terminated, (end, row) => (end === 1 || truncated[row] === 1 ? row : -1)).filter((row) => row >= 0);
}

/** The named rows of what an environment shows. */
export function selectRows(pyramid: HostPyramid, rows: readonly number[]): HostPyramid {
  return Object.fromEntries(
    Object.entries(pyramid).map(([level, { data, shape }]) => {
      const size = data.length / shape[0]!;
      const chosen = new Float32Array(rows.length * size);
      rows.forEach((row, i) => chosen.set(data.subarray(row * size, (row + 1) * size), i * size));
      return [level, { data: chosen, shape: [rows.length, ...shape.slice(1)] }];
    }),
  );
}
