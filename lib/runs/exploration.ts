/** Runs that explore, as rows: a memory that was trained before, mazes, and how a policy learns on it. */
import { fail } from '../check.js';
import type { FileTensor } from '../files/safetensors.js';
import { MultigridMemory } from '../models/multigrid/multigrid-memory.js';
import { unfilled } from '../nn/parameter.js';
import { Adam } from '../optim/adam.js';
import { linear } from '../optim/schedule.js';
import type { A2CSetup } from '../rl/a2c/a2c-setup.js';
import { ActorCritic } from '../rl/a2c/actor-critic.js';
import { mazes, type MazesEnvironment, type MazesOptions } from '../rl/mazes/mazes.js';
import { checkFile, integer, literal, number, object, optional, partial, string, type Data } from '../schema.js';
import { Rng } from '../tensor/rng.js';
import { loadWeights } from '../train/checkpoint.js';
import { presetRun } from './presets.js';
import { checkRunName, isVectorModel, runName } from './run.js';

/** From the first step to the last of a run, linearly. */
const course = object({ from: number(0), to: number(0) });

const explorationSchema = object({
  /** How its policy learns; what tells such a run from others. */
  algorithm: literal('a2c'),
  name: runName,
  /** The preset whose memory it stands on. That run's task says what the mazes are and how they are seen. */
  memory: string(),
  /** Episodes side by side. */
  episodes: integer(1),
  /** Steps of each episode. */
  episodeSteps: integer(1),
  /** Steps of the whole run, over all episodes. */
  steps: integer(1),
  /** Steps of each episode between updates. */
  rollout: integer(1),
  gamma: number(0, 1),
  lambda: number(0, 1),
  entropy: course,
  lr: course,
  valueWeight: number(0),
  clipNorm: number(0),
  rewardScale: number(0),
  seed: integer(0),
  validate: object({ every: integer(1), items: integer(1) }),
});

export interface ExplorationRun extends Data<typeof explorationSchema> {}

/** A run file of an exploration: what it leaves out is that of the row of its name, else of `explore9`. */
export const explorationFile = object({
  $schema: optional(string()),
  ...partial(explorationSchema.entries),
  algorithm: explorationSchema.entries.algorithm,
});

const SHARED = {
  algorithm: 'a2c',
  episodes: 32,
  gamma: 0.99,
  lambda: 0.95,
  valueWeight: 0.5,
  clipNorm: 0.5,
  rewardScale: 0.1,
  seed: 1,
} as const;

/** Mazes of 25×25, as the paper explores them (Huynh, Maire, Walter 2020, §4.2); its settings were not published. */
const EXPLORE25 = {
  ...SHARED,
  episodeSteps: 1000,
  steps: 5_000_000,
  rollout: 20,
  entropy: { from: 0.02, to: 0.005 },
  lr: { from: 7e-4, to: 7e-5 },
  validate: { every: 250_000, items: 100 },
} as const;

/** `explore9` learns in minutes; `explore25-77k` stands on the paper's own memory. */
const ROWS: readonly ExplorationRun[] = [
  {
    ...SHARED,
    name: 'explore9',
    memory: 'map9-walk',
    episodeSteps: 100,
    steps: 800_000,
    rollout: 10,
    entropy: { from: 0.01, to: 0.003 },
    lr: { from: 1e-3, to: 1e-4 },
    validate: { every: 80_000, items: 100 },
  },
  { ...EXPLORE25, name: 'explore25', memory: 'map25-8k-walk' },
  { ...EXPLORE25, name: 'explore25-77k', memory: 'map25-walk' },
];

export const EXPLORATION_RUNS: readonly string[] = ROWS.map(({ name }) => name);

/** The exploration of that name. Throws ERR_MG_CONFIG. */
export function explorationRun(name: string): ExplorationRun {
  const row = ROWS.find((each) => each.name === name);
  return structuredClone(
    row ?? fail('ERR_MG_CONFIG', 'preset', `the name of an exploration (${EXPLORATION_RUNS.join(', ')})`, name),
  );
}

/** Whether a run file describes an exploration. */
export function isExploration(value: unknown): value is ExplorationRun {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'algorithm');
}

/** Checks a run file of an exploration. ERR_MG_CONFIG. */
export function checkExploration(value: unknown): ExplorationRun {
  const { $schema: _, ...given } = checkFile('run', explorationFile, value);
  const run = { ...(ROWS.find(({ name }) => name === given.name) ?? ROWS[0]!), ...given };
  checkRunName(run.name);
  memoryOf(run);
  return run;
}

/** Layers of the memory, and the mazes it was trained to map. */
function memoryOf({ memory }: ExplorationRun) {
  const { model, task } = presetRun(memory);
  if (isVectorModel(model) || task.name !== 'mapping') {
    fail('ERR_MG_CONFIG', 'run.memory', 'a preset that maps mazes with a multigrid memory', memory);
  }
  return { model, task };
}

/** Parameters of a run's policy, and memory cells of what it stands on. */
export function countExploration(run: ExplorationRun): { parameters: number; memory: number } {
  using memory = unfilled(() => new MultigridMemory(memoryOf(run).model, { rng: new Rng(0) }));
  using agent = unfilled(() => new ActorCritic({ memory, rng: new Rng(0) }));
  return { parameters: agent.count().parameters, memory: memory.count().memory };
}

/** The mazes of a run, seen as its memory has learned to see them. */
export function explorationMazes(run: ExplorationRun, options: Partial<MazesOptions> = {}): MazesEnvironment {
  const { name: _, motion: _m, moveRule: _r, pathLength: _p, query: _q, targetTiming: _t, ...view } = memoryOf(run).task;
  return mazes({ ...view, episodes: run.episodes, steps: run.episodeSteps, seed: run.seed, ...options });
}

/**
 * Agent, mazes and optimizer of a run, ready for an `A2C`; `weights` hold the memory under `prefix`. Throws ERR_MG_CHECKPOINT.
 */
export function buildExploration(
  run: ExplorationRun,
  weights: ReadonlyMap<string, FileTensor>,
  prefix: 'model' | 'memory',
): A2CSetup & { readonly env: MazesEnvironment } {
  return explorationOn(run, (memory) => loadWeights(memory, prefix, weights));
}

/** The same with a memory that `load` fills; one of random weights without it. */
export function explorationOn(
  run: ExplorationRun,
  load: (memory: MultigridMemory) => void = () => {},
): A2CSetup & { readonly env: MazesEnvironment } {
  const memory = new MultigridMemory(memoryOf(run).model, { rng: new Rng(run.seed) });
  load(memory);
  const agent = new ActorCritic({ memory, rng: new Rng(run.seed) });
  const { rollout, gamma, lambda, valueWeight, clipNorm, rewardScale, seed, steps, lr, entropy } = run;
  return {
    agent,
    env: explorationMazes(run),
    rollout,
    gamma,
    lambda,
    valueWeight,
    clipNorm,
    rewardScale,
    seed,
    config: run,
    optimizer: new Adam(agent, { lr: linear(lr.from, lr.to, steps) }),
    entropy: linear(entropy.from, entropy.to, steps),
  };
}
