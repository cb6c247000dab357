/** Small runs of every kind of memory, to be looked at. */
import { kinds, KIND_NAMES, vectorKind, type KindName, type VectorName } from '../../lib/runs/kinds.js';
import { buildRun, checkRunConfig } from '../../lib/runs/run-config.js';
import type { Task } from '../../lib/tasks/task.js';
import type { TrainableModel } from '../../lib/train/model.js';
import { aboutModel, type Subject } from '../../lib/view/subject.js';
import { tinyConfig } from '../train/tiny.js';

export { KIND_NAMES };

const ALIKE = { slots: 6, readHeads: 2, hidden: 5 };

export function subjectOf(run: object, title = 'small'): Subject {
  const { model, task } = buildRun(checkRunConfig({ batchSize: 2, truncate: null, ...run }));
  return {
    model: model as TrainableModel,
    task: task as Task<unknown>,
    titles: { title, about: aboutModel(model as TrainableModel) },
  };
}

/** Mazes of 5×5 and a network of two layers. */
export const tinyMaze = { model: tinyConfig, task: { name: 'mapping', size: 5, outputSide: 6 } } as const;

/** A kind on a task of its sort: grids walk through a maze, vectors copy a list. */
export function ofKind(name: KindName): Subject {
  if (kinds[name].sees === 'grids') return subjectOf(tinyMaze, name);
  const options = vectorKind(name as VectorName).beside(ALIKE);
  return subjectOf({ model: { kind: name, ...options }, task: { name: 'copy', bits: 3, lengths: [4, 4] } }, name);
}
