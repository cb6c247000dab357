/** Tensors that are alive, and what the console shows of them. */
import { setFlagsFromString } from 'node:v8';
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { memory, models, noGrad, scope, Tensor } from '../../lib/index.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** The count once the collector has taken all that nobody holds. */
async function alive(): Promise<number> {
  for (let last = NaN, same = 0; same < 5; last = memory().tensors) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
    same = last === memory().tensors ? same + 1 : 0;
  }
  return memory().tensors;
}

describe('memory().tensors', () => {
  it.each<[string, () => unknown, number]>([
    ['lost tensors', () => void Array.from({ length: 300 }, () => Tensor.zeros([2])), 0],
    ['lost views', () => void Tensor.zeros([2]).detach(), 0],
    ['what a scope gave up and nobody took', () => {
      using s = scope();
      s.keep(Tensor.zeros([2]));
    }, 0],
    ['what a scope freed', () => {
      using _ = scope();
      Tensor.zeros([2]);
    }, 0],
    ['one that was disposed of and lost', () => Tensor.zeros([2]).dispose(), 0],
    ['one that is held', () => Tensor.zeros([2]), 1],
    ['one that a scope gave to its caller', () => {
      using s = scope();
      return s.keep(Tensor.zeros([2]));
    }, 1],
  ])('counts %s right', async (_, make, expected) => {
    const before = await alive();
    const held = make();
    expect(await alive() - before).toBe(expected);
    (held as Tensor | undefined)?.dispose();
    expect(await alive()).toBe(before);
  });

  it('takes no memory for what was disposed of', () => {
    const churn = (): void => {
      for (let k = 0; k < 20_000; k++) Tensor.zeros([1]).dispose();
      collect();
    };
    churn();
    const before = process.memoryUsage().heapUsed;
    churn(); // at once, before the collector could tell of any of them
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20_000 * 10); // a registration alone takes some 50 bytes
  });

  it('does not rise over steps of inference that nobody disposes of', async () => {
    const model = new models.LSTMNetwork({ inputs: 2, outputs: 2, hidden: 4 });
    const x = Tensor.zeros([1, 2]);
    let state = model.initialState(1);
    const step = (): void => noGrad(() => void ({ state } = model.step(x, state)));
    for (let t = 0; t < 50; t++) step();
    const before = await alive();
    for (let t = 0; t < 500; t++) step();
    expect(await alive()).toBeLessThanOrEqual(before);
    model.dispose();
  });
});

describe('console.log of a tensor', () => {
  it.each<[string, () => Tensor, string]>([
    ['a matrix', () => Tensor.from([[1, 2], [3, 4]]), 'Tensor [2, 2] float32 on cpu [ [ 1, 2 ], [ 3, 4 ] ]'],
    ['a name', () => Tensor.from([0.5], [1], { name: 'w' }), 'Tensor "w" [1] float32 on cpu [ 0.5 ]'],
    ['a number', () => Tensor.from(3), 'Tensor [] float32 on cpu 3'],
    ['whole numbers', () => Tensor.from(Int32Array.of(1, -2)), 'Tensor [2] int32 on cpu [ 1, -2 ]'],
    ['nothing', () => Tensor.zeros([0, 2]), 'Tensor [0, 2] float32 on cpu []'],
  ])('shows %s', (_, make, expected) => {
    expect(inspect(make())).toBe(expected);
  });

  it('shows the first of many, and no values of one that is disposed of', () => {
    const many = Tensor.from(Float32Array.from({ length: 5000 }, (_, i) => i));
    expect(inspect(many)).toMatch(/^Tensor \[5000\] float32 on cpu \[\s+0,[\s\S]*19,? … 4980 more \]$/);
    many.dispose();
    expect(inspect(many)).toBe('Tensor [5000] float32 on cpu, disposed');
  });
});
