/** Sums, means and maxima over axes, and the sum that undoes a broadcast. */
import { record } from '../autograd/tape.js';
import { checkBoolean } from '../check.js';
import { native } from '../native.js';
import { checkAxes, sameShape, sizeOf, type Shape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import { checkFloat, make } from './make.js';

const SUM = 0;
const MAX = 1;

/** One axis or several, from the end where negative. */
export type Axes = number | readonly number[];

/** Runs of adjacent axes that are reduced together: [first axis, one past the last]. */
function runs(axes: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const axis of axes) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === axis) last[1] += 1;
    else found.push([axis, axis + 1]);
  }
  return found;
}

function sortedAxes(op: string, axes: Axes | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = checkAxes(op, typeof axes === 'number' ? [axes] : axes, rank);
  return [...new Set(list)].sort((a, b) => a - b);
}

/** `shape` with the listed axes set to 1. */
function reducedShape(shape: Shape, axes: readonly number[]): number[] {
  return shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
}

function lineDims(shape: Shape, [begin, end]: readonly [number, number]): [number, number, number] {
  return [sizeOf(shape.slice(0, begin)), sizeOf(shape.slice(begin, end)), sizeOf(shape.slice(end))];
}

/** Σ over the axes, which keep size 1. */
function sumKeeping(x: Tensor, axes: readonly number[]): Tensor {
  let y = x;
  for (const run of runs(axes).reverse()) {
    const shape = y.shape.map((n, axis) => (axis >= run[0] && axis < run[1] ? 1 : n));
    const next = make(native().reduce(y.storage('sum'), Int32Array.of(SUM, ...lineDims(y.shape, run))), shape, x);
    if (y !== x) y.dispose();
    y = next;
  }
  return y === x ? x.alias('sum') : y;
}

/** x repeated along its axes of size 1 to the given shape; the transpose of a sum. */
function repeated(x: Tensor, shape: Shape): Tensor {
  const zeros = Tensor.zeros(shape, { dtype: x.dtype, device: x.device });
  const strides = (of: Shape) => of.map((n, axis) => (n === 1 ? 0 : sizeOf(of.slice(axis + 1))));
  const dims = Int32Array.of(0, ...shape, ...strides(shape), ...strides(x.shape));
  const y = make(native().binary(zeros.storage('sum'), x.storage('sum'), dims), shape, x);
  zeros.dispose();
  return y;
}

/** x summed to `shape`, from which it could have been broadcast by the trailing-axis rule. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const padded = [...new Array<number>(x.shape.length - shape.length).fill(1), ...shape];
  const axes = padded.flatMap((n, axis) => (n === 1 && x.shape[axis] !== 1 ? [axis] : []));
  const kept = sumKeeping(x, axes);
  if (sameShape(kept.shape, shape)) return kept;
  const y = kept.alias('sumTo', shape);
  kept.dispose();
  return y;
}

function withShape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const y = x.alias('reduce', shape);
  x.dispose();
  return y;
}

/** Σ x over `axes` (all by default), in double precision and a fixed order. */
export function sum(x: Tensor, axes?: Axes, keepDims = false): Tensor {
  return reducedSum('sum', x, axes, keepDims);
}

/** `sum`, in the name of the op that is made of it. */
export function reducedSum(op: string, x: Tensor, axes: Axes | undefined, keepDims: boolean): Tensor {
  checkFloat(op, 'x', x);
  checkBoolean(op, 'keepDims', keepDims);
  const list = sortedAxes(op, axes, x.shape.length);
  const kept = reducedShape(x.shape, list);
  const y = withShape(sumKeeping(x, list), keepDims ? kept : x.shape.filter((_, axis) => !list.includes(axis)));
  return record('sum', [x], y, [], ([dy]) => {
    const aligned = dy!.alias('sum', kept);
    const dx = repeated(aligned, x.shape);
    aligned.dispose();
    return [dx];
  });
}

/** max x over `axes` (all by default). The gradient goes to the first maximum. NaN wins. */
export function max(x: Tensor, axes?: Axes, keepDims = false): Tensor {
  checkFloat('max', 'x', x);
  checkBoolean('max', 'keepDims', keepDims);
  const list = sortedAxes('max', axes, x.shape.length);
  const groups = runs(list);
  if (groups.length > 1) {
    const last = list.indexOf(groups.at(-1)![0]);
    const inner = max(x, list.slice(last), keepDims);
    const outer = max(inner, list.slice(0, last), keepDims);
    inner.dispose();
    return outer;
  }
  const dims = lineDims(x.shape, groups[0] ?? [0, 0]);
  const shape = keepDims ? reducedShape(x.shape, list) : x.shape.filter((_, axis) => !list.includes(axis));
  const y = make(native().reduce(x.storage('max'), Int32Array.of(MAX, ...dims)), shape, x);
  return record('max', [x], y, [x, y], ([dy], [sx, sy]) => {
    const dx = native().maxBackward(dy!.storage('max'), sx!.storage('max'), sy!.storage('max'), Int32Array.of(...dims));
    return [make(dx, sx!.shape, sx!)];
  });
}
