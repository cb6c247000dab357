/** `train` where the run explores: a policy learns on a memory that was trained before. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fail, words } from '../../check.js';
import { RunFolder, RUN_FILES } from '../../files/run-folder.js';
import { readTensors, type FileTensor } from '../../files/safetensors.js';
import { explorationCurve, pathsAtWork } from '../../pictures/exploration.js';
import { A2C } from '../../rl/a2c/a2c.js';
import type { A2CSetup } from '../../rl/a2c/a2c-setup.js';
import { explorationScores } from '../../runs/exploration-scores.js';
import { buildExploration, type ExplorationRun } from '../../runs/exploration.js';
import type { Callback, Training } from '../../train/events.js';
import { describedExploration } from '../described-run.js';
import { note, print } from '../output.js';
import { checkpointFile } from '../run-path.js';
import { listenersOf, tellEnd, type TrainOptions } from '../run-words.js';
import { scoreLine } from '../scores.js';
import { filesIn, folderOf, trainToEnd } from '../trained.js';

/** The weights of the memory that a run stands on. ERR_MG_CHECKPOINT says what to train first. */
async function memoryOf(run: ExplorationRun, named: string | undefined): Promise<ReadonlyMap<string, FileTensor>> {
  const file = checkpointFile(named ?? join('runs', run.memory));
  if (!existsSync(file)) {
    const remedy = `train it first, npx multigrid-memory train ${run.memory}, or name it with --memory`;
    fail('ERR_MG_CHECKPOINT', run.name, `the memory of ${run.memory} in ${file}`, words('nothing there'), remedy);
  }
  return (await readTensors(file)).tensors;
}

/** Words of `train` that an exploration would not heed. ERR_MG_ARGUMENT. */
function refuseUnheeded({ precision, weights }: TrainOptions): void {
  if (precision !== undefined && precision !== 'float32') {
    fail('ERR_MG_ARGUMENT', 'train', '--precision float32 for an exploration', precision);
  }
  if (weights !== undefined) {
    fail('ERR_MG_ARGUMENT', 'train', '--memory for an exploration, which stands on the weights of a memory', weights);
  }
}

/** The page of the run where it is asked for; what few need is not loaded by all. */
async function watching({ live, port }: TrainOptions, run: ExplorationRun, { agent }: A2CSetup): Promise<Callback<Training>[]> {
  if (live !== true) return [];
  const { liveExploration } = await import('../../view/live.js');
  return [liveExploration({ ...(port === undefined ? {} : { port }), announce: (url) => note(`live: ${url}`) }, run, agent)];
}

async function open(run: ExplorationRun, named: string | null, options: TrainOptions) {
  const { resume, memory } = options;
  const file = join(named ?? '', RUN_FILES.checkpoint);
  const isSaved = resume === true && existsSync(file); // not where the run ended before it saved anything: it begins anew
  const setup = isSaved
    ? buildExploration(run, (await readTensors(file)).tensors, 'memory')
    : buildExploration(run, await memoryOf(run, memory), 'model');
  const path = named ?? RunFolder.fresh(join('runs', run.name));
  const callbacks = [...listenersOf(options, path), ...await watching(options, run, setup)];
  const training = isSaved ? await A2C.resume(file, { ...setup, callbacks }) : new A2C({ ...setup, callbacks });
  return { training, setup, folder: await folderOf(run, path, training.step, options) };
}

/** Trains, scores on held-out mazes, and leaves weights, log, learning curve and a picture of paths. */
export async function trainExploration(base: ExplorationRun, source: string, options: TrainOptions): Promise<void> {
  refuseUnheeded(options);
  const { run, path } = describedExploration(base, options);
  const { training, setup, folder } = await open(run, path, options);
  const { agent } = setup;
  note(`${run.name}: ${agent.count().parameters} parameters on the memory of ${run.memory}, which stays as it is`);
  note(`${options.resume === true ? `resumed at step ${training.step}, ` : ''}run folder ${folder.path}`);
  await trainToEnd({
    training,
    folder,
    run,
    options,
    source,
    path,
    curve: explorationCurve,
    async finish({ step, history }, signal) {
      const scores = await explorationScores({ agent, run, items: options.items, steps: run.episodeSteps, signal });
      await folder.write('paths', await pathsAtWork(`${run.name} at step ${step}`, agent, run));
      report(options, run, folder, { step, stepsPerSecond: history.at(-1)?.stepsPerSecond ?? 0, ...scores });
    },
  });
}

function report(options: TrainOptions, run: ExplorationRun, folder: RunFolder, result: Record<string, number>): void {
  const files = filesIn(folder);
  if (options.json === true) {
    return tellEnd('completed', { name: run.name, items: options.items, ...result, folder: folder.path, files });
  }
  const { step, stepsPerSecond, ...scores } = result;
  print(`\n${run.name} after ${step} steps, in ${options.items} mazes it never saw, ${run.episodeSteps} steps each:`);
  print(`  ${scoreLine(scores)}`);
  print(`  ${stepsPerSecond!.toFixed(0)} steps/s in training, ${run.episodes} episodes side by side`);
  for (const file of files) print(`  ${file}`);
}
