// The command `train`: a run from its description to its folder.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { loadModelWeights, savedPrecision } from '../../train/checkpoint.js';
import { diagnostics, type Device } from '../../tensor/device.js';
import { live } from '../../listeners/callbacks.js';
import type { Callback, FitResult } from '../../train/events.js';
import { hasMemoryPicture, pictureOfMemory } from '../../pictures/memory-at-work.js';
import { learningCurve } from '../../pictures/pictures.js';
import { buildRun } from '../../runs/run-config.js';
import { checkFits } from '../../runs/check-fits.js';
import { isExploration } from '../../runs/exploration.js';
import type { RunConfig } from '../../runs/run.js';
import { RunFolder, RUN_FILES } from '../../files/run-folder.js';
import { readTensors } from '../../files/safetensors.js';
import { Trainer } from '../../train/trainer.js';
import { DEVICE_OPTION, integer, loadSource, precisionOption, useDevice, usePrecision } from '../arguments.js';
import { describedRun } from '../described-run.js';
import { note, print } from '../output.js';
import { checkpointFile } from '../run-path.js';
import { DEFAULT_ITEMS, listenersOf, tellEnd, type TrainOptions } from '../run-words.js';
import { trainExploration } from './train-exploration.js';
import { episodesOf, lastSplit, scoreLine } from '../scores.js';
import { filesIn, folderOf, trainToEnd } from '../trained.js';

/** `train`: trains, evaluates, and leaves a run folder with weights, log and pictures. */
export function addTrain(program: Command): Command {
  return program
    .command('train')
    .description('train a configuration and leave a run folder: weights, log, learning curve, picture of the memory')
    .argument('<preset|config.json>', 'a name of `models`, or a run as JSON')
    .option('--steps <n>', 'time steps of the whole run', integer(1))
    .option('--seed <n>', 'seed of weights and episodes', integer(0))
    .addOption(
      new Option('--weights <run>', 'begin with the weights of a run folder or checkpoint (default: drawn from the seed)')
        .conflicts('resume'),
    )
    .option(...DEVICE_OPTION)
    .addOption(precisionOption())
    .option('--out <dir>', 'run folder (default: runs/<name>, numbered if it exists)')
    .option('--resume', 'go on with the run in --out')
    .option('--validate-every <n>', 'time steps between validations', integer(1))
    .option('--items <n>', 'episodes of the final evaluation: of the test set where the run names one', integer(1), DEFAULT_ITEMS)
    .option('--keep <n>', 'newest checkpoints to keep beside the last and the best', integer(0))
    .option('--memory <run folder>', 'the trained memory that an exploration stands on (default: runs/<its name>)')
    .option('--live', 'show the run on a page of this machine while it trains')
    .option('--port <n>', 'port of that page (default: one that is free)', integer(0))
    .option('--tensorboard', 'also write TensorBoard event files')
    .option('--json', 'print one JSON object per line: each update, each validation, and the end')
    .action((source: string, options: TrainOptions) => train(source, options));
}

/** Trainer and folder of a run. What cannot be built leaves no folder behind. */
async function openTrainer(run: RunConfig, named: string | null, used: Device, options: TrainOptions) {
  const { resume, precision, port } = options;
  const setup = buildRun(run);
  checkFits(setup);
  const checkpoint = join(named ?? '', RUN_FILES.checkpoint);
  const isSaved = resume === true && existsSync(checkpoint); // not where the run ended before it saved anything: it begins anew
  if (run.weights !== undefined && !isSaved) {
    loadModelWeights(setup.model, (await readTensors(checkpointFile(run.weights))).tensors);
  }
  const path = named ?? RunFolder.fresh(join('runs', run.name));
  const callbacks: readonly Callback[] = [
    ...listenersOf(options, path),
    ...(options.live === true
      ? [live({ ...(port === undefined ? {} : { port }), announce: (url) => note(`live: ${url}`) })]
      : []),
  ];
  usePrecision(setup.model, precision, used, isSaved ? await savedPrecision(checkpoint) : undefined);
  const trainer = isSaved
    ? await Trainer.resume(checkpoint, { ...setup, callbacks })
    : new Trainer({ ...setup, callbacks });
  return { trainer, folder: await folderOf(run, path, trainer.step, options), model: setup.model };
}

function throughput({ history }: FitResult): number {
  return history.at(-1)?.stepsPerSecond ?? 0;
}

async function train(source: string, options: TrainOptions): Promise<void> {
  const { device: used, why } = useDevice(options.device);
  const described = loadSource(source);
  if (isExploration(described)) return await trainExploration(described, source, options);
  const { run, path } = describedRun(source, options);
  const { trainer, folder, model } = await openTrainer(run, path, used, options);
  const { parameters, memory } = model.count();
  const { binary } = diagnostics();
  note(`${run.name}: ${parameters} parameters, ${memory} memory cells`);
  note(`${used.id} (${why}): ${used.name}${used.type === 'cpu' ? `, ${binary.simd}, ${binary.threads} threads` : ''}`);
  note(`${options.resume === true ? `resumed at step ${trainer.step}, ` : ''}run folder ${folder.path}`);
  await trainToEnd({
    training: trainer,
    folder,
    run,
    options,
    source,
    path,
    curve: learningCurve,
    async finish(result, signal) {
      const split = lastSplit(trainer.task);
      const metrics = await trainer.evaluate({ items: options.items, split, signal });
      if (hasMemoryPicture(model, run, trainer.task)) {
        const title = `${run.name} at step ${result.step}`;
        await folder.write('memoryPicture', await pictureOfMemory(title, model, run, trainer.task));
      }
      report(options, run, folder, result, metrics, episodesOf(trainer.task, split, options.items));
    },
  });
}

function report(
  options: TrainOptions,
  run: RunConfig,
  folder: RunFolder,
  result: FitResult,
  metrics: Record<string, number>,
  episodes: string,
): void {
  const perSecond = throughput(result);
  const files = filesIn(folder);
  if (options.json === true) {
    tellEnd(result.reason, {
      name: run.name,
      step: result.step,
      items: options.items,
      ...metrics,
      stepsPerSecond: perSecond,
      folder: folder.path,
      files,
    });
    return;
  }
  print(`\n${run.name} after ${result.step} time steps, on ${episodes}:`);
  print(`  ${scoreLine(metrics)}`);
  const ofEpisodes = (perSecond * run.batchSize).toFixed(0);
  print(`  ${perSecond.toFixed(0)} time steps/s in training, batch ${run.batchSize}: ${ofEpisodes} steps of episodes/s`);
  for (const file of files) print(`  ${file}`);
}
