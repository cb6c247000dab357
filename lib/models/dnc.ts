// The differentiable neural computer, the reference that the multigrid memory is measured against.

import { checkInteger } from '../check.js';
import type { WindowMemory, WindowSize } from '../nn/cost.js';
import {
  clip,
  concat,
  dncInterface,
  dncStateShapes,
  dncWindow,
  reshape,
  type DncSettings,
  type DncTensors,
} from '../ops/index.js';
import { checkData, choice, integer, nullable, number, object, optional, type Data } from '../schema.js';
import { diagnostics } from '../tensor/device.js';
import { sizeOf } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import { Affine } from './affine.js';
import { SequenceModel, sequenceOptionKeys, type RowCost, type SequenceOptions } from './sequence-model.js';
import { namedTensors, TensorState } from '../nn/tensor-state.js';

/** Options of a DNC as run files have them. */
export const dncOptions = object({
  /** `official` (default): the code that the authors released; `paper`: the equations of the Nature article. */
  variant: optional(choice('official', 'paper')),
  /** N; default 500. */
  slots: optional(integer(1)),
  /** W; default 16. */
  wordSize: optional(integer(1)),
  /** R; default 4. */
  readHeads: optional(integer(1)),
  /** V, each with links of its own; default 1. */
  writeHeads: optional(integer(1)),
  /** Units of the LSTM controller; default 256. */
  hidden: optional(integer(1)),
  /** Hidden, cell and output are brought into ±clip; default 20, null: never. */
  clip: optional(nullable(number(0))),
  /** Bytes for the link matrices that the backward pass rebuilds; default 1 GiB. The fewest possible are used beyond that. */
  linkBudgetBytes: optional(number(0)),
});

export interface DNCOptions extends SequenceOptions, Data<typeof dncOptions> {}

/** Memory [B,N,W], usage [B,N], links [B,V,N,N], precedence [B,V,N], read and write weights, read words, hidden and cell. */
export class DNCState extends TensorState<keyof DncTensors> {}

/**
 * Differentiable neural computer (Graves et al., Nature 538, 2016): an LSTM controller that writes to N slots of W numbers by
 * content or by allocation, and reads with R heads by content or along the order of writing:
 *   h, c = LSTM([x ; r'], h', c')      ξ = h·W_ξ + b      r, state = Access(ξ, state')      y = [h ; r]·W_y + b
 * with h, c and y clipped. The links of N² numbers for each write head and sample are what limits N. Parameters:
 * `controller.weight`, `interface.weight`, `output.weight` and a bias each. Throws ERR_MG_ARGUMENT.
 */
export class DNC extends SequenceModel<DNCState> {
  readonly variant: 'official' | 'paper';
  readonly settings: DncSettings;
  readonly #controller: Affine;
  readonly #interface: Affine;
  readonly #output: Affine;

  constructor(options: DNCOptions) {
    const own = checkData('DNC', dncOptions, options, sequenceOptionKeys);
    super('DNC', options);
    this.variant = own.variant ?? 'official';
    const isPaper = this.variant === 'paper';
    this.settings = {
      slots: own.slots ?? 500,
      wordSize: own.wordSize ?? 16,
      readHeads: own.readHeads ?? 4,
      writeHeads: own.writeHeads ?? 1,
      hidden: own.hidden ?? 256,
      oneplus: isPaper,
      usageGradient: isPaper,
      contentSecond: isPaper,
      forgetBias: isPaper ? 0 : 1,
      clip: own.clip === null ? 0 : own.clip ?? 20,
      epsilon: isPaper ? 0 : 1e-6,
      linkBudgetBytes: own.linkBudgetBytes ?? 2 ** 30,
    };
    const { hidden, readHeads, wordSize } = this.settings;
    const words = readHeads * wordSize;
    this.#controller = this.addPart(
      'controller',
      new Affine(
        this.inputs + words + hidden,
        4 * hidden,
        true,
        this.partOptions('controller'),
      ),
    );
    this.#interface = this.addPart(
      'interface',
      new Affine(
        hidden,
        dncInterface(this.settings).size,
        false,
        this.partOptions('interface'),
      ),
    );
    this.#output = this.addPart('output', new Affine(hidden + words, this.outputs, false, this.partOptions('output')));
  }

  /** Numbers in the memory matrix, N·W. */
  protected override memoryCells(): number {
    return this.settings.slots * this.settings.wordSize;
  }

  /** A step keeps its weightings, gates and interface; backward rebuilds the memory before it. Slots in sixteens. */
  protected rowCost(): RowCost {
    const { slots: N, wordSize: W, readHeads: R, writeHeads: V, hidden: H } = this.settings;
    const state = Object.values(dncStateShapes(this.settings, 1)).reduce((sum, shape) => sum + sizeOf(shape), 0);
    const pitch = 16 * Math.ceil(N / 16);
    const step = pitch * (W + R + V + 3) + dncInterface(this.settings).size + 4 * (R * W + 3 * H);
    const access = V * N * N * (6 + 4 * R) + 4 * N * W * (R + 2 * V);
    return { state, step, flops: this.matrixFlops() + access };
  }

  /** With the links that backward rebuilds. */
  override windowMemory(size: WindowSize): WindowMemory {
    const { bytes, stateBytes } = super.windowMemory(size);
    const { slots, writeHeads, linkBudgetBytes } = this.settings;
    const link = (this.dtype === 'float64' ? 8 : 4) * writeHeads * slots * slots;
    return { bytes: bytes + replayBytes(size.steps, link, linkBudgetBytes), stateBytes };
  }

  /** Zeros, as at the start of every episode. */
  initialState(batch: number): DNCState {
    const shapes = dncStateShapes(this.settings, checkInteger('DNC', 'batch', batch, 1));
    const options = { dtype: this.#controller.weight.dtype, device: this.#controller.weight.device };
    const zeros = Object.entries(shapes).map(([name, shape]) => [name, Tensor.zeros(shape, options)]);
    return new DNCState(Object.fromEntries(zeros) as DncTensors);
  }

  /** The state whose `toTensors` gave this map. Throws ERR_MG_CHECKPOINT. */
  stateFromTensors(tensors: ReadonlyMap<string, Tensor>): DNCState {
    const names = Object.keys(dncStateShapes(this.settings, 1)) as (keyof DncTensors)[];
    return new DNCState(namedTensors('DNCState', names, tensors));
  }

  protected run(x: Tensor, state: DNCState, lengths: Int32Array | null, isStateSpent: boolean): { y: Tensor; state: DNCState } {
    const weights = {
      gates: this.#controller.weight,
      gatesBias: this.#controller.bias,
      interface: this.#interface.weight,
      interfaceBias: this.#interface.bias,
    };
    const { hidden, words, state: after } = dncWindow(x, weights, state.values, this.settings, lengths, isStateSpent);
    const y = this.#output.forward(concat([hidden, reshape(words, [...words.shape.slice(0, 2), -1])], -1));
    return { y: this.settings.clip > 0 ? clip(y, this.settings.clip) : y, state: new DNCState(after) };
  }
}

/**
 * Bytes that backward takes for links: on the CPU those of four samples a thread over the whole window where the budget holds
 * them, else the fewest from which they can be rebuilt, of one sample a thread; and a gradient for each of these samples.
 */
function replayBytes(steps: number, link: number, budget: number): number {
  const { threads } = diagnostics().binary;
  const root = Math.ceil(Math.sqrt(steps));
  const fewest = root - 1 + Math.ceil(steps / root) - 1;
  return Math.max(threads * (fewest + 1) * link, Math.min(budget, 4 * threads * steps * link));
}
