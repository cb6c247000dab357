// Sparse access memories that search by an index: lsh against its definition, both against the exact search and themselves.
import { describe, expect, it } from 'vitest';
import { gradcheck, models, noGrad, ops, Rng, scope, setThreads, Tensor, type FloatDType } from '../../../lib/index.js';
import type { SessionState } from '../../../lib/models/session-parts.js';
import type { Session } from '../../../lib/models/session.js';
import { bits, givenState, ringOf, rowsOf, tinySam } from '../../helpers/sam-state.js';
import { expectNear } from '../../helpers/vectors.js';
import type { Row } from './naive-sam.js';
import { hashed, mostAlike } from './naive-search.js';

const base: ops.SamSettings = { ...tinySam, slots: 300, wordSize: 6, reads: 3 };
const INDEXES = ['lsh', 'kdtree'] as const;
const rowsFrom = (numbers: ArrayLike<number>, width: number): number[][] => (
  Array.from({ length: numbers.length / width }, (_, i) => Array.from({ length: width }, (__, w) => numbers[i * width + w]!))
);
const normal = (seed: number, ...shape: number[]): Tensor => Tensor.normal(shape, [0, 1], new Rng(seed), { dtype: 'float64' });

/** What each of the queries reads in a memory of these rows, of which a step erases the first ones, one for each head. */
function reads(s: ops.SamSettings, rows: readonly Row[], queries: readonly Row[], dtype: FloatDType): number[][] {
  using _ = scope();
  const batch = queries.length / s.heads;
  const { size, parts } = ops.samInterface(s);
  const raw = new Float64Array(batch * size);
  for (let b = 0; b < batch; b++) {
    raw.set(queries.slice(b * s.heads, (b + 1) * s.heads).flat(), b * size + parts['queries']![0]);
    raw.fill(-800, b * size + parts['alpha']![0], b * size + parts['alpha']![0] + s.heads); // nothing is written
  }
  const all = rows.flat();
  const state = givenState(s, Array.from({ length: batch }, () => all).flat(), dtype);
  const run = noGrad(() => ops.samWindow(Tensor.from(raw, [1, batch, size], { dtype }), null, state, s.slots, s));
  return rowsFrom(run.state.readSlots.dataSync(), s.reads);
}

interface Asked {
  readonly rows: readonly Row[];
  readonly queries: readonly Row[];
  /** The four most alike rows of each query, by brute force. */
  readonly best: readonly (readonly number[])[];
}

const N = 2048;
const every = Array.from({ length: N }, (_, slot) => slot);
const asked: ops.SamSettings = { ...base, slots: N, wordSize: 16, heads: 8, reads: 4 };

/** 2,048 rows of 16 numbers, the first ones zero as a step of eight heads erases them, and 64 queries. */
function made(of: (row: readonly number[], i: number) => number[]): Asked {
  using _ = scope();
  const rows = rowsFrom(normal(1, N, 16).dataSync(), 16).map((row, i) => (i < 8 ? row.map(() => 0) : of(row, i)));
  const queries = rowsFrom(normal(2, 64, 16).dataSync(), 16).map(of);
  return { rows, queries, best: queries.map((query) => mostAlike(rows, every, query, 4)) };
}
const gaussian = made((row) => [...row]);
/** 128 groups of 16 rows, each about a centre, with a spread of a fifth of it; each query is about a centre as well. */
const centres = rowsFrom(normal(3, 128, 16).dataSync(), 16);
const clustered = made((row, i) => row.map((v, w) => centres[i % 128]![w]! + 0.2 * v));

/** Of the best rows, those that each query reads. */
function found(s: ops.SamSettings, { rows, queries, best }: Asked, dtype: FloatDType): number[] {
  const read = reads(s, rows, queries, dtype);
  return best.map((slots, i) => slots.filter((slot) => read[i]!.includes(slot)).length);
}

describe('what an index finds', () => {
  it.each([['gaussian', gaussian], ['clustered', clustered]])('lsh: what its definition names, of %s rows', (_, given) => {
    const { rows, queries } = given;
    const names = hashed(rows, N);
    for (const checks of [1, 32, 500]) {
      const wanted = queries.map((query) => {
        const named = names(query, checks);
        return mostAlike(rows, named.length < 4 ? every : named, query, 4);
      });
      expect(reads({ ...asked, index: 'lsh', checks }, rows, queries, 'float64'), `${checks} checks`).toEqual(wanted);
    }
  });

  // 32 of 2,048 rows by chance would be 0.016 of the best; of rows that are not alike at all ten times that is asked for. A group
  // has 16 rows, so that a search that comes upon that of a query reads all of the best: most of the times, and with trees, which
  // part groups where they are apart, three times out of four.
  it.each(
    [
      ['lsh', 'gaussian', gaussian, 0.16],
      ['lsh', 'clustered', clustered, 0.5],
      ['kdtree', 'gaussian', gaussian, 0.16],
      ['kdtree', 'clustered', clustered, 0.75],
    ] as const,
  )('%s: of the four best of %s rows at least the share that is stated', (index, _name, given, least) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const right = found({ ...asked, index }, given, dtype).reduce((a, b) => a + b, 0);
      expect(right / (4 * given.queries.length), dtype).toBeGreaterThan(least);
    }
  });

  it.each([['gaussian', gaussian], ['clustered', clustered]])('the exact search: all of %s rows', (_, given) => {
    for (const dtype of ['float32', 'float64'] as const) {
      expect(found({ ...asked, index: 'live' }, given, dtype)).toEqual(given.queries.map(() => 4));
    }
  });

  it('kdtree: all rows but one, where it is asked for as many', () => {
    const right = found({ ...asked, index: 'kdtree', checks: N - 1 }, gaussian, 'float64');
    expect(Math.min(...right)).toBeGreaterThanOrEqual(3);
    expect(right.filter((n) => n === 4).length).toBeGreaterThan(32); // the one is among the best of few queries, if any
  });
});

/** Raw interfaces with shut gates and queries of zero among them. */
function interfaces(s: ops.SamSettings, steps: number, batch: number, seed: number, dtype: FloatDType): Tensor {
  const { size, parts } = ops.samInterface(s);
  const rng = new Rng(seed);
  const values = Tensor.normal([steps, batch, size], [0, 1], rng, { dtype }).dataSync() as Float64Array | Float32Array;
  for (let row = 0; row < steps * batch; row++) {
    const name = ['queries', 'alpha', 'gamma'][rng.integer(12)];
    if (name === undefined) continue;
    const [begin, shape] = parts[name]!;
    values.fill(name === 'queries' ? 0 : -800, row * size + begin, row * size + begin + shape.reduce((a, b) => a * b, 1));
  }
  return Tensor.from(values, [steps, batch, size], { dtype });
}

/** Windows from new episodes on, with lengths and resets; [words of all windows, state after the last]. */
function windows(
  s: ops.SamSettings,
  sizes: readonly number[],
  dtype: FloatDType,
  isReset = false,
): { words: string[]; state: ops.SamTensors } {
  const total = sizes.reduce((a, b) => a + b, 0);
  const x = interfaces(s, total, 2, 5, dtype);
  const ends = [total, Math.ceil(0.8 * total)];
  let state = new models.SAMState(ops.samZeros(s, 2, { dtype }) as ops.SamTensors, 0);
  let done = 0;
  const words = sizes.flatMap((steps, k) => {
    const lengths = Int32Array.from(ends, (end) => Math.min(steps, Math.max(0, end - done)));
    const part = ops.slice(x, [done, 0, 0], [steps, 2, x.shape[2]!]);
    const run = noGrad(() => ops.samWindow(part, null, state.values, state.liveBound, s, lengths));
    done += steps;
    state = new models.SAMState(run.state, run.liveBound);
    if (isReset && k % 4 === 3) state.reset([k % 2]);
    return ops.unstack(run.words).map((step) => bits([step]));
  });
  return { words, state: state.values };
}
const cut = (total: number, seed: number): number[] => {
  const rng = new Rng(seed);
  const sizes: number[] = [];
  for (let left = total; left > 0; left -= sizes.at(-1)!) sizes.push(Math.min(left, 1 + rng.integer(60)));
  return sizes;
};

const ofSession = { inputs: 4, outputs: 3, slots: 500, wordSize: 8, heads: 3, reads: 2, hidden: 7, checks: 4 } as const;

describe('an index', () => {
  it.each(INDEXES.flatMap((index) =>
    (['float32', 'float64'] as const).flatMap((dtype) =>
      [0, 3].map((links) => (
        [index, dtype, links] as const
      ))
    )
  ))('%s gives the bits of the exact search where it may check all rows (%s, %d links)', (index, dtype, links) => {
    using _ = scope();
    const s = { ...base, slots: 150, links };
    const sizes = cut(1000, 7);
    const [exact, searched] = [s, { ...s, index, checks: 150 }].map((own) => windows(own, sizes, dtype, true));
    expect(searched!.words).toEqual(exact!.words);
    for (let b = 0; b < 2; b++) {
      expect(ringOf(searched!.state, s.slots, b)).toEqual(ringOf(exact!.state, s.slots, b));
      expect(rowsOf(searched!.state, s, b)).toEqual(rowsOf(exact!.state, s, b));
    }
  });

  // A window of one step begins with an index of all rows, a long one has changed its own all the way.
  it.each(['float32', 'float64'] as const)('lsh: windows cut in any way are the whole one, bit for bit (%s)', (dtype) => {
    using _ = scope();
    const s: ops.SamSettings = { ...base, index: 'lsh', checks: 6 };
    const [whole, ...others] = [[400], cut(400, 8), new Array<number>(400).fill(1)].map((sizes) => windows(s, sizes, dtype));
    for (const other of others) {
      expect(other.words).toEqual(whole!.words);
      for (let b = 0; b < 2; b++) {
        expect(ringOf(other.state, s.slots, b)).toEqual(ringOf(whole!.state, s.slots, b));
        expect(rowsOf(other.state, s, b)).toEqual(rowsOf(whole!.state, s, b));
      }
    }
    expect(windows({ ...s, index: 'live' }, [400], dtype).words).not.toEqual(whole!.words); // the index is in use
  });

  it.each(INDEXES)('%s gives the same bits for 1, 2 and 4 threads, and for a sample alone', (index) => {
    const s: ops.SamSettings = { ...base, index, checks: 6 };
    const run = (threads: number, samples: number): string[] => {
      using _ = scope();
      setThreads(threads);
      const x = ops.slice(interfaces(s, 200, 7, 9, 'float32'), [0, 0, 0], [200, samples, ops.samInterface(s).size]).detach();
      x.requiresGrad = true;
      const { words, state } = ops.samWindow(x, null, ops.samZeros(s, samples), 0, s);
      ops.sum(ops.square(words)).backward();
      const first = ops.slice(x.grad!, [0, 0, 0], [200, 1, x.shape[2]!]);
      return [
        bits([words, x.grad!, ...Object.values(state) as Tensor[]]),
        bits([first, ops.slice(words, [0, 0, 0, 0], [200, 1, 2, 6])]),
      ];
    };
    const [one, two, four, alone] = [run(1, 7), run(2, 7), run(4, 7), run(2, 1)];
    setThreads(2);
    expect([two[0], four[0]]).toEqual([one[0], one[0]]);
    expect(alone[1]).toBe(one[1]);
  });

  it.each(INDEXES)('%s has the gradients of finite differences', async (index) => {
    using _ = scope();
    const s: ops.SamSettings = { ...base, slots: 30, wordSize: 3, index, checks: 5 };
    const rows = givenState(s, [...normal(22, 30, 3).dataSync()], 'float64');
    const before = ops.samWindow(normal(21, 3, 1, ops.samInterface(s).size), null, rows, 30, s);
    const weigh = (t: Tensor, seed: number): Tensor => ops.sum(ops.mul(t, normal(seed, ...t.shape)));
    const result = await gradcheck(
      (x, memory) => {
        const run = ops.samWindow(x!, null, { ...before.state, memory: memory! }, before.liveBound, s);
        return ops.add(weigh(run.words, 11), weigh(run.state.memory, 12));
      },
      [normal(7, 6, 1, ops.samInterface(s).size), before.state.memory.detach()],
      { tolerance: 1e-6 },
    );
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
  });

  // A step of the model indexes all rows, a session keeps its index from step to step: with lsh the same is found.
  it.each([['live', 0], ['linear', 0], ['lsh', 0], ['live', 3], ['lsh', 3]] as const)(
    '%s, %d links: steps of a session are those of the model, also from states that it is given',
    (index, links) => {
      using _ = scope();
      const options = { ...ofSession, index, rng: new Rng(1) };
      using model = links === 0 ? new models.SAM(options) : new models.SDNC({ ...options, links });
      using session = model.session({ batch: 3 }) as Session<SessionState>;
      const frames = ops.unstack(normal(2, 100, 3, 4).to('float32'));
      noGrad(() => {
        let state: models.SAMState<never> = model.initialState(3) as never;
        let [earlier, places] = [state, 0];
        for (const [t, frame] of frames.entries()) {
          if (t === 60) session.setState(earlier); // of fewer rows
          if (t === 61) session.setState(earlier); // of as many rows, and other ones
          if (t === 80) session.reset([1]);
          if (t >= 60 && (t <= 61 || t === 80)) state = session.state() as never;
          const step = model.step(frame, state as never);
          expect([...session.stepSync(frame).y!], `step ${t}`).toEqual([...step.y.dataSync()]);
          state = step.state as never;
          if (t === 40) earlier = state;
          if (t === 60) places = (session.live as models.SAMState).places;
          if (t === 61) expect((session.live as models.SAMState).places).toBe(places); // no room was made, in which all is new
        }
      });
    },
  );

  it('kdtree: steps of a session over a full memory are one long window, with the same trees', () => {
    using _ = scope();
    using model = new models.SAM({ ...ofSession, slots: 100, index: 'kdtree', dtype: 'float64', rng: new Rng(1) });
    using session = model.session({ batch: 1 });
    noGrad(() => {
      const { state: start } = model.forward(normal(3, 60, 1, 4));
      expect(start.live()).toBe(100); // so that no room is made, with trees that are built for it
      const x = normal(2, 40, 1, 4);
      const whole = [...model.forward(x, start).y.dataSync()];
      session.setState(start);
      let state = start;
      const [kept, anew] = [[] as number[], [] as number[]];
      for (const frame of ops.unstack(x)) {
        kept.push(...session.stepSync(frame).y!);
        const step = model.step(frame, state);
        anew.push(...step.y.dataSync());
        state = step.state;
      }
      expectNear(kept, whole, 1e-12, 'the trees kept'); // a step adds up in another order
      expect(Math.max(...anew.map((y, i) => Math.abs(y - whole[i]!)))).toBeGreaterThan(1e-3); // built anew they find other rows
    });
  });

  it.each(
    [
      [{ index: 'lsh', checks: 0 }, 'checks'],
      [{ index: 'kdtree', checks: 1.5 }, 'checks'],
      [{ index: 'kd-tree' }, 'index'],
      [{ index: 'lsh', reads: 20 }, 'reads to be at most the 19 slots'],
      [{ index: 'kdtree', slots: 8 }, 'at least heads·(reads + 1) = 9 slots'],
    ] as const,
  )('of a model: refuses %j in one sentence', (bad, sentence) => {
    const small = { inputs: 4, outputs: 3, slots: 19, wordSize: 5, heads: 3, reads: 2, hidden: 7 };
    const make = (): unknown => new models.SAM({ ...small, ...bad } as never);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT', message: expect.stringContaining(sentence) }));
  });

  it('of the op: refuses checks that are none', () => {
    using _ = scope();
    const run = (): unknown =>
      ops.samWindow(interfaces(base, 1, 1, 1, 'float32'), null, ops.samZeros(base, 1), 0, { ...base, checks: 0 });
    expect(run).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT', message: expect.stringContaining('checks') }));
  });
});
