// A planned network run as one op, its results as pyramids.

import { fail } from '../../check.js';
import { describeNetwork } from '../../nn/multigrid/describe-network.js';
import { windowObstacle, type Obstacle } from '../../nn/multigrid/fused-layer.js';
import { MultigridState } from '../../nn/multigrid/multigrid-state.js';
import { Pyramid } from '../../nn/multigrid/pyramid.js';
import { networkWindow, type NetworkGrid } from '../../ops/network/network.js';
import type { NetworkSpec, Precision } from '../../ops/network/network-spec.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { NetworkInputs, NetworkOutputs } from './network-window.js';
import type { ModelPlan, NetworkPlan } from './plan.js';
import { readMemory } from './read-memory.js';

/** Grids of one op's results by layer. */
function byLayer(grids: readonly NetworkGrid[]): Pyramid[] {
  const layers = [...new Set(grids.map(({ layer }) => layer))];
  return layers.map((layer) => {
    const own = grids.filter((grid) => grid.layer === layer);
    return Pyramid.of(Object.fromEntries(own.map(({ level, grid }) => [level, grid])));
  });
}

/** One network of a model as a fused one, described once. */
export class FusedNetwork {
  readonly #model: ModelPlan;
  readonly #plan: NetworkPlan;
  readonly #specs: Readonly<Record<'all' | 'last', NetworkSpec>>;

  constructor(model: ModelPlan, plan: NetworkPlan, budgetBytes: number) {
    this.#model = model;
    this.#plan = plan;
    const described = (outputs: 'all' | 'last'): NetworkSpec => describeNetwork(model, plan, outputs, budgetBytes);
    this.#specs = { all: described('all'), last: described('last') };
  }

  /** Why it cannot be run as one op on these inputs; null when it can. */
  obstacle({ x, lengths }: NetworkInputs): Obstacle | null {
    const { shape } = x.tensors()[0]!;
    if (shape.length - this.#model.dimensions - 1 !== 2) {
      return { expected: 'a window [T, B, …]', got: `[${shape.join(', ')}]` };
    }
    const norm = this.#plan.layers.some((layer) => layer.norm) ? this.#model.norm : 'none';
    return windowObstacle(norm, shape[1]!, lengths ?? null);
  }

  /** The network's `forward`, as one native call. */
  run(
    { x, memory = [], state, outputs = 'all' }: NetworkInputs,
    parameters: ReadonlyMap<string, Tensor>,
    precision: Precision,
  ): NetworkOutputs {
    const fields = [...x.tensors(), ...this.#joined(memory)];
    const carried = state === undefined ? {} : {
      state: {
        hidden: state.flatMap((layer) => layer.hidden.tensors()),
        cell: state.flatMap((layer) => layer.cell.tensors()),
      },
    };
    const call = { where: this.#plan.name, precision };
    const result = networkWindow(this.#specs[outputs], { parameters, fields, ...carried }, call);
    const cells = byLayer(result.cell);
    const after = byLayer(result.hidden).map((hidden, k) => new MultigridState(hidden, cells[k]!));
    return { outputs: byLayer(result.outputs), state: after };
  }

  /** The grids of the memory in the order of the fields. */
  #joined(memory: readonly Pyramid[]): Tensor[] {
    return this.#plan.layers.flatMap((layer) => {
      const read = readMemory(layer, memory);
      const levels = layer.joined.map(({ level }) => level);
      if (read !== undefined && read.levels.join() !== levels.join()) {
        fail(
          'ERR_MG_SHAPE',
          layer.name,
          `a memory of writer layer ${layer.memory} with levels ${levels.join(', ')}`,
          read.levels,
        );
      }
      return read?.tensors() ?? [];
    });
  }
}
