import { describe, expect, it } from 'vitest';
import { ops, Tensor } from '../../lib/index.js';
import { at, build, nd, type Nd, type Source } from '../helpers/nd.js';
import { opTable } from '../helpers/op-table.js';

const SHAPES = [[], [1], [0, 3], [5], [2, 3], [1, 7, 3], [3, 1, 5, 2]];
const map = (f: (x: number) => number) => (x: Nd): Nd => nd(x.shape, x.data.map(f));

// Library functions are within an ulp or two of the true value; float32 has 2⁻²⁴ ≈ 6e-8 of rounding itself.
const tolerance = { float32: 1e-6, float64: 1e-14 };
const badUnary = [
  [() => ['x'], 'ERR_MG_ARGUMENT'],
  [() => [Tensor.zeros([2], { dtype: 'int32' })], 'ERR_MG_DTYPE'],
] as const;

const unary: [string, (x: Tensor) => Tensor, (x: number) => number, [number, number]][] = [
  ['neg', ops.neg, (x) => -x, [-3, 3]],
  ['exp', ops.exp, Math.exp, [-3, 3]],
  ['log', ops.log, Math.log, [0.1, 5]],
  ['sqrt', ops.sqrt, Math.sqrt, [0.1, 5]],
  ['sigmoid', ops.sigmoid, (x) => 1 / (1 + Math.exp(-x)), [-8, 8]],
  ['tanh', ops.tanh, Math.tanh, [-4, 4]],
  ['relu', ops.relu, (x) => Math.max(x, 0), [0.1, 3]],
  ['relu of negative numbers', ops.relu, (x) => Math.max(x, 0), [-3, -0.1]],
  ['softplus', ops.softplus, (x) => Math.log(1 + Math.exp(x)), [-8, 8]],
  ['abs', ops.abs, Math.abs, [-3, -0.1]],
  ['square', ops.square, (x) => x * x, [-3, 3]],
];
for (const [name, op, f, [low, high]] of unary) {
  opTable(name, {
    op: op as never,
    samples: (s) => SHAPES.map((shape) => [s.uniform(shape, low, high)]),
    draw: (s) => [s.uniform(s.shape(), low, high)],
    reference: map(f) as never,
    tolerance,
    linear: name === 'neg',
    bad: badUnary,
  });
}

const PAIRS: [number[], number[]][] = [
  [[], []],
  [[1], [1]],
  [[0, 3], [3]],
  [[2, 3], [2, 3]],
  [[2, 3], [3]],
  [[2, 3], [2, 1]],
  [[3], [2, 3]],
  [[2, 1, 4], [3, 1]],
  [[1, 5, 1], [7, 1, 2]],
  [[4, 3], []],
];
/** Two shapes that go together: parts of one, with axes of size 1 in it. */
function pair(s: Source): [number[], number[]] {
  const whole = s.shape();
  const part = (): number[] => whole.slice(s.whole(0, whole.length)).map((n) => (s.whole(0, 2) === 0 ? 1 : n));
  return [part(), part()];
}
/** The element of x that stands at `index` of the broadcast result. */
const spread = (x: Nd, index: number[]) => {
  const skipped = index.length - x.shape.length;
  return at(x, ...x.shape.map((n, i) => (n === 1 ? 0 : index[skipped + i]!)));
};
const broadcast = (f: (a: number, b: number) => number) => (a: Nd, b: Nd | number): Nd => {
  const second: Nd = typeof b === 'number' ? nd([], [b]) : b;
  const rank = Math.max(a.shape.length, second.shape.length);
  const size = (x: Nd, i: number) => x.shape[i - rank + x.shape.length] ?? 1;
  const shape = Array.from({ length: rank }, (_, i) => (size(a, i) === 1 ? size(second, i) : size(a, i)));
  return build(shape, (...index) => f(spread(a, index), spread(second, index)));
};
const badBinary = [
  [() => [Tensor.zeros([2]), Tensor.zeros([3])], 'ERR_MG_SHAPE'],
  [() => [Tensor.zeros([2]), Tensor.zeros([2], { dtype: 'float64' })], 'ERR_MG_DTYPE'],
  [() => [Tensor.zeros([2]), {}], 'ERR_MG_ARGUMENT'],
] as const;

const binary: [string, (a: Tensor, b: Tensor | number) => Tensor, (a: number, b: number) => number, boolean][] = [
  ['add', ops.add, (a, b) => a + b, true],
  ['sub', ops.sub, (a, b) => a - b, true],
  ['mul', ops.mul, (a, b) => a * b, false],
  ['div', ops.div, (a, b) => a / b, false],
  ['pow', ops.pow, (a, b) => a ** b, false],
];
for (const [name, op, f, linear] of binary) {
  opTable(name, {
    op: op as never,
    samples: (s) => PAIRS.map(([a, b]) => [s.uniform(a, 0.5, 2), s.uniform(b, 0.5, 2)]),
    draw: (s) => pair(s).map((shape) => s.uniform(shape, 0.5, 2)),
    reference: broadcast(f) as never,
    tolerance,
    linear,
    bad: badBinary,
  });
  opTable(`${name} of a number`, {
    op: op as never,
    samples: (s) => SHAPES.map((shape) => [s.uniform(shape, 0.5, 2), 1.5]),
    draw: (s) => [s.uniform(s.shape(), 0.5, 2), 0.75],
    reference: broadcast(f) as never,
    tolerance,
  });
}

opTable('clone', {
  op: ops.clone as never,
  samples: (s) => SHAPES.map((shape) => [s.normal(shape)]),
  draw: (s) => [s.normal(s.shape())],
  reference: ((x: Nd) => x) as never,
  tolerance: { float32: 0, float64: 0 },
  linear: true,
});

opTable('cast to float64', {
  op: ((x: Tensor) => ops.cast(x, 'float64')) as never,
  samples: (s) => SHAPES.map((shape) => [s.normal(shape)]),
  draw: (s) => [s.normal(s.shape())],
  reference: ((x: Nd) => x) as never,
  tolerance: { float32: 0, float64: 0 },
  linear: true,
  bad: [[() => [1], 'ERR_MG_ARGUMENT']],
});

describe('conversion to integers', () => {
  const values = [
    -1.5,
    -0.5,
    0,
    1.9,
    255.9,
    256,
    300,
    2 ** 31 - 0.5,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 32 + 7,
    -(2 ** 40) - 3,
    1e300,
    NaN,
    Infinity,
    -Infinity,
  ];
  const device = 'cpu';

  it.each(['float32', 'float64'] as const)('of %s is that of typed arrays, whatever the value', async (dtype) => {
    const from = dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values);
    const x = Tensor.from(from, [values.length], { dtype, device });
    expect(await ops.cast(x, 'int32').data()).toEqual(Int32Array.from(from));
    expect(await ops.cast(x, 'uint8').data()).toEqual(Uint8Array.from(from));
  });

  it('of the value of Tensor.full too', async () => {
    for (const value of values.filter(Number.isFinite)) {
      expect(await Tensor.full([2], value, { dtype: 'int32', device }).data()).toEqual(Int32Array.of(value, value));
      expect(await Tensor.full([2], value, { dtype: 'uint8', device }).data()).toEqual(Uint8Array.of(value, value));
    }
  });
});
