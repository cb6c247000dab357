// One multigrid conv-LSTM layer run as one native op over a window.

import { multigridNetwork, type NetworkGrid } from '../ops/network.js';
import type { Tensor } from '../tensor/tensor.js';
import { NORM_EPSILON, type Norm } from './batch-norm.js';
import { levelRange, sideOf } from './ladder.js';
import type { MultigridGeometry } from './multigrid-input.js';
import { MultigridState } from './multigrid-state.js';
import { Pyramid } from './pyramid.js';

/** 'auto' (default): as one native op wherever it can; 'required': an error where it cannot; 'off': grid by grid. */
export type Fused = 'auto' | 'required' | 'off';
export const fusedChoices = ['auto', 'required', 'off'] as const;

export interface FusedLayer {
  readonly geometry: MultigridGeometry;
  readonly norm: Norm;
  readonly forgetBias: number;
  readonly hasPeephole: boolean;
  readonly parameters: Iterable<readonly [name: string, parameter: Tensor]>;
}

/** Why a window of `batch` rows with such a norm and lengths cannot be run as one op; null when it can. */
export function windowObstacle(norm: Norm, batch: number, lengths: Int32Array | null): string | null {
  if (lengths !== null) return 'its sequences are all of one length';
  if (norm !== 'none' && norm.mode === 'running') return 'it normalizes by statistics of the window alone';
  if (norm !== 'none' && norm.kind === 'sequence' && batch !== 1) return 'it normalizes over the whole batch alone';
  return null;
}

/** Why the grids of a layer cannot be run as one op; null when they can. */
export function gridObstacle({ levels, input }: MultigridGeometry): string | null {
  if (levels.at(-1)! - levels[0]! + 1 !== levels.length) return 'its levels are without a gap';
  const used = (level: number): boolean => levels.some((own) => Math.abs(own - level) <= 1);
  return input.every(({ level }) => used(level)) ? null : 'every grid of its input is used';
}

function byLevel(grids: readonly NetworkGrid[]): Pyramid {
  return Pyramid.of(Object.fromEntries(grids.map(({ level, grid }) => [level, grid])));
}

/** The layer's `forward` on windows [T,B,…,C] joined on channels, as one native call. */
export function runFusedLayer(
  layer: FusedLayer,
  x: readonly Pyramid[],
  state: MultigridState,
): { y: Pyramid; state: MultigridState } {
  const { geometry, norm, forgetBias, hasPeephole } = layer;
  const { levels, channels, dimensions, kernelSize, side } = geometry;
  const fields = x.flatMap((pyramid) => pyramid.levels.map((level) => ({ level, grid: pyramid.at(level) })));
  const top = Math.max(levels.at(-1)!, ...fields.map(({ level }) => level));
  const result = multigridNetwork({
    dimensions,
    kernelSize,
    sides: levelRange(0, top).map((level) => sideOf(level, dimensions, side)),
    fields: fields.map(({ level, grid }) => ({ level, channels: grid.shape.at(-1)! })),
    input: fields.map((_, i) => i),
    layers: [{
      kind: 'convLstm',
      low: levels[0]!,
      high: levels.at(-1)!,
      channels,
      relu: false,
      norm: norm !== 'none',
      shortcut: -1,
      memory: [],
      isOutput: true,
    }],
    forgetBias,
    hasPeephole,
    epsilon: NORM_EPSILON,
    budgetBytes: 0,
  }, {
    parameters: new Map([...layer.parameters].map(([name, parameter]) => [`1.${name}`, parameter])),
    fields: fields.map(({ grid }) => grid),
    state: { hidden: state.hidden.tensors(), cell: state.cell.tensors() },
  });
  return { y: byLevel(result.outputs), state: new MultigridState(byLevel(result.hidden), byLevel(result.cell)) };
}
