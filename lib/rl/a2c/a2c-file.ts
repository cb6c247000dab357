/** A run of actor-critic training as one safetensors file: policy, optimizer, memory and its state, and where it stands. */
import { checkInteger, fail } from '../../check.js';
import type { MultigridMemoryState } from '../../models/multigrid/multigrid-memory-state.js';
import { checkLoadable } from '../../tensor/load-report.js';
import { unscoped } from '../../tensor/scope.js';
import { metadataJson, packageText, part, prefixed, restoreWeights, type Sink } from '../../train/checkpoint.js';
import { checkedRecord, currentRecord, type RunRecord } from '../../train/record.js';
import { toFileTensors } from '../../tensor/tensor-file.js';
import { readTensors, writeTensors } from '../../files/safetensors.js';
import type { ResolvedA2C } from './a2c-setup.js';
import type { EpisodeLog } from './episode-log.js';

/** A run as its file holds it. */
export interface A2CParts {
  readonly setup: ResolvedA2C;
  readonly episodes: EpisodeLog;
  readonly state: MultigridMemoryState;
  readonly step: number;
  readonly update: number;
  readonly record: RunRecord;
}

/** What must be equal for a run to go on as it was. */
function identityOf(
  { env, agent, rollout, gamma, lambda, valueWeight, rewardScale, seed }: ResolvedA2C,
): Record<string, unknown> {
  return {
    algorithm: 'a2c',
    env: env.name,
    episodes: env.episodes,
    actions: agent.actions,
    rollout,
    gamma,
    lambda,
    valueWeight,
    rewardScale,
    seed,
  };
}

/** Hands the whole run to a file or a sink. */
export async function saveA2C({ setup, episodes, state, step, update, record }: A2CParts, to: string | Sink): Promise<void> {
  const { agent, optimizer, env, config } = setup;
  const progress = { step, update, env: env.save(), episodes: episodes.save() };
  const metadata = new Map([
    ['package', packageText],
    ['run', JSON.stringify(identityOf(setup))],
    ['progress', JSON.stringify(progress)],
    ['record', JSON.stringify(currentRecord(record, setup.callbacks))],
    ['config', JSON.stringify(config)],
  ]);
  const tensors = await toFileTensors(
    new Map([
      ...prefixed('model', agent.stateDict()),
      ...prefixed('memory', agent.memory.stateDict()),
      ...prefixed('optimizer', optimizer.stateDict()),
      ...prefixed('state', state.toTensors()),
    ]),
  );
  await (typeof to === 'string' ? writeTensors(to, tensors, metadata) : to(tensors, metadata));
}

/** Puts a saved run into one of the same setup, the weights of its memory included, and tells where it stood. */
export async function loadA2C(
  { setup, episodes, state: from }: A2CParts,
  file: string,
): Promise<Pick<A2CParts, 'state' | 'step' | 'update' | 'record'>> {
  const { agent, optimizer, env } = setup;
  const { tensors, metadata } = await readTensors(file);
  const saved = metadataJson(file, metadata, 'run');
  for (const [key, expected] of Object.entries(identityOf(setup))) {
    if (saved[key] !== expected) fail('ERR_MG_CHECKPOINT', file, `${key} ${JSON.stringify(expected)}`, saved[key]);
  }
  const progress = metadataJson(file, metadata, 'progress');
  const step = checkInteger(file, 'progress.step', progress['step'], 0);
  const update = checkInteger(file, 'progress.update', progress['update'], 0);
  const record = checkedRecord(file, metadata.get('record'));
  const state = unscoped(() => part('state', tensors));
  try {
    checkLoadable(`${file}, state`, from.toTensors(), state);
    restoreWeights(optimizer, { model: agent, memory: agent.memory }, tensors);
    env.restore(progress['env']);
    episodes.restore(progress['episodes']);
    return { state: agent.memory.stateFromTensors(state), step, update, record };
  } catch (error) {
    for (const tensor of state.values()) tensor.dispose();
    throw error;
  }
}
