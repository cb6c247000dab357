/** Matrix products. */
import { record } from '../autograd/tape.js';
import { fail } from '../check.js';
import { native } from '../native.js';
import { sameShape, sizeOf, type Shape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import { checkFloat, checkSameDType, checkShapeOf, make } from './make.js';
import { sumTo } from './reduce.js';

interface Sizes {
  batch: number;
  rows: number;
  inner: number;
  columns: number;
}

/** y = x w (+ bias); w [inner, columns], or [columns, inner] when `transposed`. */
function product(op: string, x: Tensor, w: Tensor, bias: Tensor | null, d: Sizes, transposed: boolean, shape: Shape): Tensor {
  const dims = Int32Array.of(d.batch, d.rows, d.inner, d.columns, transposed ? 1 : 0);
  return make(native().matmul(x.storage(op), w.storage(op), bias?.storage(op) ?? null, dims), shape, x);
}

/** xᵀ dy, the gradient at w. */
function outer(op: string, x: Tensor, dy: Tensor, d: Sizes, shape: Shape): Tensor {
  return make(native().matmulOuter(x.storage(op), dy.storage(op), Int32Array.of(d.batch, d.rows, d.inner, d.columns)), shape, x);
}

function gradients(
  op: string,
  dy: Tensor,
  x: Tensor,
  w: Tensor,
  needs: readonly boolean[],
  d: Sizes,
): [Tensor | null, Tensor | null] {
  return [
    needs[0] === true ? product(op, dy, w, null, { ...d, inner: d.columns, columns: d.inner }, true, x.shape) : null,
    needs[1] === true ? outer(op, x, dy, d, w.shape) : null,
  ];
}

/**
 * y[…,m,n] = Σ_k a[…,m,k] b[…,k,n]: a [..., M, K], b [..., K, N] with the same leading axes, or b [K, N] for all of them.
 * da = dy bᵀ, db = aᵀ dy. The same bits on any number of threads. Throws ERR_MG_SHAPE, ERR_MG_DTYPE.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkFloat('matmul', 'a', a);
  checkSameDType('matmul', a, 'b', b);
  if (a.shape.length < 2) fail('ERR_MG_SHAPE', 'matmul', 'a of rank 2 or more', a.shape);
  const lead = a.shape.slice(0, -2);
  const [rows, inner] = a.shape.slice(-2) as [number, number];
  const shared = b.shape.length === 2;
  if (b.shape.length < 2 || b.shape.at(-2) !== inner || !(shared || sameShape(b.shape.slice(0, -2), lead))) {
    fail('ERR_MG_SHAPE', 'matmul', `b [K, N] or [..., K, N] with [..., K] = [${[...lead, inner].join(', ')}]`, b.shape);
  }
  const columns = b.shape.at(-1)!;
  const d = shared ? { batch: 1, rows: sizeOf(lead) * rows, inner, columns } : { batch: sizeOf(lead), rows, inner, columns };
  const y = product('matmul', a, b, null, d, false, [...lead, rows, columns]);
  return record('matmul', [a, b], y, [a, b], ([dy], [sa, sb], needs) => gradients('matmul', dy!, sa!, sb!, needs, d));
}

/**
 * y = x W + b: x [..., In], weight [In, Out], bias [Out] or null → y [..., Out].
 * dx = dy Wᵀ, dW = Σ xᵀ dy, db = Σ dy. The same bits on any number of threads. Throws ERR_MG_SHAPE, ERR_MG_DTYPE.
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  checkFloat('linear', 'x', x);
  checkSameDType('linear', x, 'weight', weight);
  const inner = x.shape.at(-1) ?? fail('ERR_MG_SHAPE', 'linear', 'x of rank 1 or more', x.shape);
  if (weight.shape.length !== 2 || weight.shape[0] !== inner) {
    fail('ERR_MG_SHAPE', 'linear', `weight [In, Out] with In = ${inner}`, weight.shape);
  }
  const columns = weight.shape[1]!;
  if (bias !== null) checkShapeOf('linear', 'bias', checkSameDType('linear', x, 'bias', bias), [columns], '[Out]');
  const lead = x.shape.slice(0, -1);
  const d = { batch: 1, rows: sizeOf(lead), inner, columns };
  const y = product('linear', x, weight, bias, d, false, [...lead, columns]);
  return record('linear', bias === null ? [x, weight] : [x, weight, bias], y, [x, weight], ([dy], [sx, sw], needs) => [
    ...gradients('linear', dy!, sx!, sw!, needs, d),
    needs[2] === true ? sumTo(dy!, [columns]) : null,
  ]);
}
