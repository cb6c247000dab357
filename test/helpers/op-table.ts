/**
 * One row describes an op; from it come tests of values, gradients, linearity, errors, threads and memory.
 * Samples are drawn from a seeded source; the reference is naive float64 code written from the definition.
 */
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { gradcheck, memory, MgError, ops, scope, setThreads, Tensor, type DType } from '../../lib/index.js';
import { isNd, Source, tensorsIn, toTensors, type Nd } from './nd.js';
import { promised, shown } from './promises.js';

type Result = Nd | readonly Nd[];

export interface OpRow {
  op: (...args: never[]) => unknown;
  /** Argument lists; host arrays in them become tensors. Include size 1, an empty batch and odd sides. */
  samples: (source: Source) => readonly (readonly unknown[])[];
  /** One more argument list, of shapes drawn at random: a differentiable op is tried on 30 different ones in all. */
  draw?: (source: Source) => readonly unknown[];
  /** From the same argument lists to all outputs in order. */
  reference: (...args: never[]) => Result;
  /** Largest |error| allowed, relative to max(1, |expected|). 0 demands equal bits. */
  tolerance: { float32: number; float64: number };
  /** Linear in its float tensors taken together: ⟨Ax, y⟩ = ⟨x, Aᵀy⟩. */
  linear?: boolean;
  /** Whether gradients flow; false for ops on indices and the like. Default true. */
  differentiable?: boolean;
  /** Argument makers and the code each must throw. */
  bad?: readonly (readonly [args: () => readonly unknown[], code: string])[];
  seed?: number;
}

const call = (row: OpRow, args: unknown): Tensor[] => tensorsIn((row.op as (...a: unknown[]) => unknown)(...(args as unknown[])));
const isFloat = (t: Tensor) => t.dtype === 'float32' || t.dtype === 'float64';

function expectClose(got: ArrayLike<number>, expected: Float64Array, tolerance: number, where: string): void {
  expect(got.length, `${where}: size`).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const e = expected[i]!;
    if (Object.is(got[i], e) || got[i] === e || (Number.isNaN(got[i]) && Number.isNaN(e))) continue;
    const error = Math.abs(got[i]! - e) / Math.max(1, Math.abs(e));
    if (!(error <= tolerance)) expect.fail(`${where}[${i}]: expected ${e} ± ${tolerance}, got ${got[i]}`);
  }
}

/** Arguments with their shapes in place of their numbers. */
const shapesOf = (args: readonly unknown[]): string =>
  JSON.stringify(args, (_, value: unknown) => (isNd(value) ? `[${value.shape}]` : value));

export function opTable(name: string, row: OpRow): void {
  const seed = row.seed ?? 1;
  const source = new Source(seed);
  const samples = filledUp(row, source);
  const isDifferentiable = row.differentiable !== false;

  describe(name, () => {
    for (const dtype of ['float32', 'float64'] as const) {
      it(`equals its naive reference in ${dtype} (${samples.length} samples, seed ${seed})`, async () => {
        for (const args of samples) {
          using _ = scope();
          const expected = [row.reference(...(args as never[]))].flat() as Nd[];
          const got = call(row, toTensors(args, dtype));
          expect(got.length, 'outputs').toBe(expected.length);
          for (const [i, y] of got.entries()) {
            expect(y.shape, `${shapesOf(args)}: shape`).toEqual(expected[i]!.shape);
            expectClose(await y.data(), expected[i]!.data, row.tolerance[dtype], shapesOf(args));
          }
        }
        shown('N3', 1, name);
      });
    }

    if (isDifferentiable) {
      it('has the gradient of finite differences (float64, ≤ 1e-7)', async () => {
        for (const args of samples) {
          using _ = scope();
          const tensors = toTensors(args, 'float64') as unknown[];
          const floats = tensorsIn(tensors).filter(isFloat);
          const result = await gradcheck((...x) => weighted(call(row, replaced(tensors, floats, x)), seed + 1), floats);
          expect(result.ok, `${shapesOf(args)}: ${JSON.stringify(result.worst)}`).toBe(true);
        }
        const shapes = new Set(samples.map(shapesOf)).size;
        expect(shapes).toBeGreaterThanOrEqual(promised('N1'));
        shown('N1', shapes, name);
      });
    }

    if (row.linear === true) {
      it('is linear: ⟨Ax, y⟩ = ⟨x, Aᵀy⟩ (float64, ≤ 1e-12)', async () => {
        const pairs = promised('N4');
        for (let pair = 0; pair < pairs; pair++) {
          const args = samples[pair] ?? row.draw!(source);
          using _ = scope();
          const tensors = toTensors(args, 'float64') as unknown[];
          const floats = tensorsIn(tensors).filter(isFloat);
          for (const x of floats) x.requiresGrad = true;
          const product = weighted(call(row, tensors), seed + 2);
          if (product.requiresGrad) product.backward();
          let transposed = 0;
          let scale = 1;
          for (const x of floats) {
            const [values, gradient] = [x.dataSync(), x.grad?.dataSync()];
            values.forEach((v, i) => {
              transposed += v * (gradient?.[i] ?? 0);
              scale += Math.abs(v * (gradient?.[i] ?? 0));
            });
          }
          expect(Math.abs((await product.item()) - transposed) / scale, shapesOf(args)).toBeLessThanOrEqual(1e-12);
        }
        shown('N4', pairs, name);
      });
    }

    it('gives the same bits on 1, 2 and 4 threads, both passes', async () => {
      const runs: string[] = [];
      for (const threads of [1, 2, 4]) {
        setThreads(threads);
        const bytes: string[] = [];
        for (const args of samples) {
          using _ = scope();
          const tensors = toTensors(args, 'float32') as unknown[];
          const floats = tensorsIn(tensors).filter(isFloat);
          if (isDifferentiable) { for (const x of floats) x.requiresGrad = true; }
          const outputs = call(row, tensors);
          if (isDifferentiable) {
            const product = weighted(outputs, seed + 3);
            if (product.requiresGrad) product.backward();
          }
          for (const t of [...outputs, ...floats.flatMap((x) => x.grad ?? [])]) {
            bytes.push(Buffer.from((await t.data()).buffer).toString('base64'));
          }
        }
        runs.push(bytes.join());
      }
      setThreads(2);
      expect(runs[1]).toBe(runs[0]);
      expect(runs[2]).toBe(runs[0]);
    });

    it('gives all memory back and refuses disposed tensors', async () => {
      /** Bytes once all that was queued has run, and has given back what it held, which it does a moment later. */
      const held = async (): Promise<number> => {
        for (let before = -1;; before = memory().bytes) {
          const last = Tensor.full([], 0);
          await last.data();
          last.dispose();
          await setTimeout(2);
          if (memory().bytes === before) return before;
        }
      };
      for (const args of samples.slice(0, 4)) {
        const before = await held();
        const tensors = toTensors(args, 'float32') as unknown[];
        const inputs = tensorsIn(tensors);
        const outputs = call(row, tensors);
        const bytes = outputs.reduce((sum, { size }) => sum + size, 0);
        if (bytes > 0) expect(memory().bytes, shapesOf(args)).toBeGreaterThan(before); // the count sees them
        for (const t of [...inputs, ...outputs]) t.dispose();
        if (inputs.length > 0) expect(() => call(row, tensors)).toThrow(expect.objectContaining({ code: 'ERR_MG_DISPOSED' }));
        expect(await held(), shapesOf(args)).toBeLessThanOrEqual(before);
      }
    });

    for (const [i, [args, code]] of (row.bad ?? []).entries()) {
      it(`refuses bad input ${i} with ${code}`, () => {
        let thrown: unknown;
        try {
          (row.op as (...a: unknown[]) => unknown)(...args());
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toBeInstanceOf(MgError);
        expect(thrown).toMatchObject({ code });
      });
    }
  });
}

/** The samples of the row, and as many drawn ones as make thirty of different shapes. */
function filledUp(row: OpRow, source: Source): readonly (readonly unknown[])[] {
  const samples = [...row.samples(source)];
  if (row.differentiable === false) return samples;
  const known = new Set(samples.map(shapesOf));
  while (known.size < promised('N1')) {
    const more = row.draw!(source);
    if (known.has(shapesOf(more))) continue;
    known.add(shapesOf(more));
    samples.push(more);
  }
  return samples;
}

/** Σ over all float outputs of output · fixed random weights: one number that depends on every element. */
function weighted(outputs: readonly Tensor[], seed: number): Tensor {
  const source = new Source(seed);
  let total: Tensor | undefined;
  for (const y of outputs.filter(isFloat)) {
    const w = toTensors(source.normal(y.shape), y.dtype as DType) as Tensor;
    const part = ops.sum(ops.mul(y, w));
    total = total === undefined ? part : ops.add(total, part);
  }
  return total!;
}

/** `value` with each of the tensors `from` replaced by the one at the same place in `to`. */
function replaced(value: unknown, from: readonly Tensor[], to: readonly Tensor[]): unknown {
  if (value instanceof Tensor) return from.includes(value) ? to[from.indexOf(value)] : value;
  if (Array.isArray(value)) return value.map((v) => replaced(v, from, to));
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, replaced(v, from, to)]));
  }
  return value;
}
