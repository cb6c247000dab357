/** Ops that move elements and change none: slices, transpositions, joining and taking apart. Any dtype. */
import { record } from '../autograd/tape.js';
import { checkInteger, fail } from '../check.js';
import { native } from '../native.js';
import { checkAxes, checkAxis, sameShape, sizeOf, type Shape } from '../tensor/shape.js';
import { checkTensor, Tensor } from '../tensor/tensor.js';
import { checkSameDType, make } from './make.js';

/** Row-major strides in elements. */
function stridesOf(shape: Shape): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** `shape` elements of x from `offset` on: the same bytes under a shorter range. */
function view(op: string, x: Tensor, offset: number, shape: Shape): Tensor {
  const count = sizeOf(shape);
  return make(native().slice(x.storage(op), count === 0 ? 0 : offset, count), shape, x);
}

/** Whether a box of this size is one run of memory: full axes after the first that is longer than one. */
function isContiguous(shape: Shape, size: Shape): boolean {
  const first = size.findIndex((n) => n !== 1);
  return first < 0 || size.every((n, axis) => axis <= first || n === shape[axis]);
}

/** Full-rank begin and size from lists that may leave out trailing axes and use −1 for "the rest". */
function boxOf(x: Tensor, begin: Shape, size: Shape): { begin: number[]; size: number[] } {
  const rank = x.shape.length;
  if (!Array.isArray(begin) || !Array.isArray(size) || begin.length > rank || begin.length !== size.length) {
    fail('ERR_MG_SHAPE', 'slice', `begin and size of one length, at most ${rank}`, [begin, size]);
  }
  const begins = x.shape.map((n, axis) => (axis < begin.length ? checkInteger('slice', `begin[${axis}]`, begin[axis], 0, n) : 0));
  const sizes = x.shape.map((n, axis) => {
    const rest = n - begins[axis]!;
    return axis >= size.length || size[axis] === -1 ? rest : checkInteger('slice', `size[${axis}]`, size[axis], 0, rest);
  });
  return { begin: begins, size: sizes };
}

/**
 * y[i] = x[begin + i] for i < size. Trailing axes left out are taken whole; a size of −1 means up to the end.
 * A run of memory (such as some items along axis 0) shares storage with x, anything else is copied.
 * The gradient is dy with zeros around it. Throws ERR_MG_SHAPE or ERR_MG_ARGUMENT outside of x.
 */
export function slice(x: Tensor, begin: Shape, size: Shape): Tensor {
  checkTensor('slice', 'x', x);
  const box = boxOf(x, begin, size);
  const strides = stridesOf(x.shape);
  const offset = box.begin.reduce((sum, b, axis) => sum + b * strides[axis]!, 0);
  const y = isContiguous(x.shape, box.size)
    ? view('slice', x, offset, box.size)
    : make(native().stridedRead(x.storage('slice'), Int32Array.of(offset, ...box.size, ...strides)), box.size, x);
  return record('slice', [x], y, [], ([dy]) => [
    make(native().stridedWrite(dy!.storage('slice'), Int32Array.of(x.size, offset, ...box.size, ...strides)), x.shape, dy!),
  ]);
}

function permuted(x: Tensor, order: readonly number[]): Tensor {
  const strides = stridesOf(x.shape);
  const shape = order.map((axis) => x.shape[axis]!);
  const dims = Int32Array.of(0, ...shape, ...order.map((axis) => strides[axis]!));
  return make(native().stridedRead(x.storage('transpose'), dims), shape, x);
}

/** y[…, i_perm[k], …] = x[…, i_k, …]: axis k of y is axis perm[k] of x; all axes reversed by default. Copies. */
export function transpose(x: Tensor, perm?: readonly number[]): Tensor {
  const rank = checkTensor('transpose', 'x', x).shape.length;
  const order = checkAxes('transpose', perm ?? Array.from({ length: rank }, (_, i) => rank - 1 - i), rank);
  if (order.length !== rank || new Set(order).size !== rank) {
    fail('ERR_MG_SHAPE', 'transpose', `perm to name each of ${rank} axes once`, perm);
  }
  const inverse = order.map((_, axis) => order.indexOf(axis));
  return record('transpose', [x], permuted(x, order), [], ([dy]) => [permuted(dy!, inverse)]);
}

function checkList(op: string, xs: readonly Tensor[]): readonly [Tensor, ...Tensor[]] {
  if (!Array.isArray(xs) || xs.length === 0) fail('ERR_MG_ARGUMENT', op, 'xs to be a list of at least one Tensor', xs);
  const first = checkTensor(op, 'xs[0]', xs[0]);
  xs.forEach((x, i) => checkSameDType(op, first, `xs[${i}]`, x));
  return xs as unknown as readonly [Tensor, ...Tensor[]];
}

function joined(op: string, xs: readonly Tensor[], outer: number, widths: readonly number[], shape: Shape): Tensor {
  return make(native().join(xs.map((x) => x.storage(op)), Int32Array.of(outer, ...widths)), shape, xs[0]!);
}

/** xs joined along `axis`; the other axes must match (ERR_MG_SHAPE). The gradient is cut at the same places. */
export function concat(xs: readonly Tensor[], axis: number): Tensor {
  const [first] = checkList('concat', xs);
  const at = checkAxis('concat', axis, first.shape.length);
  const shape = first.shape.map((n, i) => (i === at ? xs.reduce((sum, x) => sum + (x.shape[at] ?? 0), 0) : n));
  xs.forEach((x, i) => {
    const fits = x.shape.length === shape.length && x.shape.every((n, k) => k === at || n === shape[k]);
    if (!fits) fail('ERR_MG_SHAPE', 'concat', `xs[${i}] like [${first.shape.join(', ')}] but for axis ${at}`, x.shape);
  });
  const outer = sizeOf(shape.slice(0, at));
  const inner = sizeOf(shape.slice(at + 1));
  const y = joined('concat', xs, outer, xs.map((x) => x.shape[at]! * inner), shape);
  return record('concat', xs, y, [], ([dy], _, needs) => {
    const strides = stridesOf(shape);
    let begin = 0;
    return xs.map((x, i) => {
      const offset = begin * inner;
      begin += x.shape[at]!;
      if (needs[i] !== true) return null;
      if (outer === 1) return view('concat', dy!, offset, x.shape);
      return make(native().stridedRead(dy!.storage('concat'), Int32Array.of(offset, ...x.shape, ...strides)), x.shape, dy!);
    });
  });
}

/** xs of one shape [...] → [xs.length, ...]. */
export function stack(xs: readonly Tensor[]): Tensor {
  const [first] = checkList('stack', xs);
  const odd = xs.find((x) => !sameShape(x.shape, first.shape));
  if (odd !== undefined) fail('ERR_MG_SHAPE', 'stack', `xs of one shape, [${first.shape.join(', ')}]`, odd.shape);
  const y = joined('stack', xs, 1, xs.map((x) => x.size), [xs.length, ...first.shape]);
  return record(
    'stack',
    xs,
    y,
    [],
    ([dy], _, needs) => xs.map((x, i) => (needs[i] === true ? view('stack', dy!, i * x.size, x.shape) : null)),
  );
}

/** x [N, ...] → N tensors [...] that share its storage. One node of the graph, so taking a long sequence apart stays linear. */
export function unstack(x: Tensor): Tensor[] {
  const count = checkTensor('unstack', 'x', x).shape[0];
  if (count === undefined) fail('ERR_MG_SHAPE', 'unstack', 'x of rank 1 or more', x.shape);
  const shape = x.shape.slice(1);
  const size = sizeOf(shape);
  const ys = Array.from({ length: count }, (_, i) => view('unstack', x, i * size, shape));
  return record('unstack', [x], ys, [], (dys) => {
    const like = dys.find((dy) => dy !== null)!;
    const zeros = dys.includes(null) ? Tensor.zeros(shape, { dtype: like.dtype, device: like.device }) : null;
    const dx = joined('unstack', dys.map((dy) => dy ?? zeros!), 1, dys.map(() => size), x.shape);
    zeros?.dispose();
    return [dx];
  });
}
