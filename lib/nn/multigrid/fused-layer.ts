// One multigrid conv-LSTM layer run as one native op over a window.

import { networkWindow, type NetworkGrid } from '../../ops/network/network.js';
import type { NetworkSpec, Precision } from '../../ops/network/network-spec.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Norm } from '../batch-norm.js';
import { describeNetwork } from './describe-network.js';
import type { LevelSpec } from '../ladder.js';
import type { MultigridGeometry } from './multigrid-input.js';
import { MultigridState } from './multigrid-state.js';
import { Pyramid } from './pyramid.js';

/** 'auto' (default): as one native op wherever it can; 'required': an error where it cannot; 'off': grid by grid. */
export type Fused = 'auto' | 'required' | 'off';
export const fusedChoices = ['auto', 'required', 'off'] as const;

/** What one op would take, and what is given instead. */
export interface Obstacle {
  readonly expected: string;
  readonly got: string;
}

/** Why a window of `batch` rows with such a norm and lengths cannot be run as one op; null when it can. */
export function windowObstacle(norm: Norm, batch: number, lengths: Int32Array | null): Obstacle | null {
  if (lengths !== null) return { expected: 'sequences of one length', got: 'lengths of their own' };
  if (norm === 'none') return null;
  if (norm.mode === 'running') return { expected: 'a norm by statistics of the window', got: 'running ones' };
  if (norm.kind === 'sequence' && batch !== 1) {
    return { expected: 'a norm over the whole batch', got: `one over each of ${batch} sequences` };
  }
  return null;
}

/** Why the grids of a layer cannot be run as one op; null when they can. */
export function gridObstacle({ levels, input }: MultigridGeometry): Obstacle | null {
  if (levels.at(-1)! - levels[0]! + 1 !== levels.length) {
    return { expected: 'output levels without a gap', got: `levels ${levels.join(', ')}` };
  }
  const used = (level: number): boolean => levels.some((own) => Math.abs(own - level) <= 1);
  const unused = input.find(({ level }) => !used(level));
  return unused === undefined ? null : { expected: 'input levels that are all used', got: `level ${unused.level}, which is not` };
}

function byLevel(grids: readonly NetworkGrid[]): Pyramid {
  return Pyramid.of(Object.fromEntries(grids.map(({ level, grid }) => [level, grid])));
}

export interface FusedLayerOptions {
  readonly geometry: MultigridGeometry;
  readonly norm: Norm;
  readonly forgetBias: number;
  readonly peephole: 'none' | 'channel';
  readonly precision: Precision;
}

/** One layer as a fused network; described once for each list of grids that it is given. */
export class FusedLayer {
  readonly #options: FusedLayerOptions;
  readonly #specs = new Map<string, NetworkSpec>();

  constructor(options: FusedLayerOptions) {
    this.#options = options;
  }

  #spec(input: readonly LevelSpec[]): NetworkSpec {
    const key = input.map(({ level, channels }) => `${level}:${channels}`).join();
    const { geometry: { levels, channels, dimensions, kernelSize, side: baseSide }, norm, forgetBias, peephole } = this.#options;
    const layer = { kind: 'convLstm', levels, channels, activation: 'none', norm: norm !== 'none' } as const;
    const settings = { dimensions, baseSide, kernelSize, peephole, forgetBias };
    const found = this.#specs.get(key) ?? describeNetwork(settings, { input, layers: [layer] }, 'last');
    this.#specs.set(key, found);
    return found;
  }

  /** The layer's `forward` on windows [T,B,…,C] joined on channels, as one native call. */
  run(
    parameters: Iterable<readonly [name: string, parameter: Tensor]>,
    x: readonly Pyramid[],
    state: MultigridState,
  ): { y: Pyramid; state: MultigridState } {
    const fields = x.flatMap((pyramid) => pyramid.levels.map((level) => ({ level, grid: pyramid.at(level) })));
    const result = networkWindow(this.#spec(fields.map(({ level, grid }) => ({ level, channels: grid.shape.at(-1)! }))), {
      parameters: new Map([...parameters].map(([name, parameter]) => [`1.${name}`, parameter])),
      fields: fields.map(({ grid }) => grid),
      state: { hidden: state.hidden.tensors(), cell: state.cell.tensors() },
    }, { where: 'MultigridConvLSTM', precision: this.#options.precision });
    return { y: byLevel(result.outputs), state: new MultigridState(byLevel(result.hidden), byLevel(result.cell)) };
  }
}
