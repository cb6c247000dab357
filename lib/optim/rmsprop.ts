// RMSProp in the forms of TensorFlow and PyTorch.

import { native } from '../native.js';
import { checkData, choice, number, object, optional, positive, type Data } from '../schema.js';
import type { Group, Parameters } from './groups.js';
import { Optimizer, type Slots, type StepList } from './optimizer.js';
import type { Schedule } from './schedule.js';

/** In the order of the native code. */
export type RMSPropFlavor = 'tensorflow' | 'pytorch' | 'graves';
const flavors = ['tensorflow', 'pytorch', 'graves'] as const satisfies readonly RMSPropFlavor[];

/** What each flavour does unless told otherwise; `start` is the mean square before the first update. */
const presets = {
  tensorflow: { decay: 0.99, epsilon: 0.1, momentum: 0, start: 1 },
  pytorch: { decay: 0.99, epsilon: 1e-8, momentum: 0, start: 0 },
  graves: { decay: 0.95, epsilon: 1e-4, momentum: 0.9, start: 0 },
} as const;

/** Options as run files have them. */
export const rmspropOptions = object({
  /** Default 'tensorflow', as the paper. */
  flavor: optional(choice(...flavors)),
  /** ρ. Default 0.99; graves 0.95. */
  decay: optional(number(0, 1)),
  /** ε. Default 0.1, pytorch 1e-8, graves 1e-4. */
  epsilon: optional(positive()),
  /** μ. Default 0; graves 0.9. */
  momentum: optional(number(0)),
  /** λ: λθ is added to the gradient. */
  weightDecay: optional(number(0)),
});

export interface RMSPropOptions extends Data<typeof rmspropOptions> {
  readonly lr: Schedule;
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
    const { flavor = 'tensorflow', ...own } = checkData('RMSProp', rmspropOptions, options, ['lr']);
    const preset = presets[flavor];
    const { decay = preset.decay, epsilon = preset.epsilon, momentum = preset.momentum, weightDecay = 0 } = own;
    const slots: Slots = {
      ms: { start: preset.start, squares: true },
      ...(flavor === 'graves' ? { mg: { start: 0 } } : {}),
      ...(momentum === 0 ? {} : { momentum: { start: 0 } }),
    };
    super('RMSProp', parameters, { lr: options.lr, weightDecay }, slots);
    this.#settings = { decay, epsilon, momentum };
    this.#dims = Int32Array.of(flavors.indexOf(flavor));
  }

  /** @internal */
  protected ready({ parameters, grads, norm, maxNorm, lr, weightDecay, slot }: StepList): () => void {
    const { decay, epsilon, momentum } = this.#settings;
    return () =>
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
