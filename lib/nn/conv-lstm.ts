// Convolutional LSTM on one grid (Shi et al. 2015).

import { checkChoice, checkInteger, checkNumber, checkOptions, fail } from '../check.js';
import { add, conv, lstmCell, mul, reshape, sigmoid, slice, stack, tanh, unstack } from '../ops/index.js';
import { sameShape } from '../tensor/shape.js';
import { checkTensor, Tensor } from '../tensor/tensor.js';
import { defaultBaseSide, type Dimensions } from './ladder.js';
import { checkLSTMState, LSTMState } from './lstm.js';
import { Module } from './module.js';
import { convLstmSpecs, type Peephole } from './parameter-specs.js';
import { layerOptionKeys, type LayerOptions, type Parameter } from './parameter.js';
import { checkLengths, keepFinished, windowMask } from './state-rows.js';

export interface ConvLSTMOptions extends LayerOptions {
  /** Input channels, summed over all inputs. */
  readonly in: number;
  readonly channels: number;
  /** Positional axes of the grid: [H,W] or [L]. Needed by `initialState` and by peepholes per position. */
  readonly extent?: readonly number[];
  readonly dimensions?: Dimensions;
  readonly kernelSize?: number;
  /** Added to the forget gate at run time, not stored in the bias; default 1. */
  readonly forgetBias?: number;
  /** 'channel': p [3,C]; 'position': p [3,…extent,C]. Default 'none', as in the official code. */
  readonly peephole?: Peephole;
}

/**
 * One grid of conv-LSTM cells:
 *   i, u, f, o = conv([x, h], W) + b             W [K,K,Cin+C,4C], b [4C]
 *   c' = σ(f + forgetBias + p_f·c)·c + σ(i + p_i·c)·tanh(u)
 *   h' = σ(o + p_o·c')·tanh(c')                  p = 0 without peepholes
 * x [B,H,W,Cin], h and c [B,H,W,C]; in 1-D without W. W is Glorot uniform, b and p are 0.
 * Source: Huynh, Maire, Walter 2020, §3.1 and the authors' code (no peepholes, forget bias 1).
 */
export class ConvLSTM extends Module {
  readonly inChannels: number;
  readonly channels: number;
  readonly dimensions: Dimensions;
  readonly extent: readonly number[];
  readonly forgetBias: number;
  readonly peepholeKind: Peephole;

  constructor(options: ConvLSTMOptions) {
    const known = ['in', 'channels', 'extent', 'dimensions', 'kernelSize', 'forgetBias', 'peephole', ...layerOptionKeys];
    checkOptions('ConvLSTM', options, known);
    super(options);
    this.inChannels = checkInteger('ConvLSTM', 'in', options.in, 1);
    this.channels = checkInteger('ConvLSTM', 'channels', options.channels, 1);
    this.dimensions = checkInteger('ConvLSTM', 'dimensions', options.dimensions ?? 2, 1, 2) as Dimensions;
    const side = defaultBaseSide(this.dimensions);
    this.extent = options.extent ?? Array<number>(this.dimensions).fill(side);
    if (this.extent.length !== this.dimensions) {
      fail('ERR_MG_ARGUMENT', 'ConvLSTM', `extent to be a list of ${this.dimensions} sizes`, options.extent);
    }
    for (const size of this.extent) checkInteger('ConvLSTM', 'each size of extent', size, 1);
    const kernelSize = checkChoice('ConvLSTM', 'kernelSize', options.kernelSize ?? 3, [1, 3, 5, 7]);
    this.forgetBias = checkNumber('ConvLSTM', 'forgetBias', options.forgetBias ?? 1);
    this.peepholeKind = checkChoice('ConvLSTM', 'peephole', options.peephole ?? 'none', ['none', 'channel', 'position']);
    const { dimensions, inChannels, channels, peepholeKind, extent } = this;
    for (const spec of convLstmSpecs(dimensions, kernelSize, inChannels, channels, peepholeKind, extent)) this.addParameter(spec);
  }

  get kernel(): Parameter {
    return this.parameter('kernel');
  }

  get bias(): Parameter {
    return this.parameter('bias');
  }

  get peephole(): Parameter | null {
    return this.peepholeKind === 'none' ? null : this.parameter('peephole');
  }

  protected override memoryCells(): number {
    return this.extent.reduce((product, n) => product * n, this.channels);
  }

  initialState(batch: number): LSTMState {
    const shape = [checkInteger('ConvLSTM', 'batch', batch, 1), ...this.extent, this.channels];
    const options = { dtype: this.kernel.dtype, device: this.kernel.device };
    return new LSTMState(Tensor.zeros(shape, options), Tensor.zeros(shape, options));
  }

  /** One time step. Several inputs are joined on the channel axis, without a copy. */
  step(x: Tensor | readonly Tensor[], state: LSTMState): LSTMState {
    const inputs = Array.isArray(x) ? (x as readonly Tensor[]) : [x as Tensor];
    const { shape } = checkTensor('ConvLSTM', 'x', inputs[0]);
    checkLSTMState('ConvLSTM', state, [...shape.slice(0, -1), this.channels]);
    if (this.peepholeKind === 'position' && !sameShape(shape.slice(1, -1), this.extent)) {
      fail('ERR_MG_SHAPE', 'ConvLSTM', `x of extent ${this.extent.join(' × ')}, as its peepholes are`, shape);
    }
    const gates = conv([...inputs, state.hidden], this.kernel, this.bias);
    if (this.peepholeKind === 'position') return this.#peepAtPositions(gates, state.cell);
    const { hidden, cell } = lstmCell(gates, state.cell, { forgetBias: this.forgetBias, peephole: this.peephole });
    return new LSTMState(hidden, cell);
  }

  #peepAtPositions(gates: Tensor, previous: Tensor): LSTMState {
    const C = this.channels;
    const lead = gates.shape.slice(0, -1);
    const gate = (k: number): Tensor => slice(gates, [...lead.map(() => 0), k * C], [...lead, C]);
    const shape = [...this.extent, C];
    const weights = this.parameter('peephole');
    const peep = (k: number): Tensor => reshape(slice(weights, [k, ...shape.map(() => 0)], [1, ...shape]), shape);
    const i = sigmoid(add(gate(0), mul(peep(0), previous)));
    const f = sigmoid(add(add(gate(2), this.forgetBias), mul(peep(1), previous)));
    const cell = add(mul(f, previous), mul(i, tanh(gate(1))));
    const o = sigmoid(add(gate(3), mul(peep(2), cell)));
    return new LSTMState(mul(o, tanh(cell)), cell);
  }

  /** A window: x [T,B,H,W,Cin] → y [T,B,H,W,C]. Rows past their length keep their state and give zeros. */
  forward(x: Tensor, state?: LSTMState, options: { lengths?: Int32Array } = {}): { y: Tensor; state: LSTMState } {
    checkOptions('ConvLSTM.forward', options, ['lengths']);
    const [steps = 0, batch = 0] = checkTensor('ConvLSTM', 'x', x).shape;
    if (x.shape.length !== this.dimensions + 3 || steps === 0) {
      fail('ERR_MG_SHAPE', 'ConvLSTM', `x [T,B,${this.extent.join(',')},${this.inChannels}]`, x.shape);
    }
    const lengths = checkLengths('ConvLSTM', options.lengths, steps, batch);
    let current = state ?? this.initialState(batch);
    const hidden = unstack(x).map((xt, t) => {
      const next = this.step(xt, current);
      current = lengths === null ? next : new LSTMState(
        keepFinished(next.hidden, current.hidden, lengths, t),
        keepFinished(next.cell, current.cell, lengths, t),
      );
      return next.hidden;
    });
    const y = stack(hidden);
    return { y: lengths === null ? y : mul(y, windowMask(lengths, steps, this.dimensions + 1, y)), state: current };
  }
}
