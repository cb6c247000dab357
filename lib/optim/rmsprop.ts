// RMSProp in the forms of TensorFlow and PyTorch.

import { checkChoice, checkNumber, checkOptions, fail } from '../check.js';
import { native } from '../native.js';
import type { Group, Parameters } from './groups.js';
import { Optimizer, type Slots, type StepList } from './optimizer.js';
import type { Schedule } from './schedule.js';

/** In the order of the native code. */
const flavors = ['tensorflow', 'pytorch', 'graves'] as const;
export type RMSPropFlavor = (typeof flavors)[number];

/** What each flavour does unless told otherwise; `start` is the mean square before the first update. */
const presets = {
  tensorflow: { decay: 0.99, epsilon: 0.1, momentum: 0, start: 1 },
  pytorch: { decay: 0.99, epsilon: 1e-8, momentum: 0, start: 0 },
  graves: { decay: 0.95, epsilon: 1e-4, momentum: 0.9, start: 0 },
} as const;

export interface RMSPropOptions {
  lr: Schedule;
  /** Default 'tensorflow', as the paper. */
  flavor?: RMSPropFlavor;
  /** ρ. Default 0.99; graves 0.95. */
  decay?: number;
  /** ε. Default 0.1, pytorch 1e-8, graves 1e-4. */
  epsilon?: number;
  /** μ. Default 0; graves 0.9. */
  momentum?: number;
  /** λ: λθ is added to the gradient. */
  weightDecay?: number;
}

/**
 * n ← ρn + (1−ρ)g², and then
 *   tensorflow  buf ← μ buf + lr·g/√(n + ε), θ ← θ − buf              n starts at 1
 *   pytorch     buf ← μ buf + g/(√n + ε),    θ ← θ − lr·buf           n starts at 0
 *   graves      ḡ ← ρḡ + (1−ρ)g, buf ← μ buf + lr·g/√(n − ḡ² + ε), θ ← θ − buf
 * State `<name>.ms` (n), `<name>.mg` (ḡ), `<name>.momentum` (buf, with momentum).
 * Sources: Huynh, Maire, Walter 2020 train with the first, ρ = 0.99, ε = 0.1; Graves 2013, equations 38 to 41, for the last.
 */
export class RMSProp extends Optimizer {
  readonly #settings: { decay: number; epsilon: number; momentum: number };
  readonly #dims: Int32Array;

  constructor(parameters: Parameters | readonly Group[], options: RMSPropOptions) {
    checkOptions('RMSProp', options, ['lr', 'flavor', 'decay', 'epsilon', 'momentum', 'weightDecay']);
    const flavor = checkChoice('RMSProp', 'flavor', options.flavor ?? 'tensorflow', flavors);
    const preset = presets[flavor];
    const { lr, decay = preset.decay, epsilon = preset.epsilon, momentum = preset.momentum, weightDecay = 0 } = options;
    checkNumber('RMSProp', 'decay', decay, 0, 1);
    if (checkNumber('RMSProp', 'epsilon', epsilon, 0) === 0) fail('ERR_MG_ARGUMENT', 'RMSProp', 'epsilon above 0', epsilon);
    checkNumber('RMSProp', 'momentum', momentum, 0);
    const slots: Slots = {
      ms: { start: preset.start, squares: true },
      ...(flavor === 'graves' ? { mg: { start: 0 } } : {}),
      ...(momentum === 0 ? {} : { momentum: { start: 0 } }),
    };
    super('RMSProp', parameters, { lr, weightDecay }, slots);
    this.#settings = { decay, epsilon, momentum };
    this.#dims = Int32Array.of(flavors.indexOf(flavor));
  }

  protected apply({ parameters, grads, norm, maxNorm, lr, weightDecay, slot }: StepList): void {
    const { decay, epsilon, momentum } = this.#settings;
    native().rmspropStep(
      parameters,
      grads,
      slot('ms'),
      slot('mg'),
      slot('momentum'),
      norm,
      this.#dims,
      maxNorm,
      lr,
      weightDecay,
      decay,
      epsilon,
      momentum,
    );
  }
}
