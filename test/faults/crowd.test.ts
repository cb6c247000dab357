/** Many calls pending at once: all are answered, in the order in which they were made, and the event loop stays free. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { models, noGrad, ops, Rng, Tensor } from '../../lib/index.js';
import { isPromised, promised, shown } from '../helpers/promises.js';

const CALLS = promised('L2');

it(`${CALLS} forward calls pending at once are all answered, in order`, async () => {
  const model = new models.LSTMNetwork({ inputs: 2, outputs: 1, hidden: 16, rng: new Rng(1) });
  const inputs = Array.from({ length: CALLS }, (_, i) => Tensor.from([i / CALLS, 1 - i / CALLS], [1, 1, 2]));
  const ask = (input: Tensor): Promise<Float32Array> => noGrad(() => model.forward(input).y).data() as Promise<Float32Array>;
  const alone: number[] = [];
  for (const input of inputs) alone.push((await ask(input))[0]!);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const order: number[] = [];
  const began = performance.now();
  delay.enable();
  // One queue in order: behind this all calls wait, however fast they are made.
  const square = Tensor.zeros([1024, 1024]);
  const ahead = Array.from({ length: Math.ceil(CALLS / 20) }, () => ops.matmul(square, square));
  const pending: Promise<number>[] = [];
  for (const [i, input] of inputs.entries()) {
    pending.push(
      ask(input).then(([y]) => {
        order.push(i);
        return y!;
      }),
    );
    await nextTurn();
  }
  expect(order).toEqual([]);
  expect(await Promise.all(pending)).toEqual(alone);
  const took = performance.now() - began;
  delay.disable();
  for (const product of ahead) product.dispose();
  expect(order).toEqual([...inputs.keys()]);
  const [p50, p99] = [50, 99].map((percent) => delay.percentile(percent) / 1e6);
  if (isPromised) expect(p99).toBeLessThanOrEqual(20);
  const held = `p50 ${p50!.toFixed(1)} ms, p99 ${p99!.toFixed(1)} ms`;
  const figure = `all answered in order within ${took.toFixed(0)} ms; delay of the event loop ${held}`;
  shown('L2', CALLS, figure);
});
