// The one builder of fused networks: from layers and their grids to the description that the op and the planner take.

import type { NetworkSpec } from '../../ops/network/network-spec.js';
import { NORM_EPSILON } from '../batch-norm.js';
import { levelRange, sideOf, type Dimensions, type LevelSpec } from '../ladder.js';

/** What all layers of a network have alike. */
export interface NetworkSettings {
  readonly dimensions: Dimensions;
  /** Side of level 0. */
  readonly baseSide: number;
  readonly kernelSize: number;
  readonly peephole: 'none' | 'channel';
  readonly forgetBias: number;
}

/** A layer as a network needs to know it. The layers of a planned model are such. */
export interface DescribedLayer {
  readonly kind: 'conv' | 'convLstm';
  /** Without a gap. */
  readonly levels: readonly number[];
  readonly channels: number;
  /** Of a conv layer. */
  readonly activation: 'relu' | 'none';
  readonly norm: boolean;
  /** Layer (counted from 1) whose pyramid is added where levels agree; default none. */
  readonly shortcut?: { readonly source: number } | null;
  /** Grids from outside that are joined to what the layer hands on; default none. */
  readonly joined?: readonly LevelSpec[];
}

export interface DescribedNetwork {
  /** Grids that the first layer sees. */
  readonly input: readonly LevelSpec[];
  readonly layers: readonly DescribedLayer[];
}

/**
 * Its fields are those of the input, then those joined to each layer, in the order given; its results are the grids of all layers
 * or of the last one.
 */
export function describeNetwork(
  { dimensions, baseSide, kernelSize, peephole, forgetBias }: NetworkSettings,
  { input, layers }: DescribedNetwork,
  outputs: 'all' | 'last',
  budgetBytes = 0,
): NetworkSpec {
  const fields = [...input];
  const described = layers.map(({ kind, levels, channels, activation, norm, shortcut, joined = [] }, index) => {
    const first = fields.length;
    fields.push(...joined);
    return {
      kind,
      low: Math.min(...levels),
      high: Math.max(...levels),
      channels,
      relu: activation === 'relu',
      norm,
      shortcut: (shortcut?.source ?? 0) - 1,
      memory: joined.map((_, i) => first + i),
      isOutput: outputs === 'all' || index === layers.length - 1,
    };
  });
  const top = Math.max(...fields.map(({ level }) => level), ...described.map(({ high }) => high));
  return {
    dimensions,
    kernelSize,
    sides: levelRange(0, top).map((level) => sideOf(level, dimensions, baseSide)),
    fields: fields.map(({ level, channels }) => ({ level, channels })),
    input: input.map((_, i) => i),
    layers: described,
    forgetBias,
    hasPeephole: peephole === 'channel',
    epsilon: NORM_EPSILON,
    budgetBytes,
  };
}
