// Initial values: by the rule of a parameter's spec, by a rule asked for by name, or by a user's function.

import { fail } from '../check.js';
import type { FloatDType } from '../tensor/dtype.js';
import type { Rng } from '../tensor/rng.js';
import { sizeOf, type Shape } from '../tensor/shape.js';
import type { TensorOptions } from '../tensor/new-storage.js';
import { Tensor } from '../tensor/tensor.js';
import { glorotUniform, uniformFanIn, type InitRule } from './parameter-specs.js';

export type InitFunction = (shape: Shape, rng: Rng) => Tensor;

/** How a user may fill a weight. */
export type Init = 'uniformFanIn' | 'glorot' | InitFunction;

/** U(−bound, bound) or a constant, of any shape. */
export function fillBy(rule: InitRule, shape: Shape, rng: Rng, options: TensorOptions<FloatDType>): Tensor {
  if (rule.kind === 'constant') return Tensor.full(shape, rule.value, options);
  return Tensor.uniform(shape, [-rule.bound, rule.bound], rng, options);
}

/** The function behind a user's choice; undefined keeps the layer's own rule. */
export function resolveInit(
  init: Init | undefined,
  fanIn: number,
  fanOut: number,
  dtype: FloatDType = 'float32',
): InitFunction | undefined {
  if (init === undefined || typeof init === 'function') return init;
  if (init === 'uniformFanIn') return (shape, rng) => fillBy(uniformFanIn(fanIn), shape, rng, { dtype });
  if (init === 'glorot') return (shape, rng) => fillBy(glorotUniform(fanIn, fanOut), shape, rng, { dtype });
  return fail('ERR_MG_ARGUMENT', 'init', '\'uniformFanIn\', \'glorot\' or a function', init);
}

/** N(0, std²) with values beyond two standard deviations drawn again, as in TensorFlow and Sonnet. */
export function truncatedNormal(std: number, dtype: FloatDType = 'float32'): InitFunction {
  return (shape, rng) => {
    const draw = (): number => {
      const [u, v] = [1 - rng.uniform(), rng.uniform()];
      const x = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
      return Math.abs(x) <= 2 ? x : draw();
    };
    return Tensor.from(Float64Array.from({ length: sizeOf(shape) }, () => std * draw()), shape, { dtype });
  };
}
