/** Every model on the GPU against the same model on the CPU: values and gradients of a window, and the same bits each time. */
import { describe, expect, it } from 'vitest';
import { devices, models, ops, optim, Rng, scope, Tensor, type FloatDType } from '../../lib/index.js';
import type { Module } from '../../lib/nn/module.js';

const gpu = devices().find((each) => each.type === 'cuda');
const places = ['cpu', 'cuda'] as const;
type Place = (typeof places)[number];

interface Subject {
  readonly model: Module;
  /** The outputs of a window made from a fixed seed. */
  readonly run: () => readonly Tensor[];
}

const T = 4;
const B = 3;
const ladder = { input: { 0: 4 }, lstm: [[0, 0, 4], [0, 1, 4], [0, 2, 8], [0, 2, 8]], tail: [[1, 1, 4]] } as const;

/** The same numbers on every device. */
const normal = (shape: readonly number[], dtype: FloatDType, place: Place): Tensor =>
  Tensor.normal(shape, [0, 1], new Rng(3), { dtype, device: place });

type Sequence = Module & { forward(x: Tensor): { readonly y: Tensor } };

function sequence(model: Sequence, dtype: FloatDType, place: Place): Subject {
  return { model, run: () => [model.forward(normal([T, B, 6], dtype, place)).y] };
}

const subjects: Record<string, (dtype: FloatDType, place: Place) => Subject> = {
  'a multigrid memory with shortcuts': (dtype, place) => {
    const model = new models.MultigridMemory(ladder, { dtype, device: place, rng: new Rng(1) });
    return { model, run: () => [model.forward({ input: normal([T, B, 3, 3, 4], dtype, place) }).y] };
  },
  'the same, layer by layer': (dtype, place) => {
    const model = new models.MultigridMemory(ladder, { dtype, device: place, rng: new Rng(1), fused: 'off' });
    return { model, run: () => [model.forward({ input: normal([T, B, 3, 3, 4], dtype, place) }).y] };
  },
  'so many episodes that a step is a launch of its own': (dtype, place) => {
    const model = new models.MultigridMemory(
      { input: { 0: 2 }, lstm: [[0, 1, 2], [0, 2, 2]], tail: [[1, 1, 2]] },
      { dtype, device: place, rng: new Rng(1) },
    );
    return { model, run: () => [model.forward({ input: normal([2, 300, 3, 3, 2], dtype, place) }).y] };
  },
  'a DNC': (dtype, place) =>
    sequence(
      new models.DNC({
        inputs: 6,
        outputs: 5,
        slots: 40,
        wordSize: 6,
        readHeads: 3,
        writeHeads: 2,
        hidden: 20,
        dtype,
        device: place,
        rng: new Rng(1),
      }),
      dtype,
      place,
    ),
  'the DNC of the article': (dtype, place) =>
    sequence(
      new models.DNC({
        inputs: 6,
        outputs: 5,
        variant: 'paper',
        slots: 40,
        wordSize: 6,
        hidden: 20,
        dtype,
        device: place,
        rng: new Rng(1),
      }),
      dtype,
      place,
    ),
  'a sparse access memory': (dtype, place) =>
    sequence(
      new models.SAM({
        inputs: 6,
        outputs: 5,
        slots: 5_000,
        wordSize: 6,
        heads: 3,
        hidden: 20,
        dtype,
        device: place,
        rng: new Rng(1),
      }),
      dtype,
      place,
    ),
  'a sparse DNC': (dtype, place) =>
    sequence(
      new models.SDNC({
        inputs: 6,
        outputs: 5,
        slots: 20,
        wordSize: 6,
        heads: 2,
        hidden: 20,
        dtype,
        device: place,
        rng: new Rng(1),
      }),
      dtype,
      place,
    ),
  'a dense access memory': (dtype, place) =>
    sequence(
      new models.DAM({
        inputs: 6,
        outputs: 5,
        slots: 40,
        wordSize: 6,
        heads: 3,
        hidden: 20,
        dtype,
        device: place,
        rng: new Rng(1),
      }),
      dtype,
      place,
    ),
  'an NTM': (dtype, place) =>
    sequence(
      new models.NTM({
        inputs: 6,
        outputs: 5,
        hidden: 20,
        dtype,
        device: place,
        rng: new Rng(1),
      }),
      dtype,
      place,
    ),
  'layers of LSTM': (dtype, place) =>
    sequence(
      new models.LSTMNetwork({
        inputs: 6,
        outputs: 5,
        hidden: 20,
        layers: 2,
        dtype,
        device: place,
        rng: new Rng(1),
      }),
      dtype,
      place,
    ),
};

/** Two updates: outputs, gradients and new weights, by name. */
async function trained(make: (typeof subjects)[string], dtype: FloatDType, place: Place): Promise<Map<string, Float64Array>> {
  const { model, run } = make(dtype, place);
  const optimizer = new optim.RMSProp(model, { lr: 1e-3 });
  const seen = new Map<string, Float64Array>();
  const note = async (name: string, tensor: Tensor): Promise<void> => {
    expect(tensor.device.type, name).toBe(place);
    seen.set(name, Float64Array.from(await tensor.data()));
  };
  for (let update = 0; update < 2; update++) {
    using _ = scope();
    const outputs = run();
    const loss = outputs.map((y) => ops.mean(ops.square(y))).reduce((a, b) => ops.add(a, b));
    loss.backward();
    for (const [k, y] of outputs.entries()) await note(`output ${k} of update ${update}`, y);
    for (const [name, p] of model.namedParameters()) if (p.grad !== null) await note(`d ${name} of update ${update}`, p.grad);
    optimizer.step({ timeSteps: T, maxNorm: 10 });
    optimizer.zeroGrad();
  }
  for (const [name, p] of model.namedParameters()) await note(name, p);
  model.dispose();
  return seen;
}

// A window of sums in another order, with exp and tanh of another library; RMSProp then divides by gradients that may be small.
const TOLERANCE = { float32: 1e-4, float64: 1e-9 };

describe.skipIf(gpu === undefined).each(Object.entries(subjects))('%s on a GPU (skipped where there is none)', (_name, make) => {
  it.each(['float32', 'float64'] as const)('has the outputs, gradients and weights of the CPU in %s', async (dtype) => {
    const [here, there] = [await trained(make, dtype, 'cpu'), await trained(make, dtype, 'cuda')];
    expect([...there.keys()]).toEqual([...here.keys()]);
    for (const [name, expected] of here) {
      const largest = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-6);
      const worst = there.get(name)!.reduce((most, v, i) => Math.max(most, Math.abs(v - expected[i]!)), 0);
      expect(worst / largest, name).toBeLessThanOrEqual(TOLERANCE[dtype]);
    }
  });

  it('gives the same bits three times', async () => {
    const bits = () => trained(make, 'float32', 'cuda');
    const [first, ...others] = [await bits(), await bits(), await bits()];
    for (const other of others) expect(other).toEqual(first);
  });
});

describe.skipIf(gpu === undefined)('searches of a sparse access memory on a GPU (skipped where there is none)', () => {
  it.each(['lsh', 'kdtree'] as const)('refuse %s, which is for the CPU', (index) => {
    using _ = scope();
    const sizes = { inputs: 6, outputs: 5, slots: 40, wordSize: 6, heads: 3, reads: 2, hidden: 20 };
    const model = new models.SAM({ ...sizes, index, device: 'cuda', rng: new Rng(1) });
    const run = (): unknown => model.forward(normal([T, B, 6], 'float32', 'cuda'));
    expect(run).toThrow(expect.objectContaining({ code: 'ERR_MG_DEVICE' }));
  });
});
