/** What a row costs on this machine: a training window timed, and the bytes that the estimate names. */
import { A2C } from '../rl/a2c/a2c.js';
import { explorationOn, type ExplorationRun } from '../runs/exploration.js';
import { presetRun } from '../runs/presets.js';
import { buildRun } from '../runs/run-config.js';
import { estimateRun } from '../runs/run-model.js';
import type { RunConfig } from '../runs/run.js';
import { hasData } from '../tasks/registry.js';
import { Trainer } from '../train/trainer.js';

/** How long a run takes on this machine. */
export interface RunTime {
  /** Of training, in updates after the first. */
  readonly stepsPerSecond: number;
  /** Of the whole recipe, without scoring. */
  readonly hours: number;
}

/** Time steps of the longest window of a run; 100 where data that it does not name yet decide. */
export function windowSteps(run: RunConfig): number {
  return Math.min(run.truncate ?? Infinity, (hasData(run.task) ? episodeSteps(run) : null) ?? 100);
}

function episodeSteps(run: RunConfig): number | null {
  const { model, task } = buildRun(run);
  model[Symbol.dispose]();
  return task.describe().steps;
}

/** Bytes that training takes at its most, by estimate. */
export const bytesOf = (run: RunConfig): number =>
  estimateRun(run, { batch: run.batchSize, steps: windowSteps(run) }).bytesTraining;

/** The same of a policy and the memory that it stands on. */
export const bytesOfExploration = (run: ExplorationRun): number =>
  estimateRun(presetRun(run.memory), { batch: run.episodes, steps: run.rollout }).bytesTraining;

/** One update to warm up, then updates until `seconds` have passed, at least one. The weights are thrown away. */
export async function measureTime(run: RunConfig, seconds: number): Promise<RunTime> {
  const setup = buildRun(run);
  using _ = setup.model;
  const trainer = new Trainer(setup);
  let [began, first, last] = [0, 0, 0];
  for await (const { step, update } of trainer.run({ steps: run.steps })) {
    if (update === 1) [began, first] = [performance.now(), step];
    last = step;
    if (update > 1 && performance.now() - began >= seconds * 1000) break;
  }
  const stepsPerSecond = (last - first) / ((performance.now() - began) / 1000);
  return { stepsPerSecond, hours: run.steps / stepsPerSecond / 3600 };
}

/** The same of a policy on a memory of random weights; what it stands on is not counted. */
export async function measureExploration(run: ExplorationRun, seconds: number): Promise<RunTime> {
  const setup = explorationOn(run);
  using _memory = setup.agent.memory;
  using _agent = setup.agent;
  const training = new A2C(setup);
  const steps = run.rollout * run.episodes;
  let [began, updates] = [0, 0];
  for await (const { update } of training.run({ steps: run.steps })) {
    updates = update;
    if (update === 1) began = performance.now();
    if (update > 1 && performance.now() - began >= seconds * 1000) break;
  }
  const stepsPerSecond = (steps * (updates - 1)) / ((performance.now() - began) / 1000);
  return { stepsPerSecond, hours: run.steps / stepsPerSecond / 3600 };
}
