// Adam and AdamW.

import { checkObject } from '../check.js';
import { checkData, fraction, number, object, optional, tuple, type Data } from '../schema.js';
import { native } from '../native.js';
import type { Group, Parameters } from './groups.js';
import { Optimizer, type StepList } from './optimizer.js';
import type { Schedule } from './schedule.js';

/** Options as run files have them. */
export const adamOptions = object({
  /** Decay of the two averages. Default [0.9, 0.999]. */
  betas: optional(tuple('two numbers', fraction(), fraction())),
  /** Outside the root. Default 1e-8. */
  epsilon: optional(number(0)),
  /** Default 0. */
  weightDecay: optional(number(0)),
});

export interface AdamOptions extends Data<typeof adamOptions> {
  /** Default 1e-3. */
  readonly lr?: Schedule;
}

/** What sets one of the family apart. */
export interface AdamVariant {
  readonly name: string;
  readonly decoupled: boolean;
  readonly weightDecay: number;
}

const ADAM: AdamVariant = { name: 'Adam', decoupled: false, weightDecay: 0 };

/**
 * m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², θ ← θ − lr·m̂/(√v̂ + ε) with m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ); weight decay is added to g.
 * t counts the updates of each parameter, those left out excepted. State `<name>.m`, `<name>.v`, `<name>.step`.
 * Source: Kingma, Ba 2015, algorithm 1.
 */
export class Adam extends Optimizer {
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;
  readonly #dims: Int32Array;

  constructor(parameters: Parameters | readonly Group[], options: AdamOptions = {}, variant: AdamVariant = ADAM) {
    checkObject('Adam', 'variant', variant);
    checkData(variant.name, adamOptions, options, ['lr']);
    const { lr = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = variant.weightDecay } = options;
    super(variant.name, parameters, { lr, weightDecay }, {
      m: { start: 0 },
      v: { start: 0, squares: true },
      step: { start: 0, scalar: true },
    });
    this.#betas = betas;
    this.#epsilon = epsilon;
    this.#dims = Int32Array.of(variant.decoupled ? 1 : 0);
  }

  /** @internal */
  protected ready({ parameters, grads, norm, maxNorm, lr, weightDecay, slot }: StepList): () => void {
    const [beta1, beta2] = this.#betas;
    return () =>
      native().adamStep(
        parameters,
        grads,
        slot('m'),
        slot('v'),
        slot('step'),
        norm,
        this.#dims,
        maxNorm,
        lr,
        weightDecay,
        beta1,
        beta2,
        this.#epsilon,
      );
  }
}

/** Adam with weight decay apart from the gradient: θ ← (1 − lr·λ)θ first, λ 0.01 by default. Source: Loshchilov, Hutter 2019. */
export class AdamW extends Adam {
  constructor(parameters: Parameters | readonly Group[], options: AdamOptions = {}) {
    super(parameters, options, { name: 'AdamW', decoupled: true, weightDecay: 0.01 });
  }
}
