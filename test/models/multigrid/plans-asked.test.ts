/** The native planner is asked once for each network and size of window, not at each call. */
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { noGrad } from '../../../lib/autograd/index.js';
import { MultigridMemory, type MultigridInputs } from '../../../lib/models/index.js';
import { native } from '../../../lib/native.js';
import { MultigridConvLSTM, Pyramid } from '../../../lib/nn/index.js';
import { diagnostics, setThreads } from '../../../lib/tensor/device.js';
import { scope } from '../../../lib/tensor/scope.js';
import { Tensor } from '../../../lib/tensor/tensor.js';

const threads = diagnostics().binary.threads;
afterAll(() => setThreads(threads));

/** The calls of the native planner itself, which still answers. */
const asked = vi.spyOn(native(), 'planNetwork');
beforeEach(() => void asked.mockClear());
afterEach(() => void asked.mockClear());
afterAll(() => asked.mockRestore());

const inputs = (steps: number, batch: number, dtype: 'float32' | 'float64' = 'float32'): MultigridInputs => ({
  input: Tensor.full([steps, batch, 3, 3, 4], 1, { dtype }),
  queries: [Tensor.zeros([steps, batch, 3, 3, 4], { dtype })],
});

describe('a model with a writer and a reader', () => {
  it('asks twice for a size of windows, and again only for another size, type, purpose or number of threads', () => {
    using _ = scope();
    const model = new MultigridMemory('map9');
    const count = (run: () => unknown): number => {
      const before = asked.mock.calls.length;
      for (let i = 0; i < 5; i++) run();
      return asked.mock.calls.length - before;
    };
    const train = (steps: number, batch: number): void => model.forward(inputs(steps, batch)).y.sum().backward();
    expect(count(() => train(3, 2)), 'first size').toBe(2);
    expect(count(() => train(2, 2)), 'other steps').toBe(2);
    expect(count(() => train(3, 1)), 'other batch').toBe(2);
    expect(count(() => train(3, 2)), 'first size again').toBe(0);
    expect(count(() => noGrad(() => model.forward(inputs(3, 2)))), 'without gradients').toBe(2);
    setThreads(threads + 1);
    expect(count(() => train(3, 2)), 'other threads').toBe(2);
    model.to('float64');
    expect(count(() => model.forward(inputs(3, 2, 'float64')).y.sum().backward()), 'other type').toBe(2);
    model.dispose();
  });

  it('keeps its plans apart from those of another', () => {
    using _ = scope();
    const models = [new MultigridMemory('map9'), new MultigridMemory({ extends: 'map9', forgetBias: 3 })];
    const answers = models.map((model) => noGrad(() => model.forward(inputs(3, 2)).y.dataSync()));
    expect(asked).toHaveBeenCalledTimes(4);
    expect(answers[0]).not.toEqual(answers[1]);
    for (const model of models) model.dispose();
  });
});

it('a layer asks once for each list of grids it sees', () => {
  using _ = scope();
  const layer = new MultigridConvLSTM({ input: [{ level: 0, channels: 2 }], output: [0, 1], channels: 2 });
  const grid = (channels: number): Pyramid => Pyramid.of({ 0: Tensor.zeros([2, 1, 3, 3, channels]) });
  for (let i = 0; i < 3; i++) layer.forward(grid(2));
  expect(asked).toHaveBeenCalledTimes(1);
  for (let i = 0; i < 3; i++) layer.forward([grid(1), grid(1)]);
  expect(asked).toHaveBeenCalledTimes(2);
  layer.dispose();
});
