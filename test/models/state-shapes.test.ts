/** Shapes are looked at as a whole: a tensor with as many numbers in another order is refused by every path that takes one. */
import { describe, expect, it } from 'vitest';
import { fused, models, MultigridState, nn, ops, Pyramid, Rng, Tensor } from '../../lib/index.js';
import { tinyConfig } from '../train/tiny.js';

const shapeError = expect.objectContaining({ code: 'ERR_MG_SHAPE' });
/** Some look when the state is made of named tensors. */
const refusal = expect.objectContaining({ code: expect.stringMatching(/^ERR_MG_(SHAPE|CHECKPOINT)$/) as string });
const seeded = { rng: new Rng(1) };
const vector = { inputs: 3, outputs: 2, ...seeded };
const [steps, batch] = [2, 5];

/** As many numbers, the last axis second; of a vector for each row, the rows last. Another shape in every case below. */
function channelsFirst(x: Tensor): Tensor {
  const shape = x.shape.length === 2 ? [x.shape[1]!, x.shape[0]!] : [x.shape[0]!, x.shape.at(-1)!, ...x.shape.slice(1, -1)];
  expect(shape).not.toEqual(x.shape);
  return Tensor.zeros(shape, { dtype: x.dtype });
}

interface Holder {
  readonly names: readonly string[];
  /** Runs a window from the initial state, with `change` made to the tensor of that name. */
  run(name: string, change: (x: Tensor) => Tensor): unknown;
}

/** Anything that makes its state from named tensors. */
function holder<S extends { toTensors(): Map<string, Tensor> }>(
  start: () => S,
  from: (tensors: Map<string, Tensor>) => S,
  run: (state: S) => unknown,
): Holder {
  return {
    names: [...start().toTensors().keys()],
    run: (name, change) => run(from(new Map([...start().toTensors()].map(([key, x]) => [key, key === name ? change(x) : x])))),
  };
}

function sequence<S extends models.TensorState>(model: models.SequenceModel<S>): Holder {
  const x = Tensor.zeros([steps, batch, 3]);
  return holder(() => model.initialState(batch), (t) => model.stateFromTensors(t), (state) => model.forward(x, state));
}

function multigrid(options: models.MultigridMemoryOptions): Holder {
  const model = new models.MultigridMemory(tinyConfig, { ...seeded, ...options });
  const input = Tensor.zeros([steps, batch, 3, 3, 4]);
  const from = (t: Map<string, Tensor>): models.MultigridMemoryState => model.stateFromTensors(t);
  return holder(() => model.initialState(batch), from, (state) => model.write(input, state));
}

function layer(choice: 'required' | 'off'): Holder {
  const made = new nn.MultigridConvLSTM({
    input: [{ level: 0, channels: 1 }],
    output: [0, 1],
    channels: 2,
    fused: choice,
    ...seeded,
  });
  const x = Pyramid.of({ 0: Tensor.zeros([steps, batch, 3, 3, 1]) });
  return holder(() => made.initialState(batch), (t) => MultigridState.fromTensors(t), (state) => made.forward(x, state));
}

function session(): Holder {
  const model = new models.MultigridMemory(tinyConfig, seeded);
  const made = model.session({ batch });
  return holder(() => model.initialState(batch), (t) => model.stateFromTensors(t), (state) => made.setState(state));
}

function simple(made: nn.LSTM | nn.ConvLSTM, x: Tensor): Holder {
  return holder(() => made.initialState(batch), (t) => nn.LSTMState.fromTensors(t), (state) => made.forward(x, state));
}

const layers = [{ input: [{ level: 0, channels: 1 }], output: [0, 1], channels: 2 }];
const plan = fused.plan({ layers, batch, steps });
const parameters = new Map([...plan.parameters].map(([name, shape]) => [name, Tensor.zeros(shape)]));
const x = (): Pyramid => Pyramid.of({ 0: Tensor.zeros([steps, batch, 3, 3, 1]) });
const own = new nn.MultigridConvLSTM({ ...layers[0]!, ...seeded });
const planned = holder(
  () => own.initialState(batch),
  (t) => MultigridState.fromTensors(t),
  (state) => fused.forward(plan, parameters, x(), [state]),
);

const HOLDERS: Readonly<Record<string, Holder>> = {
  'MultigridMemory, fused': multigrid({ fused: 'required' }),
  'MultigridMemory, layer by layer': multigrid({ fused: 'off' }),
  'MultigridMemory, its session': session(),
  'MultigridConvLSTM, fused': layer('required'),
  'MultigridConvLSTM, layer by layer': layer('off'),
  'fused.forward': planned,
  'nn.LSTM': simple(new nn.LSTM({ in: 3, hidden: 4, ...seeded }), Tensor.zeros([steps, batch, 3])),
  'nn.ConvLSTM': simple(new nn.ConvLSTM({ in: 1, channels: 2, ...seeded }), Tensor.zeros([steps, batch, 3, 3, 1])),
  DNC: sequence(new models.DNC({ ...vector, slots: 6, wordSize: 4, readHeads: 2, hidden: 7 })),
  NTM: sequence(new models.NTM({ ...vector, slots: 6, wordSize: 4, hidden: 7 })),
  LSTMNetwork: sequence(new models.LSTMNetwork({ ...vector, hidden: 7 })),
  SAM: sequence(new models.SAM({ ...vector, slots: 24, wordSize: 4, heads: 2, reads: 3, hidden: 7 })),
  SDNC: sequence(new models.SDNC({ ...vector, slots: 24, wordSize: 4, heads: 2, reads: 3, links: 3, hidden: 7 })),
  DAM: sequence(new models.DAM({ ...vector, slots: 6, wordSize: 4, heads: 2, hidden: 7 })),
};
const members = Object.entries(HOLDERS).flatMap(([kind, { names }]) => names.map((name) => [kind, name] as const));

describe('a state with as many numbers in another order', () => {
  it.each(members)('is refused by %s, in %s', (kind, name) => {
    const { run } = HOLDERS[kind]!;
    if (kind !== 'MultigridMemory, its session') run(name, (given) => given); // as it is, it is taken
    let refused: unknown = null;
    try {
      run(name, (given) => (isSquare(given) ? Tensor.zeros([...given.shape, 1], { dtype: given.dtype }) : channelsFirst(given)));
    } catch (error) {
      refused = error;
    }
    expect(refused).toEqual(refusal);
  });
});

/** Of which no other order is another shape. */
const isSquare = (given: Tensor): boolean =>
  given.shape.slice(1).every((side) => side === given.shape[1]) && given.shape.length > 2;

describe('fused.forward and fused.backward', () => {
  const wrong = (name: string): Map<string, Tensor> => {
    const shape = parameters.get(name)!.shape;
    return new Map(parameters).set(name, Tensor.zeros(shape.length > 1 ? [...shape].reverse() : [1, ...shape]));
  };
  it.each([...plan.parameters.keys()])('look at the shape of parameter %s', (name) => {
    expect(() => fused.forward(plan, wrong(name), x())).toThrow(shapeError);
    const { saved, y } = fused.forward(plan, parameters, x());
    expect(() => fused.backward(plan, wrong(name), saved, y)).toThrow(shapeError);
  });

  it('take nothing for saved that forward of another plan gave', () => {
    const other = fused.plan({ layers, batch: batch + 1, steps });
    const { saved } = fused.forward(other, parameters, Pyramid.of({ 0: Tensor.zeros([steps, batch + 1, 3, 3, 1]) }));
    const { y, saved: kept } = fused.forward(plan, parameters, x());
    expect(() => fused.backward(plan, parameters, saved, y)).toThrow(/fused\.backward: expected/);
    const turned = kept.map((each) => (each.dtype === 'uint8' ? each : Tensor.zeros([...each.shape].reverse())));
    expect(() => fused.backward(plan, parameters, turned, y)).toThrow(shapeError);
    expect(() => fused.backward(plan, parameters, kept.slice(0, -1), y)).toThrow(/what fused\.forward of this plan saved/);
  });
});

describe('settings of a window op', () => {
  const dnc = new models.DNC({ ...vector, slots: 6, wordSize: 4, hidden: 7 });
  const sam = new models.SAM({ ...vector, slots: 64, wordSize: 4, heads: 2, reads: 3, hidden: 7 });
  const dam = new models.DAM({ ...vector, slots: 6, wordSize: 4, heads: 2, hidden: 7 });
  const shown = Tensor.zeros([steps, batch, 3]);
  const CALLS: [string, object, (settings: never, lengths?: never) => unknown][] = [
    ['dncWindow', dnc.settings, (s, n) => ops.dncWindow(shown, null, dnc.initialState(batch).values, s, n)],
    ['samWindow', sam.settings, (s, n) => ops.samWindow(shown, null, sam.initialState(batch).values as never, 5, s, n)],
    ['damWindow', dam.settings, (s, n) => ops.damWindow(shown, null, dam.initialState(batch).values, s, n)],
  ];
  it.each(CALLS)('of %s are all there, of the right kind, and no others', (_, settings, call) => {
    expect(() => call({ ...settings, misspelt: 1 } as never)).toThrow(/settings among .*misspelt/);
    for (const name of Object.keys(settings)) {
      const { [name as never]: _gone, ...rest } = settings;
      expect(() => call(rest as never), name).toThrow(new RegExp(`: expected ${name} to be .*undefined`));
      expect(() => call({ ...settings, [name]: null } as never), name).toThrow(new RegExp(`: expected ${name} to be .*null`));
      expect(() => call({ ...settings, [name]: NaN } as never), name).toThrow(new RegExp(`: expected ${name} to be .*NaN`));
    }
  });
});
