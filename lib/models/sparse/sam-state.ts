// The state that sparse access memories carry, and what a saved one must be.

import { fail } from '../../check.js';
import { concat, samIndices, samStateShapes, type SamSettings, type SamTensors, type SdncTensors } from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { TensorState } from '../../nn/tensor-state.js';

/**
 * Rows of the live slots [B,C,W], ring of the least recently accessed slots [B,C+1,2], counts [B,2], what each head read [B,R,K]
 * and [B,R,W], hidden and cell [B,H]. Zeros are a new episode. `liveBound`: so many rows can be live.
 */
export class SAMState<Name extends string = keyof SamTensors> extends TensorState<Name> {
  constructor(tensors: Readonly<Record<Name, Tensor>>, readonly liveBound: number) {
    super(tensors);
  }

  /** Rows that there is place for. */
  get places(): number {
    return (this.values as unknown as SamTensors).memory.shape[1]!;
  }

  /** The most rows that are live in any row of the batch; waits for what is queued. */
  live(): number {
    const counts = [...(this.values as unknown as SamTensors).counts.dataSync()];
    return Math.max(0, ...counts.filter((_, i) => i % 2 === 0));
  }

  protected override like(tensors: Readonly<Record<Name, Tensor>>): this {
    return new SAMState(tensors, this.liveBound) as this;
  }
}

/** The same state with place for so many rows. */
export function withPlaces<Name extends string>(state: SAMState<Name>, s: SamSettings, places: number): SAMState<Name> {
  const tensors = [...state.toTensors()];
  const shapes = samStateShapes(s, tensors[0]![1].shape[0]!, places);
  const padded = tensors.map(([name, x]) => {
    const [batch = 0, rows = 0, ...rest] = x.shape;
    const more = (shapes[name]?.[1] ?? rows) - rows;
    return [name, more > 0 ? concat([x, Tensor.zeros([batch, more, ...rest], { dtype: x.dtype, device: x.device })], 1) : x];
  });
  return new SAMState(Object.fromEntries(padded) as Record<Name, Tensor>, state.liveBound);
}

/** With links beside it: N and P of each slot [B,C,2,R,K_L], precedence [B,R,K_L]. */
export type SDNCState = SAMState<keyof SdncTensors>;

/** Rows of a state that was read from somewhere, once its sizes and indices are found to be ones of these settings. */
export function checkedRows(tensors: Readonly<Record<string, Tensor>>, s: SamSettings): number {
  const where = 'SAMState';
  const [batch = 0, capacity = 0] = tensors['memory']!.shape;
  for (const [name, shape] of Object.entries(samStateShapes(s, batch, capacity))) {
    const tensor = tensors[name]!;
    const fits = tensor.shape.length === shape.length && shape.every((n, i) => n === tensor.shape[i]);
    if (!fits || capacity < 1 || capacity > s.slots) {
      fail('ERR_MG_CHECKPOINT', where, `${name} [${shape.join(', ')}] of 1 to ${s.slots} rows`, tensor.shape);
    }
    if (samIndices.has(name) !== (tensor.dtype === 'int32')) {
      fail('ERR_MG_CHECKPOINT', where, `${name} of ${samIndices.has(name) ? 'int32' : 'float32 or float64'}`, tensor.dtype);
    }
  }
  const [counts, ring, slots] = ['counts', 'ring', 'readSlots'].map((name) => tensors[name]!.dataSync() as Int32Array);
  for (let b = 0; b < batch; b++) {
    const [live, front] = [counts![2 * b]!, counts![2 * b + 1]!];
    const links = ring!.subarray(b * 2 * (capacity + 1), (b + 1) * 2 * (capacity + 1));
    if (live < 0 || live > capacity || !isCircle(links, live, front)) {
      fail('ERR_MG_CHECKPOINT', where, `a ring of ${live} slots in row ${b}`, links);
    }
    const read = slots!.subarray(b * s.heads * s.reads, (b + 1) * s.heads * s.reads);
    const wrong = read.find((slot) => slot < -1 || slot >= Math.max(live, 1));
    if (wrong !== undefined) fail('ERR_MG_CHECKPOINT', where, `readSlots below ${live} in row ${b}`, wrong);
    for (const kind of ['link', 'precedence']) checkLinks(tensors, kind, b, live);
  }
  return capacity;
}

/** Whether nodes 0 … live lie on one circle that passes through `front`. */
function isCircle(links: Int32Array, live: number, front: number): boolean {
  let node = front;
  for (let k = 0; k <= live; k++) {
    if (node < 0 || node > live || (k > 0 && node === front)) return false;
    const next = links[2 * node + 1]!;
    if (next < 0 || next > live || links[2 * next] !== node) return false;
    node = next;
  }
  return node === front;
}

/** Links of weight above 0 lead to live slots. */
function checkLinks(tensors: Readonly<Record<string, Tensor>>, kind: string, b: number, live: number): void {
  const [slots, weights] = [tensors[`${kind}Slots`], tensors[`${kind}Weights`]];
  if (slots === undefined || weights === undefined) return;
  const each = slots.size / slots.shape[0]!;
  const numbers = weights.dataSync().subarray(b * each, (b + 1) * each);
  const places = slots.dataSync().subarray(b * each, (b + 1) * each);
  const wrong = places.find((slot, k) => numbers[k]! > 0 && (slot < 0 || slot >= live));
  if (wrong !== undefined) fail('ERR_MG_CHECKPOINT', 'SAMState', `${kind}Slots below ${live} in row ${b}`, wrong);
}
