// Dense access memory: the dense counterpart that sparse access memory is measured against.

import { checkBoolean, checkInteger, checkNumber, checkOptions, fail } from '../../check.js';
import { layerOptionKeys } from '../../nn/parameter.js';
import { fillRows } from '../../nn/state-rows.js';
import { clip, concat, damStart, damStateShapes, damWindow, reshape, samInterface } from '../../ops/index.js';
import type { DamSettings, DamTensors } from '../../ops/index.js';
import type { FloatDType } from '../../tensor/dtype.js';
import { sizeOf } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Affine } from '../affine.js';
import { SequenceModel, sequenceOptionKeys, type RowCost, type SequenceOptions } from '../sequence-model.js';
import { namedTensors, TensorState } from '../tensor-state.js';

export interface DAMOptions extends SequenceOptions {
  /** N, at least the heads; default 64. */
  readonly slots?: number;
  /** W; default 32. */
  readonly wordSize?: number;
  /** R, heads that write and read; default 4. */
  readonly heads?: number;
  /** Units of the LSTM controller; default 100. */
  readonly hidden?: number;
  /** Whether each head has a strength 1 + softplus; default true. False: it is 1. */
  readonly strength?: boolean;
  /** λ, what is left of a slot's usage after a step; default 0.99. */
  readonly discount?: number;
  /** Hidden, cell and output are brought into ±clip; default 20, null: never. */
  readonly clip?: number | null;
}

const KEYS = [
  ...sequenceOptionKeys,
  'slots',
  'wordSize',
  'heads',
  'hidden',
  'strength',
  'discount',
  'clip',
  ...layerOptionKeys,
];

/** Memory [B,N,W], usage [B,N], read weights [B,R,N], read words [B,R,W], hidden and cell [B,H]. */
export class DAMState extends TensorState<keyof DamTensors> {
  /** Puts new episodes in the batch rows named by `items`: a memory of 1e-6, everything else zero. */
  override reset(items: readonly number[]): void {
    this.replace((tensor, name) => fillRows(tensor, items, name === 'memory' ? 1e-6 : 0));
  }
}

/**
 * Dense access memory (Rae et al., NIPS 2016): as {@link SAM}, but each of R heads reads all N slots by content and writes where
 * it read before and to the slot of the least discounted usage, which is erased. Throws ERR_MG_ARGUMENT.
 */
export class DAM extends SequenceModel<DAMState> {
  readonly settings: DamSettings;
  readonly #controller: Affine;
  readonly #interface: Affine;
  readonly #output: Affine;

  constructor(options: DAMOptions) {
    checkOptions('DAM', options, KEYS);
    super('DAM', options);
    const size = (name: 'slots' | 'wordSize' | 'heads' | 'hidden', fallback: number): number =>
      checkInteger('DAM', name, options[name] ?? fallback, 1);
    this.settings = {
      slots: size('slots', 64),
      wordSize: size('wordSize', 32),
      heads: size('heads', 4),
      hidden: size('hidden', 100),
      strength: checkBoolean('DAM', 'strength', options.strength ?? true),
      forgetBias: 1,
      clip: options.clip === null ? 0 : checkNumber('DAM', 'clip', options.clip ?? 20, 0),
      epsilon: 1e-6,
      discount: checkNumber('DAM', 'discount', options.discount ?? 0.99, 0, 1),
    };
    const { slots, heads, hidden, wordSize } = this.settings;
    if (heads > slots) fail('ERR_MG_ARGUMENT', 'DAM', `at least as many slots as the ${heads} heads`, slots);
    const words = heads * wordSize;
    const own = samInterface({ ...this.settings, links: 0 }).size;
    this.#controller = this.addPart(
      'controller',
      new Affine(this.inputs + words + hidden, 4 * hidden, true, this.partOptions('controller')),
    );
    this.#interface = this.addPart('interface', new Affine(hidden, own, false, this.partOptions('interface')));
    this.#output = this.addPart('output', new Affine(hidden + words, this.outputs, false, this.partOptions('output')));
  }

  /** Numbers in the memory matrix, N·W. */
  protected override memoryCells(): number {
    return this.settings.slots * this.settings.wordSize;
  }

  protected rowCost(): RowCost {
    const { slots: N, wordSize: W, heads: R, hidden: H } = this.settings;
    const state = Object.values(damStateShapes(this.settings, 1)).reduce((sum, shape) => sum + sizeOf(shape), 0);
    const pitch = 16 * Math.ceil(N / 16);
    const size = samInterface({ ...this.settings, links: 0 }).size;
    const step = pitch * (W + R) + this.inputs + 14 * H + 2 * size + 6 * R * W;
    return { state, step, flops: this.matrixFlops() + N * W * (6 * R + 2) + 12 * R * N };
  }

  initialState(batch: number): DAMState {
    checkInteger('DAM', 'batch', batch, 1);
    const { dtype, device } = this.#controller.weight;
    return new DAMState(damStart(this.settings, batch, { dtype: dtype as FloatDType, device }));
  }

  /** The state whose `toTensors` gave this map. Throws ERR_MG_CHECKPOINT. */
  stateFromTensors(tensors: ReadonlyMap<string, Tensor>): DAMState {
    const names = Object.keys(damStateShapes(this.settings, 1)) as (keyof DamTensors)[];
    return new DAMState(namedTensors('DAMState', names, tensors));
  }

  protected run(x: Tensor, state: DAMState, lengths: Int32Array | null): { y: Tensor; state: DAMState } {
    const weights = {
      gates: this.#controller.weight,
      gatesBias: this.#controller.bias,
      interface: this.#interface.weight,
      interfaceBias: this.#interface.bias,
    };
    const { hidden, words, state: after } = damWindow(x, weights, state.values, this.settings, lengths);
    const y = this.#output.forward(concat([hidden, reshape(words, [...words.shape.slice(0, 2), -1])], -1));
    return { y: this.settings.clip > 0 ? clip(y, this.settings.clip) : y, state: new DAMState(after) };
  }
}
