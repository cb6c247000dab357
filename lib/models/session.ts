// Online sessions: plan, buffers and state made once, a step is one native call.

import { noGrad } from '../autograd/index.js';
import { checkOptions, fail, words } from '../check.js';
import { native } from '../native.js';
import { scope } from '../tensor/scope.js';
import { sameShape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import {
  free,
  isNamed,
  recordParts,
  takeGrids,
  type Recorded,
  type SessionAnswers,
  type SessionGrids,
  type SessionInputs,
  type SessionNumbers,
  type SessionParts,
  type SessionState,
  type Stage,
} from './session-parts.js';

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
  #recorded: Recorded<S>;
  /** The decoder begins anew once something was written. */
  #hasWritten = true;
  readonly #asked: Stage[] = [];
  readonly #answers: { y: SessionNumbers | null; logits: (SessionNumbers | null)[] };
  #isPending = false;
  #isDisposed = false;

  /** `model.session()` makes sessions. @internal */
  constructor(parts: SessionParts<S>, batch: number) {
    if (typeof parts?.initialState !== 'function') {
      fail('ERR_MG_ARGUMENT', 'Session', 'one made by model.session()', words('new Session'));
    }
    this.batch = batch;
    this.#parts = parts;
    this.#watched = [...parts.model.stateDict().values()];
    this.#answers = { y: null, logits: Array.from({ length: Math.max(1, parts.queries.length) }, () => null) };
    using _ = scope();
    this.#recorded = recordParts(parts, noGrad(() => parts.initialState()), this.#watched[0]!);
    this.reset();
  }

  /** One time step; resolves with the answers. The event loop is free meanwhile. */
  async step(inputs: SessionInputs): Promise<SessionAnswers> {
    this.#take(inputs);
    return this.#run('step');
  }

  /** The same, blocking: the fastest way to one answer. */
  stepSync(inputs: SessionInputs): SessionAnswers {
    this.#take(inputs);
    return this.#runSync();
  }

  /**
   * The next answer of a decoder; the first one after a step decodes what was written up to then, from a copy of its state. As
   * many answers as are asked for, and steps may follow, which go on from what was written. ERR_MG_ARGUMENT for a model without
   * decoder.
   */
  async answer(): Promise<SessionAnswers> {
    this.#begin();
    return this.#run('answer');
  }

  /** The same, blocking. */
  answerSync(): SessionAnswers {
    this.#begin();
    return this.#runSync();
  }

  async #run(call: string): Promise<SessionAnswers> {
    this.#isPending = true;
    try {
      await Promise.all(this.#asked.map(({ program, data }) => native().queueProgram(program, data)));
    } finally {
      this.#isPending = false;
    }
    this.#expectLive(call);
    return this.#given();
  }

  #runSync(): SessionAnswers {
    for (const { program, data } of this.#asked) native().runProgram(program, data);
    return this.#given();
  }

  /** A copy of the state, which belongs to the caller. */
  state(): S {
    this.#expectLive('state');
    const copies = [...this.#recorded.state.toTensors()].map(([name, x]) => [name, copyOf(x)] as const);
    return noGrad(() => this.#parts.stateFromTensors(new Map(copies)));
  }

  /** The state itself: the next step changes it, and it goes with the session. For those who only look. @internal */
  get live(): S {
    this.#expectLive('live');
    return this.#recorded.state;
  }

  /** Goes on from a state that the model, or another session of it, gave. It is copied. ERR_MG_SHAPE for one of another batch. */
  setState(state: S): void {
    this.#expectLive('setState');
    const { where, growth } = this.#parts;
    if (typeof state?.toTensors !== 'function') fail('ERR_MG_ARGUMENT', where, 'a state of this model', state);
    const given = state.toTensors();
    for (const [name, x] of this.#recorded.state.toTensors()) {
      const y = given.get(name);
      if (y === undefined) fail('ERR_MG_ARGUMENT', where, `a state with ${name}`, [...given.keys()]);
      if (y.dtype !== x.dtype) fail('ERR_MG_DTYPE', where, `${name} of ${x.dtype}`, y.dtype);
      const isRoom = (axis: number): boolean => growth !== undefined && axis === 1;
      if (y.shape.length !== x.shape.length || x.shape.some((n, axis) => n !== y.shape[axis] && !isRoom(axis))) {
        fail('ERR_MG_SHAPE', where, `${name} [${x.shape.join(', ')}]`, y.shape);
      }
    }
    using _ = scope();
    this.#goOnFrom(growth === undefined ? state : noGrad(() => growth.fitted(state, this.#recorded.state)));
  }

  /** Copies a state into that of the session, which is made anew where its sizes are others. */
  #goOnFrom(state: S): void {
    const { where } = this.#parts;
    const given = state.toTensors();
    const differs = [...this.#recorded.state.toTensors()].some(([name, { shape }]) => !sameShape(shape, given.get(name)!.shape));
    const before = this.#recorded;
    if (differs) this.#recorded = recordParts(this.#parts, state, this.#watched[0]!);
    for (const [name, x] of this.#recorded.state.toTensors()) native().assign(x.storage(where), given.get(name)!.storage(where));
    native().restartProgram(this.#recorded.write.program);
    if (differs) free(before); // whose tensors `state` may share
    this.#hasWritten = true;
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
    free(this.#recorded);
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

  /** No step is under way, and nothing that steps need was disposed of; else ERR_MG_ARGUMENT, ERR_MG_DISPOSED. */
  #expectIdle(call: string): void {
    this.#expectLive(call);
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
  }

  /** Notes that the decoder runs, and where it begins. */
  #begin(): void {
    this.#expectIdle('answer');
    const { where, model } = this.#parts;
    const { state, decoding, decoder } = this.#recorded;
    if (decoder === null || decoding === null) {
      fail('ERR_MG_ARGUMENT', where, 'a model with a decoder', model, 'the steps of others answer');
    }
    if (this.#hasWritten) {
      const written = state.toTensors();
      for (const [name, x] of decoding.toTensors()) native().assign(x.storage(where), written.get(name)!.storage(where));
      native().restartProgram(decoder.program);
      this.#hasWritten = false;
    }
    this.#asked.length = 0;
    this.#asked.push(decoder);
  }

  /** Puts what a step sees in its place, and notes which parts run. */
  #take(inputs: SessionInputs): void {
    this.#expectIdle('step');
    const { where, growth } = this.#parts;
    if (growth !== undefined) {
      using _ = scope();
      const roomier = noGrad(() => growth.roomier(this.#recorded.state));
      if (roomier !== null) this.#goOnFrom(roomier);
    }
    const { write } = this.#recorded;
    const asked = this.#asked;
    asked.length = 0;
    asked.push(write);
    if (isNamed(inputs)) checkOptions(where, inputs, ['input', 'queries']);
    takeGrids(where, write, isNamed(inputs) ? inputs.input : inputs);
    this.#takeQueries(isNamed(inputs) ? inputs.queries : undefined);
    this.#hasWritten = true;
  }

  #takeQueries(queries: readonly (SessionGrids | null)[] | undefined): void {
    const { where } = this.#parts;
    const { readers } = this.#recorded;
    if (queries === undefined) return;
    if (!Array.isArray(queries) || queries.length !== readers.length) {
      fail('ERR_MG_ARGUMENT', where, `queries to be a list of ${readers.length}, one for each reader`, queries);
    }
    for (let k = 0; k < queries.length; k++) {
      const query = queries[k] as SessionGrids | null;
      if (query === null) continue;
      takeGrids(where, readers[k]!, query);
      this.#asked.push(readers[k]!);
    }
  }

  #given(): SessionAnswers {
    const { logits } = this.#answers;
    const { write, readers, decoder } = this.#recorded;
    const answering = readers.length > 0 ? readers : [decoder ?? write];
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
