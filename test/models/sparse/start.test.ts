// Gates and strengths at the start: they stand in the biases of the interface, and nothing else changes.
import { describe, expect, it } from 'vitest';
import { models, Rng, Tensor } from '../../../lib/index.js';

const SIZES = { inputs: 3, outputs: 2, slots: 20, wordSize: 2, heads: 2, hidden: 4 } as const;
const start = { alpha: 2, gamma: -3, strength: 4 } as const;
const kinds = {
  SAM: (options: object) => new models.SAM({ ...SIZES, ...options, rng: new Rng(5) }),
  SDNC: (options: object) => new models.SDNC({ ...SIZES, ...options, rng: new Rng(5) }),
  DAM: (options: object) => new models.DAM({ ...SIZES, ...options, rng: new Rng(5) }),
};

describe.each(Object.entries(kinds))('%s', (_, build) => {
  const biasOf = (options: object): number[] => [...build(options).stateDict().get('interface.bias')!.dataSync()];
  const rest = (options: object): [string, number[]][] =>
    [...build(options).stateDict()].filter(([name]) => name !== 'interface.bias').map(([name, x]) => [name, [...x.dataSync()]]);

  it('begins with gates and strengths as told, packed behind two queries and two added words of two numbers', () => {
    const bias = biasOf({ start });
    expect(bias.slice(0, 14)).toEqual([...Array<number>(8).fill(0), 2, 2, -3, -3, 4, 4]);
    expect(bias.slice(14).every((x) => x === 0)).toBe(true);
    expect(biasOf({ start: { gamma: 1 } }).slice(8, 14)).toEqual([0, 0, 1, 1, 0, 0]);
  });

  it('begins with zeros otherwise, and the other parameters are the same', () => {
    expect(biasOf({}).every((x) => x === 0)).toBe(true);
    expect(rest({ start })).toEqual(rest({}));
  });

  it('has no strengths to start with where they are 1', () => {
    expect(biasOf({ start, strength: false }).slice(8, 12)).toEqual([2, 2, -3, -3]);
    expect(biasOf({ start, strength: false }).slice(12).every((x) => x === 0)).toBe(true);
  });

  it('is of the dtype of the model', () => {
    expect(build({ start, dtype: 'float64' }).stateDict().get('interface.bias')!.dtype).toBe('float64');
  });

  it.each([[{ alpha: NaN }, /a finite number/], [{ beta: 1 }, /beta/], [2, /start/]])('refuses %j', (bad, words) => {
    expect(() => build({ start: bad })).toThrow(words);
  });
});

it.each(Object.entries(kinds))('%s writes to the erased slot alone where α starts open and γ shut', async (_, build) => {
  using model = build({ start: { alpha: 40, gamma: -40 } });
  const step = (state: never): { readonly state: unknown } => model.step(Tensor.full([1, SIZES.inputs], 1), state);
  const before = step(model.initialState(1) as never).state as never;
  const { weights, slots } = await model.writes(before, step(before).state as never);
  const each = weights.length / SIZES.heads;
  for (let h = 0; h < SIZES.heads; h++) {
    const own = Array.from({ length: each }, (_w, k) => weights[h * each + k]!);
    expect(own.filter((w) => w > 1e-12).map((w) => Number(w.toFixed(9)))).toEqual([1]);
    if (slots !== null) expect(own.at(-1)).toBeCloseTo(1, 9); // the last place is that of the erased slot
  }
});
