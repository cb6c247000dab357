/** A saved run, built again: from what its file says, as far as the file can be believed. */
import { statSync } from 'node:fs';
import { fail, words } from '../check.js';
import type { FileTensor } from '../files/safetensors.js';
import { buildRun, checkRunConfig } from '../runs/run-config.js';
import { countRun } from '../runs/run-model.js';
import { isVectorModel, type RunConfig } from '../runs/run.js';
import { isDataSet, withData, type TaskSpec } from '../tasks/registry.js';
import { loadModelWeights, savedConfig } from '../train/checkpoint.js';
import type { TrainerSetup } from '../train/trainer-setup.js';
import { checkpointFile } from './run-path.js';

/** The task with its data set in `folder`: a file of a test set only where the run has one. */
function moved(task: TaskSpec, folder: string): TaskSpec {
  if (isDataSet(task)) return withData(task, folder, { onlyNamed: true });
  return fail('ERR_MG_ARGUMENT', '--data', 'a run on a data set', words(`one on ${task.name}, which draws its episodes`));
}

/** Weights in the file are those of the model that its configuration asks for: nothing larger is built. ERR_MG_CHECKPOINT. */
function checkSize(file: string, run: RunConfig, tensors: ReadonlyMap<string, FileTensor>): void {
  let saved = 0;
  for (const [key, { data }] of tensors) if (key.startsWith('model.')) saved += data.length;
  if (!isVectorModel(run.model)) {
    const { parameters } = countRun(run);
    // Buffers stand beside the parameters.
    if (parameters > saved)
      fail('ERR_MG_CHECKPOINT', file, `${parameters} weights, as its configuration says`, words(`${saved} numbers`));
    return;
  }
  for (const [key, value] of Object.entries(run.model)) {
    const bound = key === 'slots' ? Math.max(saved, 65_536) : saved; // slots have no weights of their own
    if (typeof value === 'number' && value > bound) {
      fail(
        'ERR_MG_CHECKPOINT',
        file,
        `weights for model.${key} ${value}, as its configuration says`,
        words(`${saved} numbers in all`),
      );
    }
  }
}

/**
 * Run, model with its weights, and task. The files of a data set are read where a run folder is named, or where `data` says that
 * they are; a checkpoint alone does not choose what is opened.
 */
export async function openSaved(path: string, data?: string): Promise<{ file: string; run: RunConfig; setup: TrainerSetup }> {
  const file = checkpointFile(path);
  const { config, tensors } = await savedConfig(file);
  const saved = checkRunConfig(config);
  if (data === undefined && isDataSet(saved.task) && statSync(path).isFile()) {
    const remedy = 'add --data with the folder of your copy';
    fail('ERR_MG_ARGUMENT', file, 'to be told where the data set is, since this file came alone', words('no --data'), remedy);
  }
  checkSize(file, saved, tensors);
  const run = data === undefined ? saved : { ...saved, task: moved(saved.task, data) };
  const setup = buildRun(run);
  loadModelWeights(setup.model, tensors);
  return { file, run, setup };
}
