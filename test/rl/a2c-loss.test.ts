/** Loss and gradients of actor-critic against a plain loop in float64. */
import { describe, expect, it } from 'vitest';
import { noGrad, scope } from '../../lib/autograd/index.js';
import { Pyramid, Tensor } from '../../lib/index.js';
import { a2cLoss, type Targets } from '../../lib/rl/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { tinyAgent } from './worlds.js';

const [STEPS, EPISODES, ACTIONS] = [3, 4, 3];
const SAMPLES = STEPS * EPISODES;
const weights = { value: 0.5, entropy: 0.02 };
const rng = new Rng(4);
const normals = (size: number): Float64Array => Float64Array.from({ length: size }, () => rng.normal());
const targets: Targets = {
  actions: Int32Array.from({ length: SAMPLES }, () => rng.integer(ACTIONS)),
  advantage: normals(SAMPLES),
  target: normals(SAMPLES),
};

/** mean(−log π(a)·A) + w_V·mean((target − V)²) − w_H·mean(H), sample by sample. */
function naive(logits: ArrayLike<number>, value: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < SAMPLES; k++) {
    const weightsOf = Array.from({ length: ACTIONS }, (_, a) => Math.exp(logits[k * ACTIONS + a]!));
    const all = weightsOf.reduce((a, b) => a + b, 0);
    const policy = weightsOf.map((weight) => weight / all);
    const entropy = -policy.reduce((h, p) => h + p * Math.log(p), 0);
    sum -= Math.log(policy[targets.actions[k]!]!) * targets.advantage[k]!;
    sum += weights.value * (targets.target[k]! - value[k]!) ** 2 - weights.entropy * entropy;
  }
  return sum / SAMPLES;
}

/** (f(x + h) − f(x − h)) / 2h at entry `at`. */
function slope(values: Float64Array, at: number, f: () => number): number {
  const [held, h] = [values[at]!, 1e-5];
  values[at] = held + h;
  const above = f();
  values[at] = held - h;
  const below = f();
  values[at] = held;
  return (above - below) / (2 * h);
}

describe('the loss of actor-critic', () => {
  it('is the plain loop, and so are its gradients at logits and values', () => {
    using _ = scope();
    const [l, v] = [normals(SAMPLES * ACTIONS), normals(SAMPLES)];
    const logits = Tensor.from(l, [STEPS, EPISODES, ACTIONS], { requiresGrad: true });
    const value = Tensor.from(v, [STEPS, EPISODES], { requiresGrad: true });
    const parts = a2cLoss({ logits, value }, targets, weights);
    expect(parts.loss.itemSync()).toBeCloseTo(naive(l, v), 12);
    const [policy, error, entropy] = [parts.policyLoss, parts.valueLoss, parts.entropy].map((part) => part.itemSync());
    expect(policy! + 0.5 * error! - 0.02 * entropy!).toBeCloseTo(naive(l, v), 12);
    parts.loss.backward();
    logits.grad!.dataSync().forEach((g, at) => expect(g).toBeCloseTo(slope(l, at, () => naive(l, v)), 8));
    value.grad!.dataSync().forEach((g, at) => expect(g).toBeCloseTo(slope(v, at, () => naive(l, v)), 8));
  });

  it('reaches every weight of the policy with the gradient of the plain loop, and no weight of the memory', () => {
    using _ = scope();
    const agent = tinyAgent({ channels: 2, actions: ACTIONS, width: 3, dtype: 'float64' });
    const observation = Pyramid.of({ 0: Tensor.from(normals(SAMPLES * 18), [STEPS, EPISODES, 3, 3, 2]) });
    const memory = noGrad(() => agent.write(observation, agent.initialState(EPISODES))).memory;
    const value = (): number =>
      noGrad(() => {
        using __ = scope();
        const judged = agent.forward(memory, observation);
        return naive(judged.logits.dataSync(), judged.value.dataSync());
      });
    a2cLoss(agent.forward(memory, observation), targets, weights).loss.backward();
    for (const [name, parameter] of agent.namedParameters()) {
      const values = parameter.dataSync() as Float64Array;
      for (let at = 0; at < values.length; at += 5) {
        const moved = slope(values, at, () => {
          parameter.copyFrom(values);
          return value();
        });
        parameter.copyFrom(values);
        expect(Math.abs(parameter.grad!.dataSync()[at]! - moved), `${name} ${at}`).toBeLessThan(1e-7);
      }
    }
    for (const parameter of agent.memory.parameters()) expect(parameter.grad).toBeNull();
  });
});
