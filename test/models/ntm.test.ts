import { describe, expect, it } from 'vitest';
import { gradcheck, models, ops, Rng, scope, Tensor, type FloatDType } from '../../lib/index.js';
import { expectNear, flat, vectorFile, type Dict, type Nested } from '../helpers/vectors.js';

type Head = Dict<Nested>;
interface Step {
  read_head: Head;
  write_head: Head;
  read_vector: Nested;
  memory: Nested;
}
interface NtmFile {
  config: { slots: number; word: number };
  inputs: { raw: { read: Head; write: Head }[]; memory: Nested; w_prev: { read: Nested; write: Nested } };
  cotangent: { read_vectors: Nested[]; final_memory: Nested };
  outputs: Dict<{
    steps: Step[];
    gradients: { raw: { read: Head; write: Head }[]; memory: Nested; w_prev: { read: Nested; write: Nested } };
  }>;
}

const PARTS = { key: 'key', beta: 'strength', gate: 'gate', shift: 'shift', gamma: 'sharpening' } as const;

describe('ntm_step', () => {
  const file = vectorFile<NtmFile>('ntm_step');
  const { slots, word } = file.config;
  for (const dtype of ['float64', 'float32'] as const) {
    it.each([
      'read_first',
      'write_first',
    ])(`%s has the weights, words, memories and gradients of the file in ${dtype}`, (order) => {
      using _ = scope();
      const tolerance = file.tolerance[dtype]!;
      const expected = file.outputs[order]!;
      const leaf = (values: Nested, shape: number[]): Tensor =>
        Tensor.from(Float64Array.from(flat(values)), shape, { dtype, requiresGrad: true });
      const heads = (raw: Head): Record<string, Tensor> =>
        Object.fromEntries(Object.entries(raw).map(([name, v]) => [name, leaf(v, [1, 1, flat(v).length])]));
      const named = (raw: Record<string, Tensor>): models.NTMHeads =>
        Object.fromEntries(Object.entries(PARTS).map(([theirs, ours]) => [ours, raw[theirs]!])) as unknown as models.NTMHeads;
      const raw = file.inputs.raw.map(({ read, write }) => ({ read: heads(read), write: heads(write) }));
      const memory = leaf(file.inputs.memory, [1, slots, word]);
      const { w_prev } = file.inputs;
      const previous = { read: leaf(w_prev.read, [1, 1, slots]), write: leaf(w_prev.write, [1, 1, slots]) };
      const weigh = (x: Tensor, w: Nested): Tensor =>
        ops.sum(ops.mul(x, Tensor.from(Float64Array.from(flat(w)), x.shape, { dtype })));
      let [m, read, write] = [memory, previous.read, previous.write];
      let objective: Tensor | null = null;
      raw.forEach((step, t) => {
        const wanted = expected.steps[t]!;
        const writing = models.ntmAddress(m, named(step.write), write);
        const after = models.ntmWrite(m, writing.weights, step.write['erase']!, step.write['add']!);
        const seen = order === 'read_first' ? m : after;
        const reading = models.ntmAddress(seen, named(step.read), read);
        const words = models.ntmRead(seen, reading.weights);
        for (const [head, address] of [['read_head', reading], ['write_head', writing]] as const) {
          expectNear(address.content.dataSync(), wanted[head]['content']!, tolerance, `${t} ${head} content`);
          expectNear(address.gated.dataSync(), wanted[head]['gated']!, tolerance, `${t} ${head} gated`);
          expectNear(address.shifted.dataSync(), wanted[head]['shifted']!, tolerance, `${t} ${head} shifted`);
          expectNear(address.weights.dataSync(), wanted[head]['w']!, tolerance, `${t} ${head} w`);
        }
        expectNear(words.dataSync(), wanted.read_vector, tolerance, `${t} words`);
        expectNear(after.dataSync(), wanted.memory, tolerance, `${t} memory`);
        const part = weigh(words, file.cotangent.read_vectors[t]!);
        objective = objective === null ? part : ops.add(objective, part);
        [m, read, write] = [after, reading.weights, writing.weights];
      });
      ops.add(objective!, weigh(m, file.cotangent.final_memory)).backward();
      const { gradients } = expected;
      expectNear(memory.grad!.dataSync(), gradients.memory, tolerance, 'dmemory');
      for (const kind of ['read', 'write'] as const) {
        expectNear(previous[kind].grad!.dataSync(), gradients.w_prev[kind], tolerance, `dw ${kind}`);
        raw.forEach((step, t) => {
          for (const [name, tensor] of Object.entries(step[kind])) {
            expectNear(tensor.grad!.dataSync(), gradients.raw[t]![kind][name]!, tolerance, `${t} ${kind} ${name}`);
          }
        });
      }
    });
  }
});

describe('NTM', () => {
  const small = { inputs: 3, outputs: 2, slots: 6, wordSize: 4, readHeads: 2, writeHeads: 2, hidden: 5 } as const;

  it.each(
    [
      ['lstm', 'readFirst'],
      ['feedforward', 'writeFirst'],
    ] as const,
  )('has the gradient of finite differences over four steps (%s, %s)', async (controller, order) => {
    using _ = scope();
    using model = new models.NTM({ ...small, controller, order, dtype: 'float64', rng: new Rng(3) });
    const random = (p: Tensor, name: string): Tensor =>
      Tensor.normal(p.shape, [0, 0.5], new Rng(4).split(name), { dtype: 'float64' });
    model.loadStateDict(new Map([...model.stateDict()].map(([name, p]) => [name, random(p, name)])));
    const x = Tensor.normal([4, 2, 3], [0, 1], new Rng(5), { dtype: 'float64' });
    const memory = Tensor.normal([2, 6, 4], [0, 1], new Rng(6), { dtype: 'float64' });
    const result = await gradcheck((a, m) => {
      const state = model.initialState(2);
      const start = new models.NTMState({ ...state.values, memory: m! });
      return ops.sum(ops.square(model.forward(a!, start, { lengths: Int32Array.of(4, 2) }).y));
    }, [x, memory]);
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
  });

  it('starts new episodes at the learned start', () => {
    using _ = scope();
    using model = new models.NTM({ ...small, rng: new Rng(1) });
    const { state } = model.forward(Tensor.normal([3, 2, 3], [0, 1], new Rng(2)));
    state.reset([0]);
    const fresh = model.initialState(1);
    for (const [name, tensor] of state.select([0]).toTensors()) {
      expect(tensor.dataSync()).toEqual(fresh.toTensors().get(name)!.dataSync());
    }
    expect(model.stateFromTensors(state.toTensors()).at('memory')).toBe(state.at('memory'));
  });

  it('stays finite over 1,000 steps with inputs of any size', () => {
    using _ = scope();
    using model = new models.NTM({ ...small, rng: new Rng(5) });
    for (const p of model.parameters()) p.copyFrom(p.dataSync().map((v) => 10 * v));
    let state = model.initialState(2);
    for (let k = 0; k < 50; k++) {
      using __ = scope();
      const run = model.forward(Tensor.normal([20, 2, 3], [0, 10 ** (k % 7 - 2)], new Rng(k)), state);
      ops.sum(run.y).backward();
      expect(run.y.dataSync().every(Number.isFinite)).toBe(true);
      for (const p of model.parameters()) {
        expect(p.grad?.dataSync().find((v) => !Number.isFinite(v)), `window ${k}`).toBeUndefined();
        p.grad = null;
      }
      const copies = [...run.state.toTensors()].map(([name, t]) => [name, Tensor.from(t.dataSync(), t.shape)]);
      state = new models.NTMState(Object.fromEntries(copies) as typeof run.state.values);
      for (const t of state.tensors()) __.keep(t);
    }
  });

  it.each([[{ slots: 0 }], [{ order: 'both' }], [{ controller: 'gru' }], [{ memory: 3 }]])('refuses %j', (bad) => {
    expect(() => new models.NTM({ ...small, ...bad } as never)).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }));
  });
});

describe('recurrent_cells', () => {
  interface CellFile {
    lstm: {
      inputs: { x: number[]; h: number[]; c: number[]; w: number[][]; b: number[]; forget_bias: number };
      outputs: { c: number[]; h: number[] };
    };
    deep_lstm: {
      inputs: { x: number[]; h: number[][]; s: number[][]; w: number[][][]; b: number[][] };
      outputs: { state: number[]; hidden: number[] }[];
    };
  }
  const file = vectorFile<CellFile>('recurrent_cells');
  const set = (model: models.LSTMNetwork, name: string, values: number[], dtype: FloatDType): void => {
    model.stateDict().get(name)!.copyFrom(dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values));
  };
  for (const dtype of ['float64', 'float32'] as const) {
    it(`the LSTM cell, ${dtype}`, () => {
      using _ = scope();
      const { inputs, outputs } = file.lstm;
      using model = new models.LSTMNetwork({ inputs: 3, outputs: 1, hidden: 2, forgetBias: inputs.forget_bias, dtype });
      set(model, '1.weight', inputs.w.flat(), dtype);
      set(model, '1.bias', inputs.b, dtype);
      const row = (v: number[]): Tensor => Tensor.from(Float64Array.from(v), [1, v.length], { dtype });
      const start = new Map([['1.hidden', row(inputs.h)], ['1.cell', row(inputs.c)]]);
      const { state } = model.step(row(inputs.x), model.stateFromTensors(start));
      expectNear(state.at('1.hidden').dataSync(), outputs.h, file.tolerance[dtype]!, 'hidden');
      expectNear(state.at('1.cell').dataSync(), outputs.c, file.tolerance[dtype]!, 'cell');
    });
    it(`the deep LSTM of the DNC paper, ${dtype}`, () => {
      using _ = scope();
      const { inputs, outputs } = file.deep_lstm;
      using model = new models.LSTMNetwork({ inputs: 3, outputs: 1, hidden: 2, layers: 2, wiring: 'deep', forgetBias: 0, dtype });
      // Theirs: rows [x; own hidden; hidden below], gates i, f, state, o.
      // Ours: rows [x; hidden below; own hidden], gates i, u, f, o.
      const columns = [0, 1, 4, 5, 2, 3, 6, 7];
      const turn = (v: number[]): number[] => columns.map((c) => v[c]!);
      inputs.w.forEach((w, k) => {
        const rows = k === 0 ? [0, 1, 2, 3, 4] : [0, 1, 2, 5, 6, 3, 4];
        set(model, `${k + 1}.weight`, rows.flatMap((r) => turn(w[r]!)), dtype);
        set(model, `${k + 1}.bias`, turn(inputs.b[k]!), dtype);
      });
      const row = (v: number[]): Tensor => Tensor.from(Float64Array.from(v), [1, v.length], { dtype });
      const start = new Map([0, 1].flatMap((k) =>
        [
          [`${k + 1}.hidden`, row(inputs.h[k]!)],
          [`${k + 1}.cell`, row(inputs.s[k]!)],
        ] as const
      ));
      const { state } = model.step(row(inputs.x), model.stateFromTensors(start));
      outputs.forEach((wanted, k) => {
        expectNear(state.at(`${k + 1}.hidden`).dataSync(), wanted.hidden, file.tolerance[dtype]!, `hidden ${k}`);
        expectNear(state.at(`${k + 1}.cell`).dataSync(), wanted.state, file.tolerance[dtype]!, `state ${k}`);
      });
    });
  }
});
