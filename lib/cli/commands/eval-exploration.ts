/** `eval` where the run explores. */
import { inspectTensors } from '../../files/safetensors.js';
import type { ActorCritic } from '../../rl/a2c/actor-critic.js';
import { explorationScores } from '../../runs/exploration-scores.js';
import { buildExploration, checkExploration, isExploration, type ExplorationRun } from '../../runs/exploration.js';
import { loadWeights, savedConfig } from '../../train/checkpoint.js';
import { note, print, printJson } from '../output.js';
import { checkpointFile } from '../run-path.js';
import { scoreLine } from '../scores.js';

export interface ExplorationEvalOptions {
  readonly items: number;
  readonly steps?: number;
  readonly seed?: number;
  readonly json?: boolean;
}

/** The exploration that a run folder or checkpoint holds, its agent ready to act; null for a run of another kind. */
export async function savedExploration(path: string): Promise<{ run: ExplorationRun; agent: ActorCritic } | null> {
  const file = checkpointFile(path);
  const { metadata } = await inspectTensors(file); // the header alone
  if (metadata.get('config')?.includes('"algorithm"') !== true) return null;
  const { config, tensors } = await savedConfig(file);
  if (!isExploration(config)) return null;
  const run = checkExploration(config);
  const { agent } = buildExploration(run, tensors, 'memory');
  loadWeights(agent, 'model', tensors);
  return { run, agent };
}

/** Coverage, reward, bumps, steps to nine tenths, and localisation on the agent's own paths beside free walks. */
export async function evalExploration(
  { run, agent }: { run: ExplorationRun; agent: ActorCritic },
  { items, steps = 1000, seed, json }: ExplorationEvalOptions,
): Promise<void> {
  note(`${run.name}: ${items} held-out mazes, ${steps} steps in each`);
  const started = performance.now();
  const scores = await explorationScores({ agent, run, items, steps, ...(seed === undefined ? {} : { seed }) });
  const seconds = (performance.now() - started) / 1000;
  if (json === true) return printJson({ name: run.name, items, steps, seconds, ...scores });
  print(`${scoreLine(scores)}   in ${items} mazes in ${seconds.toFixed(1)} s`);
}
