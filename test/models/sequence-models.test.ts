// DNC, NTM and LSTM as a user builds them, with every option, against their equations in loops over numbers.
import { describe, expect, it } from 'vitest';
import { device, gradcheck, models, ops, Rng, scope, setThreads, Tensor } from '../../lib/index.js';
import type { Module } from '../../lib/nn/module.js';
import { dncInterface, type DncSettings } from '../../lib/ops/index.js';
import { naiveAccess, naiveStart } from '../../lib/proof/naive-dnc.js';
import { randomize, worstGradientError } from '../helpers/modules.js';
import { expectNear } from '../helpers/vectors.js';
import {
  affine,
  clippedAffine,
  clippedLstm,
  lstm,
  ntmStart,
  ntmStep,
  type Cell,
  type NaiveNtmState,
  type Row,
  type Weights,
} from './naive-networks.js';

const T = 5;
const B = 2;
const INPUTS = 3;
const OUTPUTS = 4;
const TOLERANCE = 1e-11; // sums of at most 40 products, rounded in another order, through five steps

const frames = (seed: number): Tensor => Tensor.normal([T, B, INPUTS], [0, 1], new Rng(seed), { dtype: 'float64' });
/** Row b of step t. */
const rowOf = (x: Tensor, t: number, b: number): Row => [...x.dataSync()].slice((t * B + b) * INPUTS, (t * B + b + 1) * INPUTS);

function weightsOf(model: Module): Weights {
  return Object.fromEntries([...model.stateDict()].map(([name, tensor]) => {
    const [values, width] = [[...tensor.dataSync()], tensor.shape.at(-1)!];
    return [name, Array.from({ length: values.length / width }, (_, k) => values.slice(k * width, (k + 1) * width))];
  }));
}

/** Outputs [T][B][O] of a step function from a start, sample by sample, and the states at the end. */
function follow<S>(x: Tensor, start: S, step: (x: Row, state: S) => { y: Row; state: S }): { y: number[]; states: S[] } {
  const ys: Row[][] = Array.from({ length: T }, () => []);
  const states = Array.from({ length: B }, (_, b) => {
    let state = start;
    for (let t = 0; t < T; t++) {
      const next = step(rowOf(x, t, b), state);
      ys[t]!.push(next.y);
      state = next.state;
    }
    return state;
  });
  return { y: ys.flat(2), states };
}

const zeros = (size: number): Cell => ({ hidden: new Array<number>(size).fill(0), cell: new Array<number>(size).fill(0) });

describe('LSTM', () => {
  const make = (wiring: 'stacked' | 'deep', hidden = 5): models.LSTMNetwork => {
    const model = new models.LSTMNetwork({
      inputs: INPUTS,
      outputs: OUTPUTS,
      hidden,
      layers: 3,
      wiring,
      forgetBias: 0.5,
      dtype: 'float64',
    });
    randomize(model, 3, 0.5);
    return model;
  };

  it.each(['stacked', 'deep'] as const)('%s: each layer sees what it should, and so does the output', (wiring) => {
    using _ = scope();
    using model = make(wiring);
    const [x, weights] = [frames(4), weightsOf(model)];
    const expected = follow<Cell[]>(x, [zeros(5), zeros(5), zeros(5)], (row, layers) => {
      const next: Cell[] = [];
      layers.forEach((before, k) => {
        const below = next[k - 1]?.hidden ?? [];
        next.push(lstm(weights, String(k + 1), k === 0 ? row : wiring === 'deep' ? [...row, ...below] : below, before, 0.5));
      });
      const seen = wiring === 'deep' ? next.flatMap(({ hidden }) => hidden) : next[2]!.hidden;
      return { y: affine(weights, 'output', seen), state: next };
    });
    const { y, state } = model.forward(x);
    expectNear(y.dataSync(), expected.y, TOLERANCE, 'y');
    [0, 1, 2].forEach((k) => {
      expectNear(state.at(`${k + 1}.hidden`).dataSync(), expected.states.map((s) => s[k]!.hidden), TOLERANCE, `hidden ${k}`);
      expectNear(state.at(`${k + 1}.cell`).dataSync(), expected.states.map((s) => s[k]!.cell), TOLERANCE, `cell ${k}`);
    });
  });

  it.each(['stacked', 'deep'] as const)('%s: has the gradients of finite differences, and rows may end early', async (wiring) => {
    using _ = scope();
    using model = make(wiring, 2);
    const x = Tensor.normal([6, B, INPUTS], [0, 1], new Rng(6), { dtype: 'float64' });
    const lengths = Int32Array.of(6, 4);
    const loss = (given: Tensor): Tensor => ops.sum(ops.square(model.forward(given, undefined, { lengths }).y));
    const { error, where } = worstGradientError(model, () => loss(x));
    expect(error, where).toBeLessThanOrEqual(1e-7);
    const result = await gradcheck((given) => loss(given!), [x]);
    expect(result.ok, JSON.stringify(result.worst)).toBe(true);
    const { y, state } = model.forward(x, undefined, { lengths });
    const short = model.forward(ops.slice(x, [0, 1, 0], [4, 1, INPUTS]));
    expectNear(ops.slice(y, [0, 1, 0], [4, 1, OUTPUTS]).dataSync(), [...short.y.dataSync()], 0, 'y');
    expectNear(ops.slice(y, [4, 1, 0], [2, 1, OUTPUTS]).dataSync(), new Array<number>(2 * OUTPUTS).fill(0), 0, 'y past the end');
    for (const [name, tensor] of state.select([1]).toTensors()) {
      expectNear(tensor.dataSync(), [...short.state.at(name).dataSync()], 0, name);
    }
  });
});

describe('NTM', () => {
  const sizes = { slots: 6, wordSize: 4, readHeads: 2, writeHeads: 3 } as const;
  const make = (controller: 'lstm' | 'feedforward', order: 'readFirst' | 'writeFirst'): models.NTM => {
    const model = new models.NTM({
      inputs: INPUTS,
      outputs: OUTPUTS,
      ...sizes,
      hidden: 5,
      controller,
      order,
      clip: 1.2,
      dtype: 'float64',
    });
    randomize(model, 7, 0.8);
    return model;
  };

  it.each(
    [
      ['lstm', 'readFirst'],
      ['lstm', 'writeFirst'],
      ['feedforward', 'readFirst'],
      ['feedforward', 'writeFirst'],
    ] as const,
  )('%s, %s: outputs, weights, words and memory are those of the equations', (controller, order) => {
    using _ = scope();
    using model = make(controller, order);
    const [x, weights] = [frames(8), weightsOf(model)];
    const expected = follow<NaiveNtmState>(x, ntmStart(weights, 5), (row, before) => (
      ntmStep(weights, row, before, { ...sizes, controller, order, clip: 1.2 })
    ));
    const { y, state } = model.forward(x);
    expect(expected.y.some((v) => Math.abs(v) === 1.2), 'some outputs are clipped').toBe(true);
    expectNear(y.dataSync(), expected.y, TOLERANCE, 'y');
    for (const name of ['memory', 'readWeights', 'writeWeights', 'readWords', 'hidden', 'cell'] as const) {
      expectNear(state.at(name).dataSync(), expected.states.map((s) => s[name]), TOLERANCE, name);
    }
  });

  it('starts at a memory of 1e-6, and reads first, with limits of 20, where nothing is said', () => {
    using model = new models.NTM({ inputs: INPUTS, outputs: OUTPUTS, ...sizes });
    expect([...model.stateDict().get('initialMemory')!.dataSync()]).toEqual(new Array<number>(24).fill(Math.fround(1e-6)));
    expect([model.order, model.controllerKind, model.clip]).toEqual(['readFirst', 'lstm', 20]);
  });

  it.each(['lstm', 'feedforward'] as const)('%s: has the gradients of finite differences, also at the start', (controller) => {
    using _ = scope();
    using model = new models.NTM({
      inputs: INPUTS,
      outputs: 2,
      slots: 3,
      wordSize: 2,
      readHeads: 1,
      writeHeads: 2,
      hidden: 2,
      controller,
      dtype: 'float64',
    });
    randomize(model, 7, 0.8);
    const x = Tensor.normal([6, 1, INPUTS], [0, 1], new Rng(9), { dtype: 'float64' });
    const { error, where } = worstGradientError(model, () => ops.sum(ops.square(model.forward(x).y)));
    expect(error, where).toBeLessThanOrEqual(1e-7);
  });
});

describe('DNC', () => {
  // The differences between the article and the code that its authors released.
  const forms = {
    official: { oneplus: false, contentSecond: false, forgetBias: 1, epsilon: 1e-6 },
    paper: { oneplus: true, contentSecond: true, forgetBias: 0, epsilon: 0 },
  } as const;
  const sizes = { slots: 7, wordSize: 4, readHeads: 3, writeHeads: 2, hidden: 5 } as const;
  const make = (variant: 'official' | 'paper', clip: number | null): models.DNC => {
    const model = new models.DNC({ inputs: INPUTS, outputs: OUTPUTS, ...sizes, variant, clip, dtype: 'float64' });
    randomize(model, 10, 1.2);
    return model;
  };

  it.each(
    [
      ['official', 0.6],
      ['official', null],
      ['paper', 0.6],
      ['paper', null],
    ] as const,
  )('%s, clip %s: outputs, links, memory and words are those of the equations', (variant, clip) => {
    using _ = scope();
    using model = make(variant, clip);
    const [x, weights] = [frames(11), weightsOf(model)];
    const settings: DncSettings = { ...sizes, ...forms[variant], usageGradient: false, clip: 0, linkBudgetBytes: 0 };
    const limit = clip ?? Infinity;
    const start = { access: naiveStart(settings), words: new Array<number>(12).fill(0), core: zeros(5) };
    const expected = follow(x, start, (row, before) => {
      const core = clippedLstm(weights, [...row, ...before.words], before.core, forms[variant].forgetBias, limit);
      const { words, state } = naiveAccess(affine(weights, 'interface', core.hidden), before.access, settings);
      const y = clippedAffine(weights, 'output', [...core.hidden, ...words.flat()], limit);
      return { y, state: { access: state, words: words.flat(), core } };
    });
    const { y, state } = model.forward(x);
    if (clip !== null) expect(expected.y.some((v) => Math.abs(v) === clip), 'some outputs are clipped').toBe(true);
    expectNear(y.dataSync(), expected.y, TOLERANCE, 'y');
    for (const name of ['memory', 'usage', 'link', 'precedence', 'readWeights', 'writeWeights'] as const) {
      expectNear(state.at(name).dataSync(), expected.states.map((s) => s.access[name]), TOLERANCE, name);
    }
    expectNear(state.at('readWords').dataSync(), expected.states.map((s) => s.words), TOLERANCE, 'words');
    for (const name of ['hidden', 'cell'] as const) {
      expectNear(state.at(name).dataSync(), expected.states.map((s) => s.core[name]), TOLERANCE, name);
    }
  });

  it('is the official one of 500 slots of 16, four read heads and limits of 20 where nothing is said', () => {
    using model = new models.DNC({ inputs: INPUTS, outputs: OUTPUTS });
    expect(model.variant).toBe('official');
    expect(model.settings).toEqual({
      slots: 500,
      wordSize: 16,
      readHeads: 4,
      writeHeads: 1,
      hidden: 256,
      ...forms.official,
      usageGradient: false,
      clip: 20,
      linkBudgetBytes: 2 ** 30,
    });
    expect(dncInterface(model.settings).size).toBe(16 * 4 + 3 * 16 + 5 * 4 + 3); // WR + 3W + 5R + 3, as in the article
  });

  it('keeps all links of a window where the budget holds them, and few where it does not', async () => {
    setThreads(2);
    const [steps, slots] = [16, 200];
    const most: number[] = [];
    for (const linkBudgetBytes of [0, 2 ** 30]) {
      using _ = scope();
      const sizes = { inputs: INPUTS, outputs: OUTPUTS, slots, wordSize: 4, readHeads: 1, hidden: 5 };
      using model = new models.DNC({ ...sizes, linkBudgetBytes });
      ops.sum(model.forward(Tensor.normal([steps, 8, INPUTS], [0, 1], new Rng(13))).y).backward();
      await device('cpu').sync();
      most.push(device('cpu').memory().peak);
    }
    // For eight samples at once all links but the last, and a gradient. Else for one of each thread every fourth, the three that
    // follow one of them, and a gradient. Beside them a sample keeps memories, and blocks are rounded up.
    const links = 8 * 16 - 2 * (3 + 3 + 1);
    const share = (most[1]! - most[0]!) / (links * slots ** 2 * 4);
    expect(share > 0.9 && share < 1.5, `${share} of what the links take`).toBe(true);
  });

  it('that of the article passes all of its gradient, the official one not that of usage into the weights before', async () => {
    using _ = scope();
    const x = Tensor.normal([6, 1, INPUTS], [0, 0.5], new Rng(12), { dtype: 'float64' });
    const worst = async (variant: 'official' | 'paper'): Promise<number> => {
      using model = make(variant, null);
      const { worst: { analytic, numeric } } = await gradcheck((given) => ops.sum(ops.square(model.forward(given!).y)), [x]);
      return Math.abs(analytic - numeric) / Math.max(1, Math.abs(numeric));
    };
    expect(await worst('paper')).toBeLessThanOrEqual(1e-7);
    expect(await worst('official')).toBeGreaterThan(1e-4);
  });
});
