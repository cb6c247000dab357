import { describe, expect, it } from 'vitest';
import { presetConfig, presetNames } from '../../lib/models/multigrid/presets.js';
import { makeTask, taskOptions, type TaskSpec } from '../../lib/tasks/registry.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });

describe('tasks by name', () => {
  it('every published configuration has its task, under the name that the model gives it', () => {
    for (const name of presetNames) expect([name, taskOptions(name).name]).toEqual([name, presetConfig(name).task]);
  });

  it('what a task delivers is what the model of its configuration takes', () => {
    for (const name of presetNames) {
      const spec = taskOptions(name);
      if (spec.name.startsWith('mnist') || spec.name === 'babi') continue;
      const { input } = makeTask(spec).describe();
      const channels = Object.fromEntries(Object.entries(input).map(([level, shape]) => [level, shape.at(-1)]));
      expect([name, channels]).toEqual([name, presetConfig(name).input]);
    }
  });

  it('maps of published sizes: 12, 24 and 48 cells a side, the start at 6, 15 and 25', () => {
    const side = (name: string): unknown => makeTask(taskOptions(name)).describe().outputs.at(-1)!.logits;
    expect(['map9', 'map15-8k', 'map25', 'map25-q9', 'map25-f9q9', 'convlstm-thick'].map(side))
      .toEqual([[12, 12, 1], [24, 24, 1], [48, 48, 1], [48, 48, 1], [48, 48, 1], [48, 48, 1]]);
    expect([49, 169, 529, 500]).toEqual(['map9', 'map15-8k', 'map25', 'map25-f9q9'].map((name) => (
      makeTask(taskOptions(name)).describe().steps
    )));
  });

  it('names the file that a data set needs, and refuses unknown tasks and presets', () => {
    expect(() => makeTask(taskOptions('mnist-recall'))).toThrow('mnist-recall: expected images of your copy of the data set');
    expect(() => makeTask({ name: 'mnist-sorting', images: 'x' })).toThrow('labels of your copy');
    expect(() => makeTask(taskOptions('babi'))).toThrow('folder of your copy');
    for (const spec of [{ name: 'chess' }, {}, { name: 'recall', size: 9 }, { name: 'babi', folder: '/nowhere' }]) {
      expect(() => makeTask(spec as TaskSpec)).toThrow(argument);
    }
    for (const preset of ['map26', '', 'toString']) expect(() => taskOptions(preset)).toThrow(argument);
  });
});
