/** A window of a published configuration from random inputs and states, and everything that comes of it. */
import { MultigridMemory } from '../../lib/models/multigrid-memory.js';
import type { ModelPlan, NetworkPlan } from '../../lib/models/plan.js';
import { extentOf } from '../../lib/nn/ladder.js';
import { Pyramid } from '../../lib/nn/pyramid.js';
import { add, mul, sum } from '../../lib/ops/index.js';
import { device, type DeviceLike } from '../../lib/tensor/device.js';
import { Rng } from '../../lib/tensor/rng.js';
import { scope } from '../../lib/tensor/scope.js';
import { Tensor } from '../../lib/tensor/tensor.js';

export interface Window {
  readonly name: string;
  readonly fused: 'required' | 'off';
  readonly dtype: 'float32' | 'float64';
  readonly steps: number;
  readonly batch: number;
  readonly seed: number;
  /** Default: the one that is set. */
  readonly place?: DeviceLike;
}

function randomPyramid(model: ModelPlan, network: NetworkPlan, lead: readonly number[], rng: Rng, options: object): Pyramid {
  const grids = network.input.map(({ level, channels }) => {
    const shape = [...lead, ...extentOf(level, model.dimensions, model.baseSide), channels];
    return [level, Tensor.normal(shape, [0, 1], rng.split(level), { ...options, requiresGrad: true })] as const;
  });
  return Pyramid.of(Object.fromEntries(grids));
}

/** Every number that a window produces: logits, final state, and the gradients (`d …`) of all parameters, inputs and initial states. */
export async function everything({ name, fused, dtype, steps, batch, seed, place = device() }: Window): Promise<Map<string, ArrayLike<number>>> {
  using _ = scope();
  const options = { dtype, device: place };
  using model = new MultigridMemory(name, { fused, ...options, rng: new Rng(seed) });
  const { plan } = model;
  const [first, ...others] = plan.networks;
  const rng = new Rng(seed + 1);
  const input = randomPyramid(plan, first!, [steps, batch], rng.split('input'), options);
  const queries = plan.kind === 'writerReader'
    ? others.map((reader, k) => randomPyramid(plan, reader, [plan.read === 'last' ? 1 : steps, batch], rng.split(`query${k}`), options)) : undefined;
  const initial = [...model.initialState(batch).toTensors()].map(([key, zero]) => {
    const start = Tensor.normal(zero.shape, [0, 0.5], rng.split(key), { ...options, requiresGrad: true });
    return [key, start] as const;
  });
  const state = model.stateFromTensors(new Map(initial));
  const result = model.forward({ input, ...(queries === undefined ? {} : { queries }) }, state);
  const outputs = new Map([...result.logits.map((y, k) => [`logits${k}`, y] as const), ...result.state.toTensors()]);
  const parts = [...outputs].map(([key, y]) => sum(mul(y, Tensor.normal(y.shape, [0, 1], rng.split(`weight ${key}`), options))));
  parts.reduce((total, part) => add(total, part)).backward();
  const leaves = [...model.namedParameters(), ...initial, ...input.tensors().map((x, i) => [`input${i}`, x] as const),
    ...(queries ?? []).flatMap((q, k) => q.tensors().map((x, i) => [`query${k}.${i}`, x] as const))];
  const found = new Map<string, ArrayLike<number>>();
  for (const [key, y] of outputs) found.set(key, await y.data());
  for (const [key, leaf] of leaves) found.set(`d ${key}`, leaf.grad === null ? new Float64Array(leaf.size) : await leaf.grad.data());
  return found;
}
