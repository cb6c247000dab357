// Sparse access memory: the native window against the golden vectors, the naive loops, finite differences and itself.
import { describe, expect, it } from 'vitest';
import { gradcheck, models, ops, Rng, scope, Tensor, type FloatDType } from '../../../lib/index.js';
import { native } from '../../../lib/native.js';
import { bits, givenState, ringOf, rowsOf, tinySam } from '../../helpers/sam-state.js';
import { expectNear, flat, vectorFile, type Nested } from '../../helpers/vectors.js';
import { samRaw, samStart, samStep, type NaiveRaw, type NaiveSamState } from './naive-sam.js';

const base = tinySam;
const packed = (raw: NaiveRaw): number[] => flat([raw.query, raw.add, raw.alpha, raw.gamma, raw.strength] as Nested);

interface SamFile {
  config: { slots: number; word: number; reads_per_head: number; heads: number };
  inputs: { initial_memory: number[][]; raw: NaiveRaw[] };
  outputs: {
    steps: { read_indices: Nested; read_weights: Nested; read_words: Nested; memory: Nested; ring_after: number[] }[];
  };
  objective: { cotangent: { read_words: Nested; final_memory: Nested }; value: number };
  gradients: { raw: NaiveRaw[]; initial_memory: Nested };
}

describe('sam_sequence', () => {
  const file = vectorFile<SamFile>('sam_sequence');
  const { slots, word: wordSize, heads, reads_per_head: reads } = file.config;
  const s = { ...base, slots, wordSize, heads, reads };
  const steps = file.inputs.raw.length;
  const { size } = ops.samInterface(s);
  const input = (dtype: FloatDType): Tensor =>
    Tensor.from(
      Float64Array.from(file.inputs.raw.flatMap(packed)),
      [steps, 1, size],
      { dtype, requiresGrad: true },
    );
  for (const dtype of ['float64', 'float32'] as const) {
    const tolerance = file.tolerance[dtype]!;
    it(`has slots, weights, words, memories, rings and gradients in ${dtype}`, () => {
      using _ = scope();
      const x = input(dtype);
      let state = givenState(s, file.inputs.initial_memory.flat(), dtype);
      ops.unstack(x.detach()).forEach((frame, t) => {
        const run = ops.samWindow(ops.reshape(frame, [1, 1, size]), null, state, slots, s);
        state = run.state;
        const wanted = file.outputs.steps[t]!;
        expect([...state.readSlots.dataSync()]).toEqual(flat(wanted.read_indices));
        expectNear(state.readWeights.dataSync(), wanted.read_weights, tolerance, `${t} weights`);
        expectNear(run.words.dataSync(), wanted.read_words, tolerance, `${t} words`);
        expectNear(state.memory.dataSync(), wanted.memory, tolerance, `${t} memory`);
        expect(ringOf(state, slots)).toEqual(wanted.ring_after);
      });
      const start = givenState(s, file.inputs.initial_memory.flat(), dtype, true);
      const run = ops.samWindow(x, null, start, slots, s);
      const weigh = (y: Tensor, w: Nested): Tensor => (
        ops.sum(ops.mul(y, Tensor.from(Float64Array.from(flat(w)), y.shape, { dtype })))
      );
      const { read_words, final_memory } = file.objective.cotangent;
      const objective = ops.add(weigh(run.words, read_words), weigh(run.state.memory, final_memory));
      expectNear(objective.dataSync(), [file.objective.value], tolerance, 'objective');
      objective.backward();
      expectNear(x.grad!.dataSync(), file.gradients.raw.flatMap(packed), tolerance, 'interface');
      expectNear(start.memory.grad!.dataSync(), file.gradients.initial_memory, tolerance, 'memory');
    });
  }
});

/** Raw interfaces with everything that is rare: shut gates, queries of zero, words that were added before. */
function eventful(
  s: ops.SamSettings,
  steps: number,
  batch: number,
  seed: number,
  dtype: FloatDType,
): Float64Array | Float32Array {
  const { size, parts } = ops.samInterface(s);
  const rng = new Rng(seed);
  const values = Tensor.normal([steps, batch, size], [0, 1], rng, { dtype }).dataSync() as Float64Array | Float32Array;
  for (let row = 0; row < steps * batch; row++) {
    const fill = (name: string, value: number): void => {
      const [begin, shape] = parts[name]!;
      values.fill(value, row * size + begin, row * size + begin + shape.reduce((a, b) => a * b, 1));
    };
    const event = rng.integer(8);
    if (event === 0) fill('queries', 0);
    if (event === 1) fill('alpha', -800);
    if (event === 2) fill('gamma', -800);
    if (event === 3) fill('adds', 1);
    if (event === 4) fill('queries', 1);
  }
  return values;
}

describe('the definition, in loops over numbers', () => {
  it.each([
    { slots: 9, heads: 2, reads: 2, wordSize: 3 },
    { slots: 40, heads: 3, reads: 4, wordSize: 17 },
    { slots: 64, heads: 1, reads: 5, wordSize: 33, strength: false },
    { slots: 12, heads: 6, reads: 1, wordSize: 8 },
  ])('gives the same slots, rings, words and memories within 1e-11 (%j)', (changes) => {
    using _ = scope();
    const s = { ...base, ...changes };
    const { size } = ops.samInterface(s);
    const steps = 40;
    const values = eventful(s, steps, 1, 5, 'float64');
    let state = ops.samZeros(s, 1, { dtype: 'float64' });
    let bound = 0;
    let naive: NaiveSamState = samStart(s);
    for (let t = 0; t < steps; t++) {
      const raw = values.slice(t * size, (t + 1) * size);
      const run = ops.samWindow(Tensor.from(raw, [1, 1, size]), null, state, bound, s);
      [state, bound] = [run.state, run.liveBound];
      const step = samStep(samRaw([...raw], s), naive, s);
      naive = step.state;
      expect([...state.readSlots.dataSync()], `slots, step ${t}`).toEqual(naive.support.flat().map(({ slot }) => slot));
      expect(ringOf(state, s.slots), `ring, step ${t}`).toEqual(naive.ring);
      expectNear(state.readWeights.dataSync(), naive.support.flat().map(({ weight }) => weight), 1e-11, `weights, step ${t}`);
      expectNear(run.words.dataSync(), step.words, 1e-11, `words, step ${t}`);
      expectNear(rowsOf(state, s), naive.memory, 1e-11, `memory, step ${t}`);
    }
  });
});

describe('live and linear', () => {
  it.each(
    [
      ['float32', 23],
      ['float64', 23],
      ['float32', 3000],
    ] as const,
  )('are the same bits over 1,000 steps with ties, wrap-around and resets (%s, %d slots)', (dtype, slots) => {
    using _ = scope();
    const s = { ...base, slots, heads: 2, reads: 3, wordSize: 5 };
    const { size } = ops.samInterface(s);
    const rng = new Rng(11);
    const sides = (['live', 'linear'] as const).map((index) => {
      const settings = { ...s, index };
      const zeros = ops.samZeros(settings, 2, { dtype });
      return { settings, state: new models.SAMState(zeros, 0) };
    });
    for (let done = 0, k = 0; done < 1000; k++) {
      using __ = scope();
      const steps = 1 + rng.integer(60);
      const x = Tensor.from(eventful(s, steps, 2, k, dtype), [steps, 2, size], { dtype });
      const lengths = Int32Array.of(steps, rng.integer(steps + 1));
      const words = sides.map((side) => {
        const run = ops.samWindow(x, null, side.state.values, side.state.liveBound, side.settings, lengths);
        side.state = new models.SAMState(run.state, run.liveBound);
        return run.words;
      });
      expect(bits([words[0]!]), `words, window ${k}`).toBe(bits([words[1]!]));
      for (let b = 0; b < 2; b++) {
        if (lengths[b] === 0) continue;
        const [live, linear] = sides.map(({ state }) => state.values);
        expect(ringOf(live!, slots, b), `ring, window ${k}`).toEqual(ringOf(linear!, slots, b));
        expect(rowsOf(live!, s, b), `memory, window ${k}`).toEqual(rowsOf(linear!, s, b));
      }
      const isReset = rng.integer(12) === 0;
      if (isReset) { for (const { state } of sides) state.reset([1]); }
      for (const { state } of sides) for (const t of state.tensors()) __.keep(t);
      done += steps;
    }
  });
});

/** A state that two steps left behind in a memory of any rows. */
function anyState(s: ops.SamSettings, batch: number): { state: ops.SamTensors; bound: number } {
  const draw = (seed: number, ...shape: number[]): Tensor => Tensor.normal(shape, [0, 1], new Rng(seed), { dtype: 'float64' });
  const access = { ...s, hidden: 0 };
  const x = draw(21, 2, batch, ops.samInterface(s).size);
  const before = givenState(access, [...draw(22, batch, s.slots, s.wordSize).dataSync()], 'float64');
  const { state, liveBound } = ops.samWindow(x, null, before, s.slots, access);
  return { state: { ...state, hidden: draw(23, batch, s.hidden), cell: draw(24, batch, s.hidden) }, bound: liveBound };
}

describe('gradients of finite differences (float64)', () => {
  const weigh = (t: Tensor, seed: number): Tensor => (
    ops.sum(ops.mul(t, Tensor.normal(t.shape, [0, 1], new Rng(seed), { dtype: 'float64' })))
  );
  it.each([
    ['one step', {}, 1, 1, 1e-7],
    ['one step of six heads without strengths', { heads: 6, reads: 3, slots: 30, strength: false }, 1, 1, 1e-7],
    ['a window of eight steps, two samples of their own lengths', { slots: 11, wordSize: 5 }, 8, 2, 1e-6],
    ['a window in which a few slots are erased over and over', { slots: 6 }, 8, 1, 1e-6],
  ] as [string, Partial<ops.SamSettings>, number, number, number][])('%s', async (_name, changes, steps, batch, tolerance) => {
    using _ = scope();
    const s = { ...base, ...changes };
    const { state, bound } = anyState(s, batch);
    const x = Tensor.normal([steps, batch, ops.samInterface(s).size], [0, 1], new Rng(7), { dtype: 'float64' });
    const lengths = batch > 1 ? Int32Array.of(steps, steps - 3) : null;
    const free = ['memory', 'readWeights', 'readWords'] as const;
    const result = await gradcheck(
      (first, ...others) => {
        const given = { ...state, ...Object.fromEntries(free.map((name, i) => [name, others[i]!])) };
        const run = ops.samWindow(first!, null, given, bound, s, lengths);
        return [run.words, run.state.memory, run.state.readWeights].map((t, i) => weigh(t, 11 + i)).reduce((a, b) =>
          ops.add(a, b)
        );
      },
      [x, ...free.map((name) => state[name])],
      { tolerance },
    );
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
  });

  it('controller and interface weights over six steps, with clipping and lengths', async () => {
    using _ = scope();
    const s = { ...base, hidden: 3, clip: 0.3 };
    const rng = new Rng(9);
    const { size } = ops.samInterface(s);
    const make = (...shape: number[]): Tensor => Tensor.normal(shape, [0, 0.5], rng, { dtype: 'float64' });
    const { state, bound } = anyState(s, 2);
    const cotangent = [make(6, 2, 3), make(6, 2, 2, 3), make(2, 3), make(2, 3)];
    const result = await gradcheck((x, gates, gatesBias, weight, interfaceBias, hidden, cell, readWords) => {
      const run = ops.samWindow(
        x!,
        { gates: gates!, gatesBias: gatesBias!, interface: weight!, interfaceBias: interfaceBias! },
        { ...state, hidden: hidden!, cell: cell!, readWords: readWords! },
        bound,
        s,
        Int32Array.of(6, 4),
      );
      const results = [run.hidden, run.words, run.state.hidden, run.state.cell];
      return results.map((t, i) => ops.sum(ops.mul(t, cotangent[i]!))).reduce((a, b) => ops.add(a, b));
    }, [
      make(6, 2, 2),
      make(2 + 6 + 3, 12),
      make(12),
      make(3, size),
      make(size),
      make(2, 3),
      make(2, 3),
      make(2, 2, 3),
    ], { tolerance: 1e-6 });
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
  });
});

describe('a window', () => {
  const steps = 30;
  const s = { ...base, slots: 17, wordSize: 5, heads: 3, reads: 2 };

  it.each(['float32', 'float64'] as const)('rolled back is the memory before it, bit for bit (%s)', (dtype) => {
    using _ = scope();
    const { size } = ops.samInterface(s);
    const start = ops.samZeros(s, 2, { dtype });
    const first = ops.samWindow(Tensor.from(eventful(s, 3, 2, 31, dtype), [3, 2, size], { dtype }), null, start, 0, s);
    const before = first.state;
    const capacity = before.memory.shape[1]!;
    const x = Tensor.from(eventful(s, steps, 2, 32, dtype), [steps, 2, size], { dtype });
    const empty = Array.from({ length: 4 }, () => Tensor.zeros([0], { dtype }));
    const state = [
      before.memory,
      before.ring,
      before.counts,
      before.readSlots,
      before.readWeights,
      before.readWords,
      before.hidden,
      before.cell,
    ];
    const links = (['int32', dtype, 'int32', dtype] as const).map((kind) => Tensor.zeros([0], { dtype: kind }));
    const inputs = [x, ...empty, ...state, ...links].map((t) => t.storage('test'));
    const sizes = [steps, 2, size, 0, s.slots, s.wordSize, s.heads, s.reads, 0, capacity, s.slots, first.liveBound];
    const dims = Int32Array.of(...sizes, 1, 0, 0, 32);
    const ends = new Int32Array(0);
    const numbers = [1, 0, 1e-6, 0.005] as const;
    const out = native().samForward(inputs, ends, dims, ...numbers, Int32Array.of(1, 0));
    const after = new Tensor(out[2]!, [2, s.slots, s.wordSize], dtype);
    const left = bits([after]);
    const none = new Array<null>(14).fill(null);
    const [given, trace] = [out.slice(0, 3), out.slice(14)];
    const back = native().samBackward(inputs, given, trace, none, ends, dims, ...numbers, Int32Array.of(0, 1));
    const rolled = new Tensor(back.at(-1)!, [2, s.slots, s.wordSize], dtype).dataSync();
    for (let b = 0; b < 2; b++) {
      const row = s.slots * s.wordSize;
      expect([...rolled.subarray(b * row, (b + 1) * row)], `sample ${b}`).toEqual(rowsOf(before, s, b));
    }
    expect(bits([after])).toBe(left); // what forward gave is not touched
  });

  it('gives NaN where a state has indices that cannot be, forward and backward, and leaves other samples alone', () => {
    using _ = scope();
    const { size } = ops.samInterface(s);
    const x = Tensor.normal([4, 2, size], [0, 1], new Rng(3), { requiresGrad: true });
    const right = ops.samZeros(s, 2);
    const ring = right.ring.dataSync();
    ring[0] = 1000;
    const wrong = { ...right, ring: Tensor.from(ring, right.ring.shape) };
    const [good, bad] = [right, wrong].map((state) => ops.samWindow(x, null, state, 0, s));
    const sample = (t: Tensor, b: number): number[] => [...ops.slice(t, [0, b, 0, 0], [4, 1, 3, 5]).dataSync()];
    expect(sample(bad!.words, 0).every(Number.isNaN)).toBe(true);
    expect(sample(bad!.words, 1)).toEqual(sample(good!.words, 1));
    ops.sum(bad!.words).backward();
    const dx = ops.unstack(x.grad!).map((frame) => ops.unstack(frame).map((row) => [...row.dataSync()]));
    expect(dx.every(([first, second]) => first!.every(Number.isNaN) && second!.every(Number.isFinite))).toBe(true);
  });
});
