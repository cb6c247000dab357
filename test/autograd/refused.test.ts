/** Gradients that would be wrong without a word are refused, and those at the ends of the range are right. */
import { describe, expect, it } from 'vitest';
import { grad, nn, noGrad, ops, optim, Rng, Tensor, valueAndGrad } from '../../lib/index.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }) as Error;
const leaf = (values: number[], shape = [values.length]): Tensor => Tensor.from(values, shape, { requiresGrad: true, name: 'p' });
const one = (x: Tensor): Tensor => ops.sum(x);

describe('a value that is changed in place between forward and backward', () => {
  const uses: [string, (p: Tensor) => Tensor][] = [
    ['mul', (p) => ops.mul(p, p)],
    ['div', (p) => ops.div(p, p)],
    ['pow', (p) => ops.pow(p, 3)],
    ['exp', (p) => ops.exp(p)],
    ['square', (p) => ops.square(p)],
    ['tanh', (p) => ops.tanh(p)],
    ['matmul', (p) => ops.matmul(ops.reshape(p, [1, 2]), ops.reshape(p, [2, 1]))],
    ['softplus', (p) => ops.softplus(p)],
  ];
  const changes: [string, (p: Tensor) => void][] = [
    ['copyFrom', (p) => void p.copyFrom(Float32Array.of(5, 6))],
    ['copyFrom through another handle', (p) => void p.detach().copyFrom(Float32Array.of(5, 6))],
    ['SGD', (p) => {
      p.grad = Tensor.from([1, 1]);
      new optim.SGD([['p', p]], { lr: 1 }).step();
    }],
    ['Adam', (p) => {
      p.grad = Tensor.from([1, 1]);
      new optim.Adam([['p', p]]).step();
    }],
    ['RMSProp', (p) => {
      p.grad = Tensor.from([1, 1]);
      new optim.RMSProp([['p', p]], { lr: 1 }).step();
    }],
  ];
  it.each(uses.flatMap(([op, use]) => changes.map(([how, change]) => [op, how, use, change] as const)))(
    '(%s, %s) is refused, and the error names operation and tensor',
    (op, _, use, change) => {
      const p = leaf([2, 3]);
      const loss = one(use(p));
      change(p);
      const before = p.grad;
      expect(() => loss.backward()).toThrow(argument);
      expect(p.grad).toBe(before);
      const again = leaf([2, 3]);
      const other = one(use(again));
      change(again);
      expect(() => other.backward()).toThrow(new RegExp(`the values that .*${op}.* has seen`));
    },
  );

  it('is taken where the gradient does not need it, and after the pass', async () => {
    const p = leaf([2, 3]);
    const loss = one(ops.add(ops.neg(p), p));
    p.copyFrom(Float32Array.of(5, 6));
    loss.backward();
    expect(await p.grad!.data()).toEqual(Float32Array.of(0, 0));
    one(ops.mul(p, p)).backward();
    p.copyFrom(Float32Array.of(7, 8));
    one(ops.mul(p, p)).backward();
    expect(await p.grad!.data()).toEqual(Float32Array.of(10 + 14, 12 + 16));
  });

  it('is refused through a module whose weights are loaded anew', () => {
    const layer = new nn.Linear({ in: 2, out: 2, rng: new Rng(1) });
    const loss = one(ops.square(layer.forward(Tensor.from([1, 2], [1, 2], { requiresGrad: true }))));
    layer.loadStateDict(new nn.Linear({ in: 2, out: 2, rng: new Rng(2) }).stateDict());
    expect(() => loss.backward()).toThrow(/"weight"|"kernel"|linear|matmul/);
  });
});

describe('a gradient of a gradient', () => {
  const cube = (v: Tensor): Tensor => one(ops.pow(v, 3));
  it.each<[string, () => unknown]>([
    ['grad in grad', () => grad((v) => one(grad(cube as never)(v!)[0]!))(Tensor.from([1, 2]))],
    ['valueAndGrad in grad', () => grad((v) => one(valueAndGrad(cube as never)(v!).grads[0]!))(Tensor.from([1, 2]))],
    ['grad in valueAndGrad', () => valueAndGrad((v) => one(grad(cube as never)(v!)[0]!))(Tensor.from([1, 2]))],
    [
      'through a closure',
      () => grad((v) => one(grad((w) => one(ops.mul(w!, v!)))(Tensor.from([1, 2]))[0]!))(Tensor.from([1, 2])),
    ],
  ])('(%s) is refused with the remedy', (_, take) => {
    expect(take).toThrow(/first derivative.*there are no second ones; noGrad/);
  });

  it('is a constant where noGrad says so, and the next gradient is right', async () => {
    const [slope] = grad((v) => ops.sum(ops.mul(v!, noGrad(() => grad(cube as never)(v!)[0]!))))(Tensor.from([1, 2]));
    expect(await slope!.data()).toEqual(Float32Array.of(3, 12)); // d(v·c)/dv = c = 3v²
    const [plain] = noGrad(() => grad(cube as never)(Tensor.from([1, 2])));
    expect(await plain!.data()).toEqual(Float32Array.of(3, 12));
    expect(() =>
      grad(() => {
        throw new RangeError('mine');
      })(Tensor.from([1]))
    ).toThrow(RangeError);
    expect(await grad(cube as never)(Tensor.from([2]))[0]!.data()).toEqual(Float32Array.of(12));
  });
});

describe('gradients at the ends of the range', () => {
  // ∂(a/b)/∂b = −(a/b)/b
  it.each([
    [1e20, 1e20, 1, -1e-20],
    [1e-30, 1e-30, 1, -1e30],
    [1e-30, 1e-30, 0, 0],
    [1, 1e25, 1, -0],
    [-3, 2, 1, 0.75],
    [1e30, 1e15, 1e-10, -1e-10],
  ])('a/b at a %d, b %d, dy %d: %d', async (a, b, dy, right) => {
    const y = leaf([b]);
    one(ops.mul(ops.div(Tensor.from([a]), y), Tensor.from([dy]))).backward();
    const got = (await y.grad!.data())[0]!;
    expect(Math.abs(got - right)).toBeLessThanOrEqual(1e-5 * Math.abs(right));
  });

  it.each([
    [0, 0, 0, 0],
    [0, 1, 1, 0],
    [0, 2, 0, 0],
    [2, 0, 0, Math.log(2)],
    [2, 3, 12, 8 * Math.log(2)],
    [0, 0.5, Infinity, 0],
    [-2, 2, -4, NaN],
  ])('a^b at %d^%d: %d at a, %d at b', async (a, b, da, db) => {
    const [x, y] = [leaf([a]), leaf([b])];
    one(ops.pow(x, y)).backward();
    const close = (got: number, right: number): boolean =>
      Object.is(got, right) || Math.abs(got - right) <= 1e-6 * Math.abs(right);
    const got = [(await x.grad!.data())[0]!, (await y.grad!.data())[0]!];
    expect([close(got[0]!, da), close(got[1]!, db)], String(got)).toEqual([true, true]);
  });

  it.each([[0, 1], [-1, 0], [1, 1 + 2 ** -22], [-5, -4.9999995], [0, 1e-44]])(
    'uniform in [%d, %d) never yields its upper end',
    async (low, high) => {
      const x = await Tensor.uniform([300_000], [low, high], new Rng(11)).data();
      const [least, most] = x.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
      expect(most).toBeLessThan(Math.fround(high));
      expect(least).toBeGreaterThanOrEqual(Math.fround(low));
    },
  );

  it('the draw that rounds to 1 is the float before it', async () => {
    const x = await Tensor.uniform([1_716_183], [0, 1], new Rng(11)).data();
    expect(x.some((v) => v >= 1)).toBe(false);
    expect(x.indexOf(1 - 2 ** -24)).toBeGreaterThanOrEqual(0);
  });
});
