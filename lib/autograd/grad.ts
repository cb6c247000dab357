/** Gradients of functions, built on the tape. */
import { checkFunction, fail, words } from '../check.js';
import { adopt, scope, refusePromise } from '../tensor/scope.js';
import { checkTensor, Tensor } from '../tensor/tensor.js';
import { gradientsAt, isRecording, recorded } from './tape.js';

/**
 * Frees all tensors made by `fn` but those it returns (a tensor, an array of them, or anything else). Not for async functions.
 */
export function tidy<T>(fn: () => T): T {
  checkFunction('tidy', 'fn', fn);
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
  checkFunction('grad', 'fn', fn);
  return (...x) => {
    x.forEach((each, i) => checkTensor('grad', `x[${i}]`, each));
    refuseNested(x);
    const s = scope();
    depth += 1;
    try {
      const leaves = x.map((t) => {
        const leaf = t.detach();
        leaf.requiresGrad = true;
        return leaf;
      });
      const { value, gradients } = recorded(() =>
        gradientsAt(leaves, () => {
          const y = fn(...leaves);
          refusePromise('grad', y, 'await after the gradient instead');
          if (!(y instanceof Tensor)) fail('ERR_MG_ARGUMENT', 'grad', 'a function that returns a Tensor', y);
          return y;
        })
      );
      const grads = gradients.map((gradient, i) => {
        if (gradient === null) return Tensor.zeros(x[i]!.shape, { dtype: x[i]!.dtype, device: x[i]!.device });
        adopt(gradient); // made outside of all scopes
        return gradient;
      });
      s.keep(grads);
      return { value: s.keep(value.detach()), grads };
    } finally {
      depth -= 1;
      s[Symbol.dispose]();
    }
  };
}

/** Functions whose gradients are being taken, one in another. */
let depth = 0;

/** A gradient is a constant to the one around it: what would come out is 0, not the second derivative. */
function refuseNested(x: readonly Tensor[]): void {
  if (depth === 0 || !isRecording()) return;
  const at = x.findIndex((t) => t instanceof Tensor && t.requiresGrad);
  const got = words(at < 0 ? 'a gradient inside the function of another' : `one of argument ${at + 1}, which depends on another`);
  fail('ERR_MG_ARGUMENT', 'grad', 'a first derivative', got, 'there are no second ones; noGrad(() => …) takes it as a constant');
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
