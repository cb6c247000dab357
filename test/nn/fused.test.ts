/** The low-level fused calls: what a plan tells, and that the caller's own loop gets what the layers give. */
import { describe, expect, it } from 'vitest';
import { device, fused, memory, MultigridState, nn, ops, Pyramid, Rng, scope, Tensor } from '../../lib/index.js';

const layers = [
  { input: [{ level: 1, channels: 3 }], output: [0, 1, 2], channels: 4, peephole: 'channel' },
  { input: [0, 1, 2].map((level) => ({ level, channels: 4 })), output: [1, 2], channels: 5, peephole: 'channel' },
] as const;
const size = { batch: 2, steps: 4, dtype: 'float64' } as const;
const plan = (options: object = {}): fused.Plan => fused.plan({ layers, ...size, ...options });

/** The same layers as modules, grid by grid, with their parameters under the names of the plan. */
function modules(): { chain: nn.MultigridConvLSTM[]; parameters: Map<string, Tensor> } {
  const chain = layers.map((layer, l) => (
    new nn.MultigridConvLSTM({ ...layer, fused: 'off', dtype: 'float64', rng: new Rng(3 + l) })
  ));
  const named = chain.flatMap((layer, l) => (
    [...layer.namedParameters()].map(([name, value]) => [`${l + 1}.${name}`, value] as const)
  ));
  return { chain, parameters: new Map(named) };
}

async function expectClose(got: Tensor, expected: Tensor): Promise<void> {
  expect(got.shape).toEqual(expected.shape);
  const [a, b] = [[...await got.data()], [...await expected.data()]];
  const largest = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest(a.map((value, i) => value - b[i]!))).toBeLessThanOrEqual(1e-12 * largest(b)); // float64, some hundred addends
}

describe('fused.plan', () => {
  it('tells what will be done, what it takes, and which parameters it needs', () => {
    using made = plan();
    const { parameters } = modules();
    if (device().type === 'cpu') {
      expect(made.path).toMatch(/samples in parallel.*gates stored/);
      expect(made.launches).toBe(5); // kernels and units forward; kernels, units and sums backward
    } else {
      expect(made.path).toMatch(/CUDA.*one launch for all, gates stored/);
      const grids = 5;
      // Forward; backward, weights, two for the peepholes of each grid, and sums.
      expect(made.launches).toBe(1 + 1 + 1 + 2 * grids + 1);
      using large = fused.plan({ layers: [{ ...layers[0], side: 16 }, { ...layers[1], side: 16 }], ...size, batch: 64 });
      expect(large.path).toMatch(/CUDA.*one launch each, gates stored/);
      const stages = size.steps + layers.length - 1;
      // Kernels and stages forward; kernels, three for each stage, weights, two for the peepholes of each grid,
      // and sums backward.
      expect(large.launches).toBe(1 + stages + 1 + 3 * stages + 1 + 2 * grids + 1);
    }
    expect(made.savedBytes).toBeGreaterThan(0);
    expect(made.workspaceBytes).toBeGreaterThan(0);
    expect([...made.parameters].sort()).toEqual([...parameters].map(([name, { shape }]) => [name, shape]).sort());
    expect(plan({ backward: false }).savedBytes).toBe(0);
  });

  it('says how it keeps a byte budget, and refuses one that nothing keeps', () => {
    const free = plan({ steps: 50 });
    const tight = plan({ steps: 50, budgetBytes: free.savedBytes - 1 });
    expect(tight.path).toContain('byte budget');
    expect(tight.savedBytes).toBeLessThan(free.savedBytes);
    expect(() => plan({ steps: 50, budgetBytes: 100 })).toThrow(expect.objectContaining({ code: 'ERR_MG_CONFIG' }));
  });

  it.each([
    ['layers that do not follow each other', { layers: [layers[0], layers[0]] }, 'ERR_MG_CONFIG'],
    ['different peepholes', { layers: [layers[0], { ...layers[1], peephole: 'none' }] }, 'ERR_MG_CONFIG'],
    ['a gap between levels', { layers: [{ ...layers[0], output: [0, 2] }] }, 'ERR_MG_DEVICE'],
    ['no layers', { layers: [] }, 'ERR_MG_ARGUMENT'],
    ['more steps than can be counted in bytes', { steps: 2 ** 31 - 1, batch: 2 ** 31 - 1 }, 'ERR_MG_CONFIG'],
    ['rows whose places are no 32-bit numbers', {
      device: 'cpu',
      layers: [{
        input: [{ level: 0, channels: 1024 }],
        output: [0],
        channels: 1024,
        kind: 'conv',
        side: 2 ** 21,
        dimensions: 1,
      }],
    }, 'ERR_MG_CONFIG'],
    ['sides whose cells cannot be counted', { layers: [{ ...layers[0], side: 2 ** 29 }] }, 'ERR_MG_CONFIG'],
    ['an unknown option', { stpes: 3 }, 'ERR_MG_ARGUMENT'],
    ['a device that is not here', { device: 'cuda:77' }, 'ERR_MG_NO_DEVICE'],
  ])('refuses %s', (_, options, code) => {
    expect(() => plan(options)).toThrow(expect.objectContaining({ code }));
  });
});

describe('fused.forward and fused.backward', () => {
  it('give the values and all gradients of the layers, state by state', async () => {
    using _ = scope();
    using made = plan();
    const { chain, parameters } = modules();
    const x = Pyramid.of({ 1: Tensor.normal([4, 2, 6, 6, 3], [0, 1], new Rng(8), { dtype: 'float64', requiresGrad: true }) });
    const start = chain.map((layer, l) => {
      const random = (half: 'hidden' | 'cell'): Pyramid =>
        layer.initialState(2)[half].map((grid, level) =>
          Tensor.normal(grid.shape, [0, 0.5], new Rng(20 + l).split(half + level), { dtype: 'float64', requiresGrad: true })
        );
      return new MultigridState(random('hidden'), random('cell'));
    });

    const first = chain[0]!.forward(x, start[0]!);
    const second = chain[1]!.forward(first.y, start[1]!);
    const ends = [first.state, second.state];
    const weight = (grid: Tensor, name: string): Tensor =>
      Tensor.normal(grid.shape, [0, 1], new Rng(30).split(name), { dtype: 'float64' });
    const dy = second.y.map((grid, level) => weight(grid, `y${level}`));
    const dState = ends.map((state, l) =>
      new MultigridState(
        state.hidden.map((grid, level) => weight(grid, `h${l}${level}`)),
        state.cell.map((grid, level) => weight(grid, `c${l}${level}`)),
      )
    );
    const pairs = [
      ...second.y.levels.map((level) => [second.y.at(level), dy.at(level)]),
      ...ends.flatMap((state, l) => state.tensors().map((grid, i) => [grid, dState[l]!.tensors()[i]!])),
    ];
    pairs.map(([y, d]) => ops.sum(ops.mul(y!, d!))).reduce((total, part) => ops.add(total, part)).backward();

    const run = fused.forward(made, parameters, x, start);
    for (const level of second.y.levels) await expectClose(run.y.at(level), second.y.at(level));
    for (const [l, state] of run.state.entries()) {
      for (const [i, grid] of state.tensors().entries()) await expectClose(grid, ends[l]!.tensors()[i]!);
    }
    const grads = fused.backward(made, parameters, run.saved, dy, dState);
    await expectClose(grads.dx.at(1), x.at(1).grad!);
    expect([...grads.dParameters.keys()].sort()).toEqual([...parameters.keys()].sort());
    for (const [name, gradient] of grads.dParameters) await expectClose(gradient, parameters.get(name)!.grad!);
    for (const [l, state] of grads.dState.entries()) {
      for (const [i, grid] of state.tensors().entries()) await expectClose(grid, start[l]!.tensors()[i]!.grad!);
    }
  });

  it('begin from zeros without a state, and then give no gradient of one', () => {
    using _ = scope();
    const { parameters } = modules();
    const made = plan();
    const x = Pyramid.of({ 1: Tensor.normal([4, 2, 6, 6, 3], [0, 1], new Rng(8), { dtype: 'float64' }) });
    const { y, saved } = fused.forward(made, parameters, x);
    expect(fused.backward(made, parameters, saved, y).dState).toEqual([]);
  });

  it('refuse other shapes, types, levels and a disposed plan', () => {
    using _ = scope();
    const { parameters } = modules();
    const made = plan();
    const x = (shape: number[], dtype: 'float32' | 'float64' = 'float64', level = 1): Pyramid =>
      Pyramid.of({ [level]: Tensor.zeros(shape, { dtype }) });
    const run = (input: Pyramid, weights = parameters): unknown => fused.forward(made, weights, input);
    const code = (expected: string): unknown => expect.objectContaining({ code: expected });
    expect(() => run(x([3, 2, 6, 6, 3]))).toThrow(code('ERR_MG_SHAPE'));
    expect(() => run(x([4, 2, 6, 6, 3], 'float32'))).toThrow(code('ERR_MG_DTYPE'));
    expect(() => run(x([4, 2, 3, 3, 3], 'float64', 0))).toThrow(code('ERR_MG_SHAPE'));
    expect(() => run(x([4, 2, 6, 6, 3]), new Map())).toThrow(code('ERR_MG_ARGUMENT'));
    const { saved, y } = fused.forward(made, parameters, x([4, 2, 6, 6, 3]));
    expect(() => fused.backward(made, parameters, saved.slice(2), y)).toThrow(code('ERR_MG_ARGUMENT'));
    made.dispose();
    expect(() => run(x([4, 2, 6, 6, 3]))).toThrow(code('ERR_MG_DISPOSED'));
  });

  it('take the memory that the plan tells, beside the results', async () => {
    const big = { ...size, batch: 8, steps: 40 };
    const { parameters } = modules();
    using made = fused.plan({ layers, ...big });
    const x = Pyramid.of({ 1: Tensor.normal([40, 8, 6, 6, 3], [0, 1], new Rng(8), { dtype: 'float64' }) });
    await device('cpu').sync();
    const before = memory().bytes;
    const { y, state, saved } = fused.forward(made, parameters, x);
    await device('cpu').sync();
    const results = [...y.tensors(), ...state.flatMap((layer) => layer.tensors())].reduce((sum, grid) => sum + grid.size * 8, 0);
    expect(Math.abs((memory().bytes - before) / (made.savedBytes + results) - 1)).toBeLessThanOrEqual(0.05);
    for (const grid of saved) grid.dispose();
  });

  it.each([0, 1, 2, 3])('show a NaN that is pooled, at place %i of its window', async (place) => {
    using _ = scope();
    const values = new Float32Array(4 * 4).fill(1);
    values[(place >> 1) * 4 + (place & 1)] = NaN;
    const layer = { input: [{ level: 1, channels: 1 }], output: [0], channels: 1, kernelSize: 1, side: 2, kind: 'conv' } as const;
    const made = fused.plan({ layers: [layer], batch: 1, steps: 1 });
    const parameters = new Map([...made.parameters].map(([name, shape]) => [name, Tensor.full(shape, 1)]));
    const { y } = fused.forward(made, parameters, Pyramid.of({ 1: Tensor.from(values, [1, 1, 4, 4, 1]) }));
    expect([...await y.at(0).data()]).toEqual([NaN, 2, 2, 2]);
  });
});
