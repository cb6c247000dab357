/** The picture of a run's memory at work: that of what its memory looks like. */
import { fail, words } from '../check.js';
import { kindOf, viewOf } from '../runs/kinds.js';
import { kindName, type RunConfig } from '../runs/run.js';
import type { Task } from '../tasks/task.js';
import type { TrainableModel } from '../train/model.js';
import { memoryAtWork } from './pictures.js';
import { slotsAtWork } from './slots-at-work.js';

/** Seed of the episode in the picture: far from those of training and evaluation. */
const HELD_OUT_PICTURE = 0x7001_c7ee;

type Draw = (title: string) => Promise<string>;

/** How the picture of this model on this task is drawn; null where there is none. */
function drawing(model: TrainableModel, { model: named, task: spec }: RunConfig, task: Task<unknown>): Draw | null {
  const [{ shows, sees }, view] = [kindOf(kindName(named)), viewOf(model)!];
  if (sees === 'grids') {
    return spec.name === 'mapping' ? (title) => memoryAtWork(title, model, view, spec, HELD_OUT_PICTURE) : null;
  }
  const isInBits = task.describe().outputs[0]!.loss === 'bceWithLogits';
  return isInBits && shows === 'slots' ? (title) => slotsAtWork(title, model, view, task, HELD_OUT_PICTURE) : null;
}

/** Whether there is a picture for this model on this task. */
export function hasMemoryPicture(model: TrainableModel, run: RunConfig, task: Task<unknown>): boolean {
  return drawing(model, run, task) !== null;
}

/** The SVG: hidden states of grids in a maze, or where slots are written and read. ERR_MG_ARGUMENT where there is none. */
export async function pictureOfMemory(
  title: string,
  model: TrainableModel,
  run: RunConfig,
  task: Task<unknown>,
): Promise<string> {
  const got = words(`${kindOf(kindName(run.model)).title} on ${run.task.name}`);
  const draw = drawing(model, run, task)
    ?? fail('ERR_MG_ARGUMENT', 'plot', 'memory grids on mapping, or slots on a task with answers in bits', got);
  return await draw(title);
}
