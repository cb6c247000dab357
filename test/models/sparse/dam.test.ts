// Dense access memory: the native window against the golden vector, the naive loops, finite differences and itself.
import { describe, expect, it } from 'vitest';
import { gradcheck, models, ops, Rng, scope, setThreads, Tensor } from '../../../lib/index.js';
import { bits } from '../../helpers/sam-state.js';
import { expectNear, flat, vectorFile, type Dict, type Nested } from '../../helpers/vectors.js';
import { damStart, damStep, samRaw } from './naive-sam.js';

const base: ops.DamSettings = {
  slots: 9,
  wordSize: 3,
  heads: 2,
  hidden: 0,
  strength: true,
  forgetBias: 1,
  clip: 0,
  epsilon: 1e-6,
  discount: 0.99,
};
const sizeOf = (s: ops.DamSettings): number => ops.samInterface({ ...s, links: 0 }).size;
const weigh = (t: Tensor, seed: number): Tensor =>
  ops.sum(ops.mul(t, Tensor.normal(t.shape, [0, 1], new Rng(seed), { dtype: 'float64' })));

interface DamFile {
  config: { slots: number; word: number; discount: number };
  inputs: { initial_memory: Nested; raw: Dict<Nested>[] };
  outputs: { steps: Dict<Nested>[] };
  objective: { cotangent: Nested; value: number };
  gradients: { raw: Dict<Nested>[]; initial_memory: Nested };
}

describe('dam_sequence', () => {
  const file = vectorFile<DamFile>('dam_sequence');
  const s = { ...base, slots: file.config.slots, wordSize: file.config.word, heads: 1, discount: file.config.discount };
  const packed = (raw: Dict<Nested>): number[] => ['query', 'add', 'alpha', 'gamma', 'strength'].flatMap((k) => flat(raw[k]!));
  const steps = file.inputs.raw.length;
  for (const dtype of ['float64', 'float32'] as const) {
    const tolerance = file.tolerance[dtype]!;
    it(`has weights, words, memories, usage and gradients in ${dtype}`, () => {
      using _ = scope();
      const values = Float64Array.from(file.inputs.raw.flatMap(packed));
      const x = Tensor.from(values, [steps, 1, sizeOf(s)], { dtype, requiresGrad: true });
      const start = (requiresGrad: boolean): ops.DamTensors => ({
        ...ops.damStart(s, 1, { dtype }),
        memory: Tensor.from(Float64Array.from(flat(file.inputs.initial_memory)), [1, s.slots, s.wordSize], {
          dtype,
          requiresGrad,
        }),
      });
      let state = start(false);
      ops.unstack(x.detach()).forEach((frame, t) => {
        const run = ops.damWindow(ops.reshape(frame, [1, 1, -1]), null, state, s);
        state = run.state;
        const wanted = file.outputs.steps[t]!;
        expectNear(run.words.dataSync(), wanted['read_word']!, tolerance, `${t} word`);
        expectNear(state.readWeights.dataSync(), wanted['read_weights']!, tolerance, `${t} read weights`);
        expectNear(state.memory.dataSync(), wanted['memory']!, tolerance, `${t} memory`);
        expectNear(state.usage.dataSync(), wanted['usage']!, tolerance, `${t} usage`);
      });
      const given = start(true);
      const { words } = ops.damWindow(x, null, given, s);
      const weights = Tensor.from(Float64Array.from(flat(file.objective.cotangent)), words.shape, { dtype });
      const objective = ops.sum(ops.mul(words, weights));
      expectNear(objective.dataSync(), [file.objective.value], tolerance, 'objective');
      objective.backward();
      expectNear(x.grad!.dataSync(), file.gradients.raw.flatMap(packed), tolerance, 'interface');
      expectNear(given.memory.grad!.dataSync(), file.gradients.initial_memory, tolerance, 'memory');
    });
  }
});

describe('the definition, in loops over numbers', () => {
  it.each([
    {},
    { slots: 40, heads: 4, wordSize: 17 },
    { slots: 17, heads: 3, wordSize: 8, strength: false },
  ])('gives the same words, memories and usage within 1e-11 (%j)', (changes) => {
    using _ = scope();
    const s = { ...base, ...changes };
    const steps = 30;
    const x = Tensor.normal([steps, 1, sizeOf(s)], [0, 1], new Rng(5), { dtype: 'float64' });
    const { words, state } = ops.damWindow(x, null, ops.damStart(s, 1, { dtype: 'float64' }), s);
    const shape = { ...s, reads: s.slots, delta: 0 };
    let naive = damStart(shape);
    const expected = ops.unstack(x).map((frame) => {
      const step = damStep(samRaw([...frame.dataSync()], shape), naive, shape);
      naive = step.state;
      return step.words;
    });
    expectNear(words.dataSync(), expected, 1e-11, 'words');
    expectNear(state.memory.dataSync(), naive.memory, 1e-11, 'memory');
    expectNear(state.usage.dataSync(), naive.usage, 1e-11, 'usage');
  });
});

describe('gradients of finite differences (float64)', () => {
  it.each([
    ['one step', {}, 1, 1, 1e-7],
    ['a window of seven steps, two samples of their own lengths', { heads: 3, slots: 6 }, 7, 2, 1e-6],
  ] as [string, Partial<ops.DamSettings>, number, number, number][])('%s', async (_name, changes, steps, batch, tolerance) => {
    using _ = scope();
    const s = { ...base, ...changes };
    const draw = (...shape: number[]): Tensor => Tensor.normal(shape, [0, 1], new Rng(7), { dtype: 'float64' });
    const start = ops.damStart(s, batch, { dtype: 'float64' });
    const memory = draw(batch, s.slots, s.wordSize);
    const state = ops.damWindow(draw(3, batch, sizeOf(s)), null, { ...start, memory }, s).state;
    const free = ['memory', 'readWeights'] as const;
    const lengths = batch > 1 ? Int32Array.of(steps, steps - 3) : null;
    const result = await gradcheck(
      (x, ...others) => {
        const given = { ...state, ...Object.fromEntries(free.map((name, i) => [name, others[i]!])) };
        const run = ops.damWindow(x!, null, given, s, lengths);
        return [run.words, run.state.memory, run.state.readWeights].map((t, i) => weigh(t, 11 + i)).reduce((a, b) =>
          ops.add(a, b)
        );
      },
      [draw(steps, batch, sizeOf(s)), ...free.map((name) => state[name])],
      { tolerance },
    );
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
  });
});

describe('DAM', () => {
  const small = { inputs: 4, outputs: 3, slots: 19, wordSize: 5, heads: 3, hidden: 7 } as const;

  it('has the gradients of finite differences through controller and output', async () => {
    using _ = scope();
    using model = new models.DAM({ ...small, dtype: 'float64', rng: new Rng(3) });
    const x = Tensor.normal([5, 2, 4], [0, 1], new Rng(5), { dtype: 'float64' });
    const memory = Tensor.normal([2, 19, 5], [0, 1], new Rng(6), { dtype: 'float64' });
    const result = await gradcheck(
      (a, m) => {
        const start = new models.DAMState({ ...model.initialState(2).values, memory: m! });
        return ops.sum(ops.square(model.forward(a!, start, { lengths: Int32Array.of(5, 2) }).y));
      },
      [x, memory],
      { tolerance: 1e-6 },
    );
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
  });

  it('a window is its steps one after the other, and rows past their length keep their state', () => {
    using _ = scope();
    using model = new models.DAM({ ...small, rng: new Rng(1) });
    const x = Tensor.normal([6, 3, 4], [0, 1], new Rng(2));
    const lengths = Int32Array.of(6, 0, 4);
    const window = model.forward(x, undefined, { lengths });
    lengths.forEach((length, b) => {
      let state = model.initialState(1);
      for (let t = 0; t < length; t++) state = model.step(ops.slice(ops.unstack(x)[t]!, [b, 0], [1, 4]), state).state;
      for (const [name, tensor] of window.state.select([b]).toTensors()) {
        expect(tensor.dataSync(), `${name} ${b}`).toEqual(state.toTensors().get(name)!.dataSync());
      }
    });
  });

  it('gives the same bits for 1, 2 and 4 threads, and stays finite with inputs of any size', () => {
    const found = [1, 2, 4].map((threads) => {
      using _ = scope();
      setThreads(threads);
      using model = new models.DAM({ ...small, rng: new Rng(1) });
      for (const p of model.parameters()) p.copyFrom(p.dataSync().map((v) => 10 * v));
      const { y, state } = model.forward(Tensor.normal([100, 7, 4], [0, 100], new Rng(3)));
      ops.sum(ops.mul(y, y)).backward();
      const all = [y, ...state.tensors(), ...[...model.parameters()].map((p) => p.grad!)];
      expect(all.every((t) => t.dataSync().every(Number.isFinite))).toBe(true);
      return bits(all);
    });
    setThreads(2);
    for (const other of found) expect(other).toBe(found[0]);
  });

  it('carries a state that can be reset to a new episode, saved and read back', () => {
    using _ = scope();
    using model = new models.DAM({ ...small, rng: new Rng(1) });
    const { state } = model.forward(Tensor.normal([3, 2, 4], [0, 1], new Rng(2)));
    state.reset([1]);
    for (const [name, tensor] of state.select([1]).toTensors()) {
      expect(tensor.dataSync(), name).toEqual(model.initialState(1).toTensors().get(name)!.dataSync());
    }
    expect(model.stateFromTensors(state.toTensors()).at('usage')).toBe(state.at('usage'));
    expect(() => model.stateFromTensors(new Map())).toThrow(expect.objectContaining({ code: 'ERR_MG_CHECKPOINT' }));
  });

  it.each([[{ slots: 2 }], [{ discount: 2 }], [{ reads: 4 }], [{ strength: 'on' }], [{ clip: -1 }]])('refuses %j', (bad) => {
    expect(() => new models.DAM({ ...small, ...bad } as never)).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }));
  });
});
