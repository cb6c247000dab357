/** The fused network against its composition from single ops, over random layer lists: values and all gradients. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { networkWindow, type NetworkArguments, type NetworkResult } from '../../lib/ops/network/network.js';
import { planNetwork, type NetworkSpec } from '../../lib/ops/network/network-spec.js';
import { add, mul, sum } from '../../lib/ops/index.js';
import { scope } from '../../lib/tensor/scope.js';
import { device, diagnostics, setThreads } from '../../lib/tensor/device.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import { closestTie, networkReference } from '../helpers/network-reference.js';
import {
  allNumbers,
  randomArguments,
  worstDifference,
  type Float,
  type Numbers,
  type Window,
} from '../helpers/network-values.js';
import { randomNetwork } from '../helpers/random-network.js';
import { cases, isPromised, promised } from '../helpers/promises.js';

async function fusedNumbers(spec: NetworkSpec, window: Window): Promise<Numbers> {
  using _ = scope();
  return await allNumbers((args) => networkWindow(spec, args), randomArguments(spec, window), window);
}

async function referenceNumbers(spec: NetworkSpec, window: Window): Promise<{ numbers: Numbers; tie: number }> {
  using _ = scope();
  let tie: Promise<number> | undefined;
  const numbers = await allNumbers(
    (args) => {
      const result = networkReference(spec, args);
      tie = closestTie(result);
      return result;
    },
    randomArguments(spec, window),
    window,
  );
  return { numbers, tie: await tie! };
}

const bytes = (numbers: ArrayLike<number>): Buffer => Buffer.from(Float32Array.from(numbers).buffer);

/** Milliseconds that a property may take: at promised size an hour, else what it takes on a busy machine. */
const within = (usual: number): number => (isPromised ? 3_600_000 : usual);

/** Nearer than this to another choice of a ReLU or a pool, float32 may choose otherwise, and a gradient goes elsewhere. */
const TIE = 3e-6;

/** Windows beside a window that single ops are tried on, where they tell how much a network amplifies rounding. */
const BESIDE = 8;

/**
 * Worst error of float32 on the first of some windows without ties, measured against the reference in float64. Some networks
 * amplify rounding over many steps, so that single ops in float32 are off by more than the tolerance themselves. How far off is
 * chance, and the fused network draws from the same urn in another order: it may be off by twice the worst of single ops on that
 * window and on some whose arguments are a rounding away.
 */
async function expectEqual(
  spec: NetworkSpec,
  size: { steps: number; batch: number; seed: number },
  float32: number,
): Promise<boolean> {
  const error = async (dtype: Float, seed: number, numbers: Numbers): Promise<{ key: string; error: number }> =>
    worstDifference(await fusedNumbers(spec, { ...size, dtype, seed }), numbers);
  for (let seed = size.seed; seed < size.seed + 4; seed++) {
    const { numbers, tie } = await referenceNumbers(spec, { ...size, dtype: 'float64', seed });
    if (seed === size.seed) {
      const double = await error('float64', seed, numbers);
      expect(double.error, `float64, ${double.key}`).toBeLessThanOrEqual(1e-11);
    }
    if (tie < TIE) continue;
    const single = await error('float32', seed, numbers);
    if (single.error > float32) {
      let worst = 0;
      for (let nudge = 0; nudge <= BESIDE; nudge++) {
        const window = { ...size, seed, nudge };
        const exact = await referenceNumbers(spec, { ...window, dtype: 'float64' });
        const ops = await referenceNumbers(spec, { ...window, dtype: 'float32' });
        worst = Math.max(worst, worstDifference(ops.numbers, exact.numbers).error);
      }
      expect(single.error, `float32, ${single.key}, single ops ${worst}`).toBeLessThanOrEqual(2 * worst);
    }
    return true;
  }
  return false;
}

describe('networkWindow, on random layer lists', () => {
  const before = diagnostics().binary.threads;
  afterAll(() => setThreads(before));

  // 1e-11: float64 sums of some thousand addends in another order. 2e-5: the same in float32, through a few layers and steps.
  it('equals single ops for a few steps: float64 to 1e-11, float32 to 2e-5 of the largest magnitude', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(randomNetwork(3), fc.constantFrom(1, 2, 3, 7), async ({ spec, batch, seed }, steps) => {
        if (await expectEqual(spec, { steps, batch, seed }, 2e-5)) compared++;
      }),
      { numRuns: cases(40) },
    );
    expect(compared, 'networks without ties').toBeGreaterThan(20);
  }, within(300_000));

  // A rounding error may live on in the cell through all steps: five times as much for twenty-five times as many, of which a
  // twenty-fifth of the cases has as many in all.
  it.each([
    [20, 2e-5, cases(40)],
    [500, 1e-4, isPromised ? promised('N6') / 25 : 10],
  ])('equals single ops over %d steps: float64 to 1e-11, float32 to %d', async (steps, tolerance, numRuns) => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(randomNetwork(2), async ({ spec, seed }) => {
        const layers = spec.layers.slice(0, 2).map((layer, l, all) => (
          { ...layer, isOutput: layer.isOutput || l === all.length - 1 }
        ));
        const small = { ...spec, layers };
        const used = new Set([...small.input, ...small.layers.flatMap(({ memory }) => memory)]);
        const fields = small.fields.filter((_, i) => used.has(i));
        if (await expectEqual({ ...small, fields }, { steps, batch: 1, seed }, tolerance)) compared++;
      }),
      { numRuns },
    );
    expect(compared, 'networks without ties').toBeGreaterThan(numRuns / 4);
  }, within(600_000));

  it('has the same bits for 1, 2 and 4 threads', async () => {
    await fc.assert(
      fc.asyncProperty(randomNetwork(3), async ({ spec, batch, seed }) => {
        const found: Numbers[] = [];
        for (const threads of [1, 2, 4]) {
          setThreads(threads);
          found.push(await fusedNumbers(spec, { steps: 3, batch, dtype: 'float32', seed }));
        }
        expect(found[1]).toEqual(found[0]);
        expect(found[2]).toEqual(found[0]);
      }),
      { numRuns: cases(15) },
    );
  }, within(120_000));

  it('has the same bits under the tightest byte budget that its plan accepts', async () => {
    await fc.assert(
      fc.asyncProperty(randomNetwork(3), async ({ spec, batch, seed }) => {
        const size = { steps: 6, batch, dtype: 'float32', seed } as const;
        const { savedBytes } = planNetwork(spec, size).plan;
        let least: string | undefined;
        try {
          planNetwork({ ...spec, budgetBytes: 1 }, size);
        } catch (error) {
          least = /at least (\d+)/.exec((error as Error).message)?.[1];
        }
        const budgetBytes = Math.min(Number(least ?? 1), Math.max(1, savedBytes));
        const [tight, free] = [await fusedNumbers({ ...spec, budgetBytes }, size), await fusedNumbers(spec, size)];
        expect(tight).toEqual(free);
      }),
      { numRuns: cases(20) },
    );
  }, within(120_000));
});

it.runIf(device().type === 'cpu')(
  'has the same bits where gates are stored past the caches and where they are computed again',
  async () => {
    const lstm = { kind: 'convLstm', channels: 4, relu: false, norm: false, shortcut: -1, memory: [], isOutput: true } as const;
    const spec: NetworkSpec = {
      dimensions: 2,
      kernelSize: 3,
      sides: [3, 6, 12, 24], // images of 3x3 cells fill no whole vectors
      fields: [{ level: 0, channels: 1 }],
      input: [0],
      layers: [{ ...lstm, low: 0, high: 1 }, { ...lstm, low: 0, high: 2 }, { ...lstm, low: 0, high: 3 }],
      forgetBias: 1,
      hasPeephole: true,
      epsilon: 0.001,
      budgetBytes: 0,
    };
    const size = { steps: 25, batch: 25, dtype: 'float32', seed: 5 } as const;
    const { path, savedBytes } = planNetwork(spec, size).plan;
    expect(path).toContain('gates stored past the caches');
    const again = { ...spec, budgetBytes: savedBytes - 1 };
    expect(planNetwork(again, size).plan.path).toContain('gates recomputed');
    const [stored, computed] = [await fusedNumbers(spec, size), await fusedNumbers(again, size)];
    for (const [key, numbers] of stored) expect(Buffer.compare(bytes(numbers), bytes(computed.get(key)!)), key).toBe(0);
  },
  120_000,
);

/** The arguments without a gradient when the loss is the sum of results number i with bit i of `loss` set (all for none). */
function unreached(run: (args: NetworkArguments) => NetworkResult, args: Required<NetworkArguments>, loss: number): string[] {
  const { outputs, hidden, cell } = run(args);
  const results = [...outputs, ...hidden, ...cell].map(({ grid }) => grid);
  const chosen = results.filter((_, i) => (loss >> i) & 1);
  (chosen.length > 0 ? chosen : results).map((y) => sum(y)).reduce((total, part) => add(total, part)).backward();
  const grids = [['field', args.fields], ['hidden', args.state.hidden], ['cell', args.state.cell]] as const;
  const leaves = [...args.parameters, ...grids.flatMap(([name, list]) => list.map((x, i) => [`${name} ${i}`, x] as const))];
  return leaves.flatMap(([name, leaf]) => (leaf.grad === null ? [name] : []));
}

it('gives no gradient, null, to exactly those arguments that single ops give none', async () => {
  let some = 0;
  await fc.assert(
    fc.property(randomNetwork(3), fc.nat(2 ** 20 - 1), ({ spec, batch, seed }, loss) => {
      using _ = scope();
      const window = { steps: 2, batch, dtype: 'float32', seed } as const;
      const want = unreached((args) => networkReference(spec, args), randomArguments(spec, window), loss);
      expect(unreached((args) => networkWindow(spec, args), randomArguments(spec, window), loss)).toEqual(want);
      if (want.length > 0) some++;
    }),
    { numRuns: cases(60) },
  );
  expect(some, 'losses that leave something out').toBeGreaterThan(10);
}, within(120_000));

// By definition a NaN is the maximum of its window, and a window's gradient goes to its first maximum.
it.each([1, 2] as const)('a NaN in a pooled window of %dD grids takes the gradient, as in single ops', async (dimensions) => {
  for (const channels of [3, 20]) {
    const spec: NetworkSpec = {
      dimensions,
      kernelSize: 1,
      sides: [1, 2],
      fields: [{ level: 1, channels }],
      input: [0],
      layers: [
        { kind: 'conv', low: 0, high: 0, channels: 2, relu: false, norm: false, shortcut: -1, memory: [], isOutput: true },
      ],
      forgetBias: 1,
      hasPeephole: false,
      epsilon: 0.001,
      budgetBytes: 0,
    };
    const cells = 2 ** dimensions;
    for (let places = 1; places < 2 ** cells; places++) {
      using _ = scope();
      const isNaNCell = (cell: number): boolean => ((places >> cell) & 1) === 1;
      const gradient = async (run: typeof networkWindow): Promise<number[]> => {
        const args = randomArguments(spec, { steps: 1, batch: 1, dtype: 'float32', seed: 11 });
        const values = args.fields[0]!.dataSync().map((x, i) => isNaNCell(Math.floor(i / channels)) ? NaN : x);
        const field = Tensor.from(values, args.fields[0]!.shape, { dtype: 'float32', requiresGrad: true });
        sum(run(spec, { ...args, fields: [field] }).outputs[0]!.grid).backward();
        return [...await field.grad!.data()];
      };
      const fused = await gradient(networkWindow);
      expect(fused, `NaN at ${places}`).toEqual(await gradient(networkReference));
      const first = Array.from({ length: cells }, (_, cell) => cell).find(isNaNCell)!;
      expect(fused.map((g) => g !== 0)).toEqual(fused.map((_, i) => Math.floor(i / channels) === first));
    }
  }
});

// The gradient at a tap is x·dy times the pixels it falls on, over all steps. Image by image, N = 24² terms and then T sums are
// rounded, each by at most 2⁻²⁴: N + T + 2 roundings. Added one by one to the sum of the whole window there were N·T.
it('float32 gradients of weights over a long window are sums of its images\' sums', async () => {
  using _ = scope();
  const [side, steps, inputs, value] = [24, 400, 3, Math.fround(0.1)];
  for (const channels of [1, 4, 16, 20, 64]) {
    const spec: NetworkSpec = {
      dimensions: 2,
      kernelSize: 3,
      sides: [side],
      fields: [{ level: 0, channels: inputs }],
      input: [0],
      layers: [{ kind: 'conv', low: 0, high: 0, channels, relu: false, norm: false, shortcut: -1, memory: [], isOutput: true }],
      forgetBias: 1,
      hasPeephole: false,
      epsilon: 0.001,
      budgetBytes: 0,
    };
    const [kernel, bias] = [[3, 3, inputs, channels], [channels]].map((shape) => Tensor.zeros(shape));
    kernel!.requiresGrad = bias!.requiresGrad = true;
    const x = Tensor.full([steps, 1, side, side, inputs], value);
    const parameters = new Map([['1.level0.kernel', kernel!], ['1.level0.bias', bias!]]);
    const y = networkWindow(spec, { parameters, fields: [x] }).outputs[0]!.grid;
    sum(mul(y, Tensor.full(y.shape, value))).backward();
    const most = (side ** 2 + steps + 2) * 2 ** -24;
    const pixels = (tap: number): number => side - Math.abs(tap - 1);
    const error = (got: ArrayLike<number>, want: (i: number) => number): number =>
      Math.max(...Array.from(got, (g, i) => Math.abs(g / want(i) - 1)));
    const dKernel = error(await kernel!.grad!.data() as Float32Array, (i) => {
      const tap = Math.floor(i / inputs / channels);
      return value * value * steps * pixels(Math.floor(tap / 3)) * pixels(tap % 3);
    });
    expect(dKernel, `kernel, ${channels} channels`).toBeLessThanOrEqual(most);
    const dBias = error(await bias!.grad!.data() as Float32Array, () => value * steps * side ** 2);
    expect(dBias, `bias, ${channels} channels`).toBeLessThanOrEqual(most);
  }
});
