// The sparse DNC: the native window against the naive loops, finite differences and itself; links in saved states.
import { describe, expect, it } from 'vitest';
import { gradcheck, models, noGrad, ops, Rng, scope, setThreads, Tensor, type FloatDType } from '../../../lib/index.js';
import { bits, givenState, ringOf, rowsOf, tinySam } from '../../helpers/sam-state.js';
import { expectNear } from '../../helpers/vectors.js';
import { samRaw, sdncStart, sdncStep, type NaiveSdnc } from './naive-sam.js';

const base: ops.SamSettings = { ...tinySam, links: 2 };

/** One of the two matrices of a head, [N][N], of the first sample. */
function matrixOf(state: ops.SdncTensors, s: ops.SamSettings, which: 0 | 1, head: number): number[][] {
  const live = state.counts.dataSync()[0]!;
  const [slots, weights] = [state.linkSlots.dataSync(), state.linkWeights.dataSync()];
  return Array.from({ length: s.slots }, (_, i) => {
    const row = new Array<number>(s.slots).fill(0);
    for (let k = 0; i < live && k < s.links; k++) {
      const at = ((i * 2 + which) * s.heads + head) * s.links + k;
      row[slots[at]!]! += weights[at]!;
    }
    return row;
  });
}

describe('the definition, in loops over numbers', () => {
  it.each(
    [
      { slots: 9, heads: 2, reads: 2, links: 2, linkRead: 'rows' },
      { slots: 9, heads: 2, reads: 2, links: 2, linkRead: 'paper' },
      { slots: 40, heads: 3, reads: 4, links: 8, wordSize: 7, linkRead: 'rows' },
      { slots: 30, heads: 2, reads: 4, links: 3, wordSize: 7, linkRead: 'paper', strength: false },
    ] as const,
  )('gives the same slots, rings, links, words and memories within 1e-11 (%j)', (changes) => {
    using _ = scope();
    const s = { ...base, ...changes };
    const { size, parts } = ops.samInterface(s);
    const steps = 40;
    const values = Tensor.normal([steps, size], [0, 1], new Rng(5), { dtype: 'float64' }).dataSync();
    const [modes] = parts['modes']!;
    for (let t = 0; t < steps; t++) for (let k = 0; k < 3 * s.heads; k++) values[t * size + modes + k]! *= 3;
    let state = ops.samZeros(s, 1, { dtype: 'float64' });
    let bound = 0;
    const how: NaiveSdnc = s;
    let naive = sdncStart(how);
    for (let t = 0; t < steps; t++) {
      const raw = values.slice(t * size, (t + 1) * size);
      const run = ops.samWindow(Tensor.from(raw, [1, 1, size]), null, state, bound, s);
      [state, bound] = [run.state, run.liveBound];
      const step = sdncStep(samRaw([...raw], how, true), naive, how);
      naive = step.state;
      expect([...state.readSlots.dataSync()], `slots, step ${t}`).toEqual(naive.support.flat().map(({ slot }) => slot));
      expect(ringOf(state, s.slots), `ring, step ${t}`).toEqual(naive.ring);
      expectNear(run.words.dataSync(), step.words, 1e-11, `words, step ${t}`);
      expectNear(rowsOf(state, s), naive.memory, 1e-11, `memory, step ${t}`);
      naive.links.forEach((links, h) => {
        expectNear(matrixOf(state, s, 0, h).flat(), links.after, 1e-11, `N of head ${h}, step ${t}`);
        expectNear(matrixOf(state, s, 1, h).flat(), links.before, 1e-11, `P of head ${h}, step ${t}`);
      });
    }
  });
});

describe('live and linear', () => {
  it.each([['float32', 'rows'], ['float64', 'paper']] as const)('are the same bits (%s, %s)', (dtype, linkRead) => {
    using _ = scope();
    const s = { ...base, slots: 31, reads: 3, links: 4, linkRead };
    const { size } = ops.samInterface(s);
    const x = Tensor.normal([300, 2, size], [0, 1], new Rng(3), { dtype });
    const [live, linear] = (['live', 'linear'] as const).map((index) => (
      ops.samWindow(x, null, ops.samZeros({ ...s, index }, 2, { dtype }), 0, { ...s, index })
    ));
    expect(bits([live!.words])).toBe(bits([linear!.words]));
    expect(ringOf(live!.state, 31)).toEqual(ringOf(linear!.state, 31));
  });
});

describe('gradients of finite differences (float64)', () => {
  const weigh = (t: Tensor, seed: number): Tensor =>
    ops.sum(ops.mul(t, Tensor.normal(t.shape, [0, 1], new Rng(seed), { dtype: 'float64' })));
  /** A memory of any rows and links that some steps left behind. */
  const anyState = (s: ops.SamSettings, batch: number): ops.SamWindow<ops.SdncTensors> => {
    const rows = Tensor.normal([batch, s.slots, s.wordSize], [0, 1], new Rng(22), { dtype: 'float64' }).dataSync();
    const x = Tensor.normal([3, batch, ops.samInterface(s).size], [0, 1], new Rng(21), { dtype: 'float64' });
    return ops.samWindow(x, null, givenState(s, [...rows], 'float64') as ops.SdncTensors, s.slots, s);
  };
  const free = ['memory', 'readWeights', 'readWords'] as const;

  it.each(['rows', 'paper'] as const)('of one step, links read by %s', async (linkRead) => {
    using _ = scope();
    const s = { ...base, linkRead };
    const { state, liveBound } = anyState(s, 1);
    const { size, parts } = ops.samInterface(s);
    const draw = (...shape: number[]): Tensor => Tensor.normal(shape, [0, 1], new Rng(7), { dtype: 'float64' });
    const [[from], [to]] = [parts['alpha']!, parts['strengths']!];
    const gates = draw(1, 1, to - from);
    // Links pass no gradient on: neither from what was read before, nor from the gates, which they depend on.
    const result = await gradcheck((vectors, others, memory) => {
      const x = ops.concat([vectors!, gates, others!], -1);
      const run = ops.samWindow(x, null, { ...state, memory: memory! }, liveBound, s);
      const results = [run.words, run.state.memory, run.state.readWeights];
      return results.map((t, i) => weigh(t, 11 + i)).reduce((p, q) => ops.add(p, q));
    }, [draw(1, 1, from), draw(1, 1, size - to), state.memory]);
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
  });

  it('of a window whose modes shut the links out: everything', async () => {
    using _ = scope();
    const { size, parts } = ops.samInterface(base);
    const { state, liveBound } = anyState(base, 2);
    const values = Tensor.normal([6, 2, size], [0, 1], new Rng(7), { dtype: 'float64' }).dataSync();
    const [modes] = parts['modes']!;
    for (let row = 0; row < 12; row++) for (let h = 0; h < 2; h++) values[row * size + modes + 3 * h + 1] = 800;
    const x = Tensor.from(values, [6, 2, size]);
    const result = await gradcheck(
      (first, ...others) => {
        const given = { ...state, ...Object.fromEntries(free.map((name, i) => [name, others[i]!])) };
        const run = ops.samWindow(first!, null, given, liveBound, base, Int32Array.of(6, 4));
        return [run.words, run.state.memory, run.state.readWeights].map((t, i) => weigh(t, 11 + i)).reduce((a, b) =>
          ops.add(a, b)
        );
      },
      [x, ...free.map((name) => state[name])],
      { tolerance: 1e-6 },
    );
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
  });
});

describe('SDNC', () => {
  const small = { inputs: 4, outputs: 3, slots: 19, wordSize: 5, heads: 3, reads: 2, links: 4, hidden: 7 } as const;

  it.each(['rows', 'paper'] as const)('windows one after the other are the long one, bit for bit (%s)', (linkRead) => {
    using _ = scope();
    using model = new models.SDNC({ ...small, linkRead, rng: new Rng(1) });
    const x = Tensor.normal([40, 2, 4], [0, 1], new Rng(2));
    const whole = noGrad(() => model.forward(x));
    let state = model.initialState(2);
    for (const [from, steps] of [[0, 13], [13, 1], [14, 26]] as const) {
      state = noGrad(() => model.forward(ops.slice(x, [from, 0, 0], [steps, 2, 4]), state)).state;
    }
    for (const name of ['readWords', 'readWeights', 'hidden', 'precedenceWeights'] as const) {
      expect(bits([state.at(name)]), name).toBe(bits([whole.state.at(name)]));
    }
    expect(rowsOf(state.values, model.settings)).toEqual(rowsOf(whole.state.values, model.settings));
    expect(ringOf(state.values, 19)).toEqual(ringOf(whole.state.values, 19));
    expect(matrixOf(state.values, model.settings, 1, 0)).toEqual(matrixOf(whole.state.values, model.settings, 1, 0));
  });

  it('gives the same bits for 1, 2 and 4 threads, and stays finite with inputs of any size', () => {
    const found = [1, 2, 4].map((threads) => {
      using _ = scope();
      setThreads(threads);
      using model = new models.SDNC({ ...small, rng: new Rng(1) });
      for (const p of model.parameters()) p.copyFrom(p.dataSync().map((v) => 10 * v));
      const { y, state } = model.forward(Tensor.normal([200, 5, 4], [0, 100], new Rng(3)));
      ops.sum(ops.mul(y, y)).backward();
      const all = [y, ...state.tensors(), ...[...model.parameters()].map((p) => p.grad!)];
      expect(all.every((t) => t.dataSync().every(Number.isFinite))).toBe(true);
      return bits(all);
    });
    setThreads(2);
    for (const other of found) expect(other).toBe(found[0]);
  });

  it('carries a state that can be reset, saved and read back, and refuses links that cannot be', () => {
    using _ = scope();
    using model = new models.SDNC({ ...small, rng: new Rng(1) });
    const x = Tensor.normal([30, 2, 4], [0, 1], new Rng(2));
    const { state } = model.forward(x);
    const copy = (t: Tensor): Tensor => Tensor.from(t.dataSync() as Float32Array, t.shape);
    const saved = new Map([...state.toTensors()].map(([name, t]) => [name, copy(t)]));
    expect(bits(model.forward(x, model.stateFromTensors(saved)).state.tensors())).toBe(
      bits(model.forward(x, state).state.tensors()),
    );
    for (const name of ['linkSlots', 'precedenceSlots']) {
      const wrong = new Map([...saved, [
        name,
        Tensor.from(saved.get(name)!.dataSync().map(() => 19) as Int32Array, saved.get(name)!.shape),
      ]]);
      expect(() => model.stateFromTensors(wrong)).toThrow(expect.objectContaining({ code: 'ERR_MG_CHECKPOINT' }));
    }
    state.reset([1]);
    const [fresh, again] = [model.initialState(1), state.select([1])].map((start) => (
      model.forward(ops.slice(x, [0, 1, 0], [30, 1, 4]), start)
    ));
    expect(bits([again!.y])).toBe(bits([fresh!.y]));
  });

  it('a step in place gives what a window gives', () => {
    using _ = scope();
    using model = new models.SDNC({ ...small, slots: 300, dtype: 'float64' as FloatDType, rng: new Rng(1) });
    const x = Tensor.normal([50, 2, 4], [0, 1], new Rng(2), { dtype: 'float64' });
    const window = noGrad(() => model.forward(x));
    let state = model.initialState(2);
    const ys = ops.unstack(x).map((frame) => {
      const run = noGrad(() => model.step(frame, state, { consume: true }));
      state = run.state;
      return run.y;
    });
    expectNear(ops.stack(ys).dataSync(), [...window.y.dataSync()], 1e-11, 'y');
    expect(ringOf(state.values, 300)).toEqual(ringOf(window.state.values, 300));
  });

  it.each([[{ links: 0 }], [{ links: 65 }], [{ linkRead: 'both' }], [{ reads: 20 }]])('refuses %j', (bad) => {
    expect(() => new models.SDNC({ ...small, ...bad } as never)).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }));
  });
});
