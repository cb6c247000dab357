/** Steps between neighbouring levels of a pyramid: pooling to the coarser, doubling to the finer; and shortcuts of layers. */
import { record } from '../../autograd/tape.js';
import { fail } from '../../check.js';
import { native } from '../../native.js';
import { sizeOf, type Shape } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkFloat, checkSameDType, checkShapeOf, make } from '../make.js';

/** [B, H, W, C, line] of the native code. */
function gridDims(op: string, x: Tensor): Int32Array {
  const [n, ...rest] = checkFloat(op, 'x', x).shape;
  if (rest.length === 3) return Int32Array.of(n!, ...rest, 0);
  if (rest.length === 2) return Int32Array.of(n!, 1, ...rest, 1);
  return fail('ERR_MG_SHAPE', op, 'x [N,H,W,C] or [N,L,C]', x.shape);
}

/** `shape` with its sides, all axes but the first and the last, multiplied. */
function scaled(shape: Shape, by: number): number[] {
  return shape.map((n, axis) => (axis === 0 || axis === shape.length - 1 ? n : n * by));
}

/**
 * y[b,p,q,c] = max of x[b,2p+i,2q+j,c] over i, j ∈ {0,1}: max pooling, window 2, stride 2.
 * x [N,H,W,C] → [N,H/2,W/2,C], or [N,L,C] → [N,L/2,C] · float32 | float64 · saves x · same bits on every device.
 * The gradient goes to the first maximum of a window in row-major order; a NaN is the maximum. Throws ERR_MG_SHAPE unless all
 * sides are even.
 * From a finer grid to the next coarser one: Huynh, Maire, Walter 2020, §3.1.
 */
export function maxPool(x: Tensor): Tensor {
  const dims = gridDims('maxPool', x);
  if (x.shape.slice(1, -1).some((n) => n % 2 !== 0)) fail('ERR_MG_SHAPE', 'maxPool', 'x of even sides', x.shape);
  const y = make(native().maxPool(x.storage('maxPool'), dims), scaled(x.shape, 0.5), x);
  return record('maxPool', [x], y, [x], ([dy], [sx]) => [
    make(native().maxPoolBackward(dy!.storage('maxPool'), sx!.storage('maxPool'), dims), sx!.shape, sx!),
  ]);
}

/**
 * y[b,2p+i,2q+j,c] = x[b,p,q,c] for i, j ∈ {0,1}: nearest-neighbour doubling.
 * x [N,H,W,C] → [N,2H,2W,C], or [N,L,C] → [N,2L,C] · float32 | float64 · saves nothing · same bits on every device.
 * Linear: the gradient of a coarse cell is the sum of those of its fine cells, in row-major order.
 * From a coarser grid to the next finer one: Huynh, Maire, Walter 2020, §3.1.
 */
export function gridUp(x: Tensor): Tensor {
  const dims = gridDims('gridUp', x);
  const y = make(native().gridUp(x.storage('gridUp'), dims), scaled(x.shape, 2), x);
  const shape = x.shape;
  return record('gridUp', [x], y, [], ([dy]) => [make(native().gridUpBackward(dy!.storage('gridUp'), dims), shape, dy!)]);
}

/**
 * y with `shortcut` added to its first channels: y[…,c] + shortcut[…,c] for c < Cs, y[…,c] beyond.
 * y [...,C], shortcut [...,Cs] of the same sides, Cs ≤ C · float32 | float64 · saves nothing.
 * The residual connection between layers of growing width, padded with zero channels: He et al. 2016, option A.
 */
export function addChannels(y: Tensor, shortcut: Tensor): Tensor {
  const op = 'addChannels';
  checkSameDType(op, checkFloat(op, 'y', y), 'shortcut', shortcut);
  const channels = y.shape.at(-1) ?? fail('ERR_MG_SHAPE', op, 'y [...,C]', y.shape);
  const shared = shortcut.shape.at(-1) ?? fail('ERR_MG_SHAPE', op, 'shortcut [...,C]', shortcut.shape);
  checkShapeOf(op, 'shortcut', shortcut, [...y.shape.slice(0, -1), Math.min(shared, channels)], `[...,C ≤ ${channels}]`);
  const dims = Int32Array.of(sizeOf(y.shape.slice(0, -1)), channels, shared);
  const z = make(native().addChannels(y.storage(op), shortcut.storage(op), dims), y.shape, y);
  const shape = shortcut.shape;
  return record(op, [y, shortcut], z, [], ([dz], _, [needsY, needsShortcut]) => [
    needsY ? dz! : null,
    needsShortcut ? make(native().firstChannels(dz!.storage(op), dims), shape, dz!) : null,
  ]);
}
