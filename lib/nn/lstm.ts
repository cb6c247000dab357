// Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000), as in the official DNC code.

import { checkInstance, checkInteger, checkNumber, checkOptions, fail } from '../check.js';
import { concat, linear, lstmCell, mul, stack, unstack } from '../ops/index.js';
import { sameShape, type Shape } from '../tensor/shape.js';
import { checkTensor, Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { glorotUniform } from './parameter-specs.js';
import { layerOptionKeys, type LayerOptions, type Parameter } from './parameter.js';
import { checkLengths, keepFinished, windowMask } from './state-rows.js';
import { namedTensors, TensorState } from './tensor-state.js';

export interface LSTMOptions extends LayerOptions {
  readonly in: number;
  readonly hidden: number;
  /** Added to the forget gate at run time, not stored in the bias; default 1. */
  readonly forgetBias?: number;
}

/** What an LSTM or a conv-LSTM carries: hidden and cell, each [B, …, C]. */
export class LSTMState extends TensorState<'hidden' | 'cell'> {
  constructor(hidden: Tensor, cell: Tensor) {
    super({ hidden, cell });
  }

  get hidden(): Tensor {
    return this.at('hidden');
  }

  get cell(): Tensor {
    return this.at('cell');
  }

  /** The inverse of `toTensors`. Throws ERR_MG_CHECKPOINT for other names. */
  static fromTensors(tensors: ReadonlyMap<string, Tensor>): LSTMState {
    const { hidden, cell } = namedTensors('LSTMState', ['hidden', 'cell'], tensors);
    return new LSTMState(hidden, cell);
  }

  protected override like({ hidden, cell }: Readonly<Record<'hidden' | 'cell', Tensor>>): this {
    return new LSTMState(hidden, cell) as this;
  }
}

/** A state whose halves both have this shape; ERR_MG_ARGUMENT, ERR_MG_SHAPE. */
export function checkLSTMState(where: string, state: unknown, shape: Shape): void {
  const given = checkInstance(where, 'state', state, LSTMState, 'an LSTMState');
  for (const name of ['hidden', 'cell'] as const) {
    const got = checkTensor(where, `${name} of the state`, given[name]).shape;
    if (!sameShape(got, shape)) fail('ERR_MG_SHAPE', where, `${name} of the state [${shape.join(', ')}]`, got);
  }
}

/**
 * One step of an LSTM:
 *   i, u, f, o = [x, h]·W + b          W [In+C,4C], b [4C]; input, candidate, forget, output
 *   c' = σ(f + forgetBias)·c + σ(i)·tanh(u)
 *   h' = σ(o)·tanh(c')
 * x [B,In], h and c [B,C]. The weight is Glorot uniform, the bias 0.
 */
export class LSTMCell extends Module {
  readonly inFeatures: number;
  readonly hiddenSize: number;
  readonly forgetBias: number;

  constructor(options: LSTMOptions) {
    checkOptions('LSTMCell', options, ['in', 'hidden', 'forgetBias', ...layerOptionKeys]);
    super(options);
    this.inFeatures = checkInteger('LSTMCell', 'in', options.in, 1);
    this.hiddenSize = checkInteger('LSTMCell', 'hidden', options.hidden, 1);
    this.forgetBias = checkNumber('LSTMCell', 'forgetBias', options.forgetBias ?? 1);
    const [rows, columns] = [this.inFeatures + this.hiddenSize, 4 * this.hiddenSize];
    this.addParameter({ name: 'weight', shape: [rows, columns], init: glorotUniform(rows, columns) });
    this.addParameter({ name: 'bias', shape: [columns], init: { kind: 'constant', value: 0 } });
  }

  get weight(): Parameter {
    return this.parameter('weight');
  }

  get bias(): Parameter {
    return this.parameter('bias');
  }

  protected override memoryCells(): number {
    return this.hiddenSize;
  }

  initialState(batch: number): LSTMState {
    const shape = [checkInteger('LSTMCell', 'batch', batch, 1), this.hiddenSize];
    const options = { dtype: this.weight.dtype, device: this.weight.device };
    return new LSTMState(Tensor.zeros(shape, options), Tensor.zeros(shape, options));
  }

  forward(x: Tensor, state: LSTMState): LSTMState {
    const [batch = 0, width] = checkTensor('LSTMCell', 'x', x).shape;
    if (x.shape.length !== 2 || width !== this.inFeatures) {
      fail('ERR_MG_SHAPE', 'LSTMCell', `x [B, ${this.inFeatures}]`, x.shape);
    }
    checkLSTMState('LSTMCell', state, [batch, this.hiddenSize]);
    const gates = linear(concat([x, state.hidden], -1), this.weight, this.bias);
    const { hidden, cell } = lstmCell(gates, state.cell, { forgetBias: this.forgetBias });
    return new LSTMState(hidden, cell);
  }
}

/** An LSTM over windows: x [T,B,In] → y [T,B,C], the hidden states. The state is carried by value. */
export class LSTM extends Module {
  readonly cell: LSTMCell;

  constructor(options: LSTMOptions) {
    checkOptions('LSTM', options, ['in', 'hidden', 'forgetBias', ...layerOptionKeys]);
    super(options);
    this.cell = this.addPart('cell', new LSTMCell({ ...options, ...this.partOptions('cell') }));
  }

  initialState(batch: number): LSTMState {
    return this.cell.initialState(batch);
  }

  /** One time step: x [B,In] → y [B,C]. */
  step(x: Tensor, state: LSTMState): { y: Tensor; state: LSTMState } {
    const [batch = 0] = checkTensor('LSTM', 'x', x).shape;
    if (x.shape.length !== 2) fail('ERR_MG_SHAPE', 'LSTM', `x [B, ${this.cell.inFeatures}]`, x.shape);
    checkLSTMState('LSTM', state, [batch, this.cell.hiddenSize]);
    const next = this.cell.forward(x, state);
    return { y: next.hidden, state: next };
  }

  /** A window. Rows past their length keep their state and give zeros. */
  forward(x: Tensor, state?: LSTMState, options: { lengths?: Int32Array } = {}): { y: Tensor; state: LSTMState } {
    checkOptions('LSTM.forward', options, ['lengths']);
    const [steps = 0, batch = 0] = checkTensor('LSTM', 'x', x).shape;
    const { inFeatures, hiddenSize } = this.cell;
    if (x.shape.length !== 3 || steps === 0 || x.shape[2] !== inFeatures) {
      fail('ERR_MG_SHAPE', 'LSTM', `x [T, B, ${inFeatures}] with T ≥ 1`, x.shape);
    }
    if (state !== undefined) checkLSTMState('LSTM', state, [batch, hiddenSize]);
    const lengths = checkLengths('LSTM', options.lengths, steps, batch);
    let current = state ?? this.initialState(batch);
    const hidden = unstack(x).map((xt, t) => {
      const next = this.cell.forward(xt, current);
      current = lengths === null ? next : new LSTMState(
        keepFinished(next.hidden, current.hidden, lengths, t),
        keepFinished(next.cell, current.cell, lengths, t),
      );
      return next.hidden;
    });
    const y = stack(hidden);
    return { y: lengths === null ? y : mul(y, windowMask(lengths, steps, 1, y)), state: current };
  }
}
