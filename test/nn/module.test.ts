import { describe, expect, it } from 'vitest';
import { MgError } from '../../lib/errors.js';
import { MultigridMemory } from '../../lib/models/index.js';
import { memory, Tensor } from '../../lib/tensor/tensor.js';
import { BatchNorm, Linear, LSTM, Module, MultigridConv, MultigridConvLSTM } from '../../lib/nn/index.js';
import { scope } from '../../lib/autograd/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { errorOf } from '../helpers/files.js';
import { undisposedTensors } from '../../lib/tensor/tensor.js';

class Pair extends Module {
  readonly first: Linear;
  readonly second: Linear;
  constructor(seed: number, order: 'first' | 'second' = 'first') {
    super({ rng: new Rng(seed) });
    const make = (name: string, out: number): Linear => new Linear({ in: 3, out, ...this.partOptions(name) });
    if (order === 'first') [this.first, this.second] = [make('first', 2), make('second', 4)];
    else [this.second, this.first] = [make('second', 4), make('first', 2)];
    this.addPart('first', this.first);
    this.addPart('second', this.second);
  }
  forward(x: Tensor): Tensor {
    return this.first.forward(x);
  }
}

const values = (module: Module): Record<string, number[]> =>
  Object.fromEntries([...module.stateDict()].map(([name, tensor]) => [name, [...tensor.dataSync()]]));

describe('a module', () => {
  it('names its parameters by dots, in the order of its parts', () => {
    const pair = new Pair(1);
    const names = ['first.weight', 'first.bias', 'second.weight', 'second.bias'];
    expect([...pair.namedParameters()].map(([name]) => name)).toEqual(names);
    expect([...pair.namedParameters('model')][0]![0]).toBe('model.first.weight');
    expect(pair.count()).toEqual({ parameters: 8 + 16, memory: 0 });
    expect(pair.summary()).toMatch(/second\.weight +\[3, 4\] +12\n/);
  });

  it('starts from the same bits in whatever order its parts are made, and from others for another seed', () => {
    expect(values(new Pair(5, 'second'))).toEqual(values(new Pair(5)));
    expect(values(new Pair(6))).not.toEqual(values(new Pair(5)));
    expect(new Pair(5).first.weight.dataSync()[0]).not.toBe(new Pair(5).second.weight.dataSync()[0]);
  });

  it('gives live handles, and loads values into them in place', () => {
    const [a, b] = [new Pair(1), new Pair(2)];
    const handle = a.first.weight;
    expect(a.loadStateDict(b.stateDict())).toEqual({ missing: [], unexpected: [], mismatched: [] });
    expect(a.first.weight).toBe(handle);
    expect(values(a)).toEqual(values(b));
  });

  it('refuses other keys and shapes when strict, names the first one, and changes nothing', async () => {
    const pair = new Pair(1);
    const before = values(pair);
    const state = new Map(new Pair(2).stateDict());
    state.delete('first.bias');
    const names = async (key: string): Promise<void> => {
      const { code, message } = await errorOf(() => pair.loadStateDict(state));
      expect([code, message]).toEqual(['ERR_MG_CHECKPOINT', expect.stringContaining(key)]);
    };
    await names('first.bias');
    state.set('first.bias', Tensor.zeros([3]));
    await names('first.bias [2]');
    state.set('first.bias', Tensor.zeros([2])).set('third.bias', Tensor.zeros([2]));
    await names('third.bias');
    expect(values(pair)).toEqual(before);
  });

  it('loads what fits when not strict, and reports the rest', () => {
    const pair = new Pair(1);
    const state = new Map([
      ['first.weight', Tensor.full([3, 2], 7)],
      ['second.weight', Tensor.zeros([4, 3])],
      ['other', Tensor.zeros([1])],
    ]);
    expect(pair.loadStateDict(state, { strict: false })).toEqual({
      missing: ['first.bias', 'second.bias'],
      unexpected: ['other'],
      mismatched: [{ key: 'second.weight', expected: [3, 4], got: [4, 3] }],
    });
    expect([...pair.first.weight.dataSync()]).toEqual([7, 7, 7, 7, 7, 7]);
  });

  it('renames and drops foreign keys', () => {
    const pair = new Pair(1);
    const foreign = new Map([...new Pair(2).stateDict()].map(([key, tensor]) => [`net/${key.replace('.', '/')}`, tensor]));
    foreign.set('step', Tensor.zeros([1]));
    const rename = (key: string): string | null => (key === 'step' ? null : key.replace('net/', '').replace('/', '.'));
    expect(pair.loadStateDict(foreign, { rename }).missing).toEqual([]);
    expect(values(pair)).toEqual(values(new Pair(2)));
  });

  it('converts to float64 and back without loss', () => {
    const pair = new Pair(1);
    const before = values(pair);
    expect([...pair.to('float64').parameters()].map((p) => [p.dtype, p.requiresGrad])).toEqual(Array(4).fill(['float64', true]));
    expect(values(pair.to('float32'))).toEqual(before);
    expect(pair.to('cpu').to('auto')).toBe(pair);
  });

  it('refuses devices that are not there and dtypes that cannot be trained', async () => {
    expect((await errorOf(() => new Pair(1).to('cuda:99'))).code).toBe('ERR_MG_NO_DEVICE');
    expect((await errorOf(() => new Pair(1).to('int32'))).code).toBe('ERR_MG_DTYPE');
  });

  it('freezes parameters by name, and tells training from evaluation to all its parts', () => {
    const pair = new Pair(1).freeze(/^first\./);
    expect([...pair.namedParameters()].map(([name, p]) => [name, p.requiresGrad])).toEqual(
      [['first.weight', false], ['first.bias', false], ['second.weight', true], ['second.bias', true]],
    );
    expect([pair.isTraining, pair.eval().second.isTraining, pair.train().second.isTraining]).toEqual([true, false, true]);
  });

  it('names its parts, tells what is frozen, and takes it back', () => {
    const pair = new Pair(1);
    const whole = pair.summary();
    expect([...pair.namedParts()]).toEqual([['first', pair.first], ['second', pair.second]]);
    expect(pair.freeze(/bias|second/).summary()).toBe(`${whole}\nfrozen: 18 of 24 in first.bias, second.weight, second.bias`);
    expect(pair.count()).toEqual({ parameters: 24, memory: 0 });
    expect(pair.unfreeze(/^first/).summary()).toBe(`${whole}\nfrozen: 16 of 24 in second.weight, second.bias`);
    expect(pair.unfreeze().summary()).toBe(whole);
    expect(() => pair.freeze('first' as never)).toThrow(
      'Pair: expected a regular expression over names of parameters, got "first"',
    );
    const map9 = new MultigridMemory('map9').freeze(/^writer/);
    expect(map9.summary()).toMatch(/\nfrozen: \d+ of 84821 in writer\.1\.\S+, .* and \d+ more$/);
  });

  it('outlives the scope it was made in, and gives back all memory when disposed', () => {
    const before = memory();
    const layer = ((): Module => {
      using _ = scope();
      return new MultigridConvLSTM({
        input: [{ level: 0, channels: 2 }],
        output: [0, 1],
        channels: 2,
        norm: { kind: 'batch', mode: 'running' },
      });
    })();
    expect([...layer.stateDict().values()].every((tensor) => !tensor.disposed)).toBe(true);
    layer.dispose();
    expect(undisposedTensors()).toBe(before.tensors);
  });
});

describe('initial values', () => {
  const extremes = (tensor: Tensor): { largest: number; mean: number } => {
    const data = [...tensor.dataSync()];
    return { largest: Math.max(...data.map(Math.abs)), mean: data.reduce((sum, value) => sum + value, 0) / data.length };
  };

  it('of convolutions are uniform within ±1/√fan-in, the biases too', () => {
    const input = [{ level: 0, channels: 24 }, { level: 1, channels: 8 }];
    const layer = new MultigridConv({ input, output: [0], channels: 64, rng: new Rng(3) });
    const bound = 1 / Math.sqrt(9 * 32);
    for (const [, parameter] of layer.namedParameters()) {
      const { largest, mean } = extremes(parameter);
      expect(largest).toBeLessThanOrEqual(Math.fround(bound));
      expect(largest).toBeGreaterThan(0.9 * bound);
      expect(Math.abs(mean)).toBeLessThan((3 * bound) / Math.sqrt(3 * parameter.size));
    }
  });

  it('of conv-LSTM kernels are uniform within √(6/(fan-in + fan-out)), their biases zero', () => {
    const layer = new MultigridConvLSTM({ input: [{ level: 0, channels: 8 }], output: [0], channels: 8, rng: new Rng(4) });
    const state = layer.stateDict();
    const bound = Math.sqrt(6 / (9 * 16 + 9 * 32));
    const { largest, mean } = extremes(state.get('level0.kernel')!);
    expect(largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(largest).toBeGreaterThan(0.99 * bound);
    expect(Math.abs(mean)).toBeLessThan((3 * bound) / Math.sqrt(3 * 9 * 16 * 32));
    expect(extremes(state.get('level0.bias')!).largest).toBe(0);
  });

  it('of a norm are 1 and 0', () => {
    const norm = new BatchNorm({ channels: 3, kind: 'batch', mode: 'running' });
    expect(values(norm)).toEqual({ gamma: [1, 1, 1], beta: [0, 0, 0], runningMean: [0, 0, 0], runningVariance: [1, 1, 1] });
  });
});

describe('wrong options', () => {
  const grid = [{ level: 0, channels: 2 }];
  const one = { input: grid, output: [0], channels: 1 };
  const CASES: readonly (readonly [name: string, make: () => unknown])[] = [
    ['an unknown option', () => new Linear({ in: 1, out: 1, size: 3 } as never)],
    ['a size that is no integer', () => new Linear({ in: 1.5, out: 1 })],
    ['no options', () => new LSTM(undefined as never)],
    ['an integer dtype', () => new Linear({ in: 1, out: 1, dtype: 'int32' as never })],
    ['a level without a neighbour', () => new MultigridConv({ input: grid, output: [2], channels: 1 })],
    ['no input grids', () => new MultigridConv({ input: [], output: [0], channels: 1 })],
    ['an even kernel', () => new MultigridConv({ input: grid, output: [0], channels: 1, kernelSize: 4 as never })],
    ['a peephole per position', () => new MultigridConvLSTM({ ...one, peephole: 'position' as never })],
    ['an unknown norm', () => new MultigridConv({ input: grid, output: [0], channels: 1, norm: { kind: 'layer' as never } })],
    ['a forget bias that is not a number', () => new MultigridConvLSTM({ ...one, forgetBias: Number.NaN })],
  ];
  for (const [name, make] of CASES) {
    it(`are refused: ${name}`, async () => {
      const error = await errorOf(make);
      expect(error).toBeInstanceOf(MgError);
      expect(error.code).toBe('ERR_MG_ARGUMENT');
    });
  }
});
