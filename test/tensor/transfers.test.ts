/** Standing copies and readings: what they give is what the tensors hold, each time anew, and nothing is made on the way. */
import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native.js';
import { Rng } from '../../lib/tensor/rng.js';
import { scope } from '../../lib/tensor/scope.js';
import { Tensor, undisposedTensors } from '../../lib/tensor/tensor.js';
import { Copies, Readings } from '../../lib/tensor/transfers.js';
import { errorOf } from '../helpers/files.js';

const numbers = (seed: number): Tensor[] => [
  Tensor.normal([2, 3], [0, 1], new Rng(seed)),
  Tensor.normal([4], [0, 1], new Rng(seed), { dtype: 'float64' }),
  Tensor.from(Int32Array.of(seed, -seed)),
  Tensor.from(Uint8Array.of(seed)),
  Tensor.zeros([0]),
];
const held = (tensors: readonly Tensor[]): number[][] => tensors.map((x) => [...x.dataSync()]);

describe('readings', () => {
  it('hold what the tensors hold, in arrays of their types that stay the same ones', async () => {
    using _ = scope();
    const tensors = numbers(1);
    using readings = new Readings(tensors);
    const first = await readings.read();
    expect(first.map((array) => [...array])).toEqual(held(tensors));
    expect(first.map(({ constructor }) => constructor.name)).toEqual([
      ...['Float32Array', 'Float64Array', 'Int32Array', 'Uint8Array', 'Float32Array'],
    ]);
    tensors.forEach((x, k) => x.copyFrom(numbers(2)[k]!.dataSync()));
    expect(await readings.read()).toBe(first);
    expect(first.map((array) => [...array])).toEqual(held(numbers(2)));
  });

  it('wait for the work that was queued before', async () => {
    using _ = scope();
    const x = Tensor.zeros([1000]);
    using readings = new Readings([x]);
    x.copyFrom(new Float32Array(1000).fill(3));
    const read = readings.read();
    x.copyFrom(new Float32Array(1000).fill(4));
    expect((await read)[0]![999]).toBe(3);
  });
});

describe('copies', () => {
  it('take each tensor to its place, and leave the others as they are', async () => {
    using _ = scope();
    const [from, to] = [numbers(1), numbers(2)];
    using copies = new Copies(from, to);
    expect(held(to)).toEqual(held(numbers(2)));
    await copies.run();
    expect([held(from), held(to)]).toEqual([held(numbers(1)), held(numbers(1))]);
  });
});

it('neither leaves a tensor nor bytes behind', async () => {
  using _ = scope();
  const [from, to] = [numbers(1), numbers(2)];
  using copies = new Copies(from, to);
  using readings = new Readings(to);
  await readings.read();
  const before = { ...native().memory(), tensors: undisposedTensors() };
  for (let k = 0; k < 100; k++) {
    await copies.run();
    await readings.read();
  }
  expect({ ...native().memory(), tensors: undisposedTensors() }).toEqual(before);
});

it('say what does not fit', async () => {
  using _ = scope();
  const [x, y] = [Tensor.zeros([2]), Tensor.zeros([3])];
  expect((await errorOf(() => new Copies([x], [y]))).message).toMatch(/expected carried of float32 × 3, got float32 × 2/);
  expect((await errorOf(() => new Copies([x], []))).code).toBe('ERR_MG_SHAPE');
  y.dispose();
  expect((await errorOf(() => new Readings([y]))).code).toBe('ERR_MG_DISPOSED');
  const readings = new Readings([x]);
  readings.dispose();
  expect((await errorOf(() => readings.read())).code).toBe('ERR_MG_DISPOSED');
  expect(await (new Readings([x])).read()).toEqual([new Float32Array(2)]); // nothing is left open
});
