// The multigrid memory layer: a conv-LSTM cell on each grid.

import { checkChoice, checkInstance, checkOptions, fail, words } from '../../check.js';
import { mul, reshape, stack, unstack } from '../../ops/index.js';
import { precisions, type Precision } from '../../ops/network/network-spec.js';
import type { Tensor } from '../../tensor/tensor.js';
import { BatchNorm, type Norm } from '../batch-norm.js';
import { ConvLSTM } from '../conv-lstm.js';
import { FusedLayer, fusedChoices, gridObstacle, windowObstacle, type Fused } from './fused-layer.js';
import { LSTMState } from '../lstm.js';
import { Module } from '../module.js';
import {
  assemble,
  checkGeometry,
  checkInput,
  extent,
  flattenLead,
  inputChannels,
  joinedList,
  restoreLead,
  type Joined,
  type MultigridGeometry,
  type MultigridOptions,
} from './multigrid-input.js';
import { MultigridState } from './multigrid-state.js';
import { Pyramid } from './pyramid.js';
import { checkLengths, keepFinished, windowMask } from '../state-rows.js';

export interface MultigridConvLSTMOptions extends MultigridOptions {
  /** Added to the forget gate at run time, not stored in the bias; default 1. */
  readonly forgetBias?: number;
  /** Default 'none', as in the official code. */
  readonly peephole?: 'none' | 'channel';
  /** Whether a window runs as one native op. Default 'auto'. */
  readonly fused?: Fused;
  /** Of the products of a window that runs as one native op on a GPU. Default 'float32'. */
  readonly precision?: Precision;
}

/**
 * One multigrid memory layer (Huynh, Maire, Walter 2020, §3.1). For each grid j:
 *   a_j = [ ↑x_{j−1} ; x_j ; ↓x_{j+1} ]       ↑ nearest doubling, ↓ 2×2 max-pool, joined on channels, missing neighbours left out
 *   h_j, c_j = ConvLSTM_j(a_j, h_j, c_j)      the cells are the memory
 *   y_j = norm(h_j)                           over the whole window, after the recurrence; the carried h is not normalized
 * Windows are grids [T,B,H,W,C], time steps [B,H,W,C]; in 1-D without W.
 */
export class MultigridConvLSTM extends Module {
  readonly geometry: MultigridGeometry;
  readonly #cells = new Map<number, ConvLSTM>();
  readonly #norms = new Map<number, BatchNorm>();
  readonly #norm: Norm;
  readonly #fused: Fused;
  readonly #whole: FusedLayer;

  constructor(options: MultigridConvLSTMOptions) {
    const geometry = checkGeometry('MultigridConvLSTM', options, ['forgetBias', 'peephole', 'fused', 'precision']);
    super(options);
    this.geometry = geometry;
    const peephole = checkChoice('MultigridConvLSTM', 'peephole', options.peephole ?? 'none', ['none', 'channel']);
    const { channels, kernelSize, dimensions } = geometry;
    const norm = options.norm ?? 'none';
    this.#norm = norm;
    this.#fused = checkChoice('MultigridConvLSTM', 'fused', options.fused ?? 'auto', fusedChoices);
    const forgetBias = options.forgetBias ?? 1;
    const precision = checkChoice('MultigridConvLSTM', 'precision', options.precision ?? 'float32', precisions);
    this.#whole = new FusedLayer({ geometry, norm, forgetBias, peephole, precision });
    for (const level of geometry.levels) {
      const name = `level${level}`;
      this.#cells.set(
        level,
        this.addPart(
          name,
          new ConvLSTM({
            in: inputChannels(geometry, level),
            channels,
            kernelSize,
            dimensions,
            extent: extent(geometry, level),
            peephole,
            forgetBias,
            ...this.partOptions(name),
          }),
        ),
      );
      if (norm === 'none') continue;
      this.#norms.set(level, this.addPart(name, new BatchNorm({ channels, ...norm, ...this.partOptions(name) })));
    }
  }

  /** Zeros, as at the start of every episode. */
  initialState(batch: number): MultigridState {
    const states = this.geometry.levels.map((level) => [level, this.#cells.get(level)!.initialState(batch)] as const);
    return new MultigridState(
      Pyramid.of(Object.fromEntries(states.map(([level, state]) => [level, state.hidden]))),
      Pyramid.of(Object.fromEntries(states.map(([level, state]) => [level, state.cell]))),
    );
  }

  /** One time step: the window of length one, without its time axis. */
  step(x: Joined, state: MultigridState): { y: Pyramid; state: MultigridState } {
    const window = joinedList('MultigridConvLSTM', x).map((pyramid) => pyramid.map((grid) => reshape(grid, [1, ...grid.shape])));
    const result = this.forward(window, state);
    return { y: result.y.map((grid) => reshape(grid, grid.shape.slice(1))), state: result.state };
  }

  /** A window from `state`, or from zeros. Rows past their length keep their state and give zeros. */
  forward(x: Joined, state?: MultigridState, options: { lengths?: Int32Array } = {}): { y: Pyramid; state: MultigridState } {
    const inputs = joinedList('MultigridConvLSTM', x);
    checkOptions('MultigridConvLSTM.forward', options, ['lengths']);
    const lead = checkInput(this.geometry, inputs);
    const [steps = 0, batch = 0] = lead;
    if (lead.length !== 2 || steps === 0) {
      const { shape } = inputs[0]!.tensors()[0]!;
      fail('ERR_MG_SHAPE', 'MultigridConvLSTM', 'a window [T,B,…,C] with T ≥ 1', shape, 'one step goes through step()');
    }
    const lengths = this.#checkLengths(options.lengths, steps, batch);
    const from = state ?? this.initialState(batch);
    this.#checkState(from, batch);
    if (this.#fused !== 'off') {
      const obstacle = windowObstacle(this.#norm, batch, lengths) ?? gridObstacle(this.geometry);
      if (obstacle === null) return this.#whole.run(this.namedParameters(), inputs, from);
      if (this.#fused === 'required') {
        fail('ERR_MG_DEVICE', 'MultigridConvLSTM', `${obstacle.expected}, with fused: 'required'`, words(obstacle.got));
      }
    }
    const flat = inputs.map((pyramid) => pyramid.map((grid) => flattenLead(grid, lead)));
    const runs = this.geometry.levels.map((level) => {
      const start = new LSTMState(from.hidden.at(level), from.cell.at(level));
      return { level, ...this.#runGrid(level, assemble(flat, level), lead, start, lengths) };
    });
    const y = Pyramid.of(Object.fromEntries(runs.map((run) => [run.level, run.y])));
    const hidden = Pyramid.of(Object.fromEntries(runs.map((run) => [run.level, run.state.hidden])));
    const cell = Pyramid.of(Object.fromEntries(runs.map((run) => [run.level, run.state.cell])));
    return { y, state: new MultigridState(hidden, cell) };
  }

  /** All steps of one grid, given its assembled input [T·B,…] of the whole window. */
  #runGrid(
    level: number,
    a: readonly Tensor[],
    lead: readonly number[],
    start: LSTMState,
    lengths: Int32Array | null,
  ): { y: Tensor; state: LSTMState } {
    const grid = this.#cells.get(level)!;
    const steps = a.map((source) => unstack(restoreLead(source, lead)));
    let state = start;
    const hidden = Array.from({ length: lead[0]! }, (_, t) => {
      const next = grid.step(steps.map((source) => source[t]!), state);
      state = lengths === null ? next : new LSTMState(
        keepFinished(next.hidden, state.hidden, lengths, t),
        keepFinished(next.cell, state.cell, lengths, t),
      );
      return next.hidden;
    });
    const h = stack(hidden);
    const y = this.#norms.get(level)?.forward(h, 1) ?? h;
    return { y: lengths === null ? y : mul(y, windowMask(lengths, lead[0]!, this.geometry.dimensions + 1, y)), state };
  }

  #checkLengths(lengths: Int32Array | undefined, steps: number, batch: number): Int32Array | null {
    const checked = checkLengths('MultigridConvLSTM', lengths, steps, batch);
    if (checked !== null && [...this.#norms.values()].some((norm) => norm.usesDataStatistics)) {
      const remedy = 'use norm \'none\' or running averages';
      fail('ERR_MG_ARGUMENT', 'MultigridConvLSTM', 'sequences of equal length under statistics of the window', lengths, remedy);
    }
    return checked;
  }

  #checkState(state: MultigridState, batch: number): void {
    checkInstance('MultigridConvLSTM', 'state', state, MultigridState, 'a MultigridState');
    for (const level of this.geometry.levels) {
      const expected = [batch, ...extent(this.geometry, level), this.geometry.channels];
      for (const half of [state.hidden, state.cell]) {
        const got = half.has(level) ? half.at(level).shape : null;
        if (got === null || got.join() !== expected.join()) {
          fail('ERR_MG_SHAPE', 'MultigridConvLSTM', `a state with level ${level} [${expected.join(', ')}]`, got);
        }
      }
    }
  }
}
