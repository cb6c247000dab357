/** Bounds on gradients. */
import { checkNumber, fail } from '../check.js';
import { native, type Storage } from '../native.js';
import { make } from '../ops/make.js';
import { globalNorm } from '../ops/global-norm.js';
import { unscoped } from '../tensor/scope.js';
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
