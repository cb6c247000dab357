/** The endless sequence of training windows, a pure function of (seed, position): resuming is starting at a position. */
import type { Task, Window } from '../tasks/task.js';

/** Batch number and window within it. */
export interface Position {
  readonly batch: number;
  readonly window: number;
}

export interface StreamSetup<Item> {
  readonly task: Task<Item>;
  readonly seed: number;
  readonly batchSize: number;
  /** Time steps per window; the whole episode when absent. */
  readonly truncate?: number;
}

/** Batch b holds the episodes b·B … b·B + B − 1 of the seed. Yields each window with the position after it. */
export function* windowStream<Item>(setup: StreamSetup<Item>, from: Position): Generator<{ window: Window; next: Position }> {
  const { task, seed, batchSize, truncate } = setup;
  for (let batch = from.batch;; batch++) {
    const items = Array.from({ length: batchSize }, (_, i) => task.generate(seed, batch * batchSize + i));
    const first = batch === from.batch ? from.window : 0;
    const options = { seed, batch, from: first, ...(truncate === undefined ? {} : { length: truncate }) };
    for (const window of task.windows(items, options)) {
      const next = window.last ? { batch: batch + 1, window: 0 } : { batch, window: window.index + 1 };
      yield { window, next };
    }
  }
}
