/** Elementwise ops, with broadcasting by the trailing-axis rule for those of two operands. float32 and float64. */
import { record } from '../autograd/tape.js';
import { fail } from '../check.js';
import { native } from '../native.js';
import { placeNumber, type Device } from '../tensor/device.js';
import { dtypeCode, dtypes, type DType } from '../tensor/dtype.js';
import { broadcastShapes, sameShape, type Shape } from '../tensor/shape.js';
import { checkTensor, Tensor } from '../tensor/tensor.js';
import { checkFloat, checkSameDType, make } from './make.js';
import { sumTo } from './reduce.js';

/** In the order of the native code. */
const unaryKinds = ['neg', 'exp', 'log', 'sqrt', 'sigmoid', 'tanh', 'relu', 'softplus', 'abs', 'square'] as const;
const binaryKinds = ['add', 'sub', 'mul', 'div', 'pow', 'powBase', 'powExponent'] as const;

function unary(kind: (typeof unaryKinds)[number]): (x: Tensor) => Tensor {
  const dims = Int32Array.of(unaryKinds.indexOf(kind));
  return (x) => {
    checkFloat(kind, 'x', x);
    const y = make(native().unary(x.storage(kind), dims), x.shape, x);
    return record(kind, [x], y, [x, y], ([dy], [sx, sy]) => [
      make(native().unaryBackward(dy!.storage(kind), sx!.storage(kind), sy!.storage(kind), dims), sx!.shape, sx!),
    ]);
  };
}

/** −x */
export const neg = unary('neg');
/** eˣ */
export const exp = unary('exp');
/** ln x */
export const log = unary('log');
/** √x */
export const sqrt = unary('sqrt');
/** 1 / (1 + e⁻ˣ), without overflow */
export const sigmoid = unary('sigmoid');
export const tanh = unary('tanh');
/** max(x, 0); the gradient at 0 is 0 */
export const relu = unary('relu');
/** ln(1 + eˣ), without overflow */
export const softplus = unary('softplus');
/** |x|; the gradient at 0 is 0 */
export const abs = unary('abs');
/** x² */
export const square = unary('square');

/** Strides of `shape` seen within `result`; 0 along axes that are repeated. */
function broadcastStrides(shape: Shape, result: Shape): number[] {
  const strides = new Array<number>(result.length).fill(0);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1) strides[axis + result.length - shape.length] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

function binaryForward(kind: (typeof binaryKinds)[number], a: Tensor, b: Tensor): Tensor {
  const same = sameShape(a.shape, b.shape);
  const shape = same ? a.shape : broadcastShapes(kind, a.shape, b.shape);
  const layout = same ? [a.size, 1, 1] : [...shape, ...broadcastStrides(a.shape, shape), ...broadcastStrides(b.shape, shape)];
  const dims = Int32Array.of(binaryKinds.indexOf(kind), ...layout);
  return make(native().binary(a.storage(kind), b.storage(kind), dims), shape, a);
}

type BinaryGradient = (dy: Tensor, a: Tensor, b: Tensor) => Tensor;

/** The gradient summed over the axes along which the operand was repeated. */
function reduced(gradient: Tensor, shape: Shape, dy: Tensor): Tensor {
  if (sameShape(gradient.shape, shape)) return gradient;
  const sum = sumTo(gradient, shape);
  if (gradient !== dy) gradient.dispose();
  return sum;
}

/** A constant operand, of the type and on the device of the other one. */
export function constantLike(x: Tensor, value: number): Tensor {
  return Tensor.full([], value, { dtype: x.dtype, device: x.device });
}

/** The second operand may be a number; both are spread over each other's axes of size 1. */
export type BinaryOp = (a: Tensor, b: Tensor | number) => Tensor;

function binary(kind: (typeof binaryKinds)[number], da: BinaryGradient, db: BinaryGradient): BinaryOp {
  return (a, b) => {
    checkFloat(kind, 'a', a);
    const second = typeof b === 'number' ? constantLike(a, b) : checkSameDType(kind, a, 'b', b);
    const y = binaryForward(kind, a, second);
    record(kind, [a, second], y, [a, second], ([dy], [sa, sb], [needsA, needsB]) => [
      needsA ? reduced(da(dy!, sa!, sb!), sa!.shape, dy!) : null,
      needsB ? reduced(db(dy!, sa!, sb!), sb!.shape, dy!) : null,
    ]);
    if (second !== b) second.dispose();
    return y;
  };
}

/** Runs `fn` and frees the intermediate results it lists. */
function composed(fn: (keep: (t: Tensor) => Tensor) => Tensor): Tensor {
  const intermediate: Tensor[] = [];
  const result = fn((t) => {
    intermediate.push(t);
    return t;
  });
  for (const t of intermediate) t.dispose();
  return result;
}

/** a + b */
export const add = binary('add', (dy) => dy, (dy) => dy);
/** a − b */
export const sub = binary('sub', (dy) => dy, (dy) => neg(dy));
/** a·b */
export const mul = binary('mul', (dy, _, b) => binaryForward('mul', dy, b), (dy, a) => binaryForward('mul', dy, a));
/** a / b */
export const div = binary(
  'div',
  (dy, _, b) => binaryForward('div', dy, b),
  // −(dy·(a/b))/b: b² may leave the range of the type where the gradient does not.
  (dy, a, b) => composed((t) => neg(t(binaryForward('div', t(binaryForward('mul', dy, t(binaryForward('div', a, b)))), b)))),
);
/** aᵇ. The gradient at b needs a > 0, or a = 0 and b ≥ 0, where it is 0; that at a is 0 where b is. */
export const pow = binary(
  'pow',
  (dy, a, b) => composed((t) => binaryForward('mul', dy, t(binaryForward('powBase', a, b)))),
  (dy, a, b) => composed((t) => binaryForward('mul', dy, t(binaryForward('powExponent', a, b)))),
);

/** x with another element type. Gradients flow between float types; conversion to integers, as in typed arrays, has none. */
export function cast(x: Tensor, dtype: DType): Tensor {
  checkTensor('cast', 'x', x);
  if (!dtypes.includes(dtype)) fail('ERR_MG_DTYPE', 'cast', `a dtype among ${dtypes.join(', ')}`, dtype);
  const y = new Tensor(native().cast(x.storage('cast'), Int32Array.of(dtypeCode(dtype))), x.shape, dtype);
  if (dtype !== 'float32' && dtype !== 'float64') return y;
  return record('cast', [x], y, [], ([dy]) => [cast(dy!, x.dtype)]);
}

/** x on another device; the same bytes under another handle where it is there already. Gradients travel back. */
export function transfer(x: Tensor, target: Device): Tensor {
  const from = checkTensor('to', 'x', x).device;
  if (from === target) return record('to', [x], x.alias('to'), [], ([dy]) => [dy!]);
  const y = make(native().copyTo(x.storage('to'), placeNumber(target)), x.shape, x);
  return record('to', [x], y, [], ([dy]) => [transfer(dy!, from)]);
}

/** A copy with memory of its own. */
export function clone(x: Tensor): Tensor {
  const y = make(native().copy(checkTensor('clone', 'x', x).storage('clone')), x.shape, x);
  return record('clone', [x], y, [], ([dy]) => [dy!]);
}
