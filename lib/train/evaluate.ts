/** Scores of a model on episodes of a stream. */
import { noGrad } from '../autograd/tape.js';
import { checkChoice } from '../check.js';
import { splits, type Split, type Task } from '../tasks/task.js';
import type { FloatDType } from '../tensor/dtype.js';
import { scope } from '../tensor/scope.js';
import type { ModelState, TrainableModel } from './model.js';
import { drawItems } from './window-stream.js';
import { uploadWindow } from './window-loss.js';

export interface EvaluateSetup<Item> {
  readonly model: TrainableModel;
  readonly task: Task<Item>;
  readonly dtype: FloatDType;
  readonly seed: number;
  readonly items: number;
  readonly batchSize: number;
  readonly truncate?: number;
  readonly signal?: AbortSignal;
}

/** The task on a part of its data set; the task itself where it draws its episodes. */
export function splitOf(task: Task<unknown>, name: Split): Task<unknown> {
  checkChoice('evaluate', 'split', name, splits);
  return task.split === undefined || (task.splits ?? []).length === 0 ? task : task.split(name);
}

/** Runs `items` whole episodes of the stream `seed` and pools their scores. Aborting rejects with the signal's reason. */
export async function evaluate<Item>(setup: EvaluateSetup<Item>): Promise<Record<string, number>> {
  const { model, task, dtype, seed, items, truncate, signal } = setup;
  const scorer = task.scorer();
  const { form } = task.describe();
  for (let first = 0, batch = 0; first < items; first += setup.batchSize, batch++) {
    const size = Math.min(setup.batchSize, items - first);
    const episodes = await drawItems(task, { seed, first, count: size }, signal);
    let state: ModelState = model.initialState(size);
    try {
      for (const window of task.windows(episodes, { seed, batch, ...(truncate === undefined ? {} : { length: truncate }) })) {
        signal?.throwIfAborted();
        using s = scope();
        const result = model.evaluating(() => noGrad(() => model.forward(uploadWindow(window, form, dtype), state)));
        const carried = result.state.detach();
        s.keep([...carried.toTensors().values()]);
        state[Symbol.dispose]();
        state = carried;
        const reads = Promise.all(result.logits.map((logits) => logits.data()));
        s[Symbol.dispose]();
        scorer.add(await reads, window);
      }
    } finally {
      state[Symbol.dispose]();
    }
  }
  return scorer.result();
}
