/** Questions at the last steps of a window: each is answered as if it were asked alone, of the memory as it stood then. */
import { expect, it } from 'vitest';
import { models, Rng, Tensor } from '../../../lib/index.js';

const layers = {
  task: 'recall',
  input: { 0: 1 },
  writer: [[0, 1, 2], [0, 1, 3]],
  front: [[0, 1, 2], [0, 1, 3]],
  tail: [[0, 0, 2], [0, 0, 1]],
} as const;
const [STEPS, BATCH] = [4, 3];

it.each([['plain', {}], ['normalized over batches', { bn: true }]])('%s: Q questions are Q single ones', (_, norm) => {
  const model = new models.MultigridMemory({ ...layers, ...norm } as never, { rng: new Rng(1) });
  const input = Tensor.normal([STEPS, BATCH, 3, 3, 1], [0, 1], new Rng(2));
  const size = BATCH * 9;
  const { memory } = model.write(input);
  for (const asked of [1, 2, 4]) {
    const query = Tensor.normal([asked, BATCH, 3, 3, 1], [0, 1], new Rng(3));
    const together = model.read(memory, query);
    expect(together.shape).toEqual([asked, BATCH, 3, 3, 1]);
    for (let q = 0; q < asked; q++) {
      const until = STEPS - asked + q + 1; // normalization uses a whole window: the memory is that of the whole one
      const then = memory.map((pyramid) => pyramid.map((grid) => first(grid, until)));
      const alone = model.read(then, Tensor.from(query.dataSync().slice(q * size, (q + 1) * size), [1, BATCH, 3, 3, 1]));
      expect(together.dataSync().slice(q * size, (q + 1) * size)).toEqual(alone.dataSync());
    }
  }
  expect(() => model.read(memory, Tensor.zeros([5, BATCH, 3, 3, 1]))).toThrow(/a query of 1 to 4 steps/);
});

function first(grid: Tensor, steps: number): Tensor {
  return Tensor.from(grid.dataSync().slice(0, (grid.size / grid.shape[0]!) * steps), [steps, ...grid.shape.slice(1)]);
}
