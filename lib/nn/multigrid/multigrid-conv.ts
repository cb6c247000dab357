// The multigrid convolution layer.

import { checkChoice } from '../../check.js';
import { relu } from '../../ops/index.js';
import { BatchNorm, type Norm } from '../batch-norm.js';
import { Conv1d, Conv2d } from '../conv.js';
import { Module } from '../module.js';
import {
  assemble,
  checkGeometry,
  checkInput,
  flattenLead,
  inputChannels,
  joinedList,
  restoreLead,
  type Joined,
  type MultigridGeometry,
  type MultigridOptions,
} from './multigrid-input.js';
import { Pyramid } from './pyramid.js';

export interface MultigridConvOptions extends MultigridOptions {
  /** Default 'relu'. */
  readonly activation?: 'relu' | 'none';
}

/**
 * One multigrid convolution layer (Ke, Maire, Yu 2017). For each grid j:
 *   a_j = [ ↑x_{j−1} ; x_j ; ↓x_{j+1} ]      ↑ nearest doubling, ↓ 2×2 max-pool, joined on channels, missing neighbours left out
 *   y_j = norm(relu(conv(a_j, W_j) + b_j))   the norm comes after the activation, as in the official code
 * Grids [N,H,W,C] or [T,B,H,W,C]; in 1-D without W. Parameters `level2.kernel`, `level2.bias`, `level2.gamma`, `level2.beta`.
 */
export class MultigridConv extends Module {
  readonly geometry: MultigridGeometry;
  readonly activation: 'relu' | 'none';
  readonly #grids = new Map<number, Conv1d | Conv2d>();
  readonly #norms = new Map<number, BatchNorm>();

  constructor(options: MultigridConvOptions) {
    const geometry = checkGeometry('MultigridConv', options, ['activation']);
    super(options);
    this.geometry = geometry;
    this.activation = checkChoice('MultigridConv', 'activation', options.activation ?? 'relu', ['relu', 'none']);
    const norm: Norm = options.norm ?? 'none';
    const Conv = geometry.dimensions === 2 ? Conv2d : Conv1d;
    for (const level of geometry.levels) {
      const name = `level${level}`;
      const shape = { in: inputChannels(geometry, level), out: geometry.channels, kernelSize: geometry.kernelSize };
      this.#grids.set(level, this.addPart(name, new Conv({ ...shape, ...this.partOptions(name) })));
      if (norm === 'none') continue;
      const { channels } = geometry;
      this.#norms.set(level, this.addPart(name, new BatchNorm({ channels, ...norm, ...this.partOptions(name) })));
    }
  }

  forward(x: Joined): Pyramid {
    const inputs = joinedList('MultigridConv', x);
    const lead = checkInput(this.geometry, inputs);
    const flat = inputs.map((pyramid) => pyramid.map((grid) => flattenLead(grid, lead)));
    return Pyramid.of(Object.fromEntries(this.geometry.levels.map((level) => {
      const grid = this.#grids.get(level)!;
      const sum = grid.forward(assemble(flat, level));
      const y = restoreLead(this.activation === 'relu' ? relu(sum) : sum, lead);
      return [level, this.#norms.get(level)?.forward(y, lead.length === 2 ? 1 : 0) ?? y];
    })));
  }
}
