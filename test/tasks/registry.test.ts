import { describe, expect, it } from 'vitest';
import { levelSide } from '../../lib/tasks/task.js';
import { hasData, isDataSet, makeTask, withData, withoutData, type TaskSpec } from '../../lib/tasks/registry.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });

describe('tasks by name', () => {
  it('is known by the same name to the registry, to itself and to its checkpoints', () => {
    for (
      const name of [
        'mapping',
        'recall',
        'sorting',
        'copy',
        'repeat-copy',
        'associative-recall',
        'priority-sort',
        'n-grams',
      ] as const
    ) {
      expect(makeTask({ name }).name).toBe(name);
    }
    expect(makeTask({ name: 'associative-recall', presentation: 'patch' }).name).toBe('associative-recall');
  });

  it('names the file that a data set needs, and refuses unknown tasks', () => {
    expect(() => makeTask({ name: 'mnist-recall' })).toThrow('mnist-recall: expected images of your copy of the data set');
    expect(() => makeTask({ name: 'mnist-sorting', images: 'x' })).toThrow('labels of your copy');
    expect(() => makeTask({ name: 'babi' })).toThrow('folder of your copy');
    expect(() => makeTask({ name: 'omniglot' })).toThrow('background of your copy');
    for (const spec of [{ name: 'chess' }, {}, { name: 'recall', size: 9 }, { name: 'babi', folder: '/nowhere' }]) {
      expect(() => makeTask(spec as TaskSpec)).toThrow(argument);
    }
  });

  it('knows where data sets lie in a folder, and what a task is without them', () => {
    const spec: TaskSpec = { name: 'omniglot', side: 9 };
    const placed = withData(spec, 'here');
    expect(placed).toEqual({ ...spec, background: 'here/images_background.zip', evaluation: 'here/images_evaluation.zip' });
    expect(withData(spec, 'here', { onlyNamed: true })).toEqual({ ...spec, background: 'here/images_background.zip' });
    const named: TaskSpec = { name: 'mnist-recall', images: 'a/i', labels: 'a/l', testImages: 'a/t' };
    expect(withData(named, 'b', { onlyNamed: true })).toEqual({ ...named, images: 'b/i', labels: 'b/l', testImages: 'b/t' });
    expect(withData({ name: 'babi' }, 'b')).toEqual({ name: 'babi', folder: 'b' });
    expect([withoutData(placed), withoutData(named)]).toEqual([spec, { name: 'mnist-recall' }]);
    expect([spec, placed, { name: 'copy' } as const].map((each) => [isDataSet(each), hasData(each)])).toEqual([
      [true, false],
      [true, true],
      [false, true],
    ]);
  });
});

it('level l of a pyramid in two dimensions has sides of 3·2^l', () => {
  expect([0, 1, 2, 4].map(levelSide)).toEqual([3, 6, 12, 48]);
});
