// A planned network run as one op: the description it needs, and its results as pyramids.

import { windowObstacle } from '../nn/fused-layer.js';
import { levelRange, sideOf } from '../nn/ladder.js';
import { MultigridState } from '../nn/multigrid-state.js';
import { Pyramid } from '../nn/pyramid.js';
import { multigridNetwork, type NetworkGrid, type NetworkSpec } from '../ops/network.js';
import type { Tensor } from '../tensor/tensor.js';
import type { NetworkInputs, NetworkOutputs } from './multigrid-network.js';
import type { LayerPlan, ModelPlan, NetworkPlan } from './plan.js';
import { readMemory } from './read-memory.js';

const NORM_EPSILON = 0.001;

/** Why a network cannot be run as one op on these inputs; null when it can. */
export function whyNotFused(model: ModelPlan, plan: NetworkPlan, { x, lengths }: NetworkInputs): string | null {
  const lead = x.tensors()[0]!.shape.length - model.dimensions - 1;
  if (lead !== 2) return 'it takes windows [T,B,…] alone';
  const norm = plan.layers.some((layer) => layer.norm) ? model.norm : 'none';
  return windowObstacle(norm, x.tensors()[0]!.shape[1]!, lengths ?? null);
}

/** Grids of the memory that a layer's output is joined with, at the levels of the layer. */
function joined(layer: LayerPlan, memory: readonly Pyramid[]): [level: number, grid: Tensor][] {
  const read = readMemory(layer, memory);
  return read === undefined ? [] : read.levels.map((level) => [level, read.at(level)]);
}

/** A network as data, and the grids that come from outside in the order the data names them. */
function describe(
  model: ModelPlan, plan: NetworkPlan, { x, memory = [], outputs = 'all' }: NetworkInputs,
): { spec: NetworkSpec; fields: Tensor[] } {
  const fields: [level: number, grid: Tensor][] = x.levels.map((level) => [level, x.at(level)]);
  const input = fields.map((_, i) => i);
  const layers = plan.layers.map((layer, index) => {
    const first = fields.length;
    fields.push(...joined(layer, memory));
    return {
      kind: layer.kind, low: Math.min(...layer.levels), high: Math.max(...layer.levels), channels: layer.channels,
      relu: layer.activation === 'relu', norm: layer.norm, shortcut: layer.shortcut === null ? -1 : layer.shortcut.source - 1,
      memory: fields.slice(first).map((_, i) => first + i), isOutput: outputs === 'all' || index === plan.layers.length - 1,
    };
  });
  const top = Math.max(...fields.map(([level]) => level), ...layers.map(({ high }) => high));
  const spec: NetworkSpec = {
    dimensions: model.dimensions, kernelSize: model.kernelSize,
    sides: levelRange(0, top).map((level) => sideOf(level, model.dimensions, model.baseSide)),
    fields: fields.map(([level, grid]) => ({ level, channels: grid.shape.at(-1)! })), input, layers,
    forgetBias: model.forgetBias, hasPeephole: model.peephole === 'channel', epsilon: NORM_EPSILON, budgetBytes: 0,
  };
  return { spec, fields: fields.map(([, grid]) => grid) };
}

/** Grids of one op's results by layer. */
function byLayer(grids: readonly NetworkGrid[]): Pyramid[] {
  const layers = [...new Set(grids.map(({ layer }) => layer))];
  return layers.map((layer) => {
    const own = grids.filter((grid) => grid.layer === layer);
    return Pyramid.of(Object.fromEntries(own.map(({ level, grid }) => [level, grid])));
  });
}

/** The network's `forward`, as one native call. */
export function runFused(
  model: ModelPlan, plan: NetworkPlan, inputs: NetworkInputs, parameters: ReadonlyMap<string, Tensor>,
): NetworkOutputs {
  const { spec, fields } = describe(model, plan, inputs);
  const carried = inputs.state === undefined ? {} : {
    state: {
      hidden: inputs.state.flatMap((layer) => layer.hidden.tensors()),
      cell: inputs.state.flatMap((layer) => layer.cell.tensors()),
    },
  };
  const result = multigridNetwork(spec, { parameters, fields, ...carried });
  const cells = byLayer(result.cell);
  const state = byLayer(result.hidden).map((hidden, k) => new MultigridState(hidden, cells[k]!));
  return { outputs: byLayer(result.outputs), state };
}
