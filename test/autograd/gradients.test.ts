// Gradients of functions: by hand where a hand can, with what is kept, freed and refused on the way.
import { describe, expect, it } from 'vitest';
import { grad, gradcheck, memory, noGrad, ops, Rng, scope, Tensor, tidy, valueAndGrad } from '../../lib/index.js';
import { undisposedTensors } from '../../lib/tensor/tensor.js';

const leaf = (values: number[], dtype: 'float32' | 'float64' = 'float32'): Tensor =>
  Tensor.from(values, undefined, { dtype, requiresGrad: true });
const values = (x: Tensor | null | undefined): number[] => [...x!.dataSync()];

describe('backward', () => {
  it('adds over paths, over calls and over uses of one tensor', () => {
    const x = leaf([3, -2]);
    ops.sum(ops.add(ops.mul(x, x), ops.mul(x, 5))).backward(); // d(x² + 5x) = 2x + 5
    expect(values(x.grad)).toEqual([11, 1]);
    ops.sum(x).backward();
    expect(values(x.grad)).toEqual([12, 2]);
  });

  it('walks a diamond once for each operation, latest first', () => {
    const x = leaf([2]);
    const y = ops.square(x); // 4
    const z = ops.add(ops.mul(y, 3), ops.square(y)); // 3y + y²: dz/dy = 3 + 2y = 11, dy/dx = 4
    z.backward(Tensor.from([1]));
    expect(values(x.grad)).toEqual([44]);
  });

  it('weighs by its seed, which stays the caller\'s', () => {
    const x = leaf([1, 2]);
    const seed = Tensor.from([10, 100]);
    ops.square(x).backward(seed);
    expect(values(x.grad)).toEqual([20, 400]);
    expect(values(seed)).toEqual([10, 100]);
  });

  it('at a leaf gives the seed, and not the same memory', () => {
    const x = leaf([1, 2]);
    const seed = Tensor.from([10, 100]);
    x.backward(seed);
    seed.dispose();
    expect(values(x.grad)).toEqual([10, 100]);
  });

  it('frees the graph: a second time is refused, and only leaves and gradients are left', () => {
    const x = leaf([1, 2]);
    const before = undisposedTensors();
    const y = ops.sum(ops.exp(ops.square(x)));
    y.backward();
    expect(() => y.backward()).toThrow(expect.objectContaining({ code: 'ERR_MG_DISPOSED' }));
    y.dispose();
    x.grad!.dispose();
    expect(undisposedTensors()).toBe(before + 2); // x² and its exponential, held by nobody but this test's function
  });

  it('reaches what was disposed of after its use', () => {
    const x = leaf([3]);
    const square = ops.square(x);
    const y = ops.sum(ops.square(square));
    square.dispose();
    y.backward();
    expect(values(x.grad)).toEqual([108]); // 4x³
  });

  it('does not reach through detach, noGrad or integers', () => {
    const x = leaf([3]);
    const still = [x.detach(), noGrad(() => ops.square(x)), x.to('int32')];
    for (const y of still) {
      expect(y.requiresGrad).toBe(false);
      expect(() => y.backward()).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }));
    }
    expect(x.grad).toBeNull();
  });

  it('refuses what is no scalar without a seed, and a seed of another shape or type', () => {
    const y = (): Tensor => ops.square(leaf([1, 2]));
    for (const seed of [undefined, Tensor.from([1]), Tensor.from([1, 1], [2], { dtype: 'float64' })]) {
      expect(() => y().backward(seed)).toThrow(expect.objectContaining({ code: 'ERR_MG_SHAPE' }));
    }
  });

  it('changes no gradient if it fails half-way', () => {
    const x = leaf([1, 2]);
    const used = ops.square(x);
    const y = ops.add(ops.sum(used), ops.sum(ops.mul(x, 2)));
    ops.sum(used).backward(); // frees the square's part of the graph of y
    const held = values(x.grad);
    expect(() => y.backward()).toThrow(expect.objectContaining({ code: 'ERR_MG_DISPOSED' }));
    expect(values(x.grad)).toEqual(held);
  });
});

describe('grad and valueAndGrad', () => {
  it('give value and slopes, and leave the inputs alone', () => {
    const [a, b] = [Tensor.from([1, 2]), Tensor.from([3, 4])];
    const { value, grads } = valueAndGrad((x, y) => ops.sum(ops.mul(x!, y!)))(a, b);
    expect([value.itemSync(), ...grads.map(values)]).toEqual([11, [3, 4], [1, 2]]);
    expect([a.requiresGrad, a.grad]).toEqual([false, null]);
  });

  it('give zeros of the input\'s own type for an input that does not matter', () => {
    const [dx] = grad(() => Tensor.full([], 1))(Tensor.from([1, 2], [2], { dtype: 'float64' }));
    expect([dx!.dtype, ...values(dx)]).toEqual(['float64', 0, 0]);
  });

  it('make nothing but their results, which belong to the scope around', () => {
    const x = Tensor.from([1, 2]);
    const before = undisposedTensors();
    const { value, grads } = valueAndGrad((t) => ops.sum(ops.exp(t!)))(x);
    expect(undisposedTensors()).toBe(before + 2);
    for (const t of [value, ...grads]) t.dispose();
    {
      using _ = scope();
      grad((t) => ops.sum(ops.exp(t!)))(x);
      grad(() => Tensor.full([], 1))(x);
    }
    expect(undisposedTensors()).toBe(before);
  });

  it('take all else for constants: parameters and what was computed around them keep their gradients and graph', () => {
    const w = Tensor.from([2, 3]);
    w.requiresGrad = true;
    w.grad = Tensor.from([7, 7]);
    const doubled = ops.mul(w, w); // recorded before
    const before = undisposedTensors();
    const [dx] = grad((t) => ops.sum(ops.mul(ops.mul(t!, w), doubled)))(Tensor.from([1, 1]));
    expect(values(dx)).toEqual([8, 27]); // w³
    expect(values(w.grad)).toEqual([7, 7]);
    const [none] = grad(() => ops.sum(doubled))(w); // not through its argument
    const [outer] = grad(() => doubled.reshape([2]).slice([0], [1]).reshape([]))(w);
    expect([values(none), values(outer)]).toEqual([[0, 0], [0, 0]]);
    expect(undisposedTensors()).toBe(before + 4); // the three gradients and the input made in between
    ops.sum(doubled).backward(); // the graph is still there
    expect(values(w.grad)).toEqual([11, 13]); // 7 + 2w
  });

  it('free all they made when the function throws', () => {
    const x = Tensor.from([1, 2]);
    const before = undisposedTensors();
    expect(() =>
      grad((t) => {
        ops.exp(t!);
        throw new RangeError('mine');
      })(x)
    ).toThrow(new RangeError('mine'));
    expect(undisposedTensors()).toBe(before);
  });
});

describe('gradcheck', () => {
  const double = (...numbers: number[]): Tensor => Tensor.from(Float64Array.from(numbers));

  it('passes a right gradient and frees what it made', async () => {
    const at = [double(0.3, -0.7), double(2, 5)];
    const before = undisposedTensors();
    expect(await gradcheck((x, y) => ops.sum(ops.mul(ops.tanh(x!), y!)), at)).toMatchObject({ ok: true });
    expect(undisposedTensors()).toBe(before);
  });

  it('finds a wrong one and says where', async () => {
    const wrong = (x: Tensor): Tensor => {
      const detached = ops.mul(x.detach(), Tensor.from(Float64Array.of(0, 3))); // a slope of 3 left out
      return ops.sum(ops.add(ops.square(x), detached));
    };
    expect(await gradcheck((x) => wrong(x!), [double(1, 2)])).toMatchObject({
      ok: false,
      worst: { input: 0, index: 1, analytic: expect.closeTo(4, 6) as number, numeric: expect.closeTo(7, 6) as number },
    });
  });

  it('never passes a slope that is not a number, wherever it stands', async () => {
    for (const at of [[0, 4], [4, 0]]) { // √x has no value left of 0
      const { ok, worst } = await gradcheck((x) => ops.sum(ops.sqrt(x!)), [double(...at)]);
      expect(ok).toBe(false);
      expect(worst.index).toBe(at.indexOf(0));
    }
  });
});

describe('scopes', () => {
  it('free what was made since, but what is kept', () => {
    const before = undisposedTensors();
    let kept: Tensor;
    {
      using s = scope();
      Tensor.zeros([3]);
      kept = s.keep(Tensor.zeros([3]));
      const [dropped] = [Tensor.zeros([3])];
      dropped!.dispose();
    }
    expect([kept.disposed, undisposedTensors()]).toEqual([false, before + 1]);
    kept.dispose();
  });

  it('hand what they keep to the scope around', () => {
    let kept: Tensor;
    {
      using _outer = scope();
      {
        using inner = scope();
        kept = inner.keep([Tensor.zeros([1])] as const)[0];
      }
      expect(kept.disposed).toBe(false);
    }
    expect(kept.disposed).toBe(true);
  });

  it('free graphs too: what was not walked back holds nothing', async () => {
    const x = leaf([1, 2]);
    await x.data();
    const before = memory().bytes;
    for (let i = 0; i < 10; i++) {
      using _ = scope();
      ops.sum(ops.exp(ops.square(x)));
    }
    await Tensor.zeros([]).data();
    expect(memory().bytes - before).toBeLessThanOrEqual(128);
  });

  it('tidy keeps a tensor, a list, and anything else as it is', () => {
    const before = undisposedTensors();
    const one = tidy(() => ops.add(Tensor.zeros([1]), 1));
    const two = tidy(() => [Tensor.zeros([1]), Tensor.zeros([2])]);
    const none = tidy(() => ops.add(Tensor.zeros([1]), 1).itemSync());
    expect([one.disposed, two.some((t) => t.disposed), none]).toEqual([false, false, 1]);
    expect(undisposedTensors()).toBe(before + 3);
    for (const t of [one, ...two]) t.dispose();
    expect(() =>
      tidy(() => {
        Tensor.zeros([1]);
        throw new RangeError('mine');
      })
    ).toThrow(new RangeError('mine'));
    expect(undisposedTensors()).toBe(before);
  });
});

describe('a tensor', () => {
  it('copies what it is made from and gives copies', async () => {
    const source = Float32Array.of(1, 2);
    const x = Tensor.from(source);
    source[0] = 9;
    const read = await x.data();
    read[1] = 9;
    expect([...(await x.data())]).toEqual([1, 2]);
  });

  it('takes its type from the array, its shape from the nesting', () => {
    const arrays = [new Float64Array(2), new Int32Array(2), new Uint8Array(2)];
    expect(arrays.map((array) => Tensor.from(array).dtype)).toEqual(['float64', 'int32', 'uint8']);
    expect(Tensor.from([[[1], [2]], [[3], [4]], [[5], [6]]]).shape).toEqual([3, 2, 1]);
    expect(Tensor.from(5).shape).toEqual([]);
  });

  it('is refilled in the order of the queue', async () => {
    const x = Tensor.from([1, 2]);
    const before = ops.add(x, 0);
    x.copyFrom(Float32Array.of(3, 4));
    expect([[...(await before.data())], [...(await x.data())]]).toEqual([[1, 2], [3, 4]]);
    expect(() => x.copyFrom(new Float64Array(2))).toThrow(expect.objectContaining({ code: 'ERR_MG_DTYPE' }));
    expect(() => x.copyFrom(new Float32Array(3))).toThrow(expect.objectContaining({ code: 'ERR_MG_SHAPE' }));
  });

  it('shares memory with its views and outlives them', async () => {
    const x = Tensor.from([1, 2, 3, 4]);
    const view = x.reshape([2, 2]);
    const row = view.slice([1, 0], [1, 2]);
    x.dispose();
    view.dispose();
    expect([...(await row.data())]).toEqual([3, 4]);
  });

  it('may be disposed of twice, and tells shape, type, device and name', () => {
    const x = Tensor.zeros([2, 3], { name: 'w' });
    expect(x.toString()).toBe('Tensor "w" [2, 3] float32 on cpu');
    x.dispose();
    x.dispose();
    expect(String(x)).toBe('Tensor "w" [2, 3] float32 on cpu, disposed');
  });

  it('needs a float type for gradients', () => {
    expect(() => Tensor.zeros([1], { dtype: 'int32', requiresGrad: true }))
      .toThrow(expect.objectContaining({ code: 'ERR_MG_DTYPE' }));
  });

  it('is not read after an abort', async () => {
    await expect(Tensor.zeros([1]).data({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('of random numbers follows from the seed alone', () => {
    const draw = (seed: number): number[] => values(Tensor.normal([5], [10, 0.1], new Rng(seed)));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(1).every((x) => Math.abs(x - 10) < 1)).toBe(true); // ten standard deviations
  });
});
