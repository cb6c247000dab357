/** The endless sequence of training windows, a pure function of (seed, position): resuming is starting at a position. */
import { setImmediate as nextTurn } from 'node:timers/promises';
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

/** Milliseconds that making episodes may hold up the event loop, in which signals and timers wait. */
const LONGEST_HOLD_MS = 20;

/** Null where the signal itself ended the work; what else went wrong is thrown. */
export const unlessAborted = (signal: AbortSignal | undefined) => (error: unknown): null => {
  if (signal?.aborted === true && error === signal.reason) return null;
  throw error;
};

/**
 * `count` episodes of the stream `seed` from `first` on. Many take turns with the event loop; aborting rejects with the reason.
 */
export async function drawItems<Item>(
  task: Task<Item>,
  { seed, first, count }: { seed: number; first: number; count: number },
  signal?: AbortSignal,
): Promise<Item[]> {
  const items: Item[] = [];
  for (let held = performance.now(); items.length < count;) {
    items.push(task.generate(seed, first + items.length));
    if (performance.now() - held < LONGEST_HOLD_MS) continue;
    await nextTurn();
    signal?.throwIfAborted();
    held = performance.now();
  }
  return items;
}

/**
 * Batch b holds the episodes b·B … b·B + B − 1 of the seed. Yields each window with the position after it. Ends when `signal`
 * aborts while a batch is being made.
 */
export async function* windowStream<Item>(
  setup: StreamSetup<Item>,
  from: Position,
  signal?: AbortSignal,
): AsyncGenerator<{ window: Window; next: Position }, void> {
  const { task, seed, batchSize, truncate } = setup;
  for (let batch = from.batch;; batch++) {
    const drawn = { seed, first: batch * batchSize, count: batchSize };
    const items = await drawItems(task, drawn, signal).catch(unlessAborted(signal));
    if (items === null) return;
    const first = batch === from.batch ? from.window : 0;
    const options = { seed, batch, from: first, ...(truncate === undefined ? {} : { length: truncate }) };
    for (const window of task.windows(items, options)) {
      const next = window.last ? { batch: batch + 1, window: 0 } : { batch, window: window.index + 1 };
      yield { window, next };
    }
  }
}
