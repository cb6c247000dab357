// Dense access memory: the dense counterpart that sparse access memory is measured against.

import { checkInstance, checkInteger, fail } from '../../check.js';
import { fillRows } from '../../nn/state-rows.js';
import { clip, concat, damStart, damStateShapes, damWindow, reshape, samInterface } from '../../ops/index.js';
import type { DamSettings, DamTensors } from '../../ops/index.js';
import { boolean, checkData, integer, nullable, number, object, optional, type Data } from '../../schema.js';
import type { FloatDType } from '../../tensor/dtype.js';
import { sizeOf } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Affine } from '../affine.js';
import { SequenceModel, sequenceOptionKeys, type RowCost, type SequenceOptions } from '../sequence-model.js';
import { namedTensors, TensorState } from '../../nn/tensor-state.js';
import type { HeadWeights } from '../memory-view.js';
import { startBias, startOptions } from './start.js';
import { leastUsed, noWrites, writeGates } from './writes.js';

/** Options of a DAM as run files have them. */
export const damOptions = object({
  /**
   * N, at least the heads; default 64. A step erases a slot for each head, the least used ones: what was written and not read
   * since lasts about N/heads steps.
   */
  slots: optional(integer(1)),
  /** W; default 32. */
  wordSize: optional(integer(1)),
  /** R, heads that write and read; default 4. */
  heads: optional(integer(1)),
  /** Units of the LSTM controller; default 100. */
  hidden: optional(integer(1)),
  /** Whether each head has a strength 1 + softplus; default true. False: it is 1. */
  strength: optional(boolean()),
  /** What gates and strengths are at the start. */
  start: optional(startOptions),
  /** λ, what is left of a slot's usage after a step; default 0.99. */
  discount: optional(number(0, 1)),
  /** Hidden, cell and output are brought into ±clip; default 20, null: never. */
  clip: optional(nullable(number(0))),
});

export interface DAMOptions extends SequenceOptions, Data<typeof damOptions> {}

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
    const own = checkData('DAM', damOptions, options, sequenceOptionKeys);
    const { slots = 64, wordSize = 32, heads = 4, hidden = 100, strength = true, discount = 0.99, clip: limit = 20 } = own;
    super('DAM', options);
    this.settings = {
      ...{ slots, wordSize, heads, hidden, strength, discount },
      forgetBias: 1,
      clip: limit ?? 0,
      epsilon: 1e-6,
    };
    if (heads > slots) fail('ERR_MG_ARGUMENT', 'DAM', `at least as many slots as the ${heads} heads`, slots);
    const words = heads * wordSize;
    const face = { ...this.settings, links: 0 } as const;
    this.#controller = this.addPart(
      'controller',
      new Affine(this.inputs + words + hidden, 4 * hidden, true, this.partOptions('controller')),
    );
    this.#interface = this.addPart(
      'interface',
      new Affine(hidden, samInterface(face).size, startBias(face, own.start, options.dtype), this.partOptions('interface')),
    );
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

  /** What the step from `before` to `after` wrote, [B,R,N]; of a new episode: nothing. */
  async writes(before: DAMState | null, after: DAMState): Promise<HeadWeights> {
    const { heads, slots } = this.settings;
    checkInstance('DAM.writes', 'after', after, DAMState, 'a DAMState');
    if (before !== null) checkInstance('DAM.writes', 'before', before, DAMState, 'a DAMState or null');
    const { hidden } = after.values;
    const batch = hidden.shape[0]!;
    if (before === null) return noWrites(heads, batch, slots);
    const { usage, readWeights } = before.values;
    const [gates, used, read] = await Promise.all([
      writeGates(this.#interface, hidden, { ...this.settings, links: 0 }),
      usage.data(),
      readWeights.data(),
    ]);
    const weights = Float64Array.from(read, (weight, i) => gates.kept[Math.floor(i / slots)]! * weight);
    for (let b = 0; b < batch; b++) {
      leastUsed(used.subarray(b * slots, (b + 1) * slots), heads).forEach((slot, h) => {
        weights[(b * heads + h) * slots + slot]! += gates.fresh[b * heads + h]!;
      });
    }
    return { heads, weights, slots: null };
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
