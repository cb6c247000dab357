// What the networks without grids share: they see each time step as one vector.

import { checkInteger, checkObject, checkString, checkOptions, fail, inTheNameOf, words } from '../check.js';
import { checkWindowSize, trainingBytes, type ModelCost, type WindowMemory, type WindowSize } from '../nn/cost.js';
import { noGrad } from '../autograd/tape.js';
import { Module } from '../nn/module.js';
import { layerOptionKeys, type LayerOptions } from '../nn/parameter.js';
import { Pyramid } from '../nn/multigrid/pyramid.js';
import { checkLengths, windowMask } from '../nn/state-rows.js';
import { concat, mul, reshape } from '../ops/index.js';
import type { FloatDType } from '../tensor/dtype.js';
import { scope } from '../tensor/scope.js';
import { sizeOf } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import type { Grids, MultigridInputs } from './multigrid/model-window.js';
import type { Recurrent, WindowOptions } from './recurrent.js';
import { sessionBatch, type SessionOptions, type SessionParts } from './session-parts.js';
import { Session } from './session.js';
import { TensorState } from '../nn/tensor-state.js';

/** A window [T,B,…], or grids with a query at every step as a task gives them; both are flattened and joined to [T,B,I]. */
export type SequenceInputs = Tensor | Pick<MultigridInputs, 'input' | 'queries'>;

export interface SequenceOptions extends LayerOptions {
  /** Numbers that enter at each time step. */
  readonly inputs: number;
  /** Numbers that leave at each time step, or the shape they take: [48, 48, 1] for a map. */
  readonly outputs: number | readonly number[];
}

export interface StepOptions {
  /** The state given is used up: it is disposed of, and the new one may take its memory. Default false: it stays as it was. */
  readonly consume?: boolean;
}

/** What every network of vectors is told beside its own options. */
export const sequenceOptionKeys = ['inputs', 'outputs', ...layerOptionKeys] as const;

export interface SequenceOutputs<S> {
  /** [T,B,…outputs], no activation. */
  readonly y: Tensor;
  /** `[y]`: what a trainer looks at. */
  readonly logits: readonly Tensor[];
  readonly state: S;
}

/**
 * Of a step that is made of several operations, as multiples of what it makes forward and of its weights: the work that waits in
 * the queue holds the operands and results of both passes, and sums of gradients beside them.
 */
export const QUEUED = { numbers: 4, weights: 4 } as const;

/** What one row of a batch costs. */
export interface RowCost {
  /** Numbers of a state. */
  readonly state: number;
  /** Numbers that one step of training holds at most: what forward keeps for backward, and the gradients of it. */
  readonly step: number;
  /** Numbers that one step holds for all rows together: gradients of weights that are used step by step. Default: none. */
  readonly shared?: number;
  /** Numbers that a window holds for each row while it runs, whatever its steps. Default: none. */
  readonly held?: number;
  /** Multiplications and additions of one step, forward. */
  readonly flops: number;
}

/** The grids of a window or step, one after the other. ERR_MG_ARGUMENT where they are no tensors, or none. */
function gridsIn(where: string, inputs: SequenceInputs): Tensor[] {
  if (inputs instanceof Tensor) return [inputs];
  if (typeof inputs !== 'object' || inputs === null) fail('ERR_MG_ARGUMENT', where, 'a Tensor or { input, queries? }', inputs);
  checkOptions(where, inputs, ['input', 'queries'], 'inputs');
  const { input, queries = [] } = inputs;
  if (!Array.isArray(queries)) fail('ERR_MG_ARGUMENT', where, 'queries to be a list', queries);
  return [input, ...queries as readonly (Grids | null)[]].flatMap((part, k) => {
    if (part === null && k > 0) return [];
    if (part instanceof Pyramid) return part.tensors();
    const name = k === 0 ? 'input' : `queries[${k - 1}]`;
    return part instanceof Tensor ? [part] : fail('ERR_MG_ARGUMENT', where, `${name} to be a Tensor or a Pyramid`, part);
  });
}

/** A recurrent network of vectors. Sub-classes say how a window [T,B,I] is run, and what that costs. */
export abstract class SequenceModel<S extends TensorState> extends Module implements Recurrent<S, SequenceInputs> {
  readonly inputs: number;
  readonly outputShape: readonly number[];
  readonly outputs: number;
  #kind: { readonly name: string } | null = null;

  protected constructor(name: string, options: SequenceOptions) {
    checkObject(new.target.name, 'options', options);
    super(options);
    checkString(new.target.name, 'the name of a kind', name);
    this.inputs = checkInteger(name, 'inputs', options.inputs, 1);
    const shape = typeof options.outputs === 'number' ? [options.outputs] : options.outputs;
    if (!Array.isArray(shape) || shape.length === 0) {
      fail('ERR_MG_ARGUMENT', name, 'outputs to be a number or a shape', options.outputs);
    }
    this.outputShape = shape.map((side) => checkInteger(name, 'outputs', side, 1));
    this.outputs = sizeOf(this.outputShape);
  }

  abstract initialState(batch: number): S;
  abstract stateFromTensors(tensors: ReadonlyMap<string, Tensor>): S;
  /** y [T,B,O] from x [T,B,I]; `lengths` as checked, null when all rows run to the end. A spent state may be overwritten. */
  protected abstract run(x: Tensor, state: S, lengths: Int32Array | null, isStateSpent: boolean): { y: Tensor; state: S };

  /** In windows of so many steps. */
  protected abstract rowCost(steps: number): RowCost;

  /** The state after a window, and nothing else: what runs ahead of a backward pass in segments. */
  advance(inputs: SequenceInputs, state?: S): S {
    const { logits, state: after } = this.forward(inputs, state);
    for (const y of logits) y.dispose();
    return after;
  }

  /** What training on windows of this size takes. */
  windowMemory(size: WindowSize): WindowMemory {
    checkWindowSize('windowMemory', size);
    const { batch, steps } = size;
    const [bytes, { state, step, shared = 0, held = 0 }] = [this.dtype === 'float64' ? 8 : 4, this.rowCost(steps)];
    const shown = 2 * this.inputs + 4 * this.outputs; // the window twice; logits, target, mask and gradient
    const numbers = batch * (2 * state + held + steps * (step + shown)) + steps * shared;
    return { bytes: bytes * numbers, stateBytes: bytes * batch * state };
  }

  /** Cost of training on windows of `steps` steps for `batch` rows; backward has twice the arithmetic of forward. */
  estimate(size: WindowSize): ModelCost {
    const { parameters, memory } = this.count();
    const [bytes, window] = [this.dtype === 'float64' ? 8 : 4, this.windowMemory(size)];
    const { step, flops, held = 0 } = this.rowCost(size.steps);
    return {
      parameters,
      memoryCells: memory,
      flopsPerStep: 3 * size.batch * flops,
      bytesTraining: trainingBytes(bytes * parameters, window),
      bytesInference: bytes * (parameters + size.batch * (step + held + size.steps * this.outputs)) + 2 * window.stateBytes,
    };
  }

  /** Products of all weight matrices with one vector each, a multiply-add counted as two. */
  protected matrixFlops(): number {
    const matrices = [...this.namedParameters()].filter(([name]) => name.endsWith('weight'));
    return matrices.reduce((sum, [, { size }]) => sum + 2 * size, 0);
  }

  /** Element type of the parameters. */
  get dtype(): FloatDType {
    for (const parameter of this.parameters()) return parameter.dtype as FloatDType;
    return 'float32';
  }

  /** A window from `state`, or from the initial one. Rows past their length keep their state and give zeros. */
  forward(inputs: SequenceInputs, state?: S, options: WindowOptions & StepOptions = {}): SequenceOutputs<S> {
    checkOptions(this.constructor.name, options, ['lengths', 'consume']);
    const x = this.#window(inputs, 3);
    const [steps = 0, batch = 0] = x.shape;
    const lengths = checkLengths(this.constructor.name, options.lengths, steps, batch);
    const result = this.#run(x, state ?? this.initialState(batch), lengths, options);
    const kept = lengths === null ? result.y : mul(result.y, windowMask(lengths, steps, 1, result.y));
    const y = reshape(kept, [steps, batch, ...this.outputShape]);
    return { y, logits: [y], state: result.state };
  }

  /** One time step: as `forward`, without the time axis. */
  step(inputs: SequenceInputs, state: S, options: StepOptions = {}): SequenceOutputs<S> {
    checkOptions(this.constructor.name, options, ['consume']);
    const x = this.#window(inputs, 2);
    const result = this.#run(reshape(x, [1, ...x.shape]), state, null, options);
    const y = reshape(result.y, [x.shape[0]!, ...this.outputShape]);
    return { y, logits: [y], state: result.state };
  }

  /** The model step by step on memory made once; a step takes `inputs` numbers for each row. */
  session(options: SessionOptions = {}): Session<S> {
    const where = `${this.constructor.name}.session`;
    const batch = sessionBatch(where, options);
    return new Session<S>(this.sessionParts(where, batch), batch);
  }

  /** A step in parts, for `session`. @internal */
  protected sessionParts(where: string, batch: number): SessionParts<S> {
    return {
      where,
      model: this,
      input: [[batch, this.inputs]],
      queries: [],
      initialState: () => this.initialState(batch),
      stateFromTensors: (tensors) => this.stateFromTensors(tensors),
      step: ([x], state) => ({ ...this.run(reshape(x!, [1, batch, this.inputs]), state, null, true), memory: [] }),
      read: () => fail('ERR_MG_ARGUMENT', where, 'a model with readers', this),
    };
  }

  #run(x: Tensor, state: S, lengths: Int32Array | null, { consume = false }: StepOptions): { y: Tensor; state: S } {
    if (!(state instanceof TensorState)) {
      fail('ERR_MG_ARGUMENT', this.constructor.name, 'a state, as initialState or a step before gives it', state);
    }
    if (state.constructor !== this.#stateKind()) {
      const expected = `a ${this.#stateKind().name}, as initialState or a step before gives it`;
      fail('ERR_MG_ARGUMENT', this.constructor.name, expected, state);
    }
    const result = inTheNameOf(this.constructor.name, () => this.run(x, state, lengths, consume));
    if (consume) {
      const kept = new Set(result.state.tensors());
      for (const tensor of state.tensors()) if (!kept.has(tensor)) tensor.dispose();
    }
    return result;
  }

  /** The class of its states. */
  #stateKind(): { readonly name: string } {
    if (this.#kind === null) {
      using _ = scope(); // it is made for its class alone
      this.#kind = noGrad(() => this.initialState(1)).constructor;
    }
    return this.#kind;
  }

  /** Everything a step shows, as vectors behind `rank − 1` leading axes. */
  #window(inputs: SequenceInputs, rank: 2 | 3): Tensor {
    const where = this.constructor.name;
    const axes = rank === 3 ? ['steps', 'rows'] : ['rows'];
    const grids = gridsIn(where, inputs);
    const leading = grids[0]!.shape.slice(0, rank - 1);
    if (leading.length < rank - 1 || leading.includes(0)) {
      fail('ERR_MG_SHAPE', where, `an input [${axes.join(', ')}, …] of at least one of each`, grids[0]!.shape);
    }
    const vectors = grids.map((grid) => {
      if (leading.some((side, axis) => grid.shape[axis] !== side)) {
        const sides = leading.map((side, axis) => `${side} ${axes[axis]}`).join(' and ');
        const expected = `queries of ${sides}, as the input has`;
        fail('ERR_MG_SHAPE', where, expected, grid.shape, 'use the flat presentation of the task');
      }
      return reshape(grid, [...leading, sizeOf(grid.shape.slice(rank - 1))]);
    });
    const x = vectors.length === 1 ? vectors[0]! : concat(vectors, -1);
    const [numbers] = x.shape.slice(-1);
    if (numbers !== this.inputs) {
      const got = words(`${numbers} in ${grids.map(({ shape }) => `[${shape.join(', ')}]`).join(' and ')}`);
      fail('ERR_MG_SHAPE', where, `${this.inputs} numbers behind the axes of ${axes.join(' and ')}`, got);
    }
    return x;
  }
}
