/** Analytic gradients against central differences. */
import { checkNumber, checkOptions, fail } from '../check.js';
import { scope } from '../tensor/scope.js';
import { checkTensor, Tensor } from '../tensor/tensor.js';
import { noGrad } from './tape.js';
import { valueAndGrad } from './grad.js';

export interface GradcheckOptions {
  /** Step of the central difference; error ~ eps²·f‴/6 + 1e-16/eps. */
  eps?: number;
  /** Largest |analytic − numeric| / max(1, |numeric|) that passes. */
  tolerance?: number;
}

export interface GradcheckResult {
  ok: boolean;
  worst: { input: number; index: number; analytic: number; numeric: number };
}

/**
 * Compares every partial derivative of `fn`, a function with one element as value, at float64 inputs with
 * (f(x + eps) − f(x − eps)) / 2eps. A NaN on either side is the worst there is.
 */
export async function gradcheck(
  fn: (...x: Tensor[]) => Tensor,
  at: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<GradcheckResult> {
  checkOptions('gradcheck', options, ['eps', 'tolerance']);
  const eps = checkNumber('gradcheck', 'eps', options.eps ?? 1e-5, Number.MIN_VALUE);
  const tolerance = checkNumber('gradcheck', 'tolerance', options.tolerance ?? 1e-7, 0);
  if (!Array.isArray(at) || at.length === 0) fail('ERR_MG_ARGUMENT', 'gradcheck', 'at to be a list of Tensors', at);
  for (const [i, x] of at.entries())
    if (checkTensor('gradcheck', `at[${i}]`, x).dtype !== 'float64') fail('ERR_MG_DTYPE', 'gradcheck', 'float64 inputs', x.dtype);
  using _ = scope();
  const { grads } = valueAndGrad(fn)(...at);
  const analytic = await Promise.all(grads.map((g) => g.data()));
  const inputs = await Promise.all(at.map((x) => x.data() as Promise<Float64Array>));
  for (const g of grads) g.dispose();
  const evaluate = async (input: number, values: Float64Array): Promise<number> => {
    using _ = scope();
    const x = at.map((t, i) => (i === input ? Tensor.from(values, t.shape, { device: t.device }) : t));
    return await noGrad(() => fn(...x)).item();
  };
  let worst = { input: -1, index: -1, analytic: 0, numeric: 0 };
  let worstError = -1;
  for (const [input, values] of inputs.entries()) {
    for (let index = 0; index < values.length; index++) {
      const shifted = (by: number) => evaluate(input, values.with(index, values[index]! + by));
      const numeric = ((await shifted(eps)) - (await shifted(-eps))) / (2 * eps);
      const a = analytic[input]![index]!;
      const error = Math.abs(a - numeric) / Math.max(1, Math.abs(numeric));
      if (error > worstError || (Number.isNaN(error) && worstError < Infinity)) {
        worstError = Number.isNaN(error) ? Infinity : error; // no number is no agreement, whatever comes after
        worst = { input, index, analytic: a, numeric };
      }
    }
  }
  return { ok: worstError <= tolerance, worst };
}
