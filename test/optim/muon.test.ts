import { expect, it } from 'vitest';
import { optim, Rng, Tensor } from '../../lib/index.js';
import type { FloatDType } from '../../lib/tensor/dtype.js';

type Matrix = readonly (readonly number[])[];

/** The first `columns` columns of the reflection I − 2vvᵀ/vᵀv: orthonormal. */
function orthonormal(rows: number, columns: number, rng: Rng): number[][] {
  const v = Array.from({ length: rows }, () => rng.normal());
  const length = v.reduce((sum, x) => sum + x * x, 0);
  return v.map((x, i) => Array.from({ length: columns }, (_, j) => (i === j ? 1 : 0) - (2 * x * v[j]!) / length));
}

/** U diag(s) Vᵀ, row-major. */
function product(u: Matrix, s: readonly number[], v: Matrix): number[] {
  return u.flatMap((row) => v.map((column) => s.reduce((sum, x, k) => sum + row[k]! * x * column[k]!, 0)));
}

/** What five steps of the published polynomial make of a singular value. */
function polished(s: number): number {
  for (let step = 0; step < 5; step++) s = 3.4445 * s - 4.775 * s ** 3 + 2.0315 * s ** 5;
  return s;
}

const directions = (s: readonly number[]): number[] => s.map((x) => polished(x / Math.hypot(...s)));

function parameter(shape: readonly number[], dtype: FloatDType = 'float64'): Tensor {
  return Tensor.full(shape, 0.25, { dtype, requiresGrad: true });
}

function setGradient(p: Tensor, values: readonly number[]): void {
  p.grad?.dispose();
  p.grad = Tensor.from(Float64Array.from(values), p.shape, { dtype: p.dtype });
}

const near = (got: ArrayLike<number>, expected: readonly number[], tolerance: number): void =>
  expected.forEach((x, i) => expect(Math.abs(got[i]! - x), `element ${i}`).toBeLessThanOrEqual(tolerance));

const SHAPES: [string, readonly number[], number, number][] = [
  ['a tall matrix', [7, 3], 7, 3],
  ['a wide matrix', [2, 5], 2, 5],
  ['a kernel', [3, 3, 2, 4], 18, 4],
];
const singular = (count: number): number[] => [3, 1, 0.2, 0.04].slice(0, count);

it.each(SHAPES)('the first step of %s is U f(Σ) Vᵀ of its gradient, in size 0.2 √max(m, n)', (_, shape, rows, columns) => {
  for (const [dtype, tolerance] of [['float64', 1e-12], ['float32', 1e-6]] as const) {
    const rng = new Rng(rows);
    const s = singular(Math.min(rows, columns));
    const [u, v] = [orthonormal(rows, s.length, rng), orthonormal(columns, s.length, rng)];
    const p = parameter(shape, dtype);
    using muon = new optim.Muon(new Map([['w', p]]), { lr: 0.01 });
    setGradient(p, product(u, s, v));
    muon.step({ maxNorm: 0.5 });
    const size = 0.01 * 0.2 * Math.sqrt(Math.max(rows, columns));
    near(p.dataSync(), product(u, directions(s), v).map((x) => 0.25 - size * x), tolerance);
  }
});

it('momentum looks ahead: the second step follows g₂ + μ(μg₁ + g₂); decay is apart', () => {
  const [rows, columns, rng] = [6, 3, new Rng(1)];
  const [u, v] = [orthonormal(rows, columns, rng), orthonormal(columns, columns, rng)];
  const gradients = [[2, 0.5, 0.1], [-1, 0.3, 0.4]]; // one basis, so that singular values add
  const p = parameter([rows, columns]);
  using muon = new optim.Muon(new Map([['w', p]]), { lr: 0.1, momentum: 0.5, weightDecay: 0.2 });
  let expected = new Array<number>(rows * columns).fill(0.25);
  let b = [0, 0, 0];
  for (const g of gradients) {
    setGradient(p, product(u, g, v));
    muon.step();
    b = b.map((x, k) => 0.5 * x + g[k]!);
    const step = product(u, directions(b.map((x, k) => 0.5 * x + g[k]!)), v);
    expected = expected.map((x, i) => x * (1 - 0.1 * 0.2) - 0.1 * 0.2 * Math.sqrt(rows) * step[i]!);
  }
  near(p.dataSync(), expected, 1e-12);
  near(muon.stateDict().get('w.m')!.dataSync(), product(u, b, v), 1e-12);
});

it('vectors and numbers take the steps of AdamW at half the rate', () => {
  const [ours, theirs] = [0, 1].map(() => new Map([['bias', parameter([3])], ['scale', parameter([])]]));
  using muon = new optim.Muon(ours!, { lr: 0.02, weightDecay: 0.1, betas: [0.8, 0.9] });
  using adam = new optim.AdamW(theirs!, { lr: 0.01, weightDecay: 0.1, betas: [0.8, 0.9] });
  for (const g of [[1, -2, 0.5], [0.3, 0.3, -4]]) {
    for (const [list, optimizer] of [[ours!, muon], [theirs!, adam]] as const) {
      setGradient(list.get('bias')!, g);
      setGradient(list.get('scale')!, g.slice(0, 1));
      optimizer.step({ maxNorm: 1 });
    }
  }
  for (const [name, p] of ours!) near(p.dataSync(), [...theirs!.get(name)!.dataSync()], 0);
});

it('a gradient that is zero changes nothing; one that is not finite neither, in the parameter or the momentum', () => {
  const p = parameter([4, 2]);
  using muon = new optim.Muon(new Map([['w', p]]), { lr: 0.1 });
  setGradient(p, new Array<number>(8).fill(0));
  muon.step();
  near(p.dataSync(), new Array<number>(8).fill(0.25), 0);
  setGradient(p, [1, 2, 3, 4, 5, 6, 7, 9]);
  muon.step();
  const [before, momentum] = [p.dataSync(), muon.stateDict().get('w.m')!.dataSync()];
  setGradient(p, [NaN, 2, 3, 4, 5, 6, 7, 9]);
  muon.step();
  expect(p.dataSync()).toEqual(before);
  expect(muon.stateDict().get('w.m')!.dataSync()).toEqual(momentum);
});

it('saved and loaded, it goes on with the same bits', () => {
  const rng = new Rng(5);
  const gradients = Array.from({ length: 4 }, () => Array.from({ length: 8 }, () => rng.normal()));
  const [whole, broken] = [parameter([2, 4], 'float32'), parameter([2, 4], 'float32')];
  const options = { lr: optim.linear(0.1, 0, 4) };
  using muon = new optim.Muon(new Map([['w', whole]]), options);
  using first = new optim.Muon(new Map([['w', broken]]), options);
  using second = new optim.Muon(new Map([['w', broken]]), options);
  gradients.forEach((g, k) => {
    if (k === 2) second.loadStateDict(first.stateDict());
    for (const [p, optimizer] of [[whole, muon], [broken, k < 2 ? first : second]] as const) {
      setGradient(p, g);
      optimizer.step();
    }
  });
  expect(broken.dataSync()).toEqual(whole.dataSync());
});

it.each([[{ momentum: 1 }], [{ momentum: -0.1 }], [{ vectorRate: -1 }], [{ nesterov: true }]])('refuses %o', (options) => {
  expect(() => new optim.Muon(new Map([['w', parameter([2, 2])]]), options as never)).toThrow(/Muon/);
});
