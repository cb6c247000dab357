// Bytes that training a model on windows of a size takes, from the plans of its fused networks.

import { checkList, checkObject } from '../../check.js';
import { cellsOf, type LevelSpec } from '../../nn/ladder.js';
import { checkWindowSize, type WindowMemory, type WindowSize } from '../../nn/cost.js';
import { describeNetwork } from '../../nn/multigrid/describe-network.js';
import { planNetwork } from '../../ops/network/network-spec.js';
import { device } from '../../tensor/device.js';
import type { ModelPlan } from './plan.js';

export interface FusedWindowSize extends WindowSize {
  readonly dtype: 'float32' | 'float64';
  /** Of each network, as in the options of `MultigridMemory`; 0: no limit. */
  readonly memoryBudget: number;
}

const total = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((sum, item) => sum + of(item), 0);

/**
 * The highest point is the start of the backward pass: all that forward made and kept, the gradients at each network's input and
 * output, at its parameters and states, and the workspaces. All networks must run fused, on the default device.
 */
export function windowMemory(model: ModelPlan, size: FusedWindowSize): WindowMemory {
  checkObject('windowMemory', 'model', model);
  checkList('windowMemory', 'networks of a plan, as planModel gives it', model.networks);
  checkWindowSize('windowMemory', size);
  const { batch, steps, dtype, memoryBudget } = size;
  const value = dtype === 'float32' ? 4 : 8;
  const [first] = model.networks;
  const numbers = (grids: readonly LevelSpec[], images: number): number =>
    total(grids, ({ level, channels }) => images * cellsOf(level, model.dimensions, model.baseSide) * channels);
  const parts = model.networks.map((network) => {
    const isReader = network !== first && model.kind === 'writerReader';
    const runs = isReader && model.read === 'last' ? 1 : steps;
    const outputs = network === first && model.kind === 'writerReader' ? 'all' : 'last';
    const spec = describeNetwork(model, network, outputs, memoryBudget);
    const gradients = spec.fields.map((_, i) => i >= spec.input.length);
    const { plan } = planNetwork(spec, { batch, steps: runs, dtype, gradients, device: device().type });
    const given = numbers(network.input, runs * batch);
    const produced = plan.outputs.map(([layer, level]) => ({ level, channels: spec.layers[layer]!.channels }));
    const results = numbers(produced, runs * batch);
    const state = 2 * network.cells * batch;
    const seen = numbers(network.layers.flatMap(({ joined }) => joined), runs * batch);
    const held = value * (given + results + 2 * state + seen + network.parameters) + plan.savedBytes;
    return { held, workspace: plan.workspaceBytes };
  });
  const state = 2 * first!.cells * batch * value;
  return { bytes: total(parts, ({ held, workspace }) => held + workspace), stateBytes: state };
}
