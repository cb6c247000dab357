// Sparse access memory: reads and writes of a few rows, whatever the size of the memory.

import { checkBoolean, checkChoice, checkInteger, checkNumber, checkOptions, fail } from '../check.js';
import { layerOptionKeys } from '../nn/parameter.js';
import { clip, concat, reshape, samIndices, samInterface, samStateShapes, samWindow, samZeros } from '../ops/index.js';
import type { SamSettings, SamTensors } from '../ops/index.js';
import type { FloatDType } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import { Affine } from './affine.js';
import { SequenceModel, sequenceOptionKeys, type SequenceOptions } from './sequence-model.js';
import { namedTensors, TensorState } from './tensor-state.js';

export interface SAMOptions extends SequenceOptions {
  /** N, at least heads·(reads + 1); default 65,536. What is never written takes no memory and no time. */
  readonly slots?: number;
  /** W; default 32. */
  readonly wordSize?: number;
  /** R, heads that write and read; default 4. */
  readonly heads?: number;
  /** K, rows that each head reads; default 4. */
  readonly reads?: number;
  /** Units of the LSTM controller; default 100. */
  readonly hidden?: number;
  /**
   * How rows are found: `live` (default), exact, among those that were ever touched; `linear`, exact, among all, which then are all
   * stored. The same bits come of both.
   */
  readonly index?: 'live' | 'linear';
  /** Whether each head has a strength 1 + softplus; default true. False: it is 1. */
  readonly strength?: boolean;
  /** Hidden, cell and output are brought into ±clip; default 20, null: never. */
  readonly clip?: number | null;
}

const KEYS = [
  ...sequenceOptionKeys,
  'slots',
  'wordSize',
  'heads',
  'reads',
  'hidden',
  'index',
  'strength',
  'clip',
  ...layerOptionKeys,
];
const NAMES = ['memory', 'ring', 'counts', 'readSlots', 'readWeights', 'readWords', 'hidden', 'cell'] as const;

/**
 * Rows of the live slots [B,C,W], ring of the least recently accessed slots [B,C+1,2], counts [B,2], what each head read [B,R,K] and
 * [B,R,W], hidden and cell [B,H]. Zeros are a new episode. `liveBound`: so many rows can be live.
 */
export class SAMState extends TensorState<keyof SamTensors> {
  constructor(tensors: SamTensors, readonly liveBound: number) {
    super(tensors);
  }

  protected override like(tensors: Readonly<Record<keyof SamTensors, Tensor>>): this {
    return new SAMState(tensors, this.liveBound) as this;
  }
}

/**
 * Sparse access memory (Rae et al., NIPS 2016): an LSTM controller over N slots of W numbers. Each of R heads writes to the K slots
 * that it read before and to the slot that was not accessed for longest, which is erased, and reads the K slots most alike to its query:
 *   h, c = LSTM([x ; r'], h', c')      ξ = h·W_ξ + b      r, state = Access(ξ, state')      y = [h ; r]·W_y + b
 * with h, c and y clipped. A step costs the same for any N: only rows that were ever touched are stored and searched. Parameters:
 * `controller.weight`, `interface.weight`, `output.weight` and a bias each. Throws ERR_MG_ARGUMENT.
 */
export class SAM extends SequenceModel<SAMState> {
  readonly settings: SamSettings;
  readonly #controller: Affine;
  readonly #interface: Affine;
  readonly #output: Affine;

  constructor(options: SAMOptions) {
    checkOptions('SAM', options, KEYS);
    super('SAM', options);
    const size = (name: 'slots' | 'wordSize' | 'heads' | 'reads' | 'hidden', fallback: number): number =>
      checkInteger('SAM', name, options[name] ?? fallback, 1, 2 ** 28);
    this.settings = {
      slots: size('slots', 65_536),
      wordSize: size('wordSize', 32),
      heads: size('heads', 4),
      reads: size('reads', 4),
      hidden: size('hidden', 100),
      strength: checkBoolean('SAM', 'strength', options.strength ?? true),
      index: checkChoice('SAM', 'index', options.index ?? 'live', ['live', 'linear']),
      forgetBias: 1,
      clip: options.clip === null ? 0 : checkNumber('SAM', 'clip', options.clip ?? 20, 0),
      epsilon: 1e-6,
      delta: 0.005,
    };
    const { slots, heads, reads, hidden, wordSize } = this.settings;
    if (reads > slots) fail('ERR_MG_ARGUMENT', 'SAM', `reads to be at most the ${slots} slots`, reads);
    if (heads * (reads + 1) > slots) {
      fail('ERR_MG_ARGUMENT', 'SAM', `at least heads·(reads + 1) = ${heads * (reads + 1)} slots`, slots);
    }
    const words = heads * wordSize;
    this.#controller = this.addPart(
      'controller',
      new Affine(this.inputs + words + hidden, 4 * hidden, true, this.partOptions('controller')),
    );
    this.#interface = this.addPart(
      'interface',
      new Affine(hidden, samInterface(this.settings).size, false, this.partOptions('interface')),
    );
    this.#output = this.addPart('output', new Affine(hidden + words, this.outputs, false, this.partOptions('output')));
  }

  /** Numbers in the memory matrix, N·W. */
  protected override memoryCells(): number {
    return this.settings.slots * this.settings.wordSize;
  }

  initialState(batch: number): SAMState {
    checkInteger('SAM', 'batch', batch, 1);
    const { dtype, device } = this.#controller.weight;
    return new SAMState(samZeros(this.settings, batch, { dtype: dtype as FloatDType, device }), 0);
  }

  /** The state whose `toTensors` gave this map. Throws ERR_MG_CHECKPOINT where its sizes are others, or its indices cannot be. */
  stateFromTensors(tensors: ReadonlyMap<string, Tensor>): SAMState {
    const named = namedTensors('SAMState', NAMES, tensors);
    return new SAMState(named, checkedState(named, this.settings));
  }

  protected run(
    x: Tensor,
    state: SAMState,
    lengths: Int32Array | null,
    isStateSpent: boolean,
  ): { y: Tensor; state: SAMState } {
    const weights = {
      gates: this.#controller.weight,
      gatesBias: this.#controller.bias,
      interface: this.#interface.weight,
      interfaceBias: this.#interface.bias,
    };
    const run = samWindow(x, weights, state.values, state.liveBound, this.settings, lengths, isStateSpent);
    const { hidden, words } = run;
    const y = this.#output.forward(concat([hidden, reshape(words, [...words.shape.slice(0, 2), -1])], -1));
    return {
      y: this.settings.clip > 0 ? clip(y, this.settings.clip) : y,
      state: new SAMState(run.state, run.liveBound),
    };
  }
}

/** The live rows of a state that was read from somewhere, once its sizes and indices are found to be ones of these settings. */
function checkedState(tensors: SamTensors, s: SamSettings): number {
  const where = 'SAMState';
  const [batch = 0, capacity = 0] = tensors.memory.shape;
  for (const [name, shape] of Object.entries(samStateShapes(s, batch, capacity))) {
    const tensor = tensors[name as keyof SamTensors];
    const fits = tensor.shape.length === shape.length && shape.every((n, i) => n === tensor.shape[i]);
    if (!fits || capacity < 1 || capacity > s.slots) {
      fail('ERR_MG_CHECKPOINT', where, `${name} [${shape.join(', ')}] of 1 to ${s.slots} rows`, tensor.shape);
    }
    if (samIndices.has(name) !== (tensor.dtype === 'int32')) {
      fail('ERR_MG_CHECKPOINT', where, `${name} of ${samIndices.has(name) ? 'int32' : 'float32 or float64'}`, tensor.dtype);
    }
  }
  const [counts, ring, slots] = [tensors.counts, tensors.ring, tensors.readSlots].map((t) => t.dataSync() as Int32Array);
  let bound = 0;
  for (let b = 0; b < batch; b++) {
    const [live, front] = [counts![2 * b]!, counts![2 * b + 1]!];
    const links = ring!.subarray(b * 2 * (capacity + 1), (b + 1) * 2 * (capacity + 1));
    if (live < 0 || live > capacity || !isCircle(links, live, front)) {
      fail('ERR_MG_CHECKPOINT', where, `a ring of ${live} slots in row ${b}`, links);
    }
    const read = slots!.subarray(b * s.heads * s.reads, (b + 1) * s.heads * s.reads);
    const wrong = read.find((slot) => slot < -1 || slot >= Math.max(live, 1));
    if (wrong !== undefined) fail('ERR_MG_CHECKPOINT', where, `readSlots below ${live} in row ${b}`, wrong);
    bound = Math.max(bound, live);
  }
  return bound;
}

/** Whether nodes 0 … live lie on one circle that passes through `front`. */
function isCircle(links: Int32Array, live: number, front: number): boolean {
  let node = front;
  for (let k = 0; k <= live; k++) {
    if (node < 0 || node > live || (k > 0 && node === front)) return false;
    const next = links[2 * node + 1]!;
    if (next < 0 || next > live || links[2 * next] !== node) return false;
    node = next;
  }
  return node === front;
}
