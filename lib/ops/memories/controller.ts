/** The controller and its interface, which the windows of DNC, SAM and DAM have alike: weights, and checks of what they take. */
import { checkOptions, fail } from '../../check.js';
import { sizeOf, type Shape } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkSameDType, checkShapeOf } from '../make.js';

/** H hidden units on [x, words, hidden], D numbers for the memory out of them. */
export interface ControllerWeights {
  /** [I+RW+H, 4H] and [4H], in the order i, u, f, o. */
  readonly gates: Tensor;
  readonly gatesBias: Tensor;
  /** [H, D] and [D]. */
  readonly interface: Tensor;
  readonly interfaceBias: Tensor;
}

/** The interface vector: its size D, and where each part of it begins. */
export interface Interface {
  readonly size: number;
  readonly parts: Readonly<Record<string, readonly [begin: number, shape: Shape]>>;
}

/** Parts of these shapes, one behind the other. */
export function interfaceOf(shapes: Readonly<Record<string, Shape>>): Interface {
  let size = 0;
  const parts = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const begin = size;
      size += sizeOf(shape);
      return [name, [begin, shape] as const];
    }),
  );
  return { size, parts };
}

/** Throws ERR_MG_SHAPE and ERR_MG_DTYPE for a tensor of another shape, or of another kind of number than x. */
export function checkLike(op: string, x: Tensor, name: string, tensor: Tensor, shape: Shape, letters: string): Tensor {
  checkShapeOf(op, name, checkSameDType(op, x, name, tensor), shape, letters);
  return tensor;
}

/** The state before a window, whole: tensors of these shapes, in their order. */
export function checkState(op: string, x: Tensor, state: object, shapes: Readonly<Record<string, Shape>>): Tensor[] {
  checkOptions(op, state, Object.keys(shapes), 'state');
  const given = state as Readonly<Record<string, Tensor>>;
  return Object.entries(shapes).map(([name, shape]) => checkLike(op, x, name, given[name]!, shape, 'of the state'));
}

/**
 * Input and weights of a window in the order of the native call: x [T,B,I]; without weights x is the raw interface [T,B,D].
 * `read`: the RW numbers read at each step. Throws ERR_MG_SHAPE, ERR_MG_DTYPE, ERR_MG_ARGUMENT.
 */
export function checkController(
  op: string,
  x: Tensor,
  weights: ControllerWeights | null,
  { hidden: H, interface: D, read }: { readonly hidden: number; readonly interface: number; readonly read: number },
): Tensor[] {
  const names = ['gates', 'gatesBias', 'interface', 'interfaceBias'] as const;
  if (weights !== null) checkOptions(op, weights, names, 'weights');
  const [steps = 0, batch = 0, inputs = 0] = x.shape;
  if (x.shape.length !== 3 || x.size === 0) fail('ERR_MG_SHAPE', op, 'x [T,B,I] of at least one element', x.shape);
  if (weights === null) {
    checkShapeOf(op, 'x', x, [steps, batch, D], '[T,B,D]');
    return [x];
  }
  const shapes: readonly [Shape, string][] = [
    [[inputs + read + H, 4 * H], '[I+RW+H,4H]'],
    [[4 * H], '[4H]'],
    [[H, D], '[H,D]'],
    [[D], '[D]'],
  ];
  return [x, ...names.map((name, k) => checkLike(op, x, name, weights[name], ...shapes[k]!))];
}
