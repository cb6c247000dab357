import { describe, expect, it } from 'vitest';
import { ops, scope, Tensor, type DType } from '../../lib/index.js';
import { at, build, indices, nd, Source, toTensors, type Nd } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

/** The inputs joined on channels. */
function joined(inputs: readonly Nd[]): Nd {
  const channels = inputs.reduce((sum, x) => sum + x.shape.at(-1)!, 0);
  return build([...inputs[0]!.shape.slice(0, -1), channels], (...index) => {
    let channel = index.at(-1)!;
    for (const x of inputs) {
      if (channel < x.shape.at(-1)!) return at(x, ...index.slice(0, -1), channel);
      channel -= x.shape.at(-1)!;
    }
    throw new Error('no such channel');
  });
}

/** From the definition: a loop for every index. A line is a grid one cell high. */
function naiveConv(inputs: readonly Nd[], kernel: Nd, bias: Nd | null): Nd {
  const x = joined(inputs);
  if (x.shape.length === 3) {
    const raise = (t: Nd, before: number) => nd([...t.shape.slice(0, before), 1, ...t.shape.slice(before)], t.data);
    const y = naiveConv([raise(x, 1)], raise(kernel, 0), bias);
    return nd([y.shape[0]!, ...y.shape.slice(2)], y.data);
  }
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [kh, kw, , outputs] = kernel.shape as [number, number, number, number];
  return build([batch, height, width, outputs], (b, p, q, n) => {
    let sum = bias === null ? 0 : at(bias, n!);
    for (let r = 0; r < kh; r++) {
      for (let s = 0; s < kw; s++) {
        const [i, j] = [p! + r - (kh - 1) / 2, q! + s - (kw - 1) / 2];
        if (i < 0 || i >= height || j < 0 || j >= width) continue;
        for (let c = 0; c < channels; c++) sum += at(x, b!, i, j, c) * at(kernel, r, s, c, n!);
      }
    }
    return sum;
  });
}

type Case = [grid: number[], channels: number[], kernel: number[], outputs: number, bias: boolean];

function draw(s: Source, [grid, channels, kernel, outputs, bias]: Case): [Nd[], Nd, Nd | null] {
  const total = channels.reduce((a, b) => a + b, 0);
  return [channels.map((c) => s.normal([...grid, c])), s.normal([...kernel, total, outputs]), bias ? s.normal([outputs]) : null];
}

/** A line or a grid, of one to three inputs. */
function drawnCase(s: Source): Case {
  const sides = s.whole(1, 2);
  const list = (length: number, make: () => number): number[] => Array.from({ length }, make);
  const grid = [s.whole(0, 2), ...list(sides, () => s.whole(1, 4))];
  const kernel = list(sides, () => 2 * s.whole(0, 2) + 1);
  return [grid, list(s.whole(1, 3), () => s.whole(1, 2)), kernel, s.whole(1, 5), s.whole(0, 1) === 0];
}

const SMALL: Case[] = [
  [[1, 1, 1], [1], [1, 1], 1, true],
  [[1, 1, 1], [2, 1], [3, 3], 4, true],
  [[1, 1, 1], [1], [5, 5], 1, false],
  [[2, 3, 3], [1], [3, 3], 10, true],
  [[1, 3, 3], [1, 2, 1], [3, 3], 4, true],
  [[1, 3, 5], [2], [5, 5], 1, true],
  [[2, 5, 3], [1, 1], [1, 1], 32, false],
  [[1, 7, 5], [1, 1, 1, 1], [3, 3], 1, true],
  [[1, 1, 7], [1], [3, 3], 4, false],
  [[3, 2, 2], [1, 3], [1, 1], 64, true],
  [[1, 3, 3], [1], [3, 1], 4, true],
  [[0, 3, 3], [2, 1], [3, 3], 4, true],
  [[1, 1], [1], [3], 1, true],
  [[2, 3], [2, 1], [3], 4, true],
  [[1, 7], [1, 1, 1], [5], 10, false],
  [[3, 4], [3], [1], 32, true],
  [[0, 5], [1], [3], 2, true],
];

// Sums of at most a few hundred products of size about 1; float32 rounds each to 6e-8 of a sum of size up to about 30.
const tolerance = { float32: 2e-5, float64: 1e-12 };
const zeros = (...shape: number[]) => Tensor.zeros(shape);

opTable('conv', {
  op: ops.conv as never,
  samples: (s) => SMALL.map((c) => draw(s, c)),
  draw: (s) => draw(s, drawnCase(s)),
  reference: naiveConv as never,
  tolerance,
  bad: [
    [() => [[], zeros(3, 3, 1, 1), null], 'ERR_MG_ARGUMENT'],
    [() => ['x', zeros(3, 3, 1, 1), null], 'ERR_MG_ARGUMENT'],
    [() => [[zeros(1, 3, 3, 1)], null, null], 'ERR_MG_ARGUMENT'],
    [() => [[zeros(1, 3, 3, 1), 1], zeros(3, 3, 2, 1), null], 'ERR_MG_ARGUMENT'],
    [() => [[zeros(1, 3, 3, 1)], zeros(3, 3, 1, 1), 0], 'ERR_MG_ARGUMENT'],
    [() => [Array.from({ length: 17 }, () => zeros(1, 1, 1, 1)), zeros(1, 1, 17, 1), null], 'ERR_MG_ARGUMENT'],
    [() => [[zeros(3, 1)], zeros(3, 1, 1), null], 'ERR_MG_SHAPE'],
    [() => [[zeros(1, 3, 3, 1)], zeros(2, 2, 1, 1), null], 'ERR_MG_SHAPE'],
    [() => [[zeros(1, 3, 3, 1)], zeros(3, 1, 1), null], 'ERR_MG_SHAPE'],
    [() => [[zeros(1, 3, 3, 2)], zeros(3, 3, 1, 1), null], 'ERR_MG_SHAPE'],
    [() => [[zeros(1, 3, 3, 1)], zeros(3, 3, 1, 0), null], 'ERR_MG_SHAPE'],
    [() => [[zeros(1, 3, 3, 0)], zeros(3, 3, 0, 1), null], 'ERR_MG_SHAPE'],
    [() => [[zeros(1, 3, 3, 1), zeros(2, 3, 3, 1)], zeros(3, 3, 2, 1), null], 'ERR_MG_SHAPE'],
    [() => [[zeros(1, 3, 3, 1)], zeros(3, 3, 1, 2), zeros(1)], 'ERR_MG_SHAPE'],
    [() => [[Tensor.zeros([1, 3, 3, 1], { dtype: 'float64' })], zeros(3, 3, 1, 1), null], 'ERR_MG_DTYPE'],
    [() => [[zeros(1, 3, 3, 1)], Tensor.zeros([3, 3, 1, 1], { dtype: 'int32' }), null], 'ERR_MG_DTYPE'],
    [() => [[zeros(1, 3, 3, 1)], zeros(3, 3, 1, 1), Tensor.zeros([1], { dtype: 'float64' })], 'ERR_MG_DTYPE'],
  ],
});

const LARGE: Case[] = [
  [[2, 24, 24], [4, 8, 4], [3, 3], 32, true],
  [[33, 3, 3], [16], [3, 3], 64, true],
  [[1, 47, 13], [3], [5, 5], 10, false],
  [[5, 12, 12], [1, 2, 3, 4], [3, 3], 17, true],
  [[4, 16], [30, 2], [3], 64, true],
  [[7, 331], [5], [5], 1, true],
];

/** Gradients of Σ y·dy, scattered from the definition: dx[i] += dy·k, dk += dy·x, db += dy. */
function naiveGradients(inputs: readonly Nd[], kernel: Nd, dy: Nd): { dx: Nd; dkernel: Nd; dbias: Nd } {
  const x = joined(inputs);
  const one = x.shape.length === 3;
  const grid = one ? [x.shape[0], 1, ...x.shape.slice(1)] : x.shape;
  const [batch, height, width, channels] = grid as [number, number, number, number];
  const [kh, kw] = (one ? [1, kernel.shape[0]] : kernel.shape) as [number, number];
  const outputs = kernel.shape.at(-1)!;
  const dx = nd(x.shape, () => 0);
  const dkernel = nd(kernel.shape, () => 0);
  const dbias = nd([outputs], () => 0);
  for (const [b, p, q, n] of indices([batch, height, width, outputs]) as Iterable<[number, number, number, number]>) {
    const d = dy.data[((b * height + p) * width + q) * outputs + n]!;
    dbias.data[n]! += d;
    for (let r = 0; r < kh; r++)
      for (let s = 0; s < kw; s++) {
        const [i, j] = [p + r - (kh - 1) / 2, q + s - (kw - 1) / 2];
        if (i < 0 || i >= height || j < 0 || j >= width) continue;
        for (let c = 0; c < channels; c++) {
          const [cell, weight] = [((b * height + i) * width + j) * channels + c, ((r * kw + s) * channels + c) * outputs + n];
          dx.data[cell]! += d * kernel.data[weight]!;
          dkernel.data[weight]! += d * x.data[cell]!;
        }
      }
  }
  return { dx, dkernel, dbias };
}

/** The largest error relative to the largest expected number, the scale of the sums' rounding. */
function worst(got: ArrayLike<number>, expected: Float64Array): number {
  expect(got.length).toBe(expected.length);
  const scale = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-300);
  return expected.reduce((most, v, i) => Math.max(most, Math.abs(got[i]! - v)), 0) / scale;
}

describe('conv of larger grids', () => {
  for (const [i, c] of LARGE.entries()) {
    for (const [dtype, limit] of [['float32', 2e-6], ['float64', 1e-13]] as const) {
      it(`${c[0]} with channels ${c[1]} → ${c[3]}: values and all gradients in ${dtype} (seed ${i})`, async () => {
        using _ = scope();
        const source = new Source(i);
        const [inputs, kernel, bias] = draw(source, c);
        const dy = source.normal([...c[0], c[3]]);
        const tensors = (x: unknown) => toTensors(x, dtype as DType) as Tensor;
        const xs = inputs.map(tensors);
        const k = tensors(kernel);
        const b = bias === null ? null : tensors(bias);
        for (const leaf of [...xs, k, ...(b === null ? [] : [b])]) leaf.requiresGrad = true;
        const y = ops.conv(xs, k, b);
        expect(worst(await y.data(), naiveConv(inputs, kernel, bias).data)).toBeLessThanOrEqual(limit);
        y.backward(tensors(dy));
        const expected = naiveGradients(inputs, kernel, dy);
        const dx = joined(await Promise.all(xs.map(async (x) => nd(x.shape, await x.grad!.data()))));
        expect(worst(dx.data, expected.dx.data)).toBeLessThanOrEqual(limit);
        expect(worst(await k.grad!.data(), expected.dkernel.data)).toBeLessThanOrEqual(limit);
        if (b !== null) expect(worst(await b.grad!.data(), expected.dbias.data)).toBeLessThanOrEqual(limit);
      });
    }
  }

  it('moves with its input: shifting a grid away from its border shifts the result', async () => {
    using _ = scope();
    const source = new Source(7);
    const [inputs, kernel] = draw(source, [[1, 9, 9], [3], [3, 3], 4, false]);
    const inner = build(
      [1, 9, 9, 3],
      (b, p, q, n) => p! >= 3 && p! < 6 && q! >= 3 && q! < 6 ? at(inputs[0]!, b!, p!, q!, n!) : 0,
    );
    const moved = build([1, 9, 9, 3], (b, p, q, n) => (q! === 0 ? 0 : at(inner, b!, p!, q! - 1, n!)));
    const weights = toTensors(kernel, 'float64') as Tensor;
    const run = async (x: Nd) => nd([1, 9, 9, 4], await ops.conv([toTensors(x, 'float64') as Tensor], weights).data());
    const [y, shifted] = [await run(inner), await run(moved)];
    const expected = build([1, 9, 9, 4], (b, p, q, n) => (q! === 0 ? 0 : at(y, b!, p!, q! - 1, n!)));
    expect(Array.from(shifted.data)).toEqual(Array.from(expected.data));
  });

  it('computes only what is asked for: a frozen input, a frozen kernel, a frozen bias', async () => {
    for (let mask = 1; mask < 16; mask++) {
      using _ = scope();
      const [inputs, kernel, bias] = draw(new Source(mask), [[2, 3, 3], [2, 3], [3, 3], 4, true]);
      const leaves = [...inputs, kernel, bias!].map((x) => toTensors(x, 'float64') as Tensor);
      leaves.forEach((leaf, i) => (leaf.requiresGrad = (mask >> i) % 2 === 1));
      const y = ops.conv(leaves.slice(0, 2), leaves[2]!, leaves[3]!);
      y.backward(Tensor.full(y.shape, 1, { dtype: 'float64' }));
      const expected = naiveGradients(inputs, kernel, nd(y.shape, () => 1));
      const split = [0, 2, 5];
      for (const [i, leaf] of leaves.entries()) {
        if (!leaf.requiresGrad) {
          expect(leaf.grad).toBeNull();
          continue;
        }
        const reference = i === 2 ? expected.dkernel : i === 3 ?
          expected.dbias
          : build(leaf.shape, (...index) => at(expected.dx, ...index.slice(0, -1), index.at(-1)! + split[i]!));
        expect(worst(await leaf.grad!.data(), reference.data)).toBeLessThanOrEqual(1e-13);
      }
    }
  });
});
