/** Gradients of functions, built on the tape. */
import { fail } from '../check.js';
import { scope, refusePromise, unscoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { Tensor as TensorClass } from '../tensor/tensor.js';
import { backward } from './tape.js';

/** Frees all tensors made by `fn` but those it returns (a tensor, an array of them, or anything else). Not for async functions. */
export function tidy<T>(fn: () => T): T {
  const s = scope();
  try {
    const result = fn();
    refusePromise('tidy', result, 'use `using s = scope()` in asynchronous code');
    const kept = (Array.isArray(result) ? result : [result]).filter((x): x is Tensor => x instanceof TensorClass);
    s.keep(kept);
    return result;
  } finally {
    s[Symbol.dispose]();
  }
}

/** x ↦ (f(x), ∂f/∂x₁, ∂f/∂x₂, …) for a function with one element as value. The inputs are taken as constants around it. */
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
      if (!(y instanceof TensorClass)) fail('ERR_MG_ARGUMENT', 'grad', 'a function that returns a Tensor', y);
      if (y.requiresGrad) backward(y);
      const grads = leaves.map((leaf, i) => {
        const g = leaf.grad ?? unscoped(() => TensorClass.zeros(x[i]!.shape, { dtype: x[i]!.dtype }));
        leaf.grad = null;
        return g;
      });
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
