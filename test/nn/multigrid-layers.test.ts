import { describe, expect, it } from 'vitest';
import { MultigridConv, MultigridConvLSTM, MultigridState, Pyramid } from '../../lib/nn/index.js';
import { add, mul, sum } from '../../lib/ops/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import { errorOf } from '../helpers/files.js';
import { expectClose, randomize, toNd, weightsOf, worstGradientError } from '../helpers/modules.js';
import { at, build, nd, Source, type Nd } from '../helpers/nd.js';
import { convLayer, convLstmStep, zeroState, type Grids } from './naive-multigrid.js';

const tensor = (x: Nd, dtype: 'float32' | 'float64' = 'float64'): Tensor => Tensor.from(x.data, x.shape, { dtype });
const pyramid = (grids: Grids): Pyramid =>
  Pyramid.of(Object.fromEntries([...grids].map(([level, grid]) => [level, tensor(grid)])));
/** Every number of a tensor, in order. */
const all = (x: Tensor): number[] => [...x.dataSync()].map((value) => value + 0);

/** Step t of a window [T,B,…], as [B,H,W,C]. */
function stepOf(grid: Nd, t: number): Nd {
  const shape = grid.shape.slice(1);
  const size = shape.reduce((product, n) => product * n, 1);
  return nd(shape.length === 3 ? [shape[0]!, 1, shape[1]!, shape[2]!] : shape, grid.data.slice(t * size, (t + 1) * size));
}

function window(source: Source, steps: number, batch: number, grids: Record<number, number[]>): Grids {
  return new Map(Object.entries(grids).map(([level, shape]) => [Number(level), source.normal([steps, batch, ...shape])]));
}

/** Random weights for a sum over all grids, so that every output counts. */
function weighted(y: Pyramid, seed: number): Tensor {
  const source = new Source(seed);
  return y.levels.map((level) => sum(mul(y.at(level), tensor(source.normal(y.at(level).shape))))).reduce((a, b) => add(a, b));
}

describe('the input of a multigrid grid', () => {
  it('is coarse-up, same, fine-down, in this order', () => {
    const constant = (level: number): Nd => build([1, 3 * 2 ** level, 3 * 2 ** level, 1], () => 10 ** level);
    const sources: Grids = new Map([0, 1, 2].map((level) => [level, constant(level)]));
    const input = [0, 1, 2].map((level) => ({ level, channels: 1 }));
    const layer = new MultigridConv({
      input,
      output: [0, 1, 2, 3],
      channels: 1,
      kernelSize: 1,
      activation: 'none',
      dtype: 'float64',
    });
    for (const [name, parameter] of layer.namedParameters()) {
      parameter.copyFrom(name.endsWith('bias') ? new Float64Array(1) : Float64Array.of(2, 3, 5).slice(0, parameter.size));
    }
    const y = layer.forward(pyramid(sources));
    const value = (level: number): number[] => [...new Set(y.at(level).dataSync())];
    expect([0, 1, 2, 3].map(value)).toEqual([[2 * 1 + 3 * 10], [2 * 1 + 3 * 10 + 5 * 100], [2 * 10 + 3 * 100], [2 * 100]]);
  });

  it('of several pyramids is joined source by source, the first pyramid first', () => {
    const ones = (value: number): Grids => new Map([3, 6].map((side, level) => [level, build([1, side, side, 1], () => value)]));
    const input = [0, 1].map((level) => ({ level, channels: 2 }));
    const layer = new MultigridConv({ input, output: [1], channels: 1, kernelSize: 1, activation: 'none', dtype: 'float64' });
    for (const [name, parameter] of layer.namedParameters()) {
      parameter.copyFrom(name.endsWith('bias') ? new Float64Array(1) : Float64Array.of(1, 10, 100, 1000));
    }
    const [y] = layer.forward([pyramid(ones(2)), pyramid(ones(3))]).at(1).dataSync();
    expect(y).toBe(2 * 1 + 3 * 10 + 2 * 100 + 3 * 1000);
  });
});

describe('MultigridConv', () => {
  it('equals nested loops in 2-D and 1-D', () => {
    const input = [{ level: 0, channels: 2 }, { level: 1, channels: 3 }];
    const square = new MultigridConv({ input, output: [0, 1, 2], channels: 2, side: 2, dtype: 'float64', rng: new Rng(1) });
    const x = new Map([[0, new Source(2).normal([3, 2, 2, 2])], [1, new Source(3).normal([3, 4, 4, 3])]]);
    const expected = convLayer(x, weightsOf(square), [0, 1, 2], 'relu');
    const y = square.forward(pyramid(x));
    for (const level of [0, 1, 2]) expectClose(toNd(y.at(level)), expected.get(level)!, 1e-13);

    const line = new MultigridConv({
      input,
      output: [0, 1, 2],
      channels: 2,
      dimensions: 1,
      activation: 'none',
      dtype: 'float64',
      rng: new Rng(4),
    });
    const z = new Map([[0, new Source(5).normal([3, 1, 1, 2])], [1, new Source(6).normal([3, 1, 2, 3])]]);
    const rows = new Map([...z].map(([level, grid]) => [level, nd([3, ...grid.shape.slice(2)], grid.data)]));
    const lines = convLayer(z, weightsOf(line), [0, 1, 2], 'none', 1);
    const out = line.forward(pyramid(rows));
    for (const level of [0, 1, 2]) {
      const got = toNd(out.at(level));
      expectClose(nd([got.shape[0]!, 1, ...got.shape.slice(1)], got.data), lines.get(level)!, 1e-13);
    }
  });

  it('takes a window as so many images', () => {
    const input = [{ level: 0, channels: 2 }];
    const layer = new MultigridConv({ input, output: [0, 1], channels: 3, dtype: 'float64', rng: new Rng(7) });
    const x = new Source(8).normal([4, 2, 3, 3, 2]);
    const [a, b] = [layer.forward(pyramid(new Map([[0, x]]))), layer.forward(pyramid(new Map([[0, nd([8, 3, 3, 2], x.data)]])))];
    expect(a.at(1).shape).toEqual([4, 2, 6, 6, 3]);
    for (const level of [0, 1]) expect(a.at(level).dataSync()).toEqual(b.at(level).dataSync());
  });

  it('has the gradients of finite differences, with batch norm after the activation', () => {
    const input = [{ level: 0, channels: 1 }, { level: 1, channels: 2 }];
    for (const norm of ['none', { kind: 'batch' }] as const) {
      const layer = new MultigridConv({ input, output: [0, 1, 2], channels: 2, side: 2, norm, dtype: 'float64' });
      randomize(layer, 9);
      const x = new Map([[0, new Source(10).normal([2, 2, 2, 1])], [1, new Source(11).normal([2, 4, 4, 2])]]);
      expect(worstGradientError(layer, () => weighted(layer.forward(pyramid(x)), 12)).error).toBeLessThanOrEqual(1e-7);
    }
  });
});

describe.each(['off', 'required'] as const)('MultigridConvLSTM, fused %s', (fused) => {
  for (const dimensions of [2, 1] as const) {
    for (const peephole of ['none', 'channel'] as const) {
      const grid = (level: number, C: number): number[] => (dimensions === 2 ? [2 ** level, 2 ** level, C] : [2 ** level, C]);
      const input = [{ level: 0, channels: 2 }, { level: 1, channels: 1 }];
      const make = () =>
        new MultigridConvLSTM({
          input,
          output: [0, 1, 2],
          channels: 2,
          side: 1,
          dimensions,
          peephole,
          fused,
          dtype: 'float64',
        });
      const name = `${dimensions}-D, peephole ${peephole}`;

      it(`equals nested loops over four steps, ${name}`, () => {
        const layer = make();
        randomize(layer, 20);
        const x = window(new Source(21), 4, 3, { 0: grid(0, 2), 1: grid(1, 1) });
        const { y, state } = layer.forward(pyramid(x));
        let naive = zeroState([0, 1, 2], (level) => (dimensions === 2 ? [2 ** level, 2 ** level] : [1, 2 ** level]), 3, 2);
        for (let t = 0; t < 4; t++) {
          const step = new Map([...x].map(([level, values]) => [level, stepOf(values, t)]));
          naive = convLstmStep(step, naive, weightsOf(layer), [0, 1, 2], dimensions);
          for (const level of [0, 1, 2]) expectClose(stepOf(toNd(y.at(level)), t), naive.hidden.get(level)!, 1e-12);
        }
        for (const level of [0, 1, 2]) {
          const { shape, data } = naive.cell.get(level)!;
          expectClose(nd(shape, state.cell.at(level).dataSync()), nd(shape, data), 1e-12);
        }
      });

      it(`has the gradients of finite differences on three levels over three steps, ${name}`, () => {
        const layer = make();
        randomize(layer, 22);
        const x = window(new Source(23), 3, 2, { 0: grid(0, 2), 1: grid(1, 1) });
        const loss = (): Tensor => {
          const { y, state } = layer.forward(pyramid(x));
          return add(weighted(y, 24), weighted(state.cell, 25));
        };
        expect(worstGradientError(layer, loss).error).toBeLessThanOrEqual(1e-7);
      });
    }
  }

  const layer = (): MultigridConvLSTM =>
    new MultigridConvLSTM({
      input: [{ level: 0, channels: 2 }],
      output: [0, 1],
      channels: 3,
      fused,
      dtype: 'float64',
      rng: new Rng(30),
    });

  it('runs a window, its steps and its halves to the same numbers', () => {
    const mg = layer();
    const x = new Source(31).normal([40, 2, 3, 3, 2]);
    const part = (from: number, to: number): Pyramid =>
      pyramid(new Map([[0, nd([to - from, 2, 3, 3, 2], x.data.slice(36 * from, 36 * to))]]));
    const whole = mg.forward(part(0, 40));
    const first = mg.forward(part(0, 20));
    const second = mg.forward(part(20, 40), first.state.detach());
    let state = mg.initialState(2);
    const steps: Pyramid[] = [];
    for (let t = 0; t < 40; t++) {
      const result = mg.step(Pyramid.of({ 0: tensor(nd([2, 3, 3, 2], x.data.slice(36 * t, 36 * t + 36))) }), state);
      state = result.state;
      steps.push(result.y);
    }
    for (const level of [0, 1]) {
      const expected = all(whole.y.at(level));
      expect([...all(first.y.at(level)), ...all(second.y.at(level))]).toEqual(expected);
      expect(steps.flatMap((y) => all(y.at(level)))).toEqual(expected);
      for (const other of [second.state, state]) {
        expect(other.hidden.at(level).dataSync()).toEqual(whole.state.hidden.at(level).dataSync());
        expect(other.cell.at(level).dataSync()).toEqual(whole.state.cell.at(level).dataSync());
      }
    }
  });

  it('normalizes what it gives, not what it carries', () => {
    const [plain, normed] = (['none', { kind: 'batch' }] as const).map((norm) =>
      new MultigridConvLSTM({
        input: [{ level: 0, channels: 2 }],
        output: [0, 1],
        channels: 3,
        norm,
        fused,
        dtype: 'float64',
        rng: new Rng(33),
      })
    );
    const x = tensor(new Source(34).normal([5, 2, 3, 3, 2]));
    const [a, b] = [plain!.forward(Pyramid.of({ 0: x })), normed!.forward(Pyramid.of({ 0: x }))];
    expect(b.state.hidden.at(1).dataSync()).toEqual(a.state.hidden.at(1).dataSync());
    const values = [...b.y.at(1).dataSync()];
    for (let c = 0; c < 3; c++) {
      const channel = values.filter((_, i) => i % 3 === c);
      expect(Math.abs(channel.reduce((total, v) => total + v, 0) / channel.length)).toBeLessThan(1e-12);
    }
  });

  it('refuses grids, states and lengths that do not fit', async () => {
    const mg = layer();
    const x = Pyramid.of({ 0: Tensor.zeros([2, 2, 3, 3, 2], { dtype: 'float64' }) });
    const CASES: readonly (readonly [string, () => unknown])[] = [
      ['ERR_MG_SHAPE', () => mg.forward(Pyramid.of({ 0: Tensor.zeros([2, 2, 3, 3, 1], { dtype: 'float64' }) }))],
      ['ERR_MG_SHAPE', () => mg.forward(Pyramid.of({ 0: Tensor.zeros([2, 2, 6, 6, 2], { dtype: 'float64' }) }))],
      ['ERR_MG_SHAPE', () => mg.forward(Pyramid.of({ 1: Tensor.zeros([2, 2, 6, 6, 2], { dtype: 'float64' }) }))],
      ['ERR_MG_SHAPE', () => mg.forward(Pyramid.of({ 0: Tensor.zeros([2, 3, 3, 2], { dtype: 'float64' }) }))],
      ['ERR_MG_SHAPE', () => mg.forward(Pyramid.of({ 0: Tensor.zeros([0, 2, 3, 3, 2], { dtype: 'float64' }) }))],
      ['ERR_MG_SHAPE', () => mg.forward(x, mg.initialState(3))],
      ['ERR_MG_DTYPE', () => mg.forward(Pyramid.of({ 0: Tensor.zeros([2, 2, 3, 3, 2]) }))],
      ['ERR_MG_SHAPE', () => mg.forward(Pyramid.of({ 0: x.at(0), 1: Tensor.zeros([2, 2, 6, 6, 2], { dtype: 'float64' }) }))],
      ['ERR_MG_ARGUMENT', () => mg.forward(x, undefined, { lengths: Int32Array.of(1, 3) })],
      ['ERR_MG_ARGUMENT', () => mg.forward(x, undefined, { lengths: [1, 2] as never })],
      ['ERR_MG_ARGUMENT', () => mg.initialState(0)],
    ];
    for (const [code, call] of CASES) expect((await errorOf(call)).code).toBe(code);
  });
});

describe('MultigridConvLSTM', () => {
  it('keeps the state of rows that have ended and gives zeros for them', () => {
    const mg = new MultigridConvLSTM({
      input: [{ level: 0, channels: 2 }],
      output: [0, 1],
      channels: 3,
      dtype: 'float64',
      rng: new Rng(30),
    });
    const x = new Source(32).normal([4, 2, 3, 3, 2]);
    const both = mg.forward(Pyramid.of({ 0: tensor(x) }), undefined, { lengths: Int32Array.of(1, 4) });
    const rowOf = (b: number, steps: number): Pyramid =>
      pyramid(new Map([[0, build([steps, 1, 3, 3, 2], (t, _, i, j, c) => at(x, t!, b, i!, j!, c!))]]));
    const [short, long] = [mg.forward(rowOf(0, 1)), mg.forward(rowOf(1, 4))];
    for (const level of [0, 1]) {
      expect(all(both.state.cell.at(level))).toEqual([...all(short.state.cell.at(level)), ...all(long.state.cell.at(level))]);
      const [y, other] = [all(both.y.at(level)), all(long.y.at(level))];
      const size = other.length / 4;
      for (let t = 0; t < 4; t++) {
        expect(y.slice(2 * t * size, (2 * t + 1) * size)).toEqual(t < 1 ? all(short.y.at(level)) : Array(size).fill(0));
        expect(y.slice((2 * t + 1) * size, (2 * t + 2) * size)).toEqual(other.slice(t * size, (t + 1) * size));
      }
    }
  });

  it('refuses lengths under statistics of the window', async () => {
    const x = Pyramid.of({ 0: Tensor.zeros([2, 2, 3, 3, 2], { dtype: 'float64' }) });
    const normed = new MultigridConvLSTM({
      input: [{ level: 0, channels: 2 }],
      output: [0],
      channels: 1,
      norm: { kind: 'batch' },
      dtype: 'float64',
    });
    const error = await errorOf(() => normed.forward(x, undefined, { lengths: Int32Array.of(1, 2) }));
    expect(error.message).toMatch(/running averages/);
  });

  it('gives the same fused as grid by grid for joined pyramids under batch norm', () => {
    const input = [{ level: 0, channels: 3 }, { level: 1, channels: 1 }];
    const [a, b] = (['required', 'off'] as const).map((fused) => {
      const options = { output: [0, 1, 2], channels: 2, norm: { kind: 'batch' }, peephole: 'channel', dtype: 'float64' } as const;
      const layer = new MultigridConvLSTM({ input, ...options, fused, rng: new Rng(40) });
      const source = new Source(41);
      const own = Pyramid.of({ 0: tensor(source.normal([3, 2, 3, 3, 1])), 1: tensor(source.normal([3, 2, 6, 6, 1])) });
      return layer.forward([own, Pyramid.of({ 0: tensor(source.normal([3, 2, 3, 3, 2])) })]);
    });
    for (const level of [0, 1, 2]) {
      expectClose(toNd(a!.y.at(level)), toNd(b!.y.at(level)), 1e-11);
      expectClose(toNd(a!.state.cell.at(level)), toNd(b!.state.cell.at(level)), 1e-12);
    }
  });

  it('says why it cannot run fused when it must', async () => {
    const options = { input: [{ level: 1, channels: 1 }], channels: 1, fused: 'required' } as const;
    const gap = new MultigridConvLSTM({ ...options, output: [0, 2] });
    const running = new MultigridConvLSTM({ ...options, output: [1], norm: { kind: 'batch', mode: 'running' } });
    const x = Pyramid.of({ 1: Tensor.zeros([1, 2, 6, 6, 1]) });
    for (const [layer, reason] of [[gap, 'gap'], [running, 'statistics']] as const) {
      const { code, message } = await errorOf(() => layer.forward(x));
      expect([code, message]).toEqual(['ERR_MG_DEVICE', expect.stringContaining(reason)]);
    }
  });
});

describe('Pyramid', () => {
  const grids = (): Pyramid => Pyramid.of({ 2: Tensor.zeros([1, 12, 12, 1]), 1: Tensor.full([1, 6, 6, 2], 3) });

  it('lists its levels coarsest first and names them when another is asked for', async () => {
    expect(grids().levels).toEqual([1, 2]);
    expect(grids().at(1).shape).toEqual([1, 6, 6, 2]);
    expect((await errorOf(() => grids().at(0))).message).toMatch(/1, 2/);
  });

  it('joins on channels where both have the level', () => {
    const joined = grids().concat(Pyramid.of({ 1: Tensor.zeros([1, 6, 6, 4]), 3: Tensor.zeros([1, 24, 24, 1]) }));
    expect(joined.levels.map((level) => joined.at(level).shape.at(-1))).toEqual([6, 1, 1]);
    expect(joined.within([2, 3])?.levels).toEqual([2, 3]);
    expect(joined.within([0])).toBeUndefined();
  });

  it('refuses what is not a level, a tensor, or of one rank', async () => {
    expect((await errorOf(() => Pyramid.of({ '-1': Tensor.zeros([1]) } as never))).code).toBe('ERR_MG_ARGUMENT');
    expect((await errorOf(() => Pyramid.of({ 0: 3 } as never))).code).toBe('ERR_MG_ARGUMENT');
    expect((await errorOf(() => Pyramid.of({}))).code).toBe('ERR_MG_ARGUMENT');
    expect((await errorOf(() => Pyramid.of({ 0: Tensor.zeros([1]), 1: Tensor.zeros([1, 1]) }))).code).toBe('ERR_MG_SHAPE');
  });
});

describe('MultigridState', () => {
  const make = (): MultigridState => {
    const grid = (level: number, shift: number): Tensor =>
      tensor(build([3, 2 ** level, 2], (b, l, c) => 100 * b! + 10 * l! + c! + shift));
    return new MultigridState(Pyramid.of({ 0: grid(0, 0), 1: grid(1, 0) }), Pyramid.of({ 0: grid(0, 0.5), 1: grid(1, 0.5) }));
  };

  it('selects batch rows in the order asked for', () => {
    const picked = make().select([2, 0, 2]);
    expect([...picked.cell.at(0).dataSync()]).toEqual([200.5, 201.5, 0.5, 1.5, 200.5, 201.5]);
  });

  it('resets batch rows to zero, also those that are not finite, and leaves the others', () => {
    const pair = (a: number, b: number): Pyramid => Pyramid.of({ 0: Tensor.from([[[a]], [[b]]]) });
    const state = new MultigridState(pair(Number.NaN, 7), pair(1, 2));
    state.reset([0]);
    expect([[...state.hidden.at(0).dataSync()], [...state.cell.at(0).dataSync()]]).toEqual([[0, 7], [0, 2]]);
  });

  it('goes to named tensors and back', async () => {
    const state = make();
    expect([...state.toTensors().keys()]).toEqual(['level0.hidden', 'level0.cell', 'level1.hidden', 'level1.cell']);
    const back = MultigridState.fromTensors(state.toTensors());
    expect(back.cell.at(1)).toBe(state.cell.at(1));
    const half = new Map([...state.toTensors()].slice(0, 3));
    const error = await errorOf(() => MultigridState.fromTensors(half));
    expect([error.code, error.message]).toEqual(['ERR_MG_CHECKPOINT', expect.stringContaining('level1.cell')]);
    const foreign = new Map([['hidden', Tensor.zeros([1])]]);
    expect((await errorOf(() => MultigridState.fromTensors(foreign))).code).toBe('ERR_MG_CHECKPOINT');
  });

  it('is cut from the graph by detach', () => {
    const layer = new MultigridConvLSTM({ input: [{ level: 0, channels: 1 }], output: [0], channels: 1 });
    const { state } = layer.forward(Pyramid.of({ 0: Tensor.zeros([1, 1, 3, 3, 1]) }));
    expect([state.hidden.at(0).requiresGrad, state.detach().hidden.at(0).requiresGrad]).toEqual([true, false]);
  });

  it('refuses rows that are not there', async () => {
    for (const items of [[3], [-1], [], [0.5], '0']) {
      expect((await errorOf(() => make().select(items as never))).code).toBe('ERR_MG_ARGUMENT');
    }
  });
});
