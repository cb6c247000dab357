// Stochastic gradient descent with momentum.

import { checkBoolean, checkNumber, checkOptions, fail } from '../check.js';
import { native } from '../native.js';
import type { Group, Parameters } from './groups.js';
import { Optimizer, type StepList } from './optimizer.js';
import type { Schedule } from './schedule.js';

export interface SGDOptions {
  lr: Schedule;
  momentum?: number;
  nesterov?: boolean;
  /** λ: λθ is added to the gradient. */
  weightDecay?: number;
}

/**
 * buf ← μ buf + g, θ ← θ − lr·buf; with nesterov θ ← θ − lr·(g + μ buf); without momentum θ ← θ − lr·g. State `<name>.momentum`.
 */
export class SGD extends Optimizer {
  readonly #momentum: number;
  readonly #dims: Int32Array;

  constructor(parameters: Parameters | readonly Group[], options: SGDOptions) {
    checkOptions('SGD', options, ['lr', 'momentum', 'nesterov', 'weightDecay']);
    const { lr, momentum = 0, nesterov = false, weightDecay = 0 } = options;
    checkNumber('SGD', 'momentum', momentum, 0);
    if (checkBoolean('SGD', 'nesterov', nesterov) && momentum === 0) {
      fail('ERR_MG_ARGUMENT', 'SGD', 'a momentum above 0 with nesterov', momentum);
    }
    super('SGD', parameters, { lr, weightDecay }, momentum === 0 ? {} : { momentum: { start: 0 } });
    this.#momentum = momentum;
    this.#dims = Int32Array.of(nesterov ? 1 : 0);
  }

  /** @internal */
  protected ready({ parameters, grads, norm, maxNorm, lr, weightDecay, slot }: StepList): () => void {
    return () =>
      native().sgdStep(parameters, grads, slot('momentum'), norm, this.#dims, maxNorm, lr, weightDecay, this.#momentum);
  }
}
