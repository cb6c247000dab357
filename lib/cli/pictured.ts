/** The memory of a saved run as a picture: hidden states, slots, or the ways of a policy. */
import { pathsAtWork } from '../pictures/exploration.js';
import { pictureOfMemory } from '../pictures/memory-at-work.js';
import type { Task } from '../tasks/task.js';
import { savedExploration } from './commands/eval-exploration.js';
import { openSaved } from './saved-run.js';

/** SVG. ERR_MG_CHECKPOINT where nothing is saved, ERR_MG_ARGUMENT where the memory has no picture. */
export async function pictureOfRun(folder: string): Promise<string> {
  const exploration = await savedExploration(folder);
  if (exploration !== null) return await pathsAtWork(exploration.run.name, exploration.agent, exploration.run);
  const { run, setup: { model, task } } = await openSaved(folder);
  return await pictureOfMemory(run.name, model, run, task as Task<unknown>);
}
