/** The fused networks against the layers they stand for: values and all gradients, for every published configuration. */
import { describe, expect, it } from 'vitest';
import { MultigridMemory } from '../../lib/models/multigrid-memory.js';
import { type ModelPlan, type NetworkPlan } from '../../lib/models/plan.js';
import { presetNames } from '../../lib/models/presets.js';
import { extentOf } from '../../lib/nn/ladder.js';
import { Pyramid } from '../../lib/nn/pyramid.js';
import { add, mul, sum } from '../../lib/ops/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { scope } from '../../lib/tensor/scope.js';
import { Tensor } from '../../lib/tensor/tensor.js';

type FloatDType = 'float32' | 'float64';

function randomPyramid(model: ModelPlan, network: NetworkPlan, lead: readonly number[], rng: Rng, dtype: FloatDType): Pyramid {
  const grids = network.input.map(({ level, channels }) => {
    const shape = [...lead, ...extentOf(level, model.dimensions, model.baseSide), channels];
    const grid = Tensor.normal(shape, [0, 1], rng.split(level), { dtype, requiresGrad: true });
    return [level, grid] as const;
  });
  return Pyramid.of(Object.fromEntries(grids));
}

/** Every number that a window produces: logits, final state, and the gradients of all parameters, inputs and initial states. */
async function everything(name: string, fused: 'required' | 'off', dtype: FloatDType, [steps, batch]: readonly [number, number]): Promise<Map<string, ArrayLike<number>>> {
  using _ = scope();
  using model = new MultigridMemory(name, { fused, dtype, rng: new Rng(3) });
  const { plan } = model;
  const [first, ...others] = plan.networks;
  const rng = new Rng(4);
  const input = randomPyramid(plan, first!, [steps, batch], rng.split('input'), dtype);
  const queries = plan.kind === 'writerReader'
    ? others.map((reader, k) => randomPyramid(plan, reader, [plan.read === 'last' ? 1 : steps, batch], rng.split(`query${k}`), dtype)) : undefined;
  const initial = [...model.initialState(batch).toTensors()].map(([key, zero]) => {
    const start = Tensor.normal(zero.shape, [0, 0.5], rng.split(key), { dtype, requiresGrad: true });
    return [key, start] as const;
  });
  const state = model.stateFromTensors(new Map(initial));
  const result = model.forward({ input, ...(queries === undefined ? {} : { queries }) }, state);
  const outputs = new Map([...result.logits.map((y, k) => [`logits${k}`, y] as const), ...result.state.toTensors()]);
  const parts = [...outputs].map(([key, y]) => sum(mul(y, Tensor.normal(y.shape, [0, 1], rng.split(`weight ${key}`), { dtype }))));
  parts.reduce((total, part) => add(total, part)).backward();
  const leaves = [...model.namedParameters(), ...initial, ...input.tensors().map((x, i) => [`input${i}`, x] as const),
    ...(queries ?? []).flatMap((q, k) => q.tensors().map((x, i) => [`query${k}.${i}`, x] as const))];
  const found = new Map<string, ArrayLike<number>>();
  for (const [key, y] of outputs) found.set(key, await y.data());
  for (const [key, leaf] of leaves) found.set(`d ${key}`, leaf.grad === null ? new Float64Array(leaf.size) : await leaf.grad.data());
  return found;
}

/** Largest difference relative to the largest magnitude of each tensor. */
function worstDifference(a: Map<string, ArrayLike<number>>, b: Map<string, ArrayLike<number>>): { key: string; error: number } {
  let worst = { key: '', error: 0 };
  for (const [key, expected] of b) {
    const got = a.get(key)!;
    let [difference, magnitude] = [0, 1e-300];
    for (let i = 0; i < expected.length; i++) {
      difference = Math.max(difference, Math.abs(got[i]! - expected[i]!));
      magnitude = Math.max(magnitude, Math.abs(expected[i]!));
    }
    if (!(difference / magnitude <= worst.error)) worst = { key, error: difference / magnitude };
  }
  return worst;
}

describe.each(presetNames)('%s, fused', (name) => {
  const isWide = /ablated|convlstm/.test(name);
  it('equals its layers in float64 to 1e-11 and in float32 to 2e-5', async () => {
    // babi normalizes over one sequence: shorter ones leave so few values that float32 gradients lose their digits.
    const size: readonly [number, number] = isWide ? [2, 1] : name === 'babi' ? [20, 1] : [3, 2];
    for (const [dtype, tolerance] of [['float64', 1e-11], ['float32', 2e-5]] as const) {
      const [fused, layers] = [await everything(name, 'required', dtype, size), await everything(name, 'off', dtype, size)];
      expect([...fused.keys()]).toEqual([...layers.keys()]);
      const { key, error } = worstDifference(fused, layers);
      expect(error, `${dtype} ${key}`).toBeLessThanOrEqual(tolerance);
    }
  }, 120_000);
});
