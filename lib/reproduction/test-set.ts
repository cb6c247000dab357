/** The one test set of a row, the same for all seeds, and the answers that need no memory. */
import { createHash } from 'node:crypto';
import { splitOf } from '../train/evaluate.js';
import type { Task, Window } from '../tasks/task.js';
import { Rng } from '../tensor/rng.js';

/** As published. */
export const TEST_ITEMS = 5_000;
/**
 * Stream of the test episodes of tasks that draw theirs. Training draws from the streams of its own seeds, which may not be
 * this.
 */
export const TEST_SEED = 20_200_713;

/** The task on the episodes that it is judged by. */
export const testTask = (task: Task<unknown>): Task<unknown> => splitOf(task, 'test');

/** SHA-256 of a name and values, hexadecimal: numbers as they are in memory, objects by their keys in order. */
export function hashOf(name: string, values: Iterable<unknown>): string {
  const hash = createHash('sha256').update(name);
  const add = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) {
      hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, part] of Object.entries(value)) {
        hash.update(key);
        add(part);
      }
    } else hash.update(String(value));
  };
  for (const value of values) add(value);
  return hash.digest('hex');
}

/** {@link hashOf} of the first `items` test episodes. */
export function testSetHash(task: Task<unknown>, items: number): string {
  const judged = testTask(task);
  function* episodes(): Generator<unknown> {
    for (let index = 0; index < items; index++) yield judged.generate(TEST_SEED, index);
  }
  return hashOf(`${task.name} ${task.version}`, episodes());
}

type Answer = (window: Window) => Float32Array[];
type Scores = Record<string, number>;

function scored(task: Task<unknown>, items: number, answer: Answer): Scores {
  const scorer = task.scorer();
  const BATCH = 32;
  for (let first = 0, batch = 0; first < items; first += BATCH, batch++) {
    const count = Math.min(BATCH, items - first);
    const episodes = Array.from({ length: count }, (_, i) => task.generate(TEST_SEED, first + i));
    for (const window of task.windows(episodes, { seed: TEST_SEED, batch })) scorer.add(answer(window), window);
  }
  return scorer.result();
}

/** Numbers of one answer: cells of a map or bits of a patch, or classes. */
const widths = (task: Task<unknown>): number[] => task.describe().outputs.map(({ logits }) => logits.reduce((a, b) => a * b, 1));

/** Answers drawn at random: every bit with probability ½, every class alike. */
export function chance(task: Task<unknown>, items: number): Scores {
  const [judged, sizes, rng] = [testTask(task), widths(task), new Rng(TEST_SEED).split('chance')];
  return scored(judged, items, ({ outputs }) =>
    outputs.map(({ target }, k) => {
      const answers = target.shape[0]! * target.shape[1]!;
      return Float32Array.from({ length: answers * sizes[k]! }, () => 2 * rng.uniform() - 1);
    }));
}

/**
 * The best answer that looks at nothing: for every bit of an answer, or every class, how often it was right in `examples`
 * episodes of training, whatever was shown and asked; of a bit with that chance, (n + ½)/(N + 1). What a network without memory,
 * and without its input, would learn.
 */
export function withoutMemory(task: Task<unknown>, items: number, examples: number): Scores {
  const { outputs: described } = task.describe();
  const sizes = widths(task);
  const counts = sizes.map((size) => ({ answers: 0, right: new Float64Array(size) }));
  const episodes = Array.from({ length: examples }, (_, index) => task.generate(1, index));
  for (const window of task.windows(episodes, { seed: 1 })) {
    window.outputs.forEach(({ target, scored: counted, mask }, k) => {
      const [count, size, isClass] = [counts[k]!, sizes[k]!, described[k]!.loss === 'crossEntropy'];
      const answers = target.shape[0]! * target.shape[1]!;
      for (let a = 0; a < answers; a++) {
        if ((counted ?? mask)?.data[a] === 0) continue;
        count.answers++;
        if (isClass) count.right[target.data[a]!]! += 1;
        else for (let i = 0; i < size; i++) count.right[i]! += target.data[a * size + i]!;
      }
    });
  }
  const logits = counts.map(({ answers, right }, k) =>
    Float32Array.from(right, (n) => (described[k]!.loss === 'crossEntropy' ? n : Math.log((n + 0.5) / (answers - n + 0.5))))
  );
  return scored(testTask(task), items, ({ outputs }) =>
    outputs.map(({ target }, k) => {
      const answers = target.shape[0]! * target.shape[1]!;
      const all = new Float32Array(answers * sizes[k]!);
      for (let a = 0; a < answers; a++) all.set(logits[k]!, a * sizes[k]!);
      return all;
    }));
}

/** Test episodes, and training episodes of the second, that the answers without memory are told by. */
const BASELINE_ITEMS = 500;

export interface Baselines {
  readonly chance: Scores;
  readonly withoutMemory: Scores;
}

/** Both answers without memory, on at most 500 test episodes. */
export function answersWithout(task: Task<unknown>, items: number): Baselines {
  const count = Math.min(items, BASELINE_ITEMS);
  return { chance: chance(task, count), withoutMemory: withoutMemory(task, count, count) };
}

/** As many test episodes as are wanted; of tasks with a fixed number of them, as bAbI, all where {@link TEST_ITEMS} are. */
export function testItems(task: Task<unknown>, wanted: number): number {
  const { size } = testTask(task) as { size?: number };
  return size !== undefined && wanted === TEST_ITEMS ? size : wanted;
}
