/** What is looked at: shipped weights by name, a run folder or checkpoint, or a preset that is not trained. */
import { existsSync } from 'node:fs';
import { PRETRAINED, pretrained, type PretrainedName } from '../models/pretrained.js';
import { presetRun } from '../runs/presets.js';
import { buildRun } from '../runs/run-config.js';
import { makeTask } from '../tasks/registry.js';
import type { Task } from '../tasks/task.js';
import type { TrainableModel } from '../train/model.js';
import { aboutModel, explorerSubject, type Subject } from '../view/subject.js';
import { loadSource } from './arguments.js';
import { savedExploration } from './commands/eval-exploration.js';
import { note } from './output.js';
import { openSaved } from './saved-run.js';
import { isExploration } from '../runs/exploration.js';
import { fail, words } from '../check.js';

const isShipped = (name: string): name is PretrainedName => (PRETRAINED as readonly string[]).includes(name);

const subject = (title: string, model: TrainableModel, task: Task<unknown>, remark: string): Subject => (
  { model, task, titles: { title, about: aboutModel(model, remark) } }
);

/** Throws ERR_MG_CONFIG, ERR_MG_CHECKPOINT, ERR_MG_ARGUMENT. `data`: where a data set is, if not where the run says. */
export async function watched(source: string, data?: string): Promise<Subject> {
  if (isShipped(source)) {
    return subject(source, await pretrained(source), makeTask(presetRun(source).task), ', trained, from the package');
  }
  if (existsSync(source) && !source.endsWith('.json')) {
    const exploration = await savedExploration(source);
    if (exploration !== null) return explorerSubject(exploration.run, exploration.agent);
    const { run, setup: { model, task } } = await openSaved(source, data);
    return subject(run.name, model, task as Task<unknown>, '');
  }
  const run = loadSource(source);
  if (isExploration(run)) {
    fail('ERR_MG_ARGUMENT', source, 'a policy that was trained', words('the name of an exploration'), 'name its run folder');
  }
  note(`${run.name} with weights as they are before training; for trained ones name a run folder`);
  const { model, task } = buildRun(run);
  return subject(run.name, model, task as Task<unknown>, ', not trained');
}
