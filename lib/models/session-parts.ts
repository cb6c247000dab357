// What sessions are made of: what a step takes and gives, a model's step in parts, and the parts as they are recorded.

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
  /** One step of a decoder, whose state begins as a copy of the one written. */
  decode?(state: S): { y: Tensor; state: S };
  readonly growth?: SessionGrowth<S>;
}

/** Of states that take more memory as they are written. */
export interface SessionGrowth<S> {
  /** Before each step: the same state with more room, where this one has none for another step; else null. */
  roomier(state: S): S | null;
  /** `given` with at least the room of `own`. */
  fitted(given: S, own: S): S;
}

const raw = (where: string, tensors: readonly Tensor[]): Storage[] => tensors.map((x) => x.storage(where));

/** A recorded part: where its numbers come in, and its answer, if it has one. */
export interface Stage {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  /** What comes in at the next run; null: what the tensor holds. */
  readonly data: (SessionNumbers | null)[];
  readonly program: Program;
  readonly answers: readonly SessionNumbers[];
}

export function release(program: Program): void {
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

/** What a part makes of a state. */
interface Changed<S> {
  readonly y: Tensor | null;
  readonly state: S;
}

/** All parts of a model, and the states that they change. */
export interface Recorded<S> {
  readonly state: S;
  readonly write: Stage;
  readonly readers: readonly Stage[];
  /** Of a decoder, where there is one. */
  readonly decoding: S | null;
  readonly decoder: Stage | null;
}

/** Records the parts of a model, on states of the sizes of this one; numbers are of the dtype and on the device of `like`. */
export function recordParts<S extends SessionState>(parts: SessionParts<S>, sizes: S, like: Tensor): Recorded<S> {
  const { model, where } = parts;
  const { dtype, device } = like as Tensor<FloatDType>;
  const stages: Stage[] = [];
  const zeros = (shape: Shape): Tensor => unscoped(() => Tensor.zeros(shape, { dtype, device }));
  const cleared = (): S => {
    const all = [...sizes.toTensors()].map(([name, { shape, dtype }]) => (
      [name, unscoped(() => Tensor.zeros(shape, { dtype, device }))] as const
    ));
    return noGrad(() => parts.stateFromTensors(new Map(all)));
  };
  const stage = (
    name: string,
    shapes: readonly Shape[],
    into: readonly Tensor[],
    work: (inputs: readonly Tensor[]) => { carried: readonly Tensor[]; answers: readonly Tensor[] },
  ): Stage => {
    const inputs = shapes.map(zeros);
    let answers: readonly SessionNumbers[] = [];
    const program = record(where, inputs, into, () =>
      noGrad(() => {
        const made = work(inputs);
        answers = made.answers.map(({ size }) => arrayOf(dtype, new Float32Array(size)));
        return made;
      }));
    const made = { name, inputs, data: inputs.map(() => null), program, answers };
    stages.push(made);
    return made;
  };
  const changing = (name: string, shapes: readonly Shape[], state: S, run: (inputs: readonly Tensor[]) => Changed<S>): Stage => {
    const into = state.toTensors();
    return stage(name, shapes, [...into.values()], (inputs) => {
      const { y, state: after } = run(inputs);
      const tensors = after.toTensors();
      return { carried: [...into.keys()].map((key) => tensors.get(key)!), answers: y === null ? [] : [y] };
    });
  };
  const wasTraining = model.isTraining;
  model.eval();
  using _ = scope();
  try {
    const state = cleared();
    let memory: readonly Pyramid[] = [];
    const write = changing('input', parts.input, state, (inputs) => {
      const result = parts.step(inputs, state);
      memory = result.memory;
      return result;
    });
    const readers = parts.queries.map((shapes, which) =>
      stage(`queries[${which}]`, shapes, [], (inputs) => ({ carried: [], answers: [parts.read(inputs, memory, which)] }))
    );
    const decoding = parts.decode === undefined ? null : cleared();
    const decoder = decoding === null ? null : changing('decoder', [], decoding, () => parts.decode!(decoding));
    return { state, write, readers, decoding, decoder };
  } catch (error) {
    for (const { program } of stages) release(program);
    throw error;
  } finally {
    model.train(wasTraining);
  }
}

export function isNamed(inputs: SessionInputs): inputs is Exclude<SessionInputs, SessionGrids> {
  return typeof inputs === 'object' && inputs !== null && !ArrayBuffer.isView(inputs) && !Array.isArray(inputs)
    && !(inputs instanceof Tensor) && !(inputs instanceof Pyramid);
}

/** The grids of one part, each from numbers or from a tensor. */
export function takeGrids(where: string, stage: Stage, given: SessionGrids): void {
  const { name, inputs, data } = stage;
  const grids = given instanceof Pyramid ? given.tensors() : Array.isArray(given) ? (given as readonly SessionGrid[]) : null;
  if ((grids?.length ?? 1) !== inputs.length) {
    fail(
      'ERR_MG_ARGUMENT',
      where,
      `${name} of ${inputs.length} grids, the coarsest first`,
      words(`${grids?.length ?? 1} of them`),
    );
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
      fail('ERR_MG_SHAPE', where, `${name} of ${own.size} numbers, [${own.shape.join(', ')}]`, words(`${grid.length} numbers`));
    }
    data[i] = grid;
  }
}

/** Gives back programs, buffers and states. */
export function free<S extends SessionState>({ state, decoding, write, readers, decoder }: Recorded<S>): void {
  for (const { program, inputs } of [write, ...readers, ...(decoder === null ? [] : [decoder])]) {
    release(program);
    for (const x of inputs) x.dispose();
  }
  state[Symbol.dispose]();
  decoding?.[Symbol.dispose]();
}

/** The batch of a session's options. */
export function sessionBatch(where: string, options: SessionOptions): number {
  checkOptions(where, options, ['batch']);
  return checkInteger(where, 'batch', options.batch ?? 1, 1);
}
