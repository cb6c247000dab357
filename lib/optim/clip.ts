/** Bounds on gradients. */
import { noGrad } from '../autograd/tape.js';
import { checkNumber, fail } from '../check.js';
import { native, type Storage } from '../native.js';
import { add, mul, square } from '../ops/elementwise.js';
import { make } from '../ops/make.js';
import { globalNorm } from '../ops/global-norm.js';
import { scope, unscoped } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { namedTensors, type Parameters } from './groups.js';

/** Tensors with a gradient. */
function withGradients(where: string, parameters: Parameters): Tensor[] {
  return [...namedTensors(where, parameters).values()].filter((p) => p.grad !== null);
}

/** Gradients may share storage with others, so new ones take their place. */
function replaceGradients(tensors: readonly Tensor[], grads: readonly Storage[]): void {
  tensors.forEach((p, i) => {
    const old = p.grad!;
    p.grad = unscoped(() => make(grads[i]!, old.shape, old));
    old.dispose();
  });
}

/** The norm of all gradients together, √Σ g²; 0 if there are none. Not yet read. */
export function gradientNorm(tensors: readonly Tensor[]): Tensor {
  return tensors.length === 0 ? Tensor.zeros([]) : globalNorm(tensors.map((p) => p.grad!.detach()));
}

/** Whether the square of `value` has no place in `dtype`. */
function squareOverflows(value: number, dtype: Tensor['dtype']): boolean {
  const squared = value ** 2;
  return !Number.isFinite(dtype === 'float32' ? Math.fround(squared) : squared);
}

/**
 * The norm of the gradients where an update may be made, NaN where not: 0·x is 0 for every finite x and NaN for all others.
 * `squaresUpTo`: the bound on the norm for optimizers that keep squares of gradients; null for those that do not.
 */
export function updateGate(norm: Tensor, watched: readonly Tensor[], squaresUpTo: number | null): Tensor {
  const signs = [
    ...(watched.length > 0 ? [() => globalNorm(watched)] : []),
    ...(squaresUpTo !== null && squareOverflows(squaresUpTo, norm.dtype) ? [() => square(norm)] : []),
  ];
  return noGrad(() =>
    signs.reduce((gate, sign) => {
      const s = scope();
      try {
        return s.keep(add(gate, mul(sign(), 0)));
      } finally {
        s[Symbol.dispose]();
      }
    }, norm)
  );
}

function checkMax(where: string, max: number): void {
  if (checkNumber(where, 'max', max, 0) === 0) fail('ERR_MG_ARGUMENT', where, 'max above 0', max);
}

/**
 * g ← g·min(1, max/‖g‖) for all gradients together, ‖g‖ = √Σ g² over all of them. Returns the norm before clipping, not yet
 * read, so nothing waits. Gradients with a norm that is not finite are left as they are.
 * To clip and step in one pass use `step({ maxNorm })`.
 */
export function clipGradNorm(parameters: Parameters, max: number): Tensor {
  const where = 'clipGradNorm';
  checkMax(where, max);
  const tensors = withGradients(where, parameters);
  const norm = gradientNorm(tensors);
  if (tensors.length > 0) {
    replaceGradients(tensors, native().clipByNorm(tensors.map((p) => p.grad!.storage(where)), norm.storage(where), max));
  }
  return norm;
}

/** g ← max(−max, min(max, g)) for every element of every gradient; NaN stays. */
export function clipGradValue(parameters: Parameters, max: number): void {
  const where = 'clipGradValue';
  checkMax(where, max);
  const tensors = withGradients(where, parameters);
  if (tensors.length > 0) replaceGradients(tensors, native().clipByValue(tensors.map((p) => p.grad!.storage(where)), max));
}
