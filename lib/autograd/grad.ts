/** Gradients of functions, built on the tape. */
import { fail } from '../check.js';
import { adopt, scope, refusePromise } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { gradientsAt } from './tape.js';

/**
 * Frees all tensors made by `fn` but those it returns (a tensor, an array of them, or anything else). Not for async functions.
 */
export function tidy<T>(fn: () => T): T {
  const s = scope();
  try {
    const result = fn();
    refusePromise('tidy', result, 'use `using s = scope()` in asynchronous code');
    const kept = (Array.isArray(result) ? result : [result]).filter((x): x is Tensor => x instanceof Tensor);
    s.keep(kept);
    return result;
  } finally {
    s[Symbol.dispose]();
  }
}

/**
 * x ↦ (f(x), ∂f/∂x₁, ∂f/∂x₂, …) for a function with one element as value. All else that `fn` reads, parameters of a model as
 * well, is a constant: no `.grad` changes. What is returned belongs to the enclosing scope, all else is freed.
 */
export function valueAndGrad(fn: (...x: Tensor[]) => Tensor): (...x: Tensor[]) => { value: Tensor; grads: Tensor[] } {
  return (...x) => {
    const s = scope();
    try {
      const leaves = x.map((t) => {
        const leaf = t.detach();
        leaf.requiresGrad = true;
        return leaf;
      });
      const { value, gradients } = gradientsAt(leaves, () => {
        const y = fn(...leaves);
        refusePromise('grad', y, 'await after the gradient instead');
        if (!(y instanceof Tensor)) fail('ERR_MG_ARGUMENT', 'grad', 'a function that returns a Tensor', y);
        return y;
      });
      const grads = gradients.map((gradient, i) => {
        if (gradient === null) return Tensor.zeros(x[i]!.shape, { dtype: x[i]!.dtype, device: x[i]!.device });
        adopt(gradient); // made outside of all scopes
        return gradient;
      });
      s.keep(grads);
      return { value: s.keep(value.detach()), grads };
    } finally {
      s[Symbol.dispose]();
    }
  };
}

/** x ↦ (∂f/∂x₁, ∂f/∂x₂, …). */
export function grad(fn: (...x: Tensor[]) => Tensor): (...x: Tensor[]) => Tensor[] {
  const both = valueAndGrad(fn);
  return (...x) => {
    const { value, grads } = both(...x);
    value.dispose();
    return grads;
  };
}
