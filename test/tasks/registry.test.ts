import { describe, expect, it } from 'vitest';
import { makeTask, type TaskSpec } from '../../lib/tasks/registry.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });

describe('tasks by name', () => {
  it('names the file that a data set needs, and refuses unknown tasks', () => {
    expect(() => makeTask({ name: 'mnist-recall' })).toThrow('mnist-recall: expected images of your copy of the data set');
    expect(() => makeTask({ name: 'mnist-sorting', images: 'x' })).toThrow('labels of your copy');
    expect(() => makeTask({ name: 'babi' })).toThrow('folder of your copy');
    for (const spec of [{ name: 'chess' }, {}, { name: 'recall', size: 9 }, { name: 'babi', folder: '/nowhere' }]) {
      expect(() => makeTask(spec as TaskSpec)).toThrow(argument);
    }
  });
});
