/** Training within a byte budget: the same gradients, and no more memory than was said beforehand. */
import { describe, expect, it } from 'vitest';
import { device, memory, MgError, models, noGrad, optim, Rng, Tensor } from '../../lib/index.js';
import type { Callback } from '../../lib/train/events.js';
import { RMSProp } from '../../lib/optim/rmsprop.js';
import { cutWindow, segmentLength, trainingBytes } from '../../lib/train/segments.js';
import { Trainer } from '../../lib/train/trainer.js';
import type { MultigridConfig } from '../../lib/models/multigrid/config.js';
import { tinyConfig, tinyModel, tinyTask, tinyTrainer } from './tiny.js';

type Setup = {
  memoryBudget?: number;
  dtype?: 'float32' | 'float64';
  batchSize?: number;
  truncate?: number;
  callbacks?: Callback[];
};

function trainer({ memoryBudget, dtype = 'float64', batchSize = 4, truncate = 9, callbacks = [] }: Setup): Trainer {
  const model = new models.MultigridMemory(tinyConfig, { rng: new Rng(2), dtype });
  const budget = memoryBudget === undefined ? {} : { memoryBudget };
  const optimizer = new RMSProp(model, { lr: 2e-3 });
  return new Trainer({ model, task: tinyTask(), optimizer, batchSize, truncate, seed: 5, clipNorm: 100, callbacks, ...budget });
}

/** Bytes that training needs when it runs segments of `length` steps. */
function needed(length: number, steps = 9): number {
  const model = new models.MultigridMemory(tinyConfig, { dtype: 'float64' });
  for (let budget = 1e4;; budget *= 1.02) {
    try {
      if (segmentLength(model, { batch: 4, steps }, budget) >= length) return budget;
    } catch (error) {
      if (!(error instanceof MgError)) throw error;
    }
  }
}

/** Names and values of all weights. */
async function weights({ model }: Trainer): Promise<[string, number[]][]> {
  const found: [string, number[]][] = [];
  for (const [name, parameter] of model.namedParameters()) found.push([name, [...await parameter.data()]]);
  return found;
}

describe('a memory budget', () => {
  it.each([1, 2, 5])('in segments of %d or more steps, gives the losses and weights of the whole window', async (length) => {
    const budget = needed(length);
    const [whole, cut] = [trainer({}), trainer({ memoryBudget: budget })];
    expect(segmentLength(cut.model, { batch: 4, steps: 9 }, budget)).toBeLessThan(9);
    const [a, b] = [await whole.fit({ steps: 27 }), await cut.fit({ steps: 27 })];
    // float64, sums over segments in another order, three updates
    b.history.forEach(({ loss, gradNorm }, i) => {
      expect(Math.abs(loss / a.history[i]!.loss - 1)).toBeLessThan(1e-10);
      expect(Math.abs(gradNorm / a.history[i]!.gradNorm - 1)).toBeLessThan(1e-10);
    });
    const expected = await weights(whole);
    (await weights(cut)).forEach(([name, values], k) => {
      const largest = expected[k]![1].reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      values.forEach((value, i) => expect(Math.abs(value - expected[k]![1][i]!), name).toBeLessThanOrEqual(1e-9 * largest));
    });
  });

  it('carries the state from window to window, and frees all that a window took', async () => {
    const used: number[] = [];
    const onStep = async (): Promise<void> => {
      await device('cpu').sync(); // what the queue still holds is not the trainer's
      used.push(memory().bytes);
    };
    const whole = trainer({ truncate: 4 });
    const cut = trainer({ truncate: 4, memoryBudget: needed(2, 4), callbacks: [{ onStep }] });
    const [a, b] = [await whole.fit({ steps: 18 }), await cut.fit({ steps: 18 })];
    b.history.forEach(({ loss }, i) => expect(Math.abs(loss / a.history[i]!.loss - 1)).toBeLessThan(1e-10));
    expect(used.length).toBe(6);
    expect(used.at(-1)).toBe(used[2]); // both at the end of an episode
  });

  it('lets a signal end a window between its segments, of which nothing stays, and the run goes on as ever', async () => {
    const memoryBudget = needed(1, 4);
    const [whole, cut] = [trainer({ truncate: 4, memoryBudget }), trainer({ truncate: 4, memoryBudget })];
    await whole.fit({ steps: 18 });
    await cut.fit({ steps: 4 });
    await device('cpu').sync();
    const [before, bytes, { forward }] = [await weights(cut), memory().bytes, cut.model];
    const controller = new AbortController();
    let segments = 0;
    cut.model.forward = (...given) => {
      segments += 1;
      if (segments === 2) controller.abort();
      return forward.apply(cut.model, given);
    };
    expect(await cut.fit({ steps: 18, signal: controller.signal })).toMatchObject({ reason: 'aborted', step: 4 });
    expect(segments).toBe(2); // of the four of a window of four steps
    await device('cpu').sync();
    expect([await weights(cut), memory().bytes]).toEqual([before, bytes]);
    expect([...cut.model.namedParameters()].every(([, parameter]) => parameter.grad === null)).toBe(true);
    for await (const event of cut.run({ steps: 18, signal: controller.signal })) expect(event).toBeUndefined(); // no step begins
    cut.model.forward = forward;
    expect((await cut.fit({ steps: 18 })).step).toBe(18);
    expect(await weights(cut)).toEqual(await weights(whole));
  });

  it('that a window keeps anyway changes nothing', async () => {
    const [free, wide] = [trainer({}), trainer({ memoryBudget: 1e9 })];
    const [a, b] = [await free.fit({ steps: 18 }), await wide.fit({ steps: 18 })];
    expect(b.history.map(({ loss }) => loss)).toEqual(a.history.map(({ loss }) => loss));
  });

  it('below the least there is, is refused with that number', async () => {
    await expect(trainer({ memoryBudget: 1000 }).fit({ steps: 9 })).rejects.toMatchObject({
      code: 'ERR_MG_CONFIG',
      message: expect.stringMatching(/at least \d+ bytes/),
    });
  });

  it('needs a model that tells what it takes', async () => {
    const model = Object.assign(tinyModel(), { windowMemory: undefined });
    const optimizer = new optim.SGD(model, { lr: 0.1 });
    await expect(tinyTrainer({ model: model as never, optimizer, memoryBudget: 1e9 }).fit({ steps: 9 }))
      .rejects.toMatchObject({ code: 'ERR_MG_ARGUMENT' });
  });

  it('cuts windows along time, without copies', () => {
    const [window] = tinyTask().windows([tinyTask().generate(1, 0), tinyTask().generate(1, 1)], { seed: 1, length: 8 });
    const cut = cutWindow(window!, 3, 2);
    expect(cut.input[0]!.shape.slice(0, 2)).toEqual([2, 2]);
    expect(cut.input[0]!.data.buffer).toBe(window!.input[0]!.data.buffer);
    expect(cut).toMatchObject({ start: 3, steps: 2, first: false, last: false });
    const step = window!.outputs[0]!.target.data.length / 8;
    expect([...cut.outputs[0]!.target.data]).toEqual([...window!.outputs[0]!.target.data.slice(3 * step, 5 * step)]);
  });
});

describe('the memory that training takes', () => {
  // Channels wide enough that a window's tensors outweigh what the optimizer and the loss hold.
  const config: MultigridConfig = {
    ...tinyConfig,
    writer: [[0, 0, 8], [0, 1, 16]],
    front: [[0, 0, 8], [0, 1, 16]],
    tail: [[1, 1, 16], [1, 1, 1]],
  };

  it.each([3, 9])('in segments of %d steps is what is said beforehand, to 5 percent', async (length) => {
    const model = new models.MultigridMemory(config, { rng: new Rng(2) });
    const size = { batch: 256, steps: 9 };
    const memoryBudget = trainingBytes(model, size, length);
    expect(segmentLength(model, size, memoryBudget)).toBe(length);
    const optimizer = new RMSProp(model, { lr: 1e-3 });
    const made = new Trainer({ model, task: tinyTask(), optimizer, batchSize: 256, seed: 5, memoryBudget });
    await device('cpu').sync();
    const before = device('cpu').memory();
    await made.fit({ steps: 9 });
    const { peak } = device('cpu').memory();
    expect(peak).toBeGreaterThan(before.peak); // of this training, not of one before
    expect((peak - before.held) / memoryBudget).toBeGreaterThan(0.95);
    expect((peak - before.held) / memoryBudget).toBeLessThan(1.0);
  });
});

describe('a budget that cannot be kept', () => {
  const normed: MultigridConfig = { ...tinyConfig, bn: true, bnMode: 'running' };
  const window = { input: Tensor.zeros([2, 2, 3, 3, 4]), queries: [Tensor.zeros([1, 2, 3, 3, 4])] };
  const refused = expect.objectContaining({ message: expect.stringMatching(/memoryBudget|whose memory is known/) as string });

  it.each<[string, () => unknown]>([
    ['by a model that runs layer by layer', () => new models.MultigridMemory(tinyConfig, { fused: 'off', memoryBudget: 1e9 })],
    ['by windows that no network runs fused', () => new models.MultigridMemory(normed, { memoryBudget: 1e9 }).forward(window)],
    [
      'by rows of several lengths',
      () =>
        new models.MultigridMemory(tinyConfig, { memoryBudget: 1e9 }).write(window.input, undefined, {
          lengths: Int32Array.of(1, 2),
        }),
    ],
    [
      'in training layer by layer',
      () => new models.MultigridMemory(tinyConfig, { fused: 'off' }).windowMemory({ batch: 2, steps: 2 }),
    ],
    ['in training by running statistics', () => new models.MultigridMemory(normed).windowMemory({ batch: 2, steps: 2 })],
  ])('(%s) is refused', (_, call) => {
    expect(call).toThrow(refused);
  });

  it('is no obstacle where no gradient is wanted', () => {
    const model = new models.MultigridMemory(normed, { memoryBudget: 1e9 });
    expect(noGrad(() => model.forward(window)).y.size).toBeGreaterThan(0);
  });
});
