// The recurrent baseline without a memory of its own: layers of LSTM.

import { checkInstance, checkInteger, checkMap, fail, words } from '../check.js';
import { LSTMCell, LSTMState } from '../nn/lstm.js';
import { keepFinished } from '../nn/state-rows.js';
import { concat, stack, unstack } from '../ops/index.js';
import { checkData, choice, integer, number, object, optional, type Data } from '../schema.js';
import { checkShapeOf } from '../ops/make.js';
import type { Tensor } from '../tensor/tensor.js';
import { Affine } from './affine.js';
import type { MemoryGrid } from './memory-view.js';
import { QUEUED, SequenceModel, sequenceOptionKeys, type RowCost, type SequenceOptions } from './sequence-model.js';
import { TensorState } from '../nn/tensor-state.js';

/** Options of an LSTM network as run files have them. */
export const lstmOptions = object({
  /** Units of each layer; default 256. */
  hidden: optional(integer(1)),
  /** Default 1. */
  layers: optional(integer(1)),
  /**
   * `stacked` (default): each layer sees the one below. `deep`: each also sees the input, and the output sees all (DNC paper).
   */
  wiring: optional(choice('stacked', 'deep')),
  /** Added to the forget gate at run time; default 1. */
  forgetBias: optional(number()),
});

export interface LSTMNetworkOptions extends SequenceOptions, Data<typeof lstmOptions> {}

/** `1.hidden`, `1.cell`, `2.hidden`, …, each [B,H]; layers counted from 1. */
export class LSTMNetworkState extends TensorState {
  layer(index: number): LSTMState {
    const layer = checkInteger('LSTMNetworkState.layer', 'index', index, 0) + 1;
    return new LSTMState(this.at(`${layer}.hidden`), this.at(`${layer}.cell`));
  }

  /** Each layer as a grid of its units. */
  grids(): MemoryGrid[] {
    const layers = Array.from({ length: this.tensors().length / 2 }, (_, k) => this.layer(k));
    return layers.map(({ hidden, cell }, k) => ({ layer: k + 1, level: 0, hidden, cell }));
  }

  static of(layers: readonly LSTMState[]): LSTMNetworkState {
    if (!Array.isArray(layers)) fail('ERR_MG_ARGUMENT', 'LSTMNetworkState.of', 'a list of LSTMStates', layers);
    layers.forEach((layer, k) => checkInstance('LSTMNetworkState.of', `layer ${k + 1}`, layer, LSTMState, 'an LSTMState'));
    return new LSTMNetworkState(Object.fromEntries(layers.flatMap(({ hidden, cell }, k) => [
      [`${k + 1}.hidden`, hidden],
      [`${k + 1}.cell`, cell],
    ])));
  }
}

/**
 * Layers of LSTM (Hochreiter and Schmidhuber 1997) and a linear output. Parameters: `1.weight`, `1.bias`, …, `output.weight`,
 * `output.bias`.
 */
export class LSTMNetwork extends SequenceModel<LSTMNetworkState> {
  readonly wiring: 'stacked' | 'deep';
  readonly #cells: readonly LSTMCell[];
  readonly #output: Affine;

  constructor(options: LSTMNetworkOptions) {
    const own = checkData('LSTMNetwork', lstmOptions, options, sequenceOptionKeys);
    super('LSTMNetwork', options);
    const { hidden = 256, layers = 1, forgetBias = 1 } = own;
    this.wiring = own.wiring ?? 'stacked';
    this.#cells = Array.from({ length: layers }, (_, k) => {
      const below = k === 0 ? this.inputs : this.wiring === 'deep' ? this.inputs + hidden : hidden;
      const name = String(k + 1);
      return this.addPart(name, new LSTMCell({ in: below, hidden, forgetBias, ...this.partOptions(name) }));
    });
    const seen = this.wiring === 'deep' ? layers * hidden : hidden;
    this.#output = this.addPart('output', new Affine(seen, this.outputs, false, this.partOptions('output')));
  }

  protected rowCost(): RowCost {
    const numbers = this.#cells.map(({ inFeatures, hiddenSize }) => inFeatures + 12 * hiddenSize); // input, sums, gates, h and c
    const flops = this.matrixFlops();
    return {
      state: 2 * this.#cells.reduce((sum, { hiddenSize }) => sum + hiddenSize, 0),
      step: QUEUED.numbers * numbers.reduce((sum, n) => sum + n, 0),
      shared: (QUEUED.weights * flops) / 2,
      flops,
    };
  }

  initialState(batch: number): LSTMNetworkState {
    return LSTMNetworkState.of(this.#cells.map((cell) => cell.initialState(batch)));
  }

  stateFromTensors(tensors: ReadonlyMap<string, Tensor>): LSTMNetworkState {
    checkMap('LSTMNetworkState', 'tensors', tensors);
    return LSTMNetworkState.of(this.#cells.map((_, k) => {
      const [hidden, cell] = [tensors.get(`${k + 1}.hidden`), tensors.get(`${k + 1}.cell`)];
      return hidden !== undefined && cell !== undefined ?
        new LSTMState(hidden, cell)
        : fail('ERR_MG_CHECKPOINT', 'LSTMNetworkState', `${k + 1}.hidden and ${k + 1}.cell`, [...tensors.keys()]);
    }));
  }

  protected run(x: Tensor, state: LSTMNetworkState, lengths: Int32Array | null): { y: Tensor; state: LSTMNetworkState } {
    if (state.tensors().length !== 2 * this.#cells.length) {
      const got = words(`one of ${state.tensors().length / 2}`);
      fail('ERR_MG_SHAPE', 'LSTMNetwork', `a state of ${this.#cells.length} layers`, got);
    }
    let layers = this.#cells.map((cell, k) => {
      const layer = state.layer(k);
      for (const half of ['hidden', 'cell'] as const) {
        checkShapeOf(
          'LSTMNetwork',
          `${half} of layer ${k + 1}`,
          layer[half],
          [x.shape[1]!, cell.hiddenSize],
          'of the state [B, H]',
        );
      }
      return layer;
    });
    const tops = unstack(x).map((frame, t) => {
      const next: LSTMState[] = [];
      this.#cells.forEach((cell, k) => {
        const below = next[k - 1]?.hidden;
        const seen = below === undefined ? frame : this.wiring === 'deep' ? concat([frame, below], -1) : below;
        next.push(cell.forward(seen, layers[k]!));
      });
      const before = layers;
      layers = lengths === null ? next : next.map(({ hidden, cell }, k) =>
        new LSTMState(
          keepFinished(hidden, before[k]!.hidden, lengths, t),
          keepFinished(cell, before[k]!.cell, lengths, t),
        )
      );
      return this.wiring === 'deep' ? concat(next.map(({ hidden }) => hidden), -1) : next.at(-1)!.hidden;
    });
    return { y: this.#output.forward(stack(tops)), state: LSTMNetworkState.of(layers) };
  }
}
