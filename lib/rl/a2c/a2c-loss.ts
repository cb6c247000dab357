/** The loss of advantage actor-critic. */
import { checkNumber, checkObject, checkOptions } from '../../check.js';
import { add, exp, logSoftmax, mean, mul, neg, oneHot, square, sub, sum } from '../../ops/index.js';
import type { FloatDType } from '../../tensor/dtype.js';
import { checkFloat, checkSameDType, checkShapeOf } from '../../ops/make.js';
import { Tensor } from '../../tensor/tensor.js';
import type { Judgement } from './actor-critic.js';

/** What was done and what it was worth, [Q,B] each; constants. */
export interface Targets {
  readonly actions: Int32Array;
  readonly advantage: Float64Array;
  readonly target: Float64Array;
}

export interface LossWeights {
  readonly value: number;
  readonly entropy: number;
}

export interface LossParts {
  readonly loss: Tensor;
  /** mean(−log π(a)·A) */
  readonly policyLoss: Tensor;
  /** mean((target − V)²) */
  readonly valueLoss: Tensor;
  /** mean(H), H = −Σ π log π in nats */
  readonly entropy: Tensor;
}

/**
 *   loss = mean(−log π(a)·A) + w_V·mean((target − V)²) − w_H·mean(H)
 * Means are over all Q·B samples. Source: Mnih et al. 2016, §4, with means for sums.
 */
export function a2cLoss(judgement: Judgement, targets: Targets, weights: LossWeights): LossParts {
  checkOptions('a2cLoss', targets, ['actions', 'advantage', 'target'], 'targets');
  checkOptions('a2cLoss', weights, ['value', 'entropy'], 'weights');
  checkObject('a2cLoss', 'judgement', judgement);
  const { logits, value } = judgement;
  const { actions, advantage, target } = targets;
  const dtype = checkFloat('a2cLoss', 'logits', logits).dtype as FloatDType;
  const { shape } = checkSameDType('a2cLoss', logits, 'value', value);
  checkShapeOf('a2cLoss', 'logits', logits, [...shape, logits.shape.at(-1) ?? 0], '[Q, B, actions] beside value [Q, B]');
  for (const name of ['value', 'entropy'] as const) checkNumber('a2cLoss', `weights.${name}`, weights[name]);
  const logPolicy = logSoftmax(logits);
  const chosen = oneHot(Tensor.from(actions, shape, { dtype: 'int32', device: logits.device }), logits.shape.at(-1)!, dtype);
  const placed = { dtype, device: logits.device };
  const gain = mul(sum(mul(logPolicy, chosen), -1), Tensor.from(advantage, shape, placed));
  const policyLoss = neg(mean(gain));
  const valueLoss = mean(square(sub(Tensor.from(target, shape, placed), value)));
  const entropy = neg(mean(sum(mul(exp(logPolicy), logPolicy), -1)));
  const loss = add(add(policyLoss, mul(valueLoss, weights.value)), mul(entropy, -weights.entropy));
  return { loss, policyLoss, valueLoss, entropy };
}
