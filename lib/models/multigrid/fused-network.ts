// A planned network run as one op: the description it needs, and its results as pyramids.

import { NORM_EPSILON } from '../../nn/batch-norm.js';
import { windowObstacle } from '../../nn/fused-layer.js';
import { levelRange, sideOf, type LevelSpec } from '../../nn/ladder.js';
import { MultigridState } from '../../nn/multigrid-state.js';
import { Pyramid } from '../../nn/pyramid.js';
import { multigridNetwork, type NetworkGrid, type NetworkSpec } from '../../ops/network.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { NetworkInputs, NetworkOutputs } from './multigrid-network.js';
import type { ModelPlan, NetworkPlan } from './plan.js';
import { readMemory } from './read-memory.js';

/** Why a network cannot be run as one op on these inputs; null when it can. */
export function whyNotFused(model: ModelPlan, plan: NetworkPlan, { x, lengths }: NetworkInputs): string | null {
  const lead = x.tensors()[0]!.shape.length - model.dimensions - 1;
  if (lead !== 2) return 'it takes windows [T,B,…] alone';
  const norm = plan.layers.some((layer) => layer.norm) ? model.norm : 'none';
  return windowObstacle(norm, x.tensors()[0]!.shape[1]!, lengths ?? null);
}

/** What comes from outside: the grids of the input, and for each layer those joined to its output. */
export interface NetworkFields {
  readonly input: readonly LevelSpec[];
  readonly joined: readonly (readonly LevelSpec[])[];
}

/** A network as data. Its fields are those of the input, then those of each layer. */
export function networkSpec(
  model: ModelPlan,
  plan: NetworkPlan,
  { input, joined }: NetworkFields,
  outputs: 'all' | 'last',
  budgetBytes: number,
): NetworkSpec {
  const fields = [...input];
  const layers = plan.layers.map((layer, index) => {
    const first = fields.length;
    fields.push(...joined[index]!);
    return {
      kind: layer.kind,
      low: Math.min(...layer.levels),
      high: Math.max(...layer.levels),
      channels: layer.channels,
      relu: layer.activation === 'relu',
      norm: layer.norm,
      shortcut: layer.shortcut === null ? -1 : layer.shortcut.source - 1,
      memory: fields.slice(first).map((_, i) => first + i),
      isOutput: outputs === 'all' || index === plan.layers.length - 1,
    };
  });
  const top = Math.max(...fields.map(({ level }) => level), ...layers.map(({ high }) => high));
  return {
    dimensions: model.dimensions,
    kernelSize: model.kernelSize,
    sides: levelRange(0, top).map((level) => sideOf(level, model.dimensions, model.baseSide)),
    fields: fields.map(({ level, channels }) => ({ level, channels })),
    input: input.map((_, i) => i),
    layers,
    forgetBias: model.forgetBias,
    hasPeephole: model.peephole === 'channel',
    epsilon: NORM_EPSILON,
    budgetBytes,
  };
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
  model: ModelPlan,
  plan: NetworkPlan,
  inputs: NetworkInputs,
  parameters: ReadonlyMap<string, Tensor>,
  budgetBytes: number,
): NetworkOutputs {
  const { x, memory = [], outputs = 'all' } = inputs;
  const joined = plan.layers.map((layer) => readMemory(layer, memory));
  const levelsOf = (pyramid?: Pyramid): LevelSpec[] =>
    pyramid?.levels.map((level) => ({ level, channels: pyramid.at(level).shape.at(-1)! })) ?? [];
  const spec = networkSpec(model, plan, { input: levelsOf(x), joined: joined.map(levelsOf) }, outputs, budgetBytes);
  const fields = [x, ...joined].flatMap((pyramid) => pyramid?.tensors() ?? []);
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
