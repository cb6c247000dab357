/** Convolution of grids that are joined on channels. */
import { record } from '../../autograd/tape.js';
import { fail } from '../../check.js';
import { native } from '../../native.js';
import type { Tensor } from '../../tensor/tensor.js';
import { checkFloat, checkSameDType, checkShapeOf, make } from '../make.js';

/** As many as the native code takes. */
const MAX_INPUTS = 16;

function checkInputs(inputs: readonly Tensor[], kernel: Tensor): Tensor {
  const valid = Array.isArray(inputs) && inputs.length >= 1 && inputs.length <= MAX_INPUTS;
  if (!valid) fail('ERR_MG_ARGUMENT', 'conv', `inputs to be 1 … ${MAX_INPUTS} tensors`, inputs);
  for (const x of inputs) checkSameDType('conv', kernel, 'inputs', x);
  const first = inputs[0]!;
  const rank = first.shape.length;
  if (rank !== 3 && rank !== 4) fail('ERR_MG_SHAPE', 'conv', 'inputs [N,H,W,C] or [N,L,C]', first.shape);
  for (const x of inputs) {
    const channels = x.shape.at(-1) ?? 0;
    const letters = rank === 4 ? '[N,H,W,C]' : '[N,L,C]';
    checkShapeOf('conv', 'inputs of one size', x, [...first.shape.slice(0, -1), channels], letters);
    if (channels < 1) fail('ERR_MG_SHAPE', 'conv', 'inputs of at least one channel', x.shape);
  }
  return first;
}

/** [B, H, W, KH, KW, C, C1, C2, …] of the native code, which sees a line as a grid one cell high. */
function convDims(inputs: readonly Tensor[], kernel: Tensor): Int32Array {
  const [grid, k] = [inputs[0]!.shape, kernel.shape];
  const channels = inputs.map((x) => x.shape.at(-1)!);
  if (grid.length === 3) return Int32Array.of(grid[0]!, 1, grid[1]!, 1, k[0]!, k[2]!, ...channels);
  return Int32Array.of(grid[0]!, grid[1]!, grid[2]!, k[0]!, k[1]!, k[3]!, ...channels);
}

function checkKernel(kernel: Tensor, rank: number, channels: number): void {
  const sides = kernel.shape.slice(0, -2);
  const fits = kernel.shape.length === rank && kernel.shape.at(-2) === channels && kernel.shape.at(-1)! >= 1;
  if (!fits || sides.some((k) => k % 2 !== 1)) {
    fail('ERR_MG_SHAPE', 'conv', `kernel ${rank === 4 ? '[K,K' : '[K'},${channels},C] with odd K`, kernel.shape);
  }
}

/**
 * y[b,p,q,n] = bias[n] + Σ_{r,s,c} x[b, p+r−⌊K/2⌋, q+s−⌊K/2⌋, c] · kernel[r,s,c,n], cells outside the grid being zero: SAME
 * convolution of stride 1, where x is the inputs joined on channels in their order, without a copy.
 * inputs [N,H,W,Cj] with kernel [K,K,ΣCj,C], or [N,L,Cj] with [K,ΣCj,C]; K odd; bias [C] → y [N,H,W,C] or [N,L,C].
 * float32 | float64. Saves inputs and kernel. Throws ERR_MG_SHAPE, ERR_MG_DTYPE.
 * The convolution of the multigrid layer: Huynh, Maire, Walter 2020, §3.1.
 */
export function conv(inputs: readonly Tensor[], kernel: Tensor, bias: Tensor | null = null): Tensor {
  checkFloat('conv', 'kernel', kernel);
  const first = checkInputs(inputs, kernel);
  checkKernel(kernel, first.shape.length, inputs.reduce((sum, x) => sum + x.shape.at(-1)!, 0));
  const channels = kernel.shape.at(-1)!;
  if (bias !== null) checkShapeOf('conv', 'bias', checkSameDType('conv', kernel, 'bias', bias), [channels], '[C]');
  const dims = convDims(inputs, kernel);
  const storages = inputs.map((x) => x.storage('conv'));
  const result = native().convForward(storages, kernel.storage('conv'), bias?.storage('conv') ?? null, dims);
  const y = make(result, [...first.shape.slice(0, -1), channels], kernel);
  const all = [...inputs, kernel, ...(bias === null ? [] : [bias])];
  return record('conv', all, y, [...inputs, kernel], ([dy], saved, needs) => convBackward(dy!, saved, needs, dims));
}

/** Gradients in the order inputs, kernel, bias. */
function convBackward(dy: Tensor, saved: readonly Tensor[], needs: readonly boolean[], dims: Int32Array): (Tensor | null)[] {
  const inputs = saved.slice(0, -1);
  const kernel = saved.at(-1)!;
  const gradients = Array.from<unknown, Tensor | null>(needs, () => null);
  const wanted = Int32Array.from(inputs, (_, j) => (needs[j] ? 1 : 0));
  if (wanted.includes(1)) {
    const dx = native().convBackwardData(dy.storage('conv'), kernel.storage('conv'), dims, wanted);
    inputs.forEach((x, j) => {
      if (needs[j]) gradients[j] = make(dx.shift()!, x.shape, x);
    });
  }
  if (needs.slice(inputs.length).includes(true)) {
    const storages = inputs.map((x) => x.storage('conv'));
    const [dkernel, dbias] = native().convBackwardWeight(storages, dy.storage('conv'), dims);
    gradients[inputs.length] = make(dkernel!, kernel.shape, kernel);
    const db = make(dbias!, [kernel.shape.at(-1)!], kernel);
    if (needs[inputs.length + 1]) gradients[inputs.length + 1] = db;
    else db.dispose();
  }
  return gradients;
}
