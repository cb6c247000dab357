import { describe, expect, it } from 'vitest';
import { noGrad, scope } from '../../../lib/autograd/index.js';
import {
  MultigridMemory,
  MultigridMemoryState,
  planModel,
  presets,
  type MultigridConfig,
  type MultigridInputs,
  type Recurrent,
} from '../../../lib/models/index.js';
import { Pyramid } from '../../../lib/nn/index.js';
import { add, bceWithLogits, crossEntropy, mul, slice, sum } from '../../../lib/ops/index.js';
import { Rng } from '../../../lib/tensor/rng.js';
import { Tensor } from '../../../lib/tensor/tensor.js';
import type { TrainableModel } from '../../../lib/train/model.js';
import { errorOf } from '../../helpers/files.js';
import { directionalError, expectClose, randomize, toNd, weightsOf, worstGradientError } from '../../helpers/modules.js';
import { nd, Source, type Nd } from '../../helpers/nd.js';
import type { Grids } from '../../nn/naive-multigrid.js';
import { initial, output, step } from './naive-memory.js';

/** Small models, one of each family. */
const FAMILIES: Readonly<Record<string, MultigridConfig>> = {
  'writer and reader with shortcuts': {
    input: { 0: 2 },
    baseSide: 2,
    writer: [[0, 0, 2], [0, 1, 2], [0, 1, 3], [0, 2, 3], [0, 2, 4]],
    front: [[0, 0, 1], [0, 1, 2], [0, 1, 3], [0, 2, 3], [0, 2, 8]],
    tail: [[0, 2, 3], [1, 2, 3], [1, 2, 3], [2, 2, 1]],
    shortcuts: { tail: [[3, 1]] },
  },
  'writer and two readers': {
    input: { 0: 2, 1: 1 },
    baseSide: 1,
    writer: [[0, 1, 2], [0, 1, 2], [0, 2, 2]],
    front: [[0, 1, 2], [0, 1, 2], [0, 2, 4]],
    tail: [[1, 2, 2], [2, 2, 1]],
    secondReader: { input: { 1: 3 }, front: [[1, 1, 2], [1, 2, 2]], mem: [2, 3], tail: [[1, 2, 3], [2, 2, 2]] },
  },
  'encoder and decoder': {
    input: { 0: 2 },
    baseSide: 2,
    encoder: [[0, 1, 2], [0, 1, 2], [0, 2, 2]],
    tail: [[0, 1, 3], [0, 1, 3], [0, 0, 3], [0, 0, 3], [0, 0, 1]],
  },
  'one 1-D network': {
    dims: 1,
    input: { 0: 4 },
    lstm: [[0, 1, 2], [0, 1, 3], [0, 2, 3]],
    tail: [[0, 2, 3], [0, 1, 3], [0, 0, 4]],
  },
};
const PEEPHOLES: MultigridConfig = { ...FAMILIES['writer and reader with shortcuts']!, peephole: 'channel' };
const WITH_NORM: Readonly<Record<string, MultigridConfig>> = {
  'recall with batch norm and a head': {
    input: { 0: 1, 1: 1 },
    bn: true,
    writer: [[0, 1, 2], [0, 1, 2], [0, 1, 4]],
    front: [[0, 1, 2], [0, 1, 2], [0, 1, 4]],
    tail: [[0, 1, 4], [0, 0, 3]],
    fc: [27, 5],
    read: 'last',
  },
  'sorting with batch norm and a head': {
    input: { 0: 1 },
    bn: true,
    encoder: [[0, 1, 2], [0, 1, 2]],
    tail: [[0, 1, 3], [0, 0, 2]],
    fc: [18, 5],
  },
  'a 1-D network normalized over sequences': {
    dims: 1,
    bn: 'sequence',
    input: { 0: 4 },
    lstm: [[0, 1, 2], [0, 2, 3], [0, 2, 3]],
    tail: [[0, 1, 3], [0, 0, 4]],
  },
};

const extent = (config: MultigridConfig, level: number): number[] => {
  const side = (config.baseSide ?? (config.dims === 1 ? 1 : 3)) * 2 ** level;
  return config.dims === 1 ? [side] : [side, side];
};

function hostWindow(
  config: MultigridConfig,
  input: Readonly<Record<string, number>>,
  lead: readonly number[],
  source: Source,
): Map<number, Nd> {
  return new Map(
    Object.entries(input).map((
      [level, channels],
    ) => [Number(level), source.normal([...lead, ...extent(config, Number(level)), channels])]),
  );
}

const upload = (grids: ReadonlyMap<number, Nd>, dtype: 'float32' | 'float64' = 'float64'): Pyramid =>
  Pyramid.of(Object.fromEntries([...grids].map(([level, grid]) => [level, Tensor.from(grid.data, grid.shape, { dtype })])));

/** Inputs of a window for a configuration, as host arrays: writer input, then one query for each reader. */
function hostInputs(config: MultigridConfig, steps: number, batch: number, seed: number): Map<number, Nd>[] {
  const source = new Source(seed);
  const lead = [steps, batch];
  const asked = config.read === 'last' ? [1, batch] : lead;
  const inputs = [hostWindow(config, config.input!, lead, source)];
  if (config.writer !== undefined) inputs.push(hostWindow(config, config.input!, asked, source));
  if (config.secondReader !== undefined) inputs.push(hostWindow(config, config.secondReader.input, asked, source));
  return inputs;
}

const toInputs = (
  [input, ...queries]: readonly Map<number, Nd>[],
  dtype: 'float32' | 'float64' = 'float64',
): MultigridInputs => ({ input: upload(input!, dtype), queries: queries.map((query) => upload(query, dtype)) });

/** Steps from … to of a window of host arrays. */
function cut(grids: ReadonlyMap<number, Nd>, from: number, to: number): Map<number, Nd> {
  return new Map([...grids].map(([level, { shape, data }]) => {
    const size = data.length / shape[0]!;
    return [level, nd([to - from, ...shape.slice(1)], data.slice(from * size, to * size))];
  }));
}

/** One step of a window as naive [B,H,W,C] grids. */
function naiveStep(grids: ReadonlyMap<number, Nd>, t: number, dims: number | undefined): Grids {
  return new Map(
    [...cut(grids, t, t + 1)].map((
      [level, { shape, data }],
    ) => [level, nd(dims === 1 ? [shape[1]!, 1, ...shape.slice(2)] : shape.slice(1), data)]),
  );
}

/** All logits of a model by nested loops. */
function naiveLogits(
  config: MultigridConfig,
  model: MultigridMemory,
  inputs: readonly Map<number, Nd>[],
  steps: number,
  batch: number,
): number[][] {
  const weights = weightsOf(model);
  const [first, ...others] = model.plan.networks;
  let state = initial(model.plan, first!, batch);
  const logits: number[][] = [];
  const put = (k: number, values: Nd): void => {
    (logits[k] ??= []).push(...values.data);
  };
  for (let t = 0; t < steps; t++) {
    const run = step(model.plan, first!, weights, naiveStep(inputs[0]!, t, config.dims), state);
    state = run.state;
    if (model.plan.kind === 'single') put(0, output(run.outputs));
    if (model.plan.kind !== 'writerReader') continue;
    others.forEach((reader, k) => {
      put(k, output(step(model.plan, reader, weights, naiveStep(inputs[k + 1]!, t, config.dims), [], run.outputs).outputs));
    });
  }
  if (model.plan.kind !== 'encoderDecoder') return logits;
  for (let t = 0; t < steps; t++) {
    const zero = new Map([...naiveStep(inputs[0]!, 0, config.dims)].map(([level, grid]) => [level, nd(grid.shape, () => 0)]));
    const run = step(model.plan, others[0]!, weights, zero, state);
    state = run.state;
    put(0, output(run.outputs));
  }
  return logits;
}

/** A scalar that depends on every logit and on the carried cells. */
function lossOf(model: MultigridMemory, inputs: readonly Map<number, Nd>[], seed: number): () => Tensor {
  return () => {
    const { logits, state } = model.forward(toInputs(inputs));
    const source = new Source(seed);
    const weigh = (x: Tensor): Tensor => sum(mul(x, Tensor.from(source.normal(x.shape).data, x.shape)));
    return [...logits, ...state.layers.flatMap((layer) => layer.cell.tensors())].map(weigh).reduce((a, b) => add(a, b));
  };
}

describe.each(['off', 'required'] as const)('MultigridMemory, fused %s', (fused) => {
  for (const [name, config] of Object.entries({ ...FAMILIES, 'writer and reader with peepholes': PEEPHOLES })) {
    it(`equals nested loops, step by step: ${name}`, () => {
      using _ = scope();
      const model = new MultigridMemory(config, { fused, dtype: 'float64' });
      randomize(model, 1);
      const inputs = hostInputs(config, 3, 2, 2);
      const { logits } = model.forward(toInputs(inputs));
      const expected = naiveLogits(config, model, inputs, 3, 2);
      expect(logits.length).toBe(expected.length);
      logits.forEach((y, k) => expectClose(nd([y.size], y.dataSync()), nd([expected[k]!.length], expected[k]!), 1e-11));
      model.dispose();
    });

    it(`has the directional derivative of a finite difference over 20 steps: ${name}`, () => {
      const model = new MultigridMemory(config, { fused, dtype: 'float64' });
      randomize(model, 3);
      expect(directionalError(model, lossOf(model, hostInputs(config, 20, 2, 4), 5), 6)).toBeLessThanOrEqual(1e-6);
      model.dispose();
    });
  }

  for (const [name, config] of Object.entries(WITH_NORM)) {
    it(`has the directional derivative of a finite difference over 20 steps: ${name}`, () => {
      const model = new MultigridMemory(config, { fused, dtype: 'float64' });
      randomize(model, 7);
      const batch = fused === 'required' && config.bn === 'sequence' ? 1 : 3;
      expect(directionalError(model, lossOf(model, hostInputs(config, 20, batch, 8), 9), 10)).toBeLessThanOrEqual(1e-6);
      model.dispose();
    });
  }

  it('has the gradients of finite differences in a two-layer writer and reader with shortcuts', () => {
    const two: MultigridConfig = {
      input: { 0: 1 },
      baseSide: 1,
      writer: [[0, 0, 1], [0, 1, 2]],
      front: [[0, 0, 1], [0, 1, 2]],
      tail: [[0, 1, 2], [1, 1, 1]],
      shortcuts: { writer: [[2, 1]], front: [[2, 1]] },
    };
    const model = new MultigridMemory(two, { fused, dtype: 'float64' });
    expect(model.plan.networks.map((network) => network.layers[1]!.shortcut?.source)).toEqual([1, 1]);
    randomize(model, 11);
    const { error, where } = worstGradientError(model, lossOf(model, hostInputs(two, 3, 2, 12), 13));
    expect(error, where).toBeLessThanOrEqual(1e-7);
  });

  it('runs a window, its steps and its halves to the same numbers', () => {
    using _ = scope();
    const config = FAMILIES['writer and reader with shortcuts']!;
    for (const dtype of ['float64', 'float32'] as const) {
      const model = new MultigridMemory(config, { fused, dtype, rng: new Rng(14) });
      const host = hostInputs(config, 40, 2, 15);
      const part = (from: number, to: number): MultigridInputs => toInputs(host.map((grids) => cut(grids, from, to)), dtype);
      const whole = model.forward(part(0, 40));
      const first = model.forward(part(0, 20));
      const second = model.forward(part(20, 40), first.state.detach());
      expect([...first.y.dataSync(), ...second.y.dataSync()]).toEqual([...whole.y.dataSync()]);
      let state = model.initialState(2);
      const steps: number[] = [];
      for (let t = 0; t < 40; t++) {
        const { input, queries } = part(t, t + 1);
        const one = (pyramid: Pyramid): Pyramid => pyramid.map((grid) => Tensor.from(grid.dataSync(), grid.shape.slice(1)));
        const asked = queries!.map((query) => one(query as Pyramid));
        const result = model.step({ input: one(input as Pyramid), queries: asked }, state);
        steps.push(...result.y.dataSync());
        state = result.state;
      }
      expect(steps).toEqual([...whole.y.dataSync()]);
      const values = (carried: MultigridMemoryState): unknown => carried.tensors().map((tensor) => tensor.dataSync());
      for (const carried of [state, second.state]) expect(values(carried)).toEqual(values(whole.state));
    }
  });

  it('cuts gradients between windows', () => {
    using _ = scope();
    const config = FAMILIES['writer and reader with shortcuts']!;
    const model = new MultigridMemory(config, { fused, dtype: 'float64', rng: new Rng(16) });
    const { state } = model.forward(toInputs(hostInputs(config, 2, 1, 17)));
    expect(state.tensors().every((tensor) => tensor.requiresGrad)).toBe(true);
    expect(state.detach().tensors().some((tensor) => tensor.requiresGrad)).toBe(false);
  });

  it('adds a shortcut to what leaves a layer, never to what it carries', () => {
    using _ = scope();
    const config: MultigridConfig = {
      input: { 0: 2 },
      writer: [[0, 1, 3], [0, 1, 3], [0, 1, 3]],
      front: [[0, 1, 1]],
      mem: [null],
      tail: [[0, 0, 1]],
    };
    const model = new MultigridMemory(config, { fused, dtype: 'float64' });
    randomize(model, 18);
    for (const [name, parameter] of model.namedParameters()) {
      if (/^writer\.2\..*kernel$/.test(name)) parameter.copyFrom(new Float64Array(parameter.size));
    }
    const x = upload(hostWindow(config, { 0: 2 }, [3, 2], new Source(19)));
    const before = model.write(x);
    const bias = model.stateDict().get('writer.1.level0.bias')!;
    bias.copyFrom(bias.dataSync().map((value) => value + 1));
    const after = model.write(x);
    const grids = (run: typeof before, k: number) => [0, 1].map((level) => [...run.memory[k]!.at(level).dataSync()]);
    const carried = (run: typeof before) => run.state.layers[2]!.tensors().map((tensor) => [...tensor.dataSync()]);
    expect(grids(after, 1)).toEqual(grids(before, 1));
    expect(grids(after, 2)[0]).not.toEqual(grids(before, 2)[0]);
    expect(carried(after)).toEqual(carried(before));
    const source = before.memory[0]!.at(0).dataSync();
    const hidden = [...before.memory[2]!.at(0).dataSync().map((value, i) => value - source[i]!)];
    const last = toNd(before.state.layers[2]!.hidden.at(0));
    expectClose(nd(last.shape, hidden.slice(-last.data.length)), last, 1e-14);
  });

  it('answers a query without more steps from the memory after the last step', () => {
    using _ = scope();
    const config = FAMILIES['writer and reader with shortcuts']!;
    const model = new MultigridMemory(config, { fused, dtype: 'float64', rng: new Rng(20) });
    const [input, query] = hostInputs(config, 4, 2, 21);
    const every = model.forward(toInputs([input!, query!]));
    const once = model.forward(toInputs([input!, cut(query!, 3, 4)]));
    expect(once.y.shape).toEqual([1, 2, 8, 8, 1]);
    expect([...once.y.dataSync()]).toEqual([...every.y.dataSync()].slice(-once.y.size));
  });

  it.each(['writer and reader with shortcuts', 'recall with batch norm and a head'])(
    'asks at the steps it is told, any number of times: %s',
    (name) => {
      using _ = scope();
      const config = { ...FAMILIES, ...WITH_NORM }[name]!;
      const model = new MultigridMemory(config, { fused, dtype: 'float64', rng: new Rng(20) });
      const host = hostInputs(config, 4, 2, 21);
      const queries = hostWindow(config, config.input!, [5, 2], new Source(22));
      const askedAt = [3, 1, 3, 0, 3];
      const input = upload(host[0]!);
      const result = model.forward({ input, queries: [upload(queries)], askedAt: [askedAt] });
      result.y.mul(result.y).sum().backward();
      const gradients = new Map([...model.namedParameters()].map(([key, parameter]) => [key, toNd(parameter.grad!)]));
      for (const parameter of model.parameters()) parameter.grad = null;
      // the same questions one by one, each of the last of the steps up to its own
      const answers = askedAt.flatMap((step, q) => {
        const memory = model.write(input).memory.map((pyramid) =>
          pyramid.map((grid) => (
            slice(grid, grid.shape.map(() => 0), [step + 1, ...grid.shape.slice(1)])
          ))
        );
        const y = model.read(memory, upload(cut(queries, q, q + 1)));
        y.mul(y).sum().backward();
        return [...y.dataSync()];
      });
      expect([...result.y.dataSync()]).toEqual(answers);
      for (const [key, parameter] of model.namedParameters()) {
        expectClose(gradients.get(key)!, toNd(parameter.grad!), 1e-11);
      }
    },
  );

  it('runs the decoder for as many steps as answers are asked for', () => {
    using _ = scope();
    const config = FAMILIES['encoder and decoder']!;
    const model = new MultigridMemory(config, { fused, dtype: 'float64', rng: new Rng(22) });
    const { input } = toInputs(hostInputs(config, 4, 2, 23));
    const [long, short] = [model.forward({ input, queries: [], outputSteps: 6 }), model.forward({ input, outputSteps: 2 })];
    expect([long.y.shape, short.y.shape]).toEqual([[6, 2, 2, 2, 1], [2, 2, 2, 2, 1]]);
    expect([...short.y.dataSync()]).toEqual([...long.y.dataSync()].slice(0, short.y.size));
  });
});

describe('MultigridMemory', () => {
  it('has the parameters of its plan: names, shapes and counts', () => {
    const own = [FAMILIES['writer and two readers']!, PEEPHOLES];
    for (const config of ['map9', 'mnist-recall', 'mnist-sort', 'babi', 'recall-8k', ...own]) {
      using model = new MultigridMemory(config);
      const plan = planModel(config);
      const expected = plan.parameters.map(({ name, shape }) => [name, shape]);
      expect([...model.namedParameters()].map(([name, { shape }]) => [name, shape])).toEqual(expected);
      expect(model.count()).toEqual(plan.counts);
    }
  });

  it('can be built from every preset', () => {
    for (const { name, parameters, memory } of presets()) {
      using model = new MultigridMemory(name);
      expect(model.count(), name).toEqual({ parameters, memory });
    }
  });

  it('starts from bits that depend on the seed and the name alone', () => {
    const rng = (): Rng => new Rng(24);
    const [a, b] = [new MultigridMemory('map15-8k', { rng: rng() }), new MultigridMemory('map25-8k', { rng: rng() })];
    const bits = (model: MultigridMemory, name: string): unknown => model.stateDict().get(name)!.dataSync();
    for (const name of ['writer.5.level3.kernel', 'reader.5.level1.bias']) expect(bits(a, name)).toEqual(bits(b, name));
    const other = new MultigridMemory('map15-8k', { rng: new Rng(25) });
    expect(bits(other, 'writer.1.level0.kernel')).not.toEqual(bits(a, 'writer.1.level0.kernel'));
  });

  it('computes with its new tensors after a conversion', async () => {
    using _ = scope();
    const make = (fused: 'required' | 'off'): MultigridMemory => new MultigridMemory('map9', { rng: new Rng(7), fused });
    const run = (model: MultigridMemory, dtype: 'float32' | 'float64'): Tensor => {
      const x = Tensor.uniform([2, 1, 3, 3, 4], [0, 1], new Rng(8), { dtype });
      return noGrad(() => model.forward({ input: x, queries: [x] }).y);
    };
    const [fused, layers] = [make('required'), make('off')];
    run(fused, 'float32');
    const [got, expected] = [await run(fused.to('float64'), 'float64').data(), await run(layers.to('float64'), 'float64').data()];
    const worst = Math.max(...got.map((value, i) => Math.abs(value - expected[i]!)));
    expect(worst).toBeLessThan(1e-12); // float64, a dozen layers of sums near 1
  });

  it('summarizes itself as a table', () => {
    using model = new MultigridMemory('mnist-recall');
    const lines = model.summary().split('\n');
    expect(lines.length).toBe(1 + 5 + 10 + 1 + 1);
    expect(lines[3]).toMatch(/^writer\.3 +MG-conv-LSTM +3 6 12 +8 12 8 +8 +1 +1512 +15120$/);
    expect(lines.at(-1)).toMatch(/^total +7560 +211408$/);
  });

  it('is a Recurrent, and what training asks for', () => {
    using model = new MultigridMemory('map9');
    const recurrent: Recurrent<MultigridMemoryState, MultigridInputs> = model;
    const trainable: TrainableModel = model;
    expect(recurrent.initialState(1).layers.length).toBe(5);
    const state = model.initialState(2);
    expect([...state.toTensors().keys()].slice(0, 2)).toEqual(['1.level0.hidden', '1.level0.cell']);
    expect([...trainable.stateFromTensors(state.toTensors()).toTensors()]).toEqual([...state.toTensors()]);
  });

  it('refuses inputs, queries and states that do not fit', async () => {
    using _ = scope();
    const model = new MultigridMemory('map9');
    const x = Tensor.zeros([2, 1, 3, 3, 4]);
    const running = { extends: 'map9', bn: true, bnMode: 'running' } as const;
    const CASES: readonly (readonly [string, () => unknown])[] = [
      ['ERR_MG_ARGUMENT', () => model.forward({ input: x })],
      ['ERR_MG_ARGUMENT', () => model.forward({ input: x, queries: [null as never] })],
      ['ERR_MG_ARGUMENT', () => model.forward({ input: x, queries: [x, x] })],
      ['ERR_MG_ARGUMENT', () => model.forward({ input: 3 as never, queries: [x] })],
      ['ERR_MG_SHAPE', () => model.forward({ input: x, queries: [Tensor.zeros([3, 1, 3, 3, 4])] })],
      ['ERR_MG_ARGUMENT', () => model.forward({ input: x, queries: [x], askedAt: [] })],
      ['ERR_MG_ARGUMENT', () => model.forward({ input: x, queries: [x], askedAt: [[1]] })],
      ['ERR_MG_ARGUMENT', () => model.forward({ input: x, queries: [x], askedAt: [[1, 2]] })],
      ['ERR_MG_ARGUMENT', () => model.forward({ input: x, queries: [x], askedAt: [[0.5, 1]] })],
      ['ERR_MG_SHAPE', () => model.forward({ input: Tensor.zeros([2, 1, 3, 3, 3]), queries: [x] })],
      ['ERR_MG_SHAPE', () => model.forward({ input: Pyramid.of({ 1: Tensor.zeros([2, 1, 6, 6, 4]) }), queries: [x] })],
      ['ERR_MG_SHAPE', () => model.forward({ input: Pyramid.of({ 0: x, 1: Tensor.zeros([2, 1, 6, 6, 4]) }), queries: [x] })],
      ['ERR_MG_SHAPE', () => model.forward({ input: x, queries: [x] }, model.initialState(2))],
      ['ERR_MG_ARGUMENT', () => model.read(model.write(x).memory.slice(0, 2), x)],
      ['ERR_MG_ARGUMENT', () => model.read(model.write(x).memory, x, 1)],
      ['ERR_MG_ARGUMENT', () => new MultigridMemory('map9', { fused: true } as never)],
      ['ERR_MG_ARGUMENT', () => new MultigridMemory('map9', null as never)],
      ['ERR_MG_DEVICE', () => new MultigridMemory(running, { fused: 'required' }).write(x)],
      ['ERR_MG_SHAPE', () => model.forward({ input: x, queries: [x] }, new MultigridMemoryState([]))],
      ['ERR_MG_ARGUMENT', () => new MultigridMemory('mnist-recall').forward({ input: x, queries: [x] })],
      ['ERR_MG_ARGUMENT', () => new MultigridMemory('sort-8k').read([], x)],
      ['ERR_MG_ARGUMENT', () => new MultigridMemory('map9', { seed: 3 } as never)],
      ['ERR_MG_CONFIG', () => new MultigridMemory({} as never)],
      ['ERR_MG_CHECKPOINT', () => MultigridMemoryState.fromTensors(new Map([['hidden', x]]))],
      ['ERR_MG_CHECKPOINT', () => MultigridMemoryState.fromTensors(new Map([['2.level0.hidden', x], ['2.level0.cell', x]]))],
    ];
    for (const [code, call] of CASES) expect((await errorOf(call)).code).toBe(code);
  });
});

describe('losses at the start', () => {
  it('of localisation with zero logits are 20·32·48²·ln 2 = 1,022,087', () => {
    using _ = scope();
    const thin: MultigridConfig = {
      input: { 0: 4 },
      writer: [[0, 1, 1], [0, 2, 1], [0, 3, 1], [0, 4, 1]],
      front: [[0, 1, 1], [0, 2, 1], [0, 3, 1], [0, 4, 1]],
      tail: [[4, 4, 1]],
    };
    const model = new MultigridMemory(thin, { rng: new Rng(26) });
    for (const [name, parameter] of model.namedParameters()) {
      if (name.startsWith('reader.5.')) parameter.copyFrom(new Float32Array(parameter.size));
    }
    const x = Tensor.uniform([20, 32, 3, 3, 4], [0, 1], new Rng(27));
    const { y } = noGrad(() => model.forward({ input: x, queries: [x] }));
    const target = Tensor.from(Float32Array.from({ length: y.size }, (_, i) => (i % 7 === 0 ? 1 : 0)), y.shape);
    expect(Math.round(noGrad(() => bceWithLogits(y, target)).itemSync())).toBeCloseTo(1_022_087, -1);
  });

  it('of MNIST recall are near 32·ln 10 = 73.7, and just that with a zero head', () => {
    using _ = scope();
    const model = new MultigridMemory('mnist-recall', { rng: new Rng(28) });
    const grid = (level: number, lead: number): Tensor =>
      Tensor.uniform([lead, 32, 3 * 2 ** level, 3 * 2 ** level, 1], [0, 255], new Rng(29).split(level).split(lead));
    const pyramid = (lead: number): Pyramid => Pyramid.of({ 0: grid(0, lead), 1: grid(1, lead), 2: grid(2, lead) });
    const classes = Tensor.from(Int32Array.from({ length: 32 }, (_, b) => b % 10), [1, 32]);
    const inputs = { input: pyramid(10), queries: [pyramid(1)] };
    const loss = (): number => noGrad(() => crossEntropy(model.forward(inputs).y, classes)).itemSync();
    expect(Math.abs(loss() / (32 * Math.log(10)) - 1)).toBeLessThan(0.15);
    for (const name of ['fc.weight', 'fc.bias']) {
      const parameter = model.stateDict().get(name)!;
      parameter.copyFrom(new Float32Array(parameter.size));
    }
    expect(loss()).toBeCloseTo(32 * Math.log(10), 3);
  });
});
