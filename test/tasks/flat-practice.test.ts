/** Lessons of lists, as a network of vectors is given them: the same lists, questions and answers as the task's own practice. */
import { describe, expect, it } from 'vitest';
import { tasks } from '../../lib/index.js';
import type { HostArray, Task, Window } from '../../lib/tasks/task.js';

const LISTS = 3;
const options = { seed: 5, batch: 2 };

function practised<Item>(task: Task<Item>, weights: readonly number[]): { own: Window; flat: Window } {
  const lists = Array.from({ length: LISTS }, (_, k) => task.generate(4, k));
  const [own] = task.practice!(lists, weights, options);
  const [flat] = tasks.flat(task).practice!(lists, weights, options);
  return { own: own!, flat: flat! };
}

/** Numbers of one step and list. */
function row({ data, shape }: HostArray, step: number, list: number): number[] {
  const width = data.length / (shape[0]! * shape[1]!);
  const at = step * shape[1]! + list;
  return [...data.subarray(at * width, (at + 1) * width)];
}

const lists = [...Array(LISTS).keys()];

describe('practice in vectors', () => {
  it('of recall shows the list, then each question that is asked after it with its answer one step later', () => {
    const items = 7;
    const { own, flat } = practised(tasks.recall({ items }), [1, 2, 3, 4, 0, 0]);
    const from = own.outputs[0]!;
    const late = from.askedAt!.flatMap((step, k) => (step === items - 1 ? [k] : []));
    expect(late.length).toBe(10);
    const [input, answer] = [flat.input[0]!, flat.outputs[0]!];
    expect(flat.steps).toBe(items + 2 * late.length);
    expect(input.shape).toEqual([flat.steps, LISTS, 1, 10]);
    for (const list of lists) {
      for (let t = 0; t < items; t++) {
        expect(row(input, t, list)).toEqual([...row(own.input[0]!, t, list), 0]);
        expect([row(answer.mask!, t, list), row(answer.lesson!, t, list)]).toEqual([[0], [-1]]);
      }
      late.forEach((k, n) => {
        const at = items + 2 * n;
        expect(row(input, at, list)).toEqual([...row(from.query![0]!, k, list), 1]);
        expect([row(answer.mask!, at, list), row(answer.lesson!, at, list)]).toEqual([[0], [-1]]);
        expect(row(input, at + 1, list)).toEqual(Array(10).fill(0));
        expect(row(answer.target, at + 1, list)).toEqual(row(from.target, k, list));
        expect([row(answer.mask!, at + 1, list), row(answer.scored!, at + 1, list)]).toEqual([[1], [1]]);
        expect(row(answer.lesson!, at + 1, list)).toEqual(row(from.lesson!, k, list));
      });
    }
  });

  it('of sorting decodes the list, all of it of the lesson of its length', () => {
    const { own, flat } = practised(tasks.sorting({ items: 9 }), [0.01, 0, 2, 0, 0, 0, 0, 0, 0]);
    const [input, answer, from] = [flat.input[0]!, flat.outputs[0]!, own.outputs[0]!];
    expect([own.steps, flat.steps]).toEqual([3, 6]);
    for (const list of lists) {
      for (let t = 0; t < 3; t++) {
        const seen = row(own.input[0]!, t, list);
        expect(row(input, t, list)).toEqual([...seen.filter((_, k) => k % 2 === 0), seen[1], 0]);
        expect([row(answer.mask!, t, list), row(answer.lesson!, t, list)]).toEqual([[0], [-1]]);
      }
      for (let k = 0; k < 3; k++) {
        expect(row(input, 3 + k, list)).toEqual([...Array(10).fill(0), 1]);
        expect(row(answer.target, 3 + k, list)).toEqual(row(from.target, k, list));
        expect([row(answer.mask!, 3 + k, list), row(answer.lesson!, 3 + k, list)]).toEqual([[1], [2]]);
      }
    }
  });

  it('is offered for other lengths too, and not for a task without lessons', () => {
    const longer = tasks.flat(tasks.recall({ items: 4 })).ofItems!(6);
    expect([longer.lessons, longer.describe().steps]).toEqual([5, 8]);
    const none = tasks.flat({ ...tasks.recall(), describe: () => tasks.recall().describe(), practice: undefined } as never);
    expect(none.lessons).toBeUndefined();
    expect(() => none.practice!([], [1], options)).toThrow(/expected a task with lessons/);
  });
});
