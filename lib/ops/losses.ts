/** Summed losses on logits, with masks. Mean or per-sequence losses are these, divided. */
import { record } from '../autograd/tape.js';
import { fail, words } from '../check.js';
import { native } from '../native.js';
import { sizeOf } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkIndices } from './gather.js';
import { checkFloat, checkSameDType, checkShapeOf, make } from './make.js';

/** Gradients go to the logits alone; a target or mask that asks for one is a mistake. */
function checkConstant(op: string, name: string, x: Tensor): void {
  if (x.requiresGrad) fail('ERR_MG_ARGUMENT', op, `${name} without requiresGrad`, words(x.toString()), 'detach it');
}

/**
 * Σ m·(max(z,0) − z·y + ln(1 + e^{−|z|})): binary cross entropy in nats of targets y ∈ [0,1] under σ(z), summed to [].
 * logits and target of one shape; mask of that shape or of its first axes, each value counting for all elements below it.
 * An element with mask 0 counts for nothing, even if its logit is not a number. Summed in double in a fixed order.
 * Gradient: m·(σ(z) − y) at the logits. Throws ERR_MG_SHAPE, ERR_MG_DTYPE; ERR_MG_ARGUMENT if target or mask needs a gradient.
 */
export function bceWithLogits(logits: Tensor, target: Tensor, mask?: Tensor | null): Tensor {
  const op = 'bceWithLogits';
  checkFloat(op, 'logits', logits);
  checkShapeOf(op, 'target', checkSameDType(op, logits, 'target', target), logits.shape, 'like logits');
  checkConstant(op, 'target', target);
  const m = mask ?? null;
  if (m !== null) {
    const { shape } = checkSameDType(op, logits, 'mask', m);
    checkShapeOf(op, 'mask', m, logits.shape.slice(0, shape.length), 'like the first axes of logits');
    checkConstant(op, 'mask', m);
  }
  const weights = logits.size === 0 ? null : m;
  const dims = Int32Array.of(logits.size, weights === null ? 1 : sizeOf(logits.shape.slice(weights.shape.length)));
  const loss = make(native().bce(logits.storage(op), target.storage(op), weights?.storage(op) ?? null, dims), [], logits);
  return record(op, [logits], loss, [logits, target, ...(weights === null ? [] : [weights])], ([dy], [z, y, w]) => [
    make(native().bceBackward(dy!.storage(op), z!.storage(op), y!.storage(op), w?.storage(op) ?? null, dims), z!.shape, z!),
  ]);
}

/**
 * Σ m·(ln Σₖ e^{zₖ} − z_class): cross entropy in nats of class numbers under softmax(z), summed to [].
 * logits [..., C], classes int32 [...], mask [...]. A row with mask 0 counts for nothing, whatever its class number and logits;
 * elsewhere a class number outside 0 … C − 1 makes the loss NaN. Summed in double in a fixed order.
 * Gradient: m·(softmax(z) − onehot(class)) at the logits. Throws as bceWithLogits does.
 */
export function crossEntropy(logits: Tensor, classes: Tensor, mask?: Tensor | null): Tensor {
  const op = 'crossEntropy';
  checkFloat(op, 'logits', logits);
  const count = logits.shape.at(-1) ?? fail('ERR_MG_SHAPE', op, 'logits of rank 1 or more', logits.shape);
  const rows = logits.shape.slice(0, -1);
  checkShapeOf(op, 'classes', checkIndices(op, 'classes', classes), rows, 'like logits without the last axis');
  const m = mask ?? null;
  if (m !== null) {
    checkShapeOf(op, 'mask', checkSameDType(op, logits, 'mask', m), rows, 'like logits without the last axis');
    checkConstant(op, 'mask', m);
  }
  const dims = Int32Array.of(sizeOf(rows), count);
  const loss = make(native().crossEntropy(logits.storage(op), classes.storage(op), m?.storage(op) ?? null, dims), [], logits);
  return record(op, [logits], loss, [logits, classes, ...(m === null ? [] : [m])], ([dy], [z, k, w]) => {
    const given = [dy!.storage(op), z!.storage(op), k!.storage(op), w?.storage(op) ?? null] as const;
    return [make(native().crossEntropyBackward(...given, dims), z!.shape, z!)];
  });
}
