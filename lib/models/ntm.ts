// The neural Turing machine (Graves, Wayne, Danihelka 2014), started as Collier and Beel (2018) do.

import { checkInteger, fail } from '../check.js';
import { checkRows, keepFinished, selectRows } from '../nn/state-rows.js';
import { add, clip, concat, lstmCell, relu, reshape, slice, softmax, stack, tanh, unstack } from '../ops/index.js';
import { checkData, choice, integer, nullable, number, object, optional, type Data } from '../schema.js';
import { sameShape } from '../tensor/shape.js';
import { checkTensor, Tensor } from '../tensor/tensor.js';
import { Affine } from './affine.js';
import { ntmAddress, ntmRead, ntmWrite, type NTMHeads } from './ntm-head.js';
import { QUEUED, SequenceModel, sequenceOptionKeys, type RowCost, type SequenceOptions } from './sequence-model.js';
import { namedTensors, TensorState } from '../nn/tensor-state.js';

/** Options of an NTM as run files have them. */
export const ntmOptions = object({
  /** N; default 128. */
  slots: optional(integer(1)),
  /** W; default 20. */
  wordSize: optional(integer(1)),
  /** Default 1. */
  readHeads: optional(integer(1)),
  /** Default 1. */
  writeHeads: optional(integer(1)),
  /** Units of the controller; default 100. */
  hidden: optional(integer(1)),
  /** Default lstm. */
  controller: optional(choice('lstm', 'feedforward')),
  /**
   * `readFirst` (default): all heads address the memory before this step's writes, as public code does; `writeFirst`: the paper's
   * M_t.
   */
  order: optional(choice('readFirst', 'writeFirst')),
  /** Interface and output are brought into ±clip; default 20, null: never. */
  clip: optional(nullable(number(0))),
});

export interface NTMOptions extends SequenceOptions, Data<typeof ntmOptions> {}

/** Names of what an NTM carries from step to step. */
export type NTMStateName = 'memory' | 'readWeights' | 'writeWeights' | 'readWords' | 'hidden' | 'cell';
const NAMES: readonly NTMStateName[] = ['memory', 'readWeights', 'writeWeights', 'readWords', 'hidden', 'cell'];

/**
 * Memory [B,N,W], weights [B,R,N] and [B,V,N], words [B,R,W], hidden and cell [B,H]. `start`: the state of a new episode, one
 * row.
 */
export class NTMState extends TensorState<NTMStateName> {
  constructor(
    tensors: Readonly<Record<NTMStateName, Tensor>>,
    readonly start: Readonly<Record<NTMStateName, Tensor>> | null = null,
  ) {
    super(tensors);
  }

  /** Puts the starting values in the batch rows named by `items`. */
  override reset(items: readonly number[]): void {
    const { start } = this;
    if (start === null) {
      super.reset(items);
      return;
    }
    checkRows('reset', items, this.at('memory').shape[0]!);
    this.replace((tensor, name) => {
      const batch = tensor.shape[0]!;
      const rows = Array.from({ length: batch }, (_, row) => (items.includes(row) ? batch : row)); // the last one is the start
      return selectRows(concat([tensor, start[name].detach()], 0), rows);
    });
  }

  protected override like(tensors: Readonly<Record<NTMStateName, Tensor>>): this {
    return new NTMState(tensors, this.start) as this;
  }
}

const SHIFTS = 3;

/**
 * Neural Turing machine: a controller over [x ; words'], heads that address by content, interpolation, circular shift and
 * sharpening, and y = [h ; words]·W_y + b. Memory starts at 1e-6, weights at the softmax of learned vectors and words at the
 * tanh of learned ones. Parameters: `controller`, `heads`, `output` (`.weight`, `.bias`), `initialMemory`, `initialReadWeights`,
 * `initialWriteWeights`, `initialWords`. Throws ERR_MG_ARGUMENT.
 */
export class NTM extends SequenceModel<NTMState> {
  readonly slots: number;
  readonly wordSize: number;
  readonly readHeads: number;
  readonly writeHeads: number;
  readonly hiddenSize: number;
  readonly controllerKind: 'lstm' | 'feedforward';
  readonly order: 'readFirst' | 'writeFirst';
  readonly clip: number;
  readonly #controller: Affine;
  readonly #heads: Affine;
  readonly #output: Affine;

  constructor(options: NTMOptions) {
    const own = checkData('NTM', ntmOptions, options, sequenceOptionKeys);
    super('NTM', options);
    [this.slots, this.wordSize] = [own.slots ?? 128, own.wordSize ?? 20];
    [this.readHeads, this.writeHeads] = [own.readHeads ?? 1, own.writeHeads ?? 1];
    this.hiddenSize = own.hidden ?? 100;
    this.controllerKind = own.controller ?? 'lstm';
    this.order = own.order ?? 'readFirst';
    this.clip = own.clip === null ? 0 : own.clip ?? 20;
    const [words, H] = [this.readHeads * this.wordSize, this.hiddenSize];
    const isLstm = this.controllerKind === 'lstm';
    this.#controller = this.addPart(
      'controller',
      new Affine(
        this.inputs + words + (isLstm ? H : 0),
        isLstm ? 4 * H : H,
        false,
        this.partOptions('controller'),
      ),
    );
    const heads = this.readHeads * this.#readSize + this.writeHeads * this.#writeSize;
    this.#heads = this.addPart('heads', new Affine(H, heads, false, this.partOptions('heads')));
    this.#output = this.addPart('output', new Affine(H + words, this.outputs, false, this.partOptions('output')));
    const start = (name: string, shape: readonly number[], value: number): void =>
      this.addParameter({ name, shape, init: { kind: 'constant', value } });
    start('initialMemory', [this.slots, this.wordSize], 1e-6);
    for (const [name, count] of [['initialReadWeights', this.readHeads], ['initialWriteWeights', this.writeHeads]] as const) {
      this.addParameter({ name, shape: [count, this.slots], init: { kind: 'uniform', bound: 1 } });
    }
    start('initialWords', [this.readHeads, this.wordSize], 0);
  }

  get #readSize(): number {
    return this.wordSize + SHIFTS + 3;
  }

  get #writeSize(): number {
    return 3 * this.wordSize + SHIFTS + 3;
  }

  protected override memoryCells(): number {
    return this.slots * this.wordSize;
  }

  /** Of what a step makes: per head 24 numbers a slot and 30 more; of the memory's size four, and six for each write head. */
  protected rowCost(): RowCost {
    const [N, W, R, V, H] = [this.slots, this.wordSize, this.readHeads, this.writeHeads, this.hiddenSize];
    const control = 2 * this.inputs + 4 * R * W + 12 * H + 4 * (R * this.#readSize + V * this.#writeSize);
    const forward = (24 * N + 30) * (R + V) + (4 + 6 * V) * N * W + 6 * N + control;
    const access = N * (4 * (R + V) * W + 6 * V * W + 30 * (R + V));
    const state = N * (W + R + V) + R * W + 2 * H;
    const flops = this.matrixFlops();
    return { state, step: QUEUED.numbers * forward, shared: (QUEUED.weights * flops) / 2, flops: flops + access };
  }

  initialState(batch: number): NTMState {
    checkInteger('NTM', 'batch', batch, 1);
    const options = { dtype: this.#controller.weight.dtype, device: this.#controller.weight.device };
    const rows = (x: Tensor, count: number): Tensor => add(Tensor.zeros([count, ...x.shape], options), x);
    const make = (count: number): Record<NTMStateName, Tensor> => ({
      memory: rows(this.parameter('initialMemory'), count),
      readWeights: rows(softmax(this.parameter('initialReadWeights')), count),
      writeWeights: rows(softmax(this.parameter('initialWriteWeights')), count),
      readWords: rows(tanh(this.parameter('initialWords')), count),
      hidden: Tensor.zeros([count, this.hiddenSize], options),
      cell: Tensor.zeros([count, this.hiddenSize], options),
    });
    return new NTMState(make(batch), make(1));
  }

  stateFromTensors(tensors: ReadonlyMap<string, Tensor>): NTMState {
    return new NTMState(namedTensors('NTMState', NAMES, tensors), this.initialState(1).values);
  }

  #checkState(state: Readonly<Record<NTMStateName, Tensor>>, batch: number): void {
    const of = (name: string): readonly number[] => [batch, ...this.parameter(name).shape];
    const vector = [batch, this.hiddenSize];
    const shapes: Readonly<Record<NTMStateName, readonly number[]>> = {
      memory: of('initialMemory'),
      readWeights: of('initialReadWeights'),
      writeWeights: of('initialWriteWeights'),
      readWords: of('initialWords'),
      hidden: vector,
      cell: vector,
    };
    for (const name of NAMES) {
      const [expected, got] = [shapes[name], checkTensor('NTM', name, state[name]).shape];
      if (!sameShape(expected, got)) fail('ERR_MG_SHAPE', 'NTM', `${name} of the state [${expected.join(', ')}]`, got);
    }
  }

  protected run(x: Tensor, state: NTMState, lengths: Int32Array | null): { y: Tensor; state: NTMState } {
    this.#checkState(state.values, x.shape[1]!);
    let current = state.values;
    const ys = unstack(x).map((frame, t) => {
      const { y, next } = this.#step(frame, current);
      const before = current;
      current = lengths === null ?
        next :
        Object.fromEntries(NAMES.map((name) => [name, keepFinished(next[name], before[name], lengths, t)])) as Record<
          NTMStateName,
          Tensor
        >;
      return y;
    });
    return { y: stack(ys), state: new NTMState(current, state.start) };
  }

  #step(x: Tensor, state: Readonly<Record<NTMStateName, Tensor>>): { y: Tensor; next: Record<NTMStateName, Tensor> } {
    const batch = x.shape[0]!;
    const flat = (words: Tensor): Tensor => reshape(words, [batch, -1]);
    const { hidden, cell } = this.#control(concat([x, flat(state.readWords)], -1), state);
    const raw = this.#limit(this.#heads.forward(hidden));
    const heads = (begin: number, count: number, size: number): Tensor =>
      reshape(slice(raw, [0, begin], [batch, count * size]), [batch, count, size]);
    const reads = heads(0, this.readHeads, this.#readSize);
    const writes = heads(this.readHeads * this.#readSize, this.writeHeads, this.#writeSize);
    const W = this.wordSize;
    const writeWeights = ntmAddress(state.memory, this.#parts(writes), state.writeWeights).weights;
    const memory = ntmWrite(state.memory, writeWeights, part(writes, W + SHIFTS + 3, W), part(writes, 2 * W + SHIFTS + 3, W));
    const seen = this.order === 'readFirst' ? state.memory : memory;
    const readWeights = ntmAddress(seen, this.#parts(reads), state.readWeights).weights;
    const readWords = ntmRead(seen, readWeights);
    const y = this.#limit(this.#output.forward(concat([hidden, flat(readWords)], -1)));
    return { y, next: { memory, readWeights, writeWeights, readWords, hidden, cell } };
  }

  #control(x: Tensor, state: Readonly<Record<NTMStateName, Tensor>>): { hidden: Tensor; cell: Tensor } {
    if (this.controllerKind === 'feedforward') return { hidden: relu(this.#controller.forward(x)), cell: state.cell };
    return lstmCell(this.#controller.forward(concat([x, state.hidden], -1)), state.cell);
  }

  #parts(raw: Tensor): NTMHeads {
    const W = this.wordSize;
    return {
      key: part(raw, 0, W),
      strength: part(raw, W, 1),
      gate: part(raw, W + 1, 1),
      shift: part(raw, W + 2, SHIFTS),
      sharpening: part(raw, W + 2 + SHIFTS, 1),
    };
  }

  #limit(x: Tensor): Tensor {
    return this.clip > 0 ? clip(x, this.clip) : x;
  }
}

/** Columns [begin, begin + size) of the last of three axes. */
function part(x: Tensor, begin: number, size: number): Tensor {
  return slice(x, [0, 0, begin], [...x.shape.slice(0, 2), size]);
}
