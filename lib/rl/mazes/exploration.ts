/** How well mazes are explored: coverage over time, and how the frozen reader finds places on the paths that a policy takes. */
import { checkEnvironment } from '../environment.js';
import { checkInstance, checkObject, checkOptions, checkSignal, fail, words } from '../../check.js';
import { mapping } from '../../tasks/mapping/mapping.js';
import type { MappingOptions } from '../../tasks/mapping/mapping-options.js';
import type { Maze } from '../../tasks/mapping/maze.js';
import type { Task } from '../../tasks/task.js';
import { checkBatch } from '../../tasks/windows.js';
import type { FloatDType } from '../../tensor/dtype.js';
import { evaluate } from '../../train/evaluate.js';
import { MultigridMemory } from '../../models/multigrid/multigrid-memory.js';
import type { MazesEnvironment } from './mazes.js';
import { play } from '../play.js';
import type { Policy } from '../policy.js';

/** Steps at which coverage is told, as far as episodes are that long. */
const MARKS = [100, 250, 500, 1000];
/** Coverage that `steps90` waits for. */
const NEARLY_ALL = 0.9;

export interface ExploreOptions {
  readonly env: MazesEnvironment;
  readonly policy: Policy<MazesEnvironment>;
  readonly signal?: AbortSignal;
}

/**
 * Plays one whole episode in each row; `env` must be at its beginning, not staggered. Means over mazes: `coverage100`,
 * `coverage250`, `coverage500`, `coverage1000` and `coverage` at the end, in shares of the free cells; `reward`; `bumps` in
 * shares of the steps. `steps90`: the median of the steps to 90 % coverage, infinite when half of the mazes are not covered so
 * far.
 */
export async function explore(options: ExploreOptions): Promise<{ scores: Record<string, number>; mazes: Maze[] }> {
  checkOptions('explore', options, ['env', 'policy', 'signal']);
  const { env, policy, signal } = options;
  checkSignal('explore', signal);
  checkEnvironment('explore', env);
  if (!Array.isArray(env.walks)) fail('ERR_MG_ARGUMENT', 'explore', 'env to be one of rl.mazes', env);
  const { walks, steps } = env;
  if (walks.some(({ actions }) => actions.length > 0))
    fail('ERR_MG_ARGUMENT', 'explore', 'an environment at its beginning', words('one that was stepped'));
  const marks = MARKS.filter((mark) => mark <= steps);
  const scores: Record<string, number> = {};
  const reached = new Float64Array(walks.length).fill(Infinity);
  const mean = (of: (row: number) => number): number => walks.reduce((sum, _, row) => sum + of(row), 0) / walks.length;
  const onStep = (step: number): void => {
    walks.forEach(({ coverage }, row) => {
      if (coverage >= NEARLY_ALL) reached[row] = Math.min(reached[row]!, step);
    });
    if (marks.includes(step)) scores[`coverage${step}`] = mean((row) => walks[row]!.coverage);
  };
  await play({ env, policy, onStep, ...(signal === undefined ? {} : { signal }) });
  scores['coverage'] = mean((row) => walks[row]!.coverage);
  scores['reward'] = mean((row) => walks[row]!.reward);
  scores['bumps'] = mean((row) => walks[row]!.bumps) / steps;
  scores['steps90'] = reached.sort()[walks.length >> 1]!;
  return { scores, mazes: walks.map(({ size, cells, path }) => ({ size, cells, path: Int32Array.from(path.slice(0, steps)) })) };
}

export interface LocalisationOptions {
  readonly memory: MultigridMemory;
  /** What the mazes were seen through; see `MazesEnvironment.view`. */
  readonly view: MappingOptions;
  readonly mazes: readonly Maze[];
  /** Of the queries. Default 0. */
  readonly seed?: number;
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/**
 * Precision, recall and F of the memory's own reader on given paths, one query at each step as in the mapping task: how well it
 * knows where it has been when somebody else chooses the way. Source: Huynh, Maire, Walter 2020, Table 1, last row.
 */
export async function localisation(options: LocalisationOptions): Promise<Record<string, number>> {
  checkOptions('localisation', options, ['memory', 'view', 'mazes', 'seed', 'batchSize', 'signal']);
  const { memory, view, mazes, seed = 0, batchSize = 32, signal } = options;
  checkInstance('localisation', 'memory', memory, MultigridMemory, 'a MultigridMemory');
  checkObject('localisation', 'view', view);
  if (!Array.isArray(mazes) || mazes.length === 0) fail('ERR_MG_ARGUMENT', 'localisation', 'mazes to be an array of some', mazes);
  checkBatch('localisation', mazes, ['path']);
  const { levels: _, ...given } = view as MappingOptions & { levels?: unknown };
  const task = mapping({ ...given, motion: 'random', pathLength: mazes[0]!.path.length });
  const replayed: Task<Maze> = {
    name: task.name,
    version: task.version,
    describe: () => task.describe(),
    generate: (_seed, index) => mazes[index]!,
    windows: (items, at) => task.windows(items, at),
    scorer: () => task.scorer(),
  };
  return await evaluate({
    model: memory,
    task: replayed,
    dtype: memory.dtype as FloatDType,
    seed,
    items: mazes.length,
    batchSize,
    truncate: 20,
    ...(signal === undefined ? {} : { signal }),
  });
}
