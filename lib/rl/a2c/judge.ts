/** One look of an agent: its view is written to the memory, and the memory is read. */
import { noGrad } from '../../autograd/tape.js';
import type { MultigridMemoryState } from '../../models/multigrid/multigrid-memory-state.js';
import { Pyramid } from '../../nn/multigrid/pyramid.js';
import { gather, reshape } from '../../ops/index.js';
import type { HostPyramid } from '../../tasks/task.js';
import type { FloatDType } from '../../tensor/dtype.js';
import { scope, unscoped } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import type { ActorCritic } from './actor-critic.js';

/** The tensors belong to no scope; the caller frees them. */
export interface Look {
  /** [1,B,…] for each level. */
  readonly observation: Pyramid;
  /** Outputs of the writer's layers, [1,B,…]. */
  readonly memory: readonly Pyramid[];
  readonly state: MultigridMemoryState;
  /** [B,A] */
  readonly logits: Float32Array | Float64Array;
  /** [B] */
  readonly value: Float32Array | Float64Array;
}

/** What an environment shows, [B,…], as a window of one step, [1,B,…]. */
function uploadStep(observation: HostPyramid, dtype: FloatDType): Pyramid {
  return Pyramid.of(Object.fromEntries(
    Object.entries(observation).map(([level, { data, shape }]) => [level, Tensor.from(data, [1, ...shape], { dtype })]),
  ));
}

/** What the policy reads in place of its memory: nothing, or the memory of the next row. */
export type Ablation = 'zero' | 'other';

/** What is read of a grid [1,B,…]. */
function ablated(grid: Tensor, ablation: Ablation | undefined): Tensor {
  if (ablation === undefined) return grid;
  if (ablation === 'zero') return Tensor.zeros(grid.shape, { dtype: grid.dtype, device: grid.device });
  const [, batch = 0, ...rest] = grid.shape;
  const next = Int32Array.from({ length: batch }, (_, row) => (row + 1) % batch);
  return reshape(gather(reshape(grid, [batch, ...rest]), Tensor.from(next, [batch], { device: grid.device })), grid.shape);
}

/** The view of B episodes whose memories are in `state`, which stays as it is. */
export async function look(
  agent: ActorCritic,
  view: HostPyramid,
  state: MultigridMemoryState,
  ablation?: Ablation,
): Promise<Look> {
  const { kept, reads } = start(agent, view, state, ablation);
  try {
    const [logits, value] = await Promise.all(reads);
    return { ...kept, logits: logits as Float32Array, value: value as Float32Array };
  } catch (error) {
    dispose(kept);
    throw error;
  }
}

/** Queues all of it and frees what is not kept. */
function start(agent: ActorCritic, view: HostPyramid, state: MultigridMemoryState, ablation: Ablation | undefined) {
  using _ = scope();
  return noGrad(() => {
    const observation = uploadStep(view, agent.memory.dtype);
    const written = agent.write(observation, state);
    const read = written.memory.map((pyramid) => pyramid.map((grid) => ablated(grid, ablation)));
    const { logits, value } = agent.forward(read, observation);
    const kept = unscoped(() => ({
      observation: observation.map((grid) => grid.detach()),
      memory: written.memory.map((pyramid) => pyramid.map((grid) => grid.detach())),
      state: written.state.detach(),
    }));
    return { kept, reads: [logits.data(), value.data()] as const };
  });
}

/** Frees a look, but for its state when that lives on. */
export function dispose({ observation, memory, state }: Pick<Look, 'observation' | 'memory'> & { state?: Look['state'] }): void {
  for (const pyramid of [observation, ...memory]) pyramid.dispose();
  state?.dispose();
}
