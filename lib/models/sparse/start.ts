/** What the gates and strengths of a sparse or dense access memory are before it has learned anything. */
import { samInterface, type SamSettings } from '../../ops/index.js';
import type { InitFunction } from '../../nn/init.js';
import { number, object, optional, type Data } from '../../schema.js';
import { Tensor } from '../../tensor/tensor.js';

/**
 * Biases of the interface at the start, before their functions, alike in all heads: of the write gate α (logistic), of γ, the
 * share of a write that goes to the slots read before (logistic), and of the strength (1 + softplus). Default 0 each. Where
 * answers are found by content, α 2, γ −2 and strength 4 are learned from sooner: what is written then stands in a slot of its
 * own, and a slot more alike to the query than others is seen.
 */
export const startOptions = object({ alpha: optional(number()), gamma: optional(number()), strength: optional(number()) });

/** The bias [D] of such an interface; false: zeros. */
export function startBias(
  settings: Pick<SamSettings, 'wordSize' | 'heads' | 'strength' | 'links'>,
  start: Data<typeof startOptions> | undefined,
  dtype: 'float32' | 'float64' = 'float32',
): InitFunction | false {
  if (start === undefined) return false;
  const { parts } = samInterface(settings);
  const { alpha = 0, gamma = 0, strength = 0 } = start;
  return (shape) => {
    const bias = new Float64Array(shape[0]!);
    for (const [name, value] of Object.entries({ alpha, gamma, strengths: strength })) {
      const from = parts[name]?.[0]; // no strengths: none to start with
      if (from !== undefined) bias.fill(value, from, from + settings.heads);
    }
    return Tensor.from(bias, shape, { dtype });
  };
}
