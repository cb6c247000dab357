/** The picture of a run's memory at work: that of its kind of model. */
import { fail, words } from '../check.js';
import { DNC } from '../models/dnc.js';
import { MultigridMemory } from '../models/multigrid/multigrid-memory.js';
import type { Task } from '../tasks/task.js';
import { memoryAtWork } from './pictures.js';
import type { RunConfig } from '../runs/run-config.js';
import type { BuiltModel } from '../runs/run-model.js';
import { slotsAtWork } from './slots-at-work.js';

/** Seed of the episode in the picture: far from those of training and evaluation. */
const HELD_OUT_PICTURE = 0x7001_c7ee;

/** Whether there is a picture for this model on this task. */
export function hasMemoryPicture(model: BuiltModel, run: RunConfig, task: Task<unknown>): boolean {
  return model instanceof MultigridMemory ?
    run.task.name === 'mapping'
    : model instanceof DNC && task.describe().outputs[0]!.loss === 'bceWithLogits';
}

/**
 * The SVG: hidden states of a multigrid memory in a maze, or where a DNC writes and reads. ERR_MG_ARGUMENT where there is none.
 */
export async function pictureOfMemory(title: string, model: BuiltModel, run: RunConfig, task: Task<unknown>): Promise<string> {
  if (hasMemoryPicture(model, run, task)) {
    if (model instanceof DNC) return slotsAtWork(title, model, task, HELD_OUT_PICTURE);
    if (model instanceof MultigridMemory && run.task.name === 'mapping') {
      return memoryAtWork(title, model, run.task, HELD_OUT_PICTURE);
    }
  }
  const got = words(`${model.constructor.name} on ${run.task.name}`);
  return fail('ERR_MG_ARGUMENT', 'pictureOfMemory', 'a multigrid memory on mapping, or a DNC that answers in bits', got);
}
