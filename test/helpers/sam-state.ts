/** Tiny sparse access memories for tests: settings, a memory of given rows, the ring as a list, and all rows of a state. */
import { ops, Tensor, type FloatDType } from '../../lib/index.js';

/** Without a controller: what enters is the interface itself. */
export const tinySam: ops.SamSettings = {
  slots: 9,
  wordSize: 3,
  heads: 2,
  reads: 2,
  hidden: 0,
  strength: true,
  index: 'live',
  checks: 32,
  links: 0,
  linkRead: 'rows',
  forgetBias: 1,
  clip: 0,
  epsilon: 1e-6,
  delta: 0.005,
};

/** All numbers of some tensors as text, to be compared bit for bit. */
export const bits = (tensors: readonly Tensor[]): string =>
  tensors.map((t) => Buffer.from(t.dataSync().buffer).toString('base64')).join();

/** All rows given, [B][N][W]; slots in the order 0 … N−1 on the ring and nothing read. */
export function givenState(
  s: ops.SamSettings,
  rows: readonly number[],
  dtype: FloatDType,
  requiresGrad = false,
): ops.SamTensors {
  const N = s.slots;
  const batch = rows.length / (N * s.wordSize);
  const zeros = ops.samZeros({ ...s, index: 'linear' }, batch, { dtype });
  const ring = Array.from({ length: N + 1 }, (_, node) => [(node + N) % (N + 1), (node + 1) % (N + 1)]).flat();
  const each = (numbers: readonly number[], ...shape: number[]): Tensor => (
    Tensor.from(Int32Array.from(Array.from({ length: batch }, () => numbers).flat()), [batch, ...shape])
  );
  return {
    ...zeros,
    memory: Tensor.from(Float64Array.from(rows), [batch, N, s.wordSize], { dtype, requiresGrad }),
    ring: each(ring, N + 1, 2),
    counts: each([N, 1], 2),
    readSlots: each(new Array<number>(s.heads * s.reads).fill(-1), s.heads, s.reads),
  };
}

/** All N slots of row b of the batch, the least recently accessed first. */
export function ringOf(state: ops.SamTensors, slots: number, b = 0): number[] {
  const capacity = state.memory.shape[1]!;
  const links = state.ring.dataSync().subarray(b * 2 * (capacity + 1));
  const [live, front] = [state.counts.dataSync()[2 * b]!, state.counts.dataSync()[2 * b + 1]!];
  const order: number[] = [];
  for (let k = 0, node = front; k <= live; k++, node = links[2 * node + 1]!) {
    if (node > 0) order.push(node - 1);
    else for (let slot = live; slot < slots; slot++) order.push(slot);
  }
  return order;
}

/** All N rows of row b of the batch. */
export function rowsOf(state: ops.SamTensors, { slots, wordSize: W }: ops.SamSettings, b = 0): number[] {
  const capacity = state.memory.shape[1]!;
  const live = state.counts.dataSync()[2 * b]!;
  const untouched = state.memory.dtype === 'float32' ? Math.fround(1e-6) : 1e-6;
  const stored = [...state.memory.dataSync().subarray(b * capacity * W, (b * capacity + live) * W)];
  return [...stored, ...new Array<number>((slots - live) * W).fill(untouched)];
}
