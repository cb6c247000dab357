// The one builder of fused networks: from layers and their grids to the description that the op and the planner take.

import type { NetworkSpec } from '../../ops/network/network-spec.js';
import { NORM_EPSILON } from '../batch-norm.js';
import { levelRange, sideOf, type Dimensions, type LevelSpec } from '../ladder.js';

export interface LayerDescription {
  readonly kind: 'conv' | 'convLstm';
  /** Without a gap. */
  readonly levels: readonly number[];
  readonly channels: number;
  /** Of a conv layer: max(x, 0) after the convolution. Default false. */
  readonly relu?: boolean;
  /** Default false. */
  readonly norm?: boolean;
  /** Layer (from 0) whose pyramid is added where levels agree; default none. */
  readonly shortcut?: number | undefined;
  /** Grids from outside that are joined to what the layer hands on; default none. */
  readonly joined?: readonly LevelSpec[];
  readonly isOutput: boolean;
}

export interface NetworkDescription {
  readonly dimensions: Dimensions;
  readonly kernelSize: number;
  /** Of level 0. */
  readonly side: number;
  /** Grids that the first layer sees. */
  readonly input: readonly LevelSpec[];
  readonly layers: readonly LayerDescription[];
  readonly forgetBias: number;
  readonly hasPeephole: boolean;
  readonly budgetBytes: number;
}

/** Its fields are those of the input, then those joined to each layer, in the order given. */
export function describeNetwork(network: NetworkDescription): NetworkSpec {
  const { dimensions, kernelSize, side, input, layers, forgetBias, hasPeephole, budgetBytes } = network;
  const fields = [...input];
  const described = layers.map(({ kind, levels, channels, relu = false, norm = false, shortcut = -1, joined = [], isOutput }) => {
    const first = fields.length;
    fields.push(...joined);
    const [low, high] = [Math.min(...levels), Math.max(...levels)];
    return { kind, low, high, channels, relu, norm, shortcut, memory: joined.map((_, i) => first + i), isOutput };
  });
  const top = Math.max(...fields.map(({ level }) => level), ...described.map(({ high }) => high));
  return {
    dimensions,
    kernelSize,
    sides: levelRange(0, top).map((level) => sideOf(level, dimensions, side)),
    fields: fields.map(({ level, channels }) => ({ level, channels })),
    input: input.map((_, i) => i),
    layers: described,
    forgetBias,
    hasPeephole,
    epsilon: NORM_EPSILON,
    budgetBytes,
  };
}
