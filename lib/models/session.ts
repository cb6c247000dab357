// Online sessions: plan, buffers and state made once, a step is one native call.

import { types } from 'node:util';
import { noGrad } from '../autograd/index.js';
import { checkInteger, checkOptions, fail, words } from '../check.js';
import { native, type Program, type Storage } from '../native.js';
import type { Module } from '../nn/module.js';
import { Pyramid } from '../nn/multigrid/pyramid.js';
import { arrayOf, type FloatDType } from '../tensor/dtype.js';
import { scope, unscoped } from '../tensor/scope.js';
import { sameShape, type Shape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';

export type SessionNumbers = Float32Array | Float64Array;
/** The numbers of one grid or vector for the whole batch, [B,…], of the model's dtype. */
export type SessionGrid = SessionNumbers | Tensor;
/** One grid, or one for each level, the coarsest first. */
export type SessionGrids = SessionGrid | Pyramid | readonly SessionGrid[];
/** What a step sees. `queries`: one for each reader, null for a reader that is not asked; without, nobody is. */
export type SessionInputs = SessionGrids | {
  readonly input: SessionGrids;
  readonly queries?: readonly (SessionGrids | null)[];
};

export interface SessionOptions {
  /** Rows side by side; default 1. */
  readonly batch?: number;
}

/** The session's own arrays: good until its next step. Null: not asked. */
export interface SessionAnswers {
  /** `logits[0]`. */
  readonly y: SessionNumbers | null;
  /** One for each reader, else one; as the model's `step` gives them, [B,…] in a row. */
  readonly logits: readonly (SessionNumbers | null)[];
}

/** The state that a session carries. */
export interface SessionState extends Disposable {
  toTensors(): Map<string, Tensor>;
  reset(items: readonly number[]): void;
}

/** A model's step in parts, each called once to be recorded. */
export interface SessionParts<S extends SessionState> {
  readonly where: string;
  readonly model: Module;
  /** [B,…] of each grid of the input, and of each grid of each reader's query. */
  readonly input: readonly Shape[];
  readonly queries: readonly (readonly Shape[])[];
  initialState(): S;
  stateFromTensors(tensors: ReadonlyMap<string, Tensor>): S;
  /** One step from a state that may be overwritten. `y` is null where readers answer. */
  step(input: readonly Tensor[], state: S): { y: Tensor | null; state: S; memory: readonly Pyramid[] };
  read(query: readonly Tensor[], memory: readonly Pyramid[], which: number): Tensor;
}

const raw = (where: string, tensors: readonly Tensor[]): Storage[] => tensors.map((x) => x.storage(where));

/** A recorded part: where its numbers come in, and its answer, if it has one. */
interface Stage {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  /** What comes in at the next run; null: what the tensor holds. */
  readonly data: (SessionNumbers | null)[];
  readonly program: Program;
  readonly answers: readonly SessionNumbers[];
}

function release(program: Program): void {
  native().releaseProgram(program);
}

/** Runs `work` once and keeps what it queued; `carried` goes to `into` after each run. */
function record(
  where: string,
  inputs: readonly Tensor[],
  into: readonly Tensor[],
  work: () => { carried: readonly Tensor[]; answers: readonly Tensor[] },
): Program {
  native().beginProgram();
  let made;
  try {
    made = work();
  } catch (error) {
    release(native().endProgram([], [], [], []));
    throw error;
  }
  return native().endProgram(raw(where, inputs), raw(where, made.carried), raw(where, into), raw(where, made.answers));
}

/**
 * A model step by step, for use online: `model.session({ batch: 1 })`. The model's `step` is recorded once, with its buffers, and
 * run again on them at each call, so that nothing is planned, named or allocated then. Same bits as `step` in eval mode. Weights
 * may change in place between steps; precision and threads stay those that there were at the start. Free it with `dispose()`.
 * Steps of one session follow each other: ERR_MG_ARGUMENT for one that begins before the one before was awaited.
 */
export class Session<S extends SessionState> implements Disposable {
  readonly batch: number;
  readonly #parts: SessionParts<S>;
  readonly #watched: readonly Tensor[];
  readonly #state: S;
  readonly #write: Stage;
  readonly #readers: readonly Stage[];
  readonly #asked: Stage[] = [];
  readonly #answers: { y: SessionNumbers | null; logits: (SessionNumbers | null)[] };
  #isPending = false;
  #isDisposed = false;

  /** `model.session()` makes sessions. @internal */
  constructor(parts: SessionParts<S>, batch: number) {
    this.batch = batch;
    this.#parts = parts;
    const { model, where } = parts;
    this.#watched = [...model.stateDict().values()];
    const { dtype, device } = this.#watched[0]! as Tensor<FloatDType>;
    const stages: Stage[] = [];
    const wasTraining = model.isTraining;
    model.eval();
    using _ = scope();
    const zeros = (shape: Shape): Tensor => unscoped(() => Tensor.zeros(shape, { dtype, device }));
    try {
      this.#state = noGrad(() => {
        const start = [...parts.initialState().toTensors()];
        return parts.stateFromTensors(new Map(start.map(([name, x]) => [name, zeros(x.shape)])));
      });
      const into = [...this.#state.toTensors().values()];
      let memory: readonly Pyramid[] = [];
      const stage = (
        name: string,
        shapes: readonly Shape[],
        before: readonly Tensor[],
        work: (inputs: readonly Tensor[]) => { carried: readonly Tensor[]; answers: readonly Tensor[] },
      ): Stage => {
        const inputs = shapes.map(zeros);
        let answers: readonly SessionNumbers[] = [];
        const program = record(where, inputs, before, () =>
          noGrad(() => {
            const made = work(inputs);
            answers = made.answers.map(({ size }) => arrayOf(dtype, new Float32Array(size)));
            return made;
          }));
        const made = { name, inputs, data: inputs.map(() => null), program, answers };
        stages.push(made);
        return made;
      };
      this.#write = stage('input', parts.input, into, (inputs) => {
        const result = parts.step(inputs, this.#state);
        memory = result.memory;
        const after = result.state.toTensors();
        const carried = [...this.#state.toTensors().keys()].map((name) => after.get(name)!);
        return { carried, answers: result.y === null ? [] : [result.y] };
      });
      this.#readers = parts.queries.map((shapes, which) =>
        stage(`queries[${which}]`, shapes, [], (inputs) => ({ carried: [], answers: [parts.read(inputs, memory, which)] }))
      );
      this.reset();
    } catch (error) {
      for (const { program } of stages) release(program);
      throw error;
    } finally {
      model.train(wasTraining);
    }
    const answering = this.#readers.length > 0 ? this.#readers : [this.#write];
    this.#answers = { y: null, logits: answering.map(() => null) };
  }

  /** One time step; resolves with the answers. The event loop is free meanwhile. */
  async step(inputs: SessionInputs): Promise<SessionAnswers> {
    this.#take(inputs);
    this.#isPending = true;
    try {
      await Promise.all(this.#asked.map(({ program, data }) => native().queueProgram(program, data)));
    } finally {
      this.#isPending = false;
    }
    this.#expectLive('step');
    return this.#given();
  }

  /** The same, blocking: the fastest way to one answer. */
  stepSync(inputs: SessionInputs): SessionAnswers {
    this.#take(inputs);
    for (const { program, data } of this.#asked) native().runProgram(program, data);
    return this.#given();
  }

  /** A copy of the state, which belongs to the caller. */
  state(): S {
    this.#expectLive('state');
    const copies = [...this.#state.toTensors()].map(([name, x]) => [name, copyOf(x)] as const);
    return noGrad(() => this.#parts.stateFromTensors(new Map(copies)));
  }

  /** Goes on from a state that the model, or another session of it, gave. It is copied. ERR_MG_SHAPE for one of another batch. */
  setState(state: S): void {
    this.#expectLive('setState');
    const { where } = this.#parts;
    if (typeof state?.toTensors !== 'function') fail('ERR_MG_ARGUMENT', where, 'a state of this model', state);
    const given = state.toTensors();
    const own = [...this.#state.toTensors()];
    for (const [name, x] of own) {
      const y = given.get(name);
      if (y === undefined) fail('ERR_MG_ARGUMENT', where, `a state with ${name}`, [...given.keys()]);
      if (y.dtype !== x.dtype) fail('ERR_MG_DTYPE', where, `${name} of ${x.dtype}`, y.dtype);
      if (!sameShape(x.shape, y.shape)) fail('ERR_MG_SHAPE', where, `${name} [${x.shape.join(', ')}]`, y.shape);
    }
    for (const [name, x] of own) native().assign(x.storage(where), given.get(name)!.storage(where));
  }

  /** The state of a new episode, in all rows or in those named. */
  reset(rows?: readonly number[]): void {
    this.#expectLive('reset');
    using _ = scope();
    noGrad(() => {
      if (rows === undefined) return this.setState(this.#parts.initialState());
      const state = this.state();
      state.reset(rows);
      this.setState(state);
    });
  }

  /** Gives back programs, buffers and state; the model stays. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    for (const { program, inputs } of [this.#write, ...this.#readers]) {
      release(program);
      for (const x of inputs) x.dispose();
    }
    this.#state[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #expectLive(call: string): void {
    if (this.#isDisposed) fail('ERR_MG_DISPOSED', `session.${call}`, 'a session', words('one that was disposed'));
    for (const x of this.#watched) {
      if (x.disposed) {
        const got = words(`one of which ${x.name === '' ? 'a tensor' : x.name} was disposed, moved or converted since`);
        fail('ERR_MG_DISPOSED', `session.${call}`, 'the model as it was when the session was made', got, 'make a new session');
      }
    }
  }

  /** Puts what a step sees in its place, and notes which parts run. */
  #take(inputs: SessionInputs): void {
    this.#expectLive('step');
    const { where } = this.#parts;
    if (this.#isPending) {
      fail(
        'ERR_MG_ARGUMENT',
        where,
        'the step before to be awaited',
        words('another step'),
        'one session for each stream of steps',
      );
    }
    const asked = this.#asked;
    asked.length = 0;
    asked.push(this.#write);
    if (!isNamed(inputs)) return takeGrids(where, this.#write, inputs);
    checkOptions(where, inputs, ['input', 'queries']);
    takeGrids(where, this.#write, inputs.input);
    const { queries } = inputs;
    if (queries === undefined) return;
    if (!Array.isArray(queries) || queries.length !== this.#readers.length) {
      fail('ERR_MG_ARGUMENT', where, `queries to be a list of ${this.#readers.length}, one for each reader`, queries);
    }
    for (let k = 0; k < queries.length; k++) {
      const query = queries[k] as SessionGrids | null;
      if (query === null) continue;
      takeGrids(where, this.#readers[k]!, query);
      asked.push(this.#readers[k]!);
    }
  }

  #given(): SessionAnswers {
    const { logits } = this.#answers;
    const answering = this.#readers.length > 0 ? this.#readers : [this.#write];
    for (let k = 0; k < logits.length; k++) {
      const { program, answers } = answering[k]!;
      logits[k] = null;
      if (!this.#asked.includes(answering[k]!)) continue;
      native().programAnswers(program, answers);
      logits[k] = answers[0]!;
    }
    this.#answers.y = logits[0]!;
    return this.#answers;
  }
}

function copyOf(x: Tensor): Tensor {
  return new Tensor(native().copy(x.storage('session.state')), x.shape, x.dtype);
}

function isNamed(inputs: SessionInputs): inputs is Exclude<SessionInputs, SessionGrids> {
  return typeof inputs === 'object' && inputs !== null && !ArrayBuffer.isView(inputs) && !Array.isArray(inputs)
    && !(inputs instanceof Tensor) && !(inputs instanceof Pyramid);
}

/** The grids of one part, each from numbers or from a tensor. */
function takeGrids(where: string, stage: Stage, given: SessionGrids): void {
  const { name, inputs, data } = stage;
  const grids = given instanceof Pyramid ? given.tensors() : Array.isArray(given) ? (given as readonly SessionGrid[]) : null;
  if ((grids?.length ?? 1) !== inputs.length) {
    fail('ERR_MG_ARGUMENT', where, `${name} of ${inputs.length} grids, the coarsest first`, words(`${grids?.length ?? 1}`));
  }
  for (let i = 0; i < inputs.length; i++) {
    const [grid, own] = [grids === null ? (given as SessionGrid) : grids[i]!, inputs[i]!];
    if (grid instanceof Tensor) {
      if (grid.dtype !== own.dtype) fail('ERR_MG_DTYPE', where, `${name} of ${own.dtype}`, grid.dtype);
      if (!sameShape(grid.shape, own.shape)) fail('ERR_MG_SHAPE', where, `${name} [${own.shape.join(', ')}]`, grid.shape);
      native().assign(own.storage(where), grid.storage(where));
      data[i] = null;
      continue;
    }
    const fits = own.dtype === 'float32' ? types.isFloat32Array(grid) : types.isFloat64Array(grid);
    if (!fits) {
      fail(
        'ERR_MG_ARGUMENT',
        where,
        `${name} to be a ${own.dtype === 'float32' ? 'Float32Array' : 'Float64Array'} or a Tensor`,
        grid,
      );
    }
    if (grid.length !== own.size) {
      fail('ERR_MG_SHAPE', where, `${name} of ${own.size} numbers, [${own.shape.join(', ')}]`, grid.length);
    }
    data[i] = grid;
  }
}

/** The batch of a session's options. */
export function sessionBatch(where: string, options: SessionOptions): number {
  checkOptions(where, options, ['batch']);
  return checkInteger(where, 'batch', options.batch ?? 1, 1);
}
