// Sparse access memory as a user builds it: windows and steps, carried and saved states, threads, and what is refused.
import { describe, expect, it } from 'vitest';
import { models, noGrad, ops, Rng, scope, setThreads, Tensor } from '../../../lib/index.js';
import { bits, ringOf, rowsOf } from '../../helpers/sam-state.js';
import { expectNear } from '../../helpers/vectors.js';

describe('SAM', () => {
  const small = { inputs: 4, outputs: 3, slots: 19, wordSize: 5, heads: 3, reads: 2, hidden: 7 } as const;

  it('a window is its steps one after the other, and rows past their length keep their state', () => {
    using _ = scope();
    using model = new models.SAM({ ...small, rng: new Rng(1) });
    const x = Tensor.normal([9, 3, 4], [0, 1], new Rng(2));
    const lengths = Int32Array.of(9, 0, 4);
    const window = model.forward(x, undefined, { lengths });
    const frames = ops.unstack(x);
    lengths.forEach((length, b) => {
      let state = model.initialState(1);
      for (let t = 0; t < 9; t++) {
        const y = ops.slice(window.y, [t, b, 0], [1, 1, 3]).dataSync();
        if (t >= length) {
          expect(y).toEqual(new Float32Array(3));
          continue;
        }
        const step = model.step(ops.slice(frames[t]!, [b, 0], [1, 4]), state);
        state = step.state;
        expectNear(y, [...step.y.dataSync()], 1e-6, `y ${t} ${b}`); // a step adds up in another order
      }
      const row = window.state.select([b]);
      expect(rowsOf(row.values, model.settings)).toEqual(rowsOf(state.values, model.settings));
      expect(ringOf(row.values, small.slots)).toEqual(ringOf(state.values, small.slots));
      for (const name of ['readSlots', 'readWeights', 'readWords', 'hidden', 'cell'] as const) {
        expect(row.at(name).dataSync(), `${name} ${b}`).toEqual(state.at(name).dataSync());
      }
    });
  });

  it('windows one after the other are the long one, and so are the gradients through them', () => {
    using _ = scope();
    using model = new models.SAM({ ...small, dtype: 'float64', rng: new Rng(1) });
    const x = Tensor.normal([12, 2, 4], [0, 1], new Rng(2), { dtype: 'float64' });
    const parts = [[0, 5], [5, 3], [8, 4]].map(([from, steps]) => ops.slice(x, [from!, 0, 0], [steps!, 2, 4]));
    const run = (windows: readonly Tensor[]): { state: models.SAMState; gradients: number[][] } => {
      let state = model.initialState(2);
      const losses = windows.map((window) => {
        const next = model.forward(window, state);
        state = next.state;
        return ops.sum(ops.square(next.y));
      });
      losses.reduce((a, b) => ops.add(a, b)).backward();
      const gradients = [...model.parameters()].map((p) => [...p.grad!.dataSync()]);
      for (const p of model.parameters()) p.grad = null;
      return { state, gradients };
    };
    const [split, whole] = [run(parts), run([x])];
    expect(rowsOf(split.state.values, model.settings)).toEqual(rowsOf(whole.state.values, model.settings));
    expect(ringOf(split.state.values, small.slots)).toEqual(ringOf(whole.state.values, small.slots));
    // 1e-12: weight gradients of three windows add up in another order.
    whole.gradients.forEach((wanted, i) => expectNear(split.gradients[i]!, wanted, 1e-12, `parameter ${i}`));
  });

  it('a state that is used up gives the same bits, and leaves alone what others hold', () => {
    using _ = scope();
    using model = new models.SAM({ ...small, rng: new Rng(1) });
    const x = Tensor.normal([5, 3, 4], [0, 1], new Rng(2));
    const lengths = Int32Array.of(5, 0, 3);
    const start = noGrad(() => model.forward(Tensor.normal([20, 3, 4], [0, 1], new Rng(3))).state);
    const kept = bits(start.tensors());
    const expected = noGrad(() => model.forward(x, start, { lengths }));
    const shared = noGrad(() => model.forward(x, start.detach(), { lengths, consume: true }));
    expect(bits(shared.state.tensors())).toBe(bits(expected.state.tensors()));
    expect(bits(start.tensors())).toBe(kept);
    const spent = noGrad(() => model.forward(x, start, { lengths, consume: true }));
    expect(bits(spent.state.tensors())).toBe(bits(expected.state.tensors()));
    expect(start.tensors().every((t) => t.disposed)).toBe(true);
  });

  it('steps in place give what windows give', () => {
    using _ = scope();
    using model = new models.SAM({ ...small, slots: 500, rng: new Rng(1) });
    const x = Tensor.normal([40, 2, 4], [0, 1], new Rng(2));
    const window = noGrad(() => model.forward(x).state);
    let state = model.initialState(2);
    for (const frame of ops.unstack(x)) state = noGrad(() => model.step(frame, state, { consume: true })).state;
    for (let b = 0; b < 2; b++) {
      expectNear(rowsOf(state.values, model.settings, b), rowsOf(window.values, model.settings, b), 1e-5, `rows ${b}`);
      expect(ringOf(state.values, 500, b)).toEqual(ringOf(window.values, 500, b));
    }
  });

  it('gives the same bits for 1, 2 and 4 threads', () => {
    const found = [1, 2, 4].map((threads) => {
      using _ = scope();
      setThreads(threads);
      using model = new models.SAM({ ...small, rng: new Rng(1) });
      const { y, state } = model.forward(Tensor.normal([30, 11, 4], [0, 1], new Rng(3)));
      ops.sum(ops.mul(y, y)).backward();
      return bits([y, ...state.tensors(), ...[...model.parameters()].map((p) => p.grad!)]);
    });
    setThreads(2);
    for (const other of found) expect(other).toBe(found[0]);
  });

  it('stays finite over 3,000 steps with inputs of any size', () => {
    using _ = scope();
    using model = new models.SAM({ ...small, rng: new Rng(5) });
    for (const p of model.parameters()) p.copyFrom(p.dataSync().map((v) => 10 * v));
    let state = model.initialState(2);
    for (let k = 0; k < 60; k++) {
      const run = model.forward(Tensor.normal([50, 2, 4], [0, 10 ** (k % 9 - 2)], new Rng(k)), state);
      expect(run.y.dataSync().every(Number.isFinite)).toBe(true);
      ops.sum(run.y).backward();
      for (const p of model.parameters()) {
        expect(p.grad!.dataSync().find((v) => !Number.isFinite(v)), `window ${k}: a gradient that is not finite`).toBeUndefined();
        p.grad = null;
      }
      state = run.state.detach();
    }
  });

  it('a state of a million slots holds the rows that were touched', () => {
    using _ = scope();
    using model = new models.SAM({ ...small, slots: 1_000_000, rng: new Rng(1) });
    const { state } = model.forward(Tensor.normal([100, 2, 4], [0, 1], new Rng(2)));
    const live = state.at('counts').dataSync().filter((_, i) => i % 2 === 0);
    expect(Math.max(...live)).toBeLessThanOrEqual(100 * (3 + 2));
    expect(state.at('memory').shape).toEqual([2, 500, 5]);
  });

  it('carries a state that can be selected, reset, saved and read back', () => {
    using _ = scope();
    using model = new models.SAM({ ...small, rng: new Rng(1) });
    const x = Tensor.normal([30, 2, 4], [0, 1], new Rng(2));
    const { state } = model.forward(x);
    const saved = new Map([...state.toTensors()].map(([name, t]) => [name, Tensor.from(t.dataSync() as Float32Array, t.shape)]));
    const back = model.stateFromTensors(saved);
    expect(bits(model.forward(x, back).state.tensors())).toBe(bits(model.forward(x, state).state.tensors()));
    state.reset([1]);
    const [fresh, again] = [model.initialState(1), state.select([1])].map((start) =>
      model.forward(ops.slice(x, [0, 1, 0], [30, 1, 4]), start)
    );
    expect(bits([again!.y])).toBe(bits([fresh!.y]));
    expect(rowsOf(again!.state.values, model.settings)).toEqual(rowsOf(fresh!.state.values, model.settings));
  });

  it.each(
    [
      ['counts', (v: number[]) => v.with(0, 99)],
      ['counts', (v: number[]) => v.with(1, -1)],
      ['ring', (v: number[]) => v.with(3, v[3] === 1 ? 2 : 1)],
      ['ring', (v: number[]) => v.with(5, 1_000_000)],
      ['readSlots', (v: number[]) => v.with(2, 40)],
      ['readSlots', (v: number[]) => v.with(0, -2)],
    ] as const,
  )('refuses a saved state whose %s are damaged (%#)', (name, damage) => {
    using _ = scope();
    using model = new models.SAM({ ...small, rng: new Rng(1) });
    const saved = model.forward(Tensor.normal([3, 1, 4], [0, 1], new Rng(2))).state.toTensors();
    const tensor = saved.get(name)!;
    saved.set(name, Tensor.from(Int32Array.from(damage([...tensor.dataSync()])), tensor.shape));
    expect(() => model.stateFromTensors(saved)).toThrow(expect.objectContaining({ code: 'ERR_MG_CHECKPOINT' }));
  });

  it('refuses a saved state of other sizes or without a part', () => {
    using _ = scope();
    using model = new models.SAM(small);
    using other = new models.SAM({ ...small, wordSize: 6 });
    const saved = other.initialState(2).toTensors();
    for (const bad of [saved, new Map([...saved].slice(1)), new Map<string, Tensor>()]) {
      expect(() => model.stateFromTensors(bad)).toThrow(expect.objectContaining({ code: 'ERR_MG_CHECKPOINT' }));
    }
  });

  it.each([
    [{ reads: 20 }, 'reads to be at most the 19 slots'],
    [{ slots: 8 }, 'at least heads·(reads + 1) = 9 slots'],
    [{ slots: 0 }, 'slots'],
    [{ index: 'tree' }, 'index'],
    [{ strength: 1 }, 'strength'],
    [{ readHeads: 4 }, 'options among'],
    [{ clip: -1 }, 'clip'],
  ])('refuses %j in one sentence', (bad, sentence) => {
    let message = '';
    try {
      new models.SAM({ ...small, ...bad } as never);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_MG_ARGUMENT' });
      ({ message } = error as Error);
    }
    expect(message).toContain(sentence);
    expect(message.split('\n')).toHaveLength(1);
  });
});
