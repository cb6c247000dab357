// Rows of a batch in a carried state, and sequences that end before their window.

import { checkInteger, fail } from '../check.js';
import { add, concat, gather, mul, slice } from '../ops/index.js';
import { checkRowLengths } from '../ops/memories/settings.js';
import { Tensor } from '../tensor/tensor.js';

export function checkRows(where: string, items: readonly number[], batch: number): void {
  if (!Array.isArray(items) || items.length === 0) fail('ERR_MG_ARGUMENT', where, 'items to be a list of batch rows', items);
  for (const item of items) checkInteger(where, 'each item', item, 0, batch - 1);
}

/** The rows of axis 0 named by `items`, in that order. */
export function selectRows(x: Tensor, items: readonly number[]): Tensor {
  checkRows('select', items, x.shape[0] ?? 0);
  if (x.dtype !== 'float32' && x.dtype !== 'float64') { // indices of a state, of which there are few
    const rest = x.shape.slice(1);
    const rows = items.map((item) => slice(x, [item, ...rest.map(() => 0)], [1, ...rest]));
    return rows.length === 1 ? rows[0]! : concat(rows, 0);
  }
  const indices = Tensor.from(Int32Array.from(items), [items.length], { device: x.device });
  const rows = gather(x, indices, 0);
  indices.dispose();
  return rows;
}

/** `x` with zeros in the rows of axis 0 named by `items`, whatever they held. */
export function zeroRows(x: Tensor, items: readonly number[]): Tensor {
  return fillRows(x, items, 0);
}

/** `x` with one number in the rows of axis 0 named by `items`, whatever they held. */
export function fillRows(x: Tensor, items: readonly number[], value: number): Tensor {
  const batch = x.shape[0] ?? 0;
  checkRows('reset', items, batch);
  const row = Tensor.full([1, ...x.shape.slice(1)], value, { dtype: x.dtype, device: x.device });
  const padded = concat([x, row], 0);
  const reset = selectRows(padded, Array.from({ length: batch }, (_, at) => (items.includes(at) ? batch : at)));
  row.dispose();
  padded.dispose();
  return reset;
}

/** Lengths of the rows of a window: an Int32Array [B] with values in 0 … T, or nothing when all rows have T steps. */
export function checkLengths(where: string, lengths: Int32Array | undefined, steps: number, batch: number): Int32Array | null {
  if (lengths === undefined) return null;
  const checked = checkRowLengths(where, lengths, steps, batch);
  return checked.every((n) => n === steps) ? null : checked;
}

/** 1 where row b of step t is within its length, else 0: [T, B, 1, …] with `trailing` ones. */
export function windowMask(lengths: Int32Array, steps: number, trailing: number, like: Tensor): Tensor {
  const values = Array.from({ length: steps }, (_, t) => Array.from(lengths, (n) => (t < n ? 1 : 0))).flat();
  const shape = [steps, lengths.length, ...Array<number>(trailing).fill(1)];
  return Tensor.from(Float64Array.from(values), shape, { dtype: like.dtype, device: like.device });
}

/** Rows within their length take `next`, the others keep `previous`. Each `[B, …]`. */
export function keepFinished(next: Tensor, previous: Tensor, lengths: Int32Array, step: number): Tensor {
  if (lengths.every((n) => step < n)) return next;
  const shape = [lengths.length, ...next.shape.slice(1).map(() => 1)];
  const options = { dtype: next.dtype, device: next.device };
  const running = Tensor.from(Float64Array.from(lengths, (n) => (step < n ? 1 : 0)), shape, options);
  const finished = Tensor.from(Float64Array.from(lengths, (n) => (step < n ? 0 : 1)), shape, options);
  return add(mul(next, running), mul(previous, finished));
}
