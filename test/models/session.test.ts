/** Online sessions: the bits of the model's own steps, nothing made on the way, and what is said when they are misused. */
import { describe, expect, it } from 'vitest';
import { noGrad } from '../../lib/autograd/index.js';
import {
  DAM,
  DNC,
  LSTMNetwork,
  MultigridMemory,
  NTM,
  SAM,
  SDNC,
  type MultigridConfig,
  type Session,
} from '../../lib/models/index.js';
import type { SessionGrids, SessionInputs, SessionState } from '../../lib/models/session-parts.js';
import { native } from '../../lib/native.js';
import type { LayerOptions } from '../../lib/nn/parameter.js';
import { Pyramid } from '../../lib/nn/multigrid/pyramid.js';
import { SGD } from '../../lib/optim/index.js';
import { diagnostics, setThreads } from '../../lib/tensor/device.js';
import { Rng } from '../../lib/tensor/rng.js';
import { scope } from '../../lib/tensor/scope.js';
import { sizeOf, type Shape } from '../../lib/tensor/shape.js';
import { memory, Tensor } from '../../lib/tensor/tensor.js';
import { errorOf } from '../helpers/files.js';
import { undisposedTensors } from '../../lib/tensor/tensor.js';

type Model = MultigridMemory | DNC | NTM | LSTMNetwork | SAM | SDNC | DAM;
type Float = 'float32' | 'float64';

/** A step as the model takes it, and the same for its session. */
interface Step {
  readonly input: readonly Tensor[];
  readonly queries: readonly (readonly Tensor[])[];
}

const norms: MultigridConfig = {
  input: { 0: 2, 1: 3 },
  writer: [[0, 1, 4], [0, 1, 4]],
  front: [[0, 1, 4], [0, 1, 4]],
  tail: [[1, 1, 4], [1, 1, 1]],
  secondReader: { input: { 0: 5 }, front: [[0, 1, 4], [0, 1, 4]], tail: [[0, 0, 2]] },
  bn: true,
};
const single: MultigridConfig = { input: { 1: 3 }, lstm: [[0, 1, 4], [0, 2, 4]], tail: [[1, 1, 4], [1, 1, 2]] };
const sizes = { inputs: 7, outputs: 3 };

const kinds: Readonly<Record<string, (options: LayerOptions) => Model>> = {
  'map9': (options) => new MultigridMemory('map9', options),
  'map9, grid by grid': (options) => new MultigridMemory('map9', { ...options, fused: 'off' }),
  'two readers, two input levels, window norm': (options) => new MultigridMemory(norms, options),
  'two readers, running norm': (options) => new MultigridMemory({ ...norms, bnMode: 'running' }, options),
  'one network': (options) => new MultigridMemory(single, options),
  'DNC': (options) => new DNC({ ...sizes, slots: 9, wordSize: 4, readHeads: 2, hidden: 12, ...options }),
  'NTM': (options) => new NTM({ ...sizes, slots: 9, wordSize: 4, hidden: 12, ...options }),
  'NTM, feedforward': (options) => new NTM({ ...sizes, slots: 9, wordSize: 4, controller: 'feedforward', ...options }),
  'SAM': (options) => new SAM({ ...sizes, slots: 20, wordSize: 4, heads: 2, reads: 2, hidden: 12, ...options }),
  'SDNC': (options) => new SDNC({ ...sizes, slots: 20, wordSize: 4, heads: 2, reads: 2, hidden: 12, ...options }),
  'DAM': (options) => new DAM({ ...sizes, slots: 9, wordSize: 4, heads: 2, hidden: 12, ...options }),
  'LSTM': (options) => new LSTMNetwork({ ...sizes, hidden: 9, layers: 2, wiring: 'deep', ...options }),
};

function shapesOf(model: Model, batch: number): { input: Shape[]; queries: Shape[][] } {
  if (!(model instanceof MultigridMemory)) return { input: [[batch, model.inputs]], queries: [] };
  const { plan } = model;
  const [first, ...readers] = plan.networks.map(({ input }) =>
    input.map(({ level, channels }) => {
      const side = plan.baseSide * 2 ** level;
      return [batch, side, side, channels];
    })
  );
  return { input: first!, queries: readers };
}

function steps(model: Model, batch: number, count: number, dtype: Float): Step[] {
  const rng = new Rng(8);
  const { input, queries } = shapesOf(model, batch);
  const draw = (shapes: readonly Shape[], name: string): Tensor[] =>
    shapes.map((shape, i) => {
      const drawn = Tensor.normal(shape, [0, 1], rng.split(`${name}.${i}`));
      return Tensor.from(drawn.dataSync(), shape, { dtype });
    });
  return Array.from({ length: count }, (_, t) => ({
    input: draw(input, `x${t}`),
    queries: queries.map((shapes, k) => draw(shapes, `q${t}.${k}`)),
  }));
}

const levelsOf = (model: Model, which: number): readonly number[] =>
  model instanceof MultigridMemory ? model.plan.networks[which]!.input.map(({ level }) => level) : [];
const pyramid = (levels: readonly number[], grids: readonly Tensor[]): Pyramid =>
  Pyramid.of(Object.fromEntries(levels.map((level, i) => [level, grids[i]!])));

/** Answers of the model's own steps, and the state after them. */
function ownSteps(model: Model, all: readonly Step[], batch: number): { answers: number[][][]; state: Map<string, number[]> } {
  return noGrad(() => {
    let state: SessionState = model.initialState(batch);
    const answers = all.map(({ input, queries }) => {
      const x = model instanceof MultigridMemory
        ? { input: pyramid(levelsOf(model, 0), input), queries: queries.map((q, k) => pyramid(levelsOf(model, k + 1), q)) }
        : input[0]!;
      const result = model.step(x as never, state as never);
      state = result.state;
      return result.logits.map((y) => [...y.dataSync()]);
    });
    return { answers, state: numbersOf(state) };
  });
}

const numbersOf = (state: SessionState): Map<string, number[]> =>
  new Map([...state.toTensors()].map(([name, x]) => [name, [...x.dataSync()]]));

/** The same step in one of the forms that a session takes. */
function form(model: Model, { input, queries }: Step, t: number): SessionInputs {
  const grids = (list: readonly Tensor[], which: number): SessionGrids => {
    if (t % 3 === 0)
      return list.length === 1
        ? list[0]!.dataSync() as Float32Array
        : list.map((x) => x.dataSync() as Float32Array);
    if (t % 3 === 1 && model instanceof MultigridMemory) return pyramid(levelsOf(model, which), list);
    return list.length === 1 ? list[0]! : list;
  };
  if (queries.length === 0 && t % 2 === 0) return grids(input, 0);
  return { input: grids(input, 0), ...(queries.length === 0 ? {} : { queries: queries.map((q, k) => grids(q, k + 1)) }) };
}

const cases = Object.keys(kinds).flatMap((name) =>
  ([['float32', 1], ['float32', 3], ['float64', 2]] as const).map(([dtype, batch]) => ({ name, dtype, batch }))
);

describe.each(cases)('a session of $name, $dtype, batch $batch', ({ name, dtype, batch }) => {
  it('has the answers and the state of the model\'s own steps, bit for bit, blocking and awaited', async () => {
    using _ = scope();
    using model = kinds[name]!({ dtype, rng: new Rng(4) }).eval();
    const all = steps(model, batch, 6, dtype);
    const want = ownSteps(model, all, batch);
    using session: Session<SessionState> = model.session({ batch }) as never;
    for (let run = 0; run < 2; run++) {
      for (const [t, step] of all.entries()) {
        const inputs = form(model, step, t);
        const { y, logits } = t % 2 === run ? await session.step(inputs) : session.stepSync(inputs);
        expect(logits.map((each) => [...each!])).toEqual(want.answers[t]);
        expect(y).toBe(logits[0]);
      }
      expect(numbersOf(session.state())).toEqual(want.state);
      session.reset();
    }
  });
});

const map9 = (): MultigridMemory => new MultigridMemory('map9', { rng: new Rng(4) });
const dnc = (): DNC => kinds['DNC']!({ rng: new Rng(4) }) as DNC;
const bare = (x: Tensor): Float32Array => x.dataSync() as Float32Array;

describe('a question', () => {
  it('is asked only when it is wanted, and asking changes nothing that follows', () => {
    using _ = scope();
    using model = map9();
    const all = steps(model, 1, 6, 'float32');
    const want = ownSteps(model, all, 1);
    using session = model.session();
    for (const [t, { input, queries }] of all.entries()) {
      const asks = t === 2 || t === 5;
      const { y, logits } = session.stepSync({ input: bare(input[0]!), queries: [asks ? bare(queries[0]![0]!) : null] });
      expect(logits.map((each) => each && [...each])).toEqual(asks ? want.answers[t] : [null]);
      expect(y === null).toBe(!asks);
    }
    expect(session.stepSync(bare(all[0]!.input[0]!)).logits).toEqual([null]);
  });

  it('may go to the second of two readers alone', () => {
    using _ = scope();
    using model = new MultigridMemory(norms, { rng: new Rng(4) });
    const all = steps(model, 2, 1, 'float32');
    using session = model.session({ batch: 2 });
    const { input, queries } = all[0]!;
    const { y, logits } = session.stepSync({ input, queries: [null, queries[1]!] });
    expect([y, logits[0], [...logits[1]!]]).toEqual([null, null, ownSteps(model, all, 2).answers[0]![1]]);
  });
});

describe('a session of an encoder and decoder', () => {
  const sorter: MultigridConfig = { input: { 0: 2 }, encoder: [[0, 0, 4], [0, 1, 4]], tail: [[0, 1, 4], [0, 0, 2]] };

  it.each([['float32', 1], ['float64', 2]] as const)('%s, batch %i: answers are those of a window, and steps go on', async (
    dtype,
    batch,
  ) => {
    using _ = scope();
    using model = new MultigridMemory(sorter, { dtype, rng: new Rng(4) }).eval();
    const all = steps(model, batch, 5, dtype).map(({ input }) => input[0]!);
    const window = (count: number, outputSteps: number): number[][] =>
      noGrad(() => {
        const input = Tensor.from(all.slice(0, count).flatMap((x) => [...x.dataSync()]), [count, ...all[0]!.shape], { dtype });
        const y = [...model.forward({ input, outputSteps }).y.dataSync()];
        const each = y.length / outputSteps;
        return Array.from({ length: outputSteps }, (_, t) => y.slice(t * each, (t + 1) * each));
      });
    using session = model.session({ batch });
    for (const [t, x] of all.entries()) {
      expect(session.stepSync(x)).toEqual({ y: null, logits: [null] });
      if (t !== 2 && t !== 4) continue;
      const want = window(t + 1, 4); // asking in between changes nothing that is written
      for (const [q, y] of want.entries()) {
        const found = q % 2 === 0 ? session.answerSync() : await session.answer();
        found.y!.forEach((value, k) => expect(value).toBeCloseTo(y[k]!, dtype === 'float32' ? 5 : 12));
      }
    }
  });
});

it('a step that is refused leaves the decoder where it was', () => {
  using model = new MultigridMemory({ input: { 0: 2 }, encoder: [[0, 0, 4]], tail: [[0, 0, 2]] }, { rng: new Rng(4) });
  const answers = (isDisturbed: boolean): number[][] => {
    using session = model.session();
    session.stepSync(new Float32Array(session.state().layers[0]!.hidden.at(0).size / 2).fill(0.5));
    return [0, 1].map((q) => {
      if (q === 1 && isDisturbed) expect(() => session.stepSync(new Float32Array(1))).toThrow(/expected input of/);
      return [...session.answerSync().y!];
    });
  };
  const undisturbed = answers(false);
  expect(undisturbed[1]).not.toEqual(undisturbed[0]);
  expect(answers(true)).toEqual(undisturbed);
});

describe('a session whose memory grows', () => {
  it.each(['SAM', 'SDNC'] as const)(
    '%s: hundreds of steps have the bits of the model\'s own, and states go to and fro',
    (name) => {
      using _ = scope();
      const options = { ...sizes, slots: 5000, wordSize: 4, heads: 2, reads: 2, hidden: 12, rng: new Rng(4) };
      using model = name === 'SAM' ? new SAM(options) : new SDNC(options);
      const all = steps(model, 2, 300, 'float32').map(({ input }) => input[0]!);
      using session = model.session({ batch: 2 }) as Session<SessionState>;
      using other = model.session({ batch: 2 }) as Session<SessionState>;
      noGrad(() => {
        let state = model.initialState(2);
        for (const [t, x] of all.entries()) {
          const result = model.step(x, state as never, { consume: true });
          state = result.state as never;
          const want = [...result.y.dataSync()];
          expect([...session.stepSync(x).y!]).toEqual(want);
          if (t > 200) expect([...other.stepSync(x).y!]).toEqual(want);
          if (t === 200) other.setState(session.state());
        }
        expect(() => session.setState(model.initialState(3))).toThrow(/memory \[2, \d+, 4\], got \[3, 4, 4\]$/);
      });
    },
  );
});

describe('the state of a session', () => {
  it('goes out and into another session, which goes on as the first one does; sessions side by side do not touch', () => {
    using _ = scope();
    for (const make of [map9, dnc]) {
      using model = make();
      const all = steps(model, 2, 6, 'float32').map(({ input }) => input);
      using one = model.session({ batch: 2 }) as Session<SessionState>;
      using other = model.session({ batch: 2 }) as Session<SessionState>;
      for (const input of all.slice(0, 3)) one.stepSync(input);
      other.stepSync(all[5]!);
      other.setState(one.state());
      for (const input of all.slice(3)) {
        one.stepSync(input);
        other.stepSync(input);
      }
      expect(numbersOf(other.state())).toEqual(numbersOf(one.state()));
      expect(numbersOf(one.state())).toEqual(ownStepsOf(model, all, 2));
    }
  });

  it('a reset of some rows begins a new episode in these alone', () => {
    using _ = scope();
    using model = kinds['NTM']!({ rng: new Rng(4) }) as NTM; // whose episodes do not begin with zeros
    const [first, second] = steps(model, 2, 2, 'float32');
    using session = model.session({ batch: 2 });
    session.stepSync(first!.input);
    const row = (
      name: string,
      x: number[],
      r: number,
    ): [string, number[]] => [name, x.slice((r * x.length) / 2, ((r + 1) * x.length) / 2)];
    const rows = (state: Map<string, number[]>, r: number): Map<string, number[]> =>
      new Map([...state].map(([k, x]) => row(k, x, r)));
    const [start, before] = [numbersOf(model.initialState(2)), numbersOf(session.state())];
    session.reset([1]);
    const after = numbersOf(session.state());
    expect(rows(after, 0)).toEqual(rows(before, 0));
    expect(rows(after, 1)).toEqual(rows(start, 1));
    expect(rows(after, 1)).not.toEqual(rows(before, 1));
    session.stepSync(second!.input);
    session.reset();
    expect(numbersOf(session.state())).toEqual(start);
  });
});

function ownStepsOf(model: Model, inputs: readonly (readonly Tensor[])[], batch: number): Map<string, number[]> {
  const { queries } = shapesOf(model, batch);
  const ask = queries.map((shapes) => shapes.map((shape) => Tensor.zeros(shape)));
  return ownSteps(model, inputs.map((input) => ({ input, queries: ask })), batch).state;
}

it('a session sees weights that were changed in place', () => {
  using _ = scope();
  using model = map9();
  const all = steps(model, 1, 2, 'float32');
  using session = model.session();
  const answer = (): number[] => {
    session.reset();
    const [{ input, queries }] = all as [Step, Step];
    return [...session.stepSync({ input, queries }).y!];
  };
  const before = answer();
  const optimizer = new SGD(model, { lr: 0.1 });
  model.forward({
    input: all[1]!.input[0]!.reshape([1, 1, 3, 3, 4]),
    queries: [all[1]!.queries[0]![0]!.reshape([1, 1, 3, 3, 4])],
  })
    .y.sum().backward();
  optimizer.step({ timeSteps: 1 });
  const after = answer();
  expect(after).not.toEqual(before);
  expect(after).toEqual(ownSteps(model, all.slice(0, 1), 1).answers[0]![0]);
});

it('steps are the same bits on one and on several threads', () => {
  const threads = diagnostics().binary.threads;
  try {
    using _ = scope();
    using model = new MultigridMemory('map25', { rng: new Rng(4) }); // large enough to be shared out
    const all = steps(model, 1, 2, 'float32');
    const found = [1, 2, 3].map((count) => {
      setThreads(count);
      using session = model.session();
      return all.map(({ input, queries }) => [...session.stepSync({ input, queries }).y!]);
    });
    expect(found[1]).toEqual(found[0]);
    expect(found[2]).toEqual(found[0]);
  } finally {
    setThreads(threads);
  }
});

describe('no step leaves anything behind', () => {
  it.each(Object.keys(kinds))('%s: no tensor, no byte, no allocation in 500 blocking steps', (name) => {
    using _ = scope();
    using model = kinds[name]!({ rng: new Rng(4) });
    const { input, queries } = steps(model, 1, 1, 'float32')[0]!;
    const inputs = { input: input.map(bare), ...(queries.length === 0 ? {} : { queries: queries.map((q) => q.map(bare)) }) };
    using session = model.session();
    session.stepSync(inputs);
    const before = { ...native().memory(), tensors: undisposedTensors() };
    for (let t = 0; t < 500; t++) session.stepSync(inputs);
    expect({ ...native().memory(), tensors: undisposedTensors() }).toEqual(before);
  });

  it('a session gives back all it had made', async () => {
    using model = map9();
    await native().sync();
    const before = memory();
    model.session({ batch: 2 }).dispose();
    await native().sync(); // what is queued holds its memory
    const { bytes, tensors } = memory(); // the collector may have taken what others left
    expect(bytes).toBeLessThanOrEqual(before.bytes);
    expect(tensors).toBeLessThanOrEqual(before.tensors);
  });
});

describe('a misused session', () => {
  using _ = scope();
  const model = map9();
  const session = model.session();
  const input = new Float32Array(36);
  const rows: Readonly<Record<string, readonly [call: () => unknown, code: string, message: string | RegExp]>> = {
    'another batch': [
      () => model.session({ batch: 0 }),
      'ERR_MG_ARGUMENT',
      /^MultigridMemory\.session: expected batch to be an integer at least 1, got 0$/,
    ],
    'a misspelt option': [() => model.session({ rows: 1 } as never), 'ERR_MG_ARGUMENT', /options among batch, got "rows"$/],
    'too few numbers': [
      () => session.stepSync(new Float32Array(4)),
      'ERR_MG_SHAPE',
      'MultigridMemory.session: expected input of 36 numbers, [1, 3, 3, 4], got 4',
    ],
    'numbers of another type': [
      () => session.stepSync(new Float64Array(36)),
      'ERR_MG_ARGUMENT',
      'MultigridMemory.session: expected input to be a Float32Array or a Tensor, got Float64Array(36)',
    ],
    'nothing': [
      () => session.stepSync(undefined as never),
      'ERR_MG_ARGUMENT',
      /input to be a Float32Array or a Tensor, got undefined$/,
    ],
    'a tensor of another shape': [
      () => session.stepSync(Tensor.zeros([2, 3, 3, 4])),
      'ERR_MG_SHAPE',
      'MultigridMemory.session: expected input [1, 3, 3, 4], got [2, 3, 3, 4]',
    ],
    'two grids for one': [
      () => session.stepSync([input, input]),
      'ERR_MG_ARGUMENT',
      /input of 1 grids, the coarsest first, got 2 of them$/,
    ],
    'a query too many': [
      () => session.stepSync({ input, queries: [input, input] }),
      'ERR_MG_ARGUMENT',
      /queries to be a list of 1, one for each reader/,
    ],
    'a misspelt query': [
      () => session.stepSync({ input, query: [input] } as never),
      'ERR_MG_ARGUMENT',
      /among input, queries, got "query"$/,
    ],
    'a state of another batch': [
      () => session.setState(model.initialState(2)),
      'ERR_MG_SHAPE',
      /1\.level0\.hidden \[1, 3, 3, 4\]/,
    ],
    'no state': [() => session.setState(undefined as never), 'ERR_MG_ARGUMENT', /expected a state of this model, got undefined$/],
    'an answer of a model without decoder': [
      () => session.answerSync(),
      'ERR_MG_ARGUMENT',
      /^MultigridMemory\.session: expected a model with a decoder, got .*; the steps of others answer$/,
    ],
  };

  it.each(Object.keys(rows))('%s: says what was expected, and goes on', async (name) => {
    const [call, code, message] = rows[name]!;
    const error = await errorOf(call);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    session.stepSync(input);
  });

  it('a step that begins before the one before was awaited is refused; that one ends well', async () => {
    const first = session.step({ input, queries: [input] });
    const { code, message } = await errorOf(() => session.stepSync(input));
    expect([code, message]).toEqual([
      'ERR_MG_ARGUMENT',
      'MultigridMemory.session: expected the step before to be awaited, got another step; one session for each stream of steps',
    ]);
    expect((await first).y).toHaveLength(sizeOf([12, 12]));
  });

  it('one that is gone, or whose model is, or was converted, says so', async () => {
    const own = map9();
    const [gone, orphan, converted] = [own.session(), own.session(), dnc().session()];
    gone.dispose();
    gone.dispose();
    expect((await errorOf(() => gone.stepSync(input))).message).toBe(
      'session.step: expected a session, got one that was disposed',
    );
    const pending = orphan.step(input);
    own.dispose();
    expect((await errorOf(() => pending)).code).toBe('ERR_MG_DISPOSED');
    for (const call of [() => orphan.stepSync(input), () => orphan.reset(), () => orphan.state()]) {
      const { code, message } = await errorOf(call);
      expect(code).toBe('ERR_MG_DISPOSED');
      expect(message).toMatch(/expected the model as it was when the session was made, got one of which .* make a new session$/);
    }
    const model = dnc();
    using session = model.session();
    model.to('float64');
    expect((await errorOf(() => session.stepSync(new Float32Array(7)))).code).toBe('ERR_MG_DISPOSED');
    converted.dispose();
  });
});
