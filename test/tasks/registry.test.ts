import { describe, expect, it } from 'vitest';
import { makeTask, type TaskSpec } from '../../lib/tasks/registry.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });

describe('tasks by name', () => {
  it('is known by the same name to the registry, to itself and to its checkpoints', () => {
    for (const name of ['mapping', 'recall', 'sorting', 'copy', 'repeat-copy', 'associative-recall'] as const) {
      expect(makeTask({ name }).name).toBe(name);
    }
    expect(makeTask({ name: 'associative-recall', presentation: 'patch' }).name).toBe('associative-recall');
  });

  it('names the file that a data set needs, and refuses unknown tasks', () => {
    expect(() => makeTask({ name: 'mnist-recall' })).toThrow('mnist-recall: expected images of your copy of the data set');
    expect(() => makeTask({ name: 'mnist-sorting', images: 'x' })).toThrow('labels of your copy');
    expect(() => makeTask({ name: 'babi' })).toThrow('folder of your copy');
    for (const spec of [{ name: 'chess' }, {}, { name: 'recall', size: 9 }, { name: 'babi', folder: '/nowhere' }]) {
      expect(() => makeTask(spec as TaskSpec)).toThrow(argument);
    }
  });
});
