/** Gradients of functions, built on the tape. */
import { fail } from '../check.js';
import { adopt, scope, refusePromise } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { backward } from './tape.js';

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
 * x ↦ (f(x), ∂f/∂x₁, ∂f/∂x₂, …) for a function with one element as value. The inputs are taken as constants around it; what is
 * returned belongs to the enclosing scope, all else is freed.
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
      const y = fn(...leaves);
      refusePromise('grad', y, 'await after the gradient instead');
      if (!(y instanceof Tensor)) fail('ERR_MG_ARGUMENT', 'grad', 'a function that returns a Tensor', y);
      if (y.requiresGrad) backward(y);
      const grads = leaves.map((leaf) => {
        const gradient = leaf.grad;
        leaf.grad = null;
        if (gradient === null) return Tensor.zeros(leaf.shape, { dtype: leaf.dtype, device: leaf.device });
        adopt(gradient); // backward makes gradients outside of all scopes
        return gradient;
      });
      s.keep(grads);
      return { value: s.keep(y.detach()), grads };
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
