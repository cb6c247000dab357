/** Lessons on the way to mapping: walks of growing length. */
import { expect, it } from 'vitest';
import { mapping } from '../../../lib/tasks/mapping/mapping.js';

it('practice walks the first windows of the paths, lesson k those of k + 1 windows, lengths by weight', () => {
  const task = mapping({ size: 9 });
  expect([mapping({ size: 9, pathLength: 40 }).lessons, task.lessons]).toEqual([2, 3]); // of 49 steps: 20, 40 and 49
  const items = [0, 1].map((index) => task.generate(1, index));
  const drawn = new Map<number, number>();
  const batches = 100;
  for (let batch = 0; batch < batches; batch++) {
    const windows = [...task.practice!(items, [1, 0, 3], { seed: 1, batch, length: 20 })];
    const steps = windows.reduce((sum, window) => sum + window.steps, 0);
    drawn.set(steps, (drawn.get(steps) ?? 0) + 1);
    const walks = items.map((maze) => ({ ...maze, path: maze.path.slice(0, steps) }));
    const own = [...mapping({ size: 9, pathLength: steps }).windows(walks, { seed: 1, batch, length: 20 })];
    const lesson = steps === 20 ? 0 : 2;
    windows.forEach((window, k) => {
      const { lesson: lessons, ...answers } = window.outputs[0]!;
      expect({ ...window, outputs: [answers] }).toEqual(own[k]);
      expect(lessons).toEqual({ data: new Int32Array(2 * window.steps).fill(lesson), shape: [window.steps, 2] });
    });
  }
  expect([...drawn.keys()].sort()).toEqual([20, 49]);
  expect(Math.abs(drawn.get(20)! / batches - 0.25)).toBeLessThanOrEqual(4 * Math.sqrt((0.75 * 0.25) / batches));
  expect(() => task.practice!(items, [1, 0], { seed: 1 })).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }));
});
