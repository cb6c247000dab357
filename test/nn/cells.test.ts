import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Conv1d, Conv2d, ConvLSTM, Linear, LSTM, LSTMCell, LSTMState } from '../../lib/nn/index.js';
import type { Recurrent } from '../../lib/models/index.js';
import { mul, sum } from '../../lib/ops/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import { expectClose, randomize, toNd, worstGradientError } from '../helpers/modules.js';
import { build, nd, Source } from '../helpers/nd.js';
import { convolve } from './naive-multigrid.js';

type Numbers = number | readonly Numbers[];
const golden = JSON.parse(readFileSync(new URL('../golden/vectors/recurrent_cells.json', import.meta.url), 'utf8')) as {
  tolerance: { float64: number; float32: number };
  lstm: { inputs: Record<'x' | 'h' | 'c' | 'w' | 'b', number[]> & { forget_bias: number }; outputs: Record<'c' | 'h', number[]> };
  conv_lstm: {
    inputs: { x: number[][]; h: number[][]; c: number[][]; w: number[][][][]; b: number[][]; peephole_ifo: number[][][] };
    outputs: Record<'c' | 'h', number[][]>;
  };
};
const flat = (values: Numbers): number[] => (Array.isArray(values) ? (values as Numbers[]).flatMap(flat) : [values as number]);
const tensor = (values: ArrayLike<number>, shape: readonly number[], dtype: 'float32' | 'float64'): Tensor =>
  Tensor.from(Float64Array.from(values), shape, { dtype });
const load = (parameter: Tensor, values: ArrayLike<number>): void => {
  parameter.copyFrom(parameter.dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values));
};

describe('LSTMCell', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    it(`agrees with the official DNC code's LSTM in ${dtype}`, () => {
      const { inputs, outputs } = golden.lstm;
      const cell = new LSTMCell({ in: 3, hidden: 2, forgetBias: inputs.forget_bias, dtype });
      load(cell.weight, flat(inputs.w));
      load(cell.bias, inputs.b);
      const state = new LSTMState(tensor(inputs.h, [1, 2], dtype), tensor(inputs.c, [1, 2], dtype));
      const next = cell.forward(tensor(inputs.x, [1, 3], dtype), state);
      expectClose(toNd(next.cell), nd([1, 2], outputs.c), golden.tolerance[dtype]);
      expectClose(toNd(next.hidden), nd([1, 2], outputs.h), golden.tolerance[dtype]);
    });
  }

  it('with zero weights gives c\' = 0.7310586 c and h\' = tanh(c\')/2', () => {
    const cell = new LSTMCell({ in: 2, hidden: 3, dtype: 'float64' });
    for (const parameter of cell.parameters()) parameter.copyFrom(new Float64Array(parameter.size));
    const c = [-2, 0.5, 3];
    const state = new LSTMState(tensor([1, 1, 1], [1, 3], 'float64'), tensor(c, [1, 3], 'float64'));
    const next = cell.forward(tensor([5, -7], [1, 2], 'float64'), state);
    const expected = c.map((value) => value / (1 + Math.exp(-1)));
    expect(expected[0]! / c[0]!).toBeCloseTo(0.7310586, 7);
    expectClose(toNd(next.cell), nd([1, 3], expected), 1e-15);
    expectClose(toNd(next.hidden), nd([1, 3], expected.map((value) => Math.tanh(value) / 2)), 1e-15);
  });
});

describe('LSTM', () => {
  it('is a Recurrent but for sessions, which models have, and a window equals its steps', () => {
    const lstm = new LSTM({ in: 3, hidden: 4, dtype: 'float64', rng: new Rng(1) });
    const recurrent: Omit<Recurrent<LSTMState>, 'session'> = lstm;
    const x = new Source(2).normal([5, 2, 3]);
    const window = recurrent.forward(tensor(x.data, x.shape, 'float64'));
    let state = recurrent.initialState(2);
    const steps: number[] = [];
    for (let t = 0; t < 5; t++) {
      const step = recurrent.step(tensor(x.data.slice(6 * t, 6 * t + 6), [2, 3], 'float64'), state);
      state = step.state;
      steps.push(...step.y.dataSync());
    }
    expect([...window.y.dataSync()]).toEqual(steps);
    expect([...window.state.cell.dataSync()]).toEqual([...state.cell.dataSync()]);
  });

  it('keeps the state of rows that have ended and gives zeros for them', () => {
    const lstm = new LSTM({ in: 2, hidden: 3, dtype: 'float64', rng: new Rng(3) });
    const x = new Source(4).normal([4, 2, 2]);
    const run = (values: ArrayLike<number>, shape: number[], lengths?: Int32Array) =>
      lstm.forward(tensor(values, shape, 'float64'), undefined, lengths === undefined ? {} : { lengths });
    const both = run(x.data, [4, 2, 2], Int32Array.of(2, 4));
    const row = (b: number, steps: number): number[] =>
      Array.from({ length: steps }, (_, t) => [...x.data.slice(4 * t + 2 * b, 4 * t + 2 * b + 2)]).flat();
    const [short, long] = [run(row(0, 2), [2, 1, 2]), run(row(1, 4), [4, 1, 2])];
    expect([...both.state.hidden.dataSync()]).toEqual([...short.state.hidden.dataSync(), ...long.state.hidden.dataSync()]);
    expect([...both.y.dataSync().slice(12, 15), ...both.y.dataSync().slice(18, 21)].every((value) => value === 0)).toBe(true);
    expect([...both.y.dataSync().slice(21)]).toEqual([...long.y.dataSync().slice(9)]);
  });

  it('has the gradients of finite differences over three steps', () => {
    const lstm = new LSTM({ in: 2, hidden: 3, dtype: 'float64' });
    randomize(lstm, 5);
    const source = new Source(6);
    const [x, w] = [source.normal([3, 2, 2]), source.normal([3, 2, 3])];
    const loss = () => sum(mul(lstm.forward(tensor(x.data, x.shape, 'float64')).y, tensor(w.data, w.shape, 'float64')));
    expect(worstGradientError(lstm, loss).error).toBeLessThanOrEqual(1e-7);
  });
});

describe('ConvLSTM', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    it(`agrees with a 1-D conv-LSTM that has peepholes per position, in ${dtype}`, () => {
      const { inputs, outputs } = golden.conv_lstm;
      const layer = new ConvLSTM({ in: 2, channels: 2, dimensions: 1, extent: [4], peephole: 'position', forgetBias: 0, dtype });
      const columns = (grid: number[][]): number[] => grid[0]!.flatMap((_, l) => grid.map((row) => row[l]!));
      const kernel = build([3, 4, 8], (k, c, n) => inputs.w[Math.floor(n! / 2)]![n! % 2]![c!]![k!]!);
      load(layer.kernel, kernel.data);
      load(layer.bias, flat(inputs.b));
      load(layer.peephole!, inputs.peephole_ifo.flatMap(columns));
      const state = new LSTMState(tensor(columns(inputs.h), [1, 4, 2], dtype), tensor(columns(inputs.c), [1, 4, 2], dtype));
      const next = layer.step(tensor(columns(inputs.x), [1, 4, 2], dtype), state);
      expectClose(toNd(next.cell), nd([1, 4, 2], columns(outputs.c)), golden.tolerance[dtype]);
      expectClose(toNd(next.hidden), nd([1, 4, 2], columns(outputs.h)), golden.tolerance[dtype]);
    });
  }

  it('with equal peepholes at all positions equals the one with peepholes per channel', () => {
    const shared = { in: 2, channels: 3, extent: [4, 5], dtype: 'float64', rng: new Rng(7) } as const;
    const [each, all] = [new ConvLSTM({ ...shared, peephole: 'position' }), new ConvLSTM({ ...shared, peephole: 'channel' })];
    const p = new Source(8).normal([3, 3]);
    load(all.peephole!, p.data);
    load(each.peephole!, build([3, 4, 5, 3], (gate, _h, _w, c) => p.data[gate! * 3 + c!]!).data);
    const x = new Source(9).normal([3, 2, 4, 5, 2]);
    const [a, b] = [each, all].map((layer) => toNd(layer.forward(tensor(x.data, x.shape, 'float64')).y));
    expectClose(a!, b!, 1e-14);
  });

  for (const peephole of ['none', 'channel', 'position'] as const) {
    it(`has the gradients of finite differences over three steps, peephole ${peephole}`, () => {
      const layer = new ConvLSTM({ in: 2, channels: 2, extent: [2, 3], peephole, dtype: 'float64' });
      randomize(layer, 10);
      const source = new Source(11);
      const [x, w] = [source.normal([3, 2, 2, 3, 2]), source.normal([3, 2, 2, 3, 2])];
      const loss = () => sum(mul(layer.forward(tensor(x.data, x.shape, 'float64')).y, tensor(w.data, w.shape, 'float64')));
      expect(worstGradientError(layer, loss).error).toBeLessThanOrEqual(1e-7);
    });
  }
});

describe('Conv2d, Conv1d and Linear', () => {
  it('equal nested loops', () => {
    const source = new Source(12);
    const conv = new Conv2d({ in: 3, out: 2, dtype: 'float64', rng: new Rng(13) });
    const x = source.normal([2, 4, 5, 3]);
    expectClose(toNd(conv.forward(tensor(x.data, x.shape, 'float64'))), convolve(x, toNd(conv.kernel), toNd(conv.bias!)), 1e-13);
    const line = new Conv1d({ in: 3, out: 2, kernelSize: 5, dtype: 'float64', rng: new Rng(13) });
    const z = source.normal([2, 7, 3]);
    const expected = convolve({ ...z, shape: [2, 1, 7, 3] }, { ...toNd(line.kernel), shape: [1, 5, 3, 2] }, toNd(line.bias!));
    expectClose(toNd(line.forward(tensor(z.data, z.shape, 'float64'))), { ...expected, shape: [2, 7, 2] }, 1e-13);
  });

  it('join several inputs on the channel axis, in order', () => {
    const conv = new Conv2d({ in: 3, out: 2, dtype: 'float64', rng: new Rng(14) });
    const x = new Source(15).normal([2, 4, 4, 3]);
    const part = (from: number, to: number): Tensor => {
      const values = build([2, 4, 4, to - from], (n, i, j, c) => x.data[((n! * 4 + i!) * 4 + j!) * 3 + from + c!]!);
      return tensor(values.data, values.shape, 'float64');
    };
    const [joined, whole] = [conv.forward([part(0, 1), part(1, 3)]), conv.forward(tensor(x.data, x.shape, 'float64'))];
    expectClose(toNd(joined), toNd(whole), 1e-14);
  });

  it('can do without bias, and take a rule or a function for the weight', () => {
    const plain = new Linear({ in: 4, out: 3, bias: false, init: (shape) => Tensor.full(shape, 0.5) });
    expect([...plain.namedParameters()].map(([name]) => name)).toEqual(['weight']);
    expect([...plain.forward(Tensor.from([[1, 2, 3, 4]])).dataSync()]).toEqual([5, 5, 5]);
    const bound = Math.sqrt(6 / 7);
    const glorot = new Linear({ in: 4, out: 3, init: 'glorot', rng: new Rng(16) });
    expect(Math.max(...glorot.weight.dataSync().map(Math.abs))).toBeLessThanOrEqual(Math.fround(bound));
  });
});
