import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MgError, setThreads, Tensor } from '../../lib/index.js';
import * as optim from '../../lib/optim/index.js';
import type { FloatDType } from '../../lib/tensor/dtype.js';
import { Source, toTensors } from '../helpers/nd.js';

// Four updates of each rule, computed in float64 from its published equations by another program.
const goldenFile = new URL('../golden/vectors/losses_optimizers.json', import.meta.url);
const { optimizers: golden } = JSON.parse(readFileSync(goldenFile, 'utf8')) as {
  optimizers: Record<string, never> & { start: number[]; gradients: number[][] };
};
interface Settings {
  lr: number;
  momentum: number;
  eps: number;
  rho: number;
  alpha: number;
}
interface Case {
  settings: Settings;
  weights: number[][];
}
const settings = (name: string) => (golden[name] as unknown as Case).settings;
const weights = (name: string) => (golden[name] as unknown as Case).weights;

function parameter(values: readonly number[], dtype: FloatDType = 'float64'): Tensor {
  return Tensor.from(Float64Array.from(values), [values.length], { dtype, requiresGrad: true });
}
function setGrad(p: Tensor, values: readonly number[]): void {
  p.grad?.dispose();
  p.grad = Tensor.from(Float64Array.from(values), p.shape, { dtype: p.dtype });
}
const single = (p: Tensor): Map<string, Tensor> => new Map([['w', p]]);
const near = (got: ArrayLike<number>, expected: readonly number[], tolerance: number, where = '') =>
  expected.forEach((e, i) => {
    expect(Math.abs(got[i]! - e), `${where} element ${i}: ${got[i]} for ${e}`).toBeLessThanOrEqual(tolerance);
  });
const code = (f: () => unknown): string => {
  try {
    f();
  } catch (error) {
    if (error instanceof MgError) return error.code;
    throw error;
  }
  return 'no error';
};

const tf = settings('rmsprop_tf1');
const tfMomentum = settings('rmsprop_tf1_momentum');
const torch = settings('rmsprop_torch');
const graves = settings('rmsprop_graves2013');
const RULES: [string, (p: Map<string, Tensor>) => optim.Optimizer][] = [
  ['rmsprop_tf1', (p) => new optim.RMSProp(p, { lr: tf.lr, decay: tf.rho, epsilon: tf.eps })],
  ['rmsprop_tf1_momentum', (p) =>
    new optim.RMSProp(p, {
      lr: tfMomentum.lr,
      decay: tfMomentum.rho,
      epsilon: tfMomentum.eps,
      momentum: tfMomentum.momentum,
    })],
  ['rmsprop_torch', (p) =>
    new optim.RMSProp(p, {
      lr: torch.lr,
      flavor: 'pytorch',
      decay: torch.alpha,
      momentum: torch.momentum,
      epsilon: torch.eps,
    })],
  ['rmsprop_graves2013', (p) => new optim.RMSProp(p, { lr: graves.lr, flavor: 'graves' })],
  ['adam', (p) => new optim.Adam(p)],
];

describe.each([['float64', 1e-12], ['float32', 1e-5]] as const)('golden updates in %s', (dtype, tolerance) => {
  it.each(RULES)('%s', (name, make) => {
    const p = parameter(golden.start, dtype);
    using optimizer = make(single(p));
    golden.gradients.forEach((g, t) => {
      setGrad(p, g);
      optimizer.step().norm.dispose();
      near(p.dataSync(), weights(name)[t]!, tolerance, `update ${t + 1}`);
    });
    p.dispose();
  });
});

describe('rules with a hand count', () => {
  it('the update of the paper: ms 1 → 1.03, θ 0 → −0.002/√1.13', () => {
    const p = parameter([0]);
    using optimizer = new optim.RMSProp(single(p), { lr: 1e-3 });
    setGrad(p, [2]);
    optimizer.step();
    near(optimizer.stateDict().get('w.ms')!.dataSync(), [1.03], 1e-15);
    near(p.dataSync(), [-0.002 / Math.sqrt(1.13)], 1e-15);
    near(p.dataSync(), [-0.00188144], 5e-9);
  });

  it('sgd with momentum, nesterov and weight decay', () => {
    const p = parameter([1]);
    using plain = new optim.SGD(single(p), { lr: 0.1, weightDecay: 0.5 });
    setGrad(p, [2]);
    plain.step();
    near(p.dataSync(), [1 - 0.1 * 2.5], 1e-15);
    const q = parameter([1]);
    using heavy = new optim.SGD(single(q), { lr: 0.1, momentum: 0.5 });
    for (const g of [2, 4]) {
      setGrad(q, [g]);
      heavy.step();
    }
    near(q.dataSync(), [1 - 0.1 * 2 - 0.1 * (0.5 * 2 + 4)], 1e-15);
    const r = parameter([1]);
    using nesterov = new optim.SGD(single(r), { lr: 0.1, momentum: 0.5, nesterov: true });
    setGrad(r, [2]);
    nesterov.step();
    near(r.dataSync(), [1 - 0.1 * (2 + 0.5 * 2)], 1e-15);
  });

  it('AdamW shrinks the weight apart from the gradient, Adam through it', () => {
    const [p, q] = [parameter([2]), parameter([2])];
    using apart = new optim.AdamW(single(p), { lr: 0.1, weightDecay: 0.5 });
    using through = new optim.Adam(single(q), { lr: 0.1, weightDecay: 0.5 });
    for (const [x, optimizer] of [[p, apart], [q, through]] as const) {
      setGrad(x, [0]);
      optimizer.step();
    }
    near(p.dataSync(), [2 * (1 - 0.1 * 0.5)], 1e-15); // no gradient: only the decay
    near(q.dataSync(), [2 - (0.1 * 1) / (1 + 1e-8)], 1e-15); // first update of Adam: lr·g/(|g| + ε), g = λθ = 1
  });
});

describe('clipping', () => {
  type Pair = [number[][], number[]];
  const { gradients, clip, norm, clipped } = golden['clip_global_norm'] as unknown as {
    gradients: Pair;
    clip: number;
    norm: number;
    clipped: Pair;
  };
  const flat = (g: Pair) => [g[0].flat(), g[1]] as const;
  function two(): [Map<string, Tensor>, Tensor, Tensor] {
    const [a, b] = [parameter([0, 0, 0, 0]), parameter([0, 0, 0])];
    setGrad(a, flat(gradients)[0]);
    setGrad(b, flat(gradients)[1]);
    return [new Map([['a', a], ['b', b]]), a, b];
  }

  it('by the norm of all gradients together', () => {
    const [named, a, b] = two();
    near([optim.clipGradNorm(named, clip).itemSync()], [norm], 1e-12);
    near(a.grad!.dataSync(), flat(clipped)[0], 1e-12);
    near(b.grad!.dataSync(), flat(clipped)[1], 1e-12);
    optim.clipGradNorm(named, 1e9);
    near(b.grad!.dataSync(), flat(clipped)[1], 1e-12);
  });

  it('by value', () => {
    const v = golden['clip_value'] as unknown as { clip: number; clipped: [number[][], number[]] };
    const [named, a, b] = two();
    optim.clipGradValue(named, v.clip);
    near(a.grad!.dataSync(), flat(v.clipped)[0], 0);
    near(b.grad!.dataSync(), flat(v.clipped)[1], 0);
  });

  it('inside a step, over all groups, equals clipping before it', () => {
    const [first, a1] = two();
    const [second, a2] = two();
    optim.clipGradNorm(first, clip).dispose();
    using before = new optim.SGD(first, { lr: 1 });
    before.step();
    using inside = new optim.SGD([...second].map(([name, p]) => ({ parameters: [[name, p]] as const })), { lr: 1 });
    near([inside.step({ maxNorm: clip }).norm.itemSync()], [norm], 1e-12);
    near(a2.dataSync(), [...a1.dataSync()], 1e-15);
    near(a2.dataSync(), flat(clipped)[0].map((g) => -g), 1e-12);
  });

  it('two gradients that share their bytes are scaled once each', () => {
    const [a, b] = [parameter([0]), parameter([0])];
    a.add(b).mul(3).backward(Tensor.full([1], 1, { dtype: 'float64' }));
    optim.clipGradNorm(new Map([['a', a], ['b', b]]), Math.SQRT2);
    near([...a.grad!.dataSync(), ...b.grad!.dataSync()], [1, 1], 1e-15);
  });
});

describe('a norm that is not finite', () => {
  it.each([
    ['SGD', (p: Map<string, Tensor>) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 })],
    ['Adam', (p: Map<string, Tensor>) => new optim.Adam(p)],
    ['RMSProp', (p: Map<string, Tensor>) => new optim.RMSProp(p, { lr: 0.1, flavor: 'graves' })],
  ])('leaves parameters and state of %s alone, also those with good gradients', (_, make) => {
    const [a, b] = [parameter([1]), parameter([1])];
    const named = new Map([['a', a], ['b', b]]);
    using optimizer = make(named);
    const state = () => [...optimizer.stateDict()].filter(([key]) => key.includes('.')).map(([, t]) => [...t.dataSync()]);
    const before = state();
    for (const bad of [NaN, Infinity]) {
      setGrad(a, [1]);
      setGrad(b, [bad]);
      expect(optimizer.step({ maxNorm: 1 }).norm.itemSync()).not.toBeLessThan(Infinity);
      expect([...a.dataSync(), ...b.dataSync()]).toEqual([1, 1]);
      expect(state()).toEqual(before);
    }
    setGrad(b, [1]);
    optimizer.step();
    expect(a.dataSync()[0]).toBeLessThan(1);
    expect(optimizer.update).toBe(3);
  });
});

describe('schedules', () => {
  it('fall linearly by time steps, as in the paper', () => {
    const lr = optim.linear(1e-3, 1e-4, 1e6);
    expect([lr(0), lr(5e5), lr(1e6), lr(8e6)]).toEqual([1e-3, 5.5e-4, 1e-4, 1e-4]);
    const p = parameter([0]);
    using optimizer = new optim.SGD(single(p), { lr: optim.linear(1, 0, 4) });
    for (const [timeSteps, expected] of [[2, 1], [1, 0.5], [9, 0.25], [1, 0]] as const) {
      setGrad(p, [1]);
      expect(optimizer.step({ timeSteps }).lr).toBe(expected);
    }
    near(p.dataSync(), [-1.75], 1e-15);
  });

  it('can count updates instead', () => {
    const p = parameter([0]);
    using optimizer = new optim.SGD(single(p), { lr: optim.linear(1, 0, 2, { unit: 'update' }) });
    expect([1, 2, 3].map(() => optimizer.step({ timeSteps: 20 }).lr)).toEqual([1, 0.5, 0]);
    expect([optimizer.timeStep, optimizer.update]).toEqual([60, 3]);
  });

  it('differ by group, with weight decay of its own', () => {
    const [a, b] = [parameter([1]), parameter([1])];
    const groups = [{ parameters: single(a), lr: 0.5 }, { parameters: [['b', b]] as const, weightDecay: 1 }];
    using optimizer = new optim.SGD(groups, { lr: 0.1 });
    setGrad(a, [1]);
    setGrad(b, [0]);
    optimizer.step();
    near([...a.dataSync(), ...b.dataSync()], [0.5, 0.9], 1e-15);
  });
});

describe('state', () => {
  const run = (optimizer: optim.Optimizer, p: Tensor, from: number, to: number) => {
    for (const g of golden.gradients.slice(from, to)) {
      setGrad(p, g);
      optimizer.step({ timeSteps: 3 });
    }
  };

  it.each(RULES)('%s goes on after loading as if it had never stopped', (_, make) => {
    const [p, q] = [parameter(golden.start), parameter([0, 0])];
    using whole = make(single(p));
    run(whole, p, 0, 2);
    const saved = new Map([...whole.stateDict()].map(([key, t]) => [key, t.clone()]));
    q.copyFrom(p.dataSync());
    using resumed = make(single(q));
    expect(resumed.loadStateDict(saved)).toEqual({ missing: [], unexpected: [], mismatched: [] });
    expect([resumed.timeStep, resumed.update]).toEqual([6, 2]);
    run(whole, p, 2, 4);
    run(resumed, q, 2, 4);
    expect([...q.dataSync()]).toEqual([...p.dataSync()]);
  });

  it('is keyed by parameter name', () => {
    const named = new Map([['writer.1.level0.kernel', parameter([0])]]);
    expect([...new optim.RMSProp(named, { lr: 1 }).stateDict().keys()])
      .toEqual(['writer.1.level0.kernel.ms', 'timeStep', 'update']);
    expect([...new optim.Adam({ namedParameters: () => named }).stateDict().keys()].slice(0, 3))
      .toEqual(['m', 'v', 'step'].map((slot) => `writer.1.level0.kernel.${slot}`));
  });

  it('refuses what does not fit and changes nothing, unless told to take what fits', () => {
    const p = parameter([0, 0]);
    using optimizer = new optim.RMSProp(single(p), { lr: 1 });
    const count = Tensor.full([], 5, { dtype: 'float64' });
    const bad = new Map<string, Tensor>([['w.ms', Tensor.zeros([3])], ['timeStep', count], ['other', count]]);
    expect(code(() => optimizer.loadStateDict(bad))).toBe('ERR_MG_CHECKPOINT');
    expect(optimizer.timeStep).toBe(0);
    expect(optimizer.loadStateDict(bad, { strict: false })).toEqual({
      missing: ['update'],
      unexpected: ['other'],
      mismatched: [{ key: 'w.ms', expected: [2], got: [3] }],
    });
    expect(optimizer.timeStep).toBe(5);
  });
});

describe('a step', () => {
  it('gives the same bits on 1, 2 and 4 threads', () => {
    const run = (threads: number): string => {
      setThreads(threads);
      const source = new Source(3);
      const named = new Map([[3, 50_000], [7], [20_000]].map((shape, i) => {
        const [p, g] = toTensors([source.normal(shape), source.normal(shape)], 'float32') as [Tensor, Tensor];
        p.requiresGrad = true;
        p.grad = g;
        return [`p${i}`, p] as const;
      }));
      using optimizer = new optim.RMSProp(named, { lr: 0.1, momentum: 0.9 });
      const { norm } = optimizer.step({ maxNorm: 1 });
      return [norm, ...named.values()].map((t) => Buffer.from(t.dataSync().buffer).toString('base64')).join();
    };
    const [one, two, four] = [run(1), run(2), run(4)];
    setThreads(2);
    expect(two).toBe(one);
    expect(four).toBe(one);
  });

  it('passes over frozen parameters and those without a gradient', () => {
    const [a, b, c] = [parameter([1]), parameter([1]), parameter([1])];
    using optimizer = new optim.SGD(new Map([['a', a], ['b', b], ['c', c]]), { lr: 1 });
    setGrad(a, [1]);
    setGrad(b, [5]);
    b.requiresGrad = false;
    expect(optimizer.step().norm.itemSync()).toBe(1);
    expect([a, b, c].map((p) => p.itemSync())).toEqual([0, 1, 1]);
    optimizer.zeroGrad();
    expect([a.grad, b.grad]).toEqual([null, null]);
    expect(optimizer.step().norm.itemSync()).toBe(0);
  });

  it('refuses wrong settings', () => {
    const p = parameter([1]);
    const named = single(p);
    expect(code(() => new optim.SGD(named, { lr: -1 }))).toBe('ERR_MG_ARGUMENT');
    expect(code(() => new optim.SGD(named, { lr: 1, nesterov: true }))).toBe('ERR_MG_ARGUMENT');
    expect(code(() => new optim.SGD(named, { lr: 1, rate: 2 } as never))).toBe('ERR_MG_ARGUMENT');
    expect(code(() => new optim.SGD(p as never, { lr: 1 }))).toBe('ERR_MG_ARGUMENT');
    expect(code(() => new optim.SGD([['w', 1]] as never, { lr: 1 }))).toBe('ERR_MG_ARGUMENT');
    expect(code(() => new optim.SGD([['a', p], ['b', p]], { lr: 1 }))).toBe('ERR_MG_ARGUMENT');
    expect(code(() => new optim.SGD([['a', p], ['b', parameter([1], 'float32')]], { lr: 1 }))).toBe('ERR_MG_DTYPE');
    expect(code(() => new optim.RMSProp(named, { lr: 1, flavor: 'keras' as never }))).toBe('ERR_MG_ARGUMENT');
    expect(code(() => new optim.Adam(named, { betas: [0.9, 1] }))).toBe('ERR_MG_ARGUMENT');
    expect(code(() => new optim.SGD(named, { lr: () => NaN }).step())).toBe('ERR_MG_ARGUMENT');
    expect(code(() => new optim.SGD(named, { lr: 1 }).step({ maxNorm: 0 }))).toBe('ERR_MG_ARGUMENT');
    expect(code(() => optim.clipGradNorm(named, NaN))).toBe('ERR_MG_ARGUMENT');
  });
});
