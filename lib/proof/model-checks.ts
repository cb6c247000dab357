/** Models against what defines them: small, on the default device. */
import { noGrad, valueAndGrad } from '../autograd/index.js';
import { gradcheck } from '../autograd/gradcheck.js';
import { MultigridMemory } from '../models/multigrid/multigrid-memory.js';
import type { SequenceModel } from '../models/sequence-model.js';
import type { TensorState } from '../nn/tensor-state.js';
import {
  dncInterface,
  dncStateShapes,
  dncWindow,
  square,
  sum,
  unstack,
  type DncSettings,
  type DncTensors,
} from '../ops/index.js';
import { Rng } from '../tensor/rng.js';
import { scope } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { naiveAccess, naiveStart } from './naive-dnc.js';

const STEPS = 6;

const farthest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(b).reduce((most, v, i) => Math.max(most, Math.abs(v - a[i]!)), 0);

/**
 * Null if the DNC's words and links equal their definition and its gradient the finite differences along a direction; else how
 * not.
 */
export async function dncFault(): Promise<string | null> {
  using _ = scope();
  const s: DncSettings = {
    slots: 37,
    wordSize: 5,
    readHeads: 4,
    writeHeads: 2,
    hidden: 0,
    oneplus: false,
    usageGradient: false,
    contentSecond: false,
    forgetBias: 1,
    clip: 0,
    epsilon: 1e-6,
    linkBudgetBytes: 0,
  };
  const { size } = dncInterface(s);
  const x = Tensor.normal([STEPS, 1, size], [0, 1], new Rng(5), { dtype: 'float64' });
  const zeros = Object.entries(dncStateShapes(s, 1)).map(([name, shape]) => [name, Tensor.zeros(shape, { dtype: 'float64' })]);
  const start = Object.fromEntries(zeros) as DncTensors;
  const { words, state } = noGrad(() => dncWindow(x, null, start, s));
  const raw = await x.data();
  let naive = naiveStart(s);
  const expected: number[] = [];
  for (let t = 0; t < STEPS; t++) {
    const step = naiveAccess([...raw.slice(t * size, (t + 1) * size)], naive, s);
    naive = step.state;
    expected.push(...step.words.flat());
  }
  const error = Math.max(farthest(await words.data(), expected), farthest(await state.link.data(), naive.link.flat(2)));
  if (!(error <= 1e-12)) return `off by ${error}`; // float64, some hundred roundings of numbers near 1
  const free = { ...s, usageGradient: true }; // with no gradient stopped, slopes are those of finite differences
  const objective = (v: Tensor): Tensor => sum(square(dncWindow(v, null, start, free).words));
  const direction = await Tensor.normal([STEPS, 1, size], [0, 1], new Rng(6), { dtype: 'float64' }).data();
  const moved = (by: number): Tensor => Tensor.from(raw.map((v, i) => v + by * direction[i]!), x.shape);
  const at = async (by: number): Promise<number> => await noGrad(() => objective(moved(by))).item();
  const slope = ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
  const gradient = await valueAndGrad(objective)(x).grads[0]!.data();
  const analytic = Array.from(gradient).reduce((along, g, i) => along + g * direction[i]!, 0);
  // The differences are off by (1e-5)² and by rounding over 1e-5.
  return Math.abs(slope - analytic) <= 1e-6 * Math.max(1, Math.abs(slope)) ? null : `slope ${analytic} instead of ${slope}`;
}

/** Null if the fused network equals its layers run one by one; else how not. */
export async function fusedFault(): Promise<string | null> {
  using _ = scope();
  const x = Tensor.normal([3, 2, 3, 3, 4], [0, 1], new Rng(1));
  const run = async (fused: 'required' | 'off'): Promise<ArrayLike<number>> => {
    const lstm = [[0, 1, 8], [0, 1, 8], [0, 2, 8], [0, 2, 8]] as const;
    using model = new MultigridMemory({ input: { 0: 4 }, lstm, tail: [[0, 0, 4]] }, { rng: new Rng(2), fused });
    return await noGrad(() => model.forward({ input: x }).y).data();
  };
  const error = farthest(await run('required'), await run('off'));
  return error <= 1e-4 ? null : `off by ${error}`; // float32, sums of some hundred products through five layers
}

/** What a network of vectors is checked with. */
export interface CheckSizes {
  readonly inputs: number;
  readonly outputs: number;
  readonly dtype: 'float64';
  readonly rng: Rng;
}

const frames = (): Tensor => Tensor.normal([STEPS, 2, 3], [0, 1], new Rng(8), { dtype: 'float64' });

/** Null if a window equals its steps run one by one; else how not. */
async function stepsFault(model: SequenceModel<TensorState>, x: Tensor): Promise<string | null> {
  const window = await noGrad(() => model.forward(x).y).data();
  let state = model.initialState(2);
  const steps: number[] = [];
  for (const frame of unstack(x)) {
    const next = noGrad(() => model.step(frame, state));
    steps.push(...await next.y.data());
    state = next.state;
  }
  const error = farthest(window, steps);
  return error <= 1e-12 ? null : `off by ${error} from its steps`; // float64, numbers near 1
}

/** Null if a window equals its steps run one by one, and its gradients the finite differences; else how not. */
export async function gradientFault(make: (sizes: CheckSizes) => SequenceModel<TensorState>): Promise<string | null> {
  using _ = scope();
  using model = make({ inputs: 3, outputs: 2, dtype: 'float64', rng: new Rng(7) });
  const x = frames();
  const fault = await stepsFault(model, x);
  if (fault !== null) return fault;
  const { ok, worst } = await gradcheck((v) => sum(square(model.forward(v!).y)), [x]);
  return ok ? null : JSON.stringify(worst);
}

/** The same of a model that stops some of its gradients: those of its output weights are whole. */
export async function outputGradientFault(make: (sizes: CheckSizes) => SequenceModel<TensorState>): Promise<string | null> {
  using _ = scope();
  using model = make({ inputs: 3, outputs: 2, dtype: 'float64', rng: new Rng(7) });
  const x = frames();
  const fault = await stepsFault(model, x);
  if (fault !== null) return fault;
  const weight = model.stateDict().get('output.weight')!;
  const values = await weight.data();
  const at = async (by: number): Promise<number> => {
    weight.copyFrom(values.map((v, i) => v + (i === 0 ? by : 0)) as Float64Array);
    return await noGrad(() => sum(square(model.forward(x).y))).item();
  };
  const slope = ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
  await at(0);
  sum(square(model.forward(x).y)).backward();
  const analytic = (await weight.grad!.data())[0]!;
  return Math.abs(slope - analytic) <= 1e-7 * Math.max(1, Math.abs(slope)) ? null : `slope ${analytic} instead of ${slope}`;
}
