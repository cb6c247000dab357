// The command `train`: a run from its description to its folder.

import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Command } from 'commander';
import type { Precision } from '../ops/network-spec.js';
import { savedPrecision } from '../train/checkpoint.js';
import { diagnostics, type Device } from '../tensor/device.js';
import { progress, tensorBoard } from '../listeners/callbacks.js';
import type { Callback, FitResult } from '../train/events.js';
import { hasMemoryPicture, pictureOfMemory } from '../pictures/memory-at-work.js';
import { learningCurve } from '../pictures/pictures.js';
import { buildRun, checkRunConfig } from '../runs/run-config.js';
import type { RunConfig } from '../runs/run.js';
import { RunFolder, RUN_FILES, runFiles } from '../files/run-folder.js';
import { Trainer } from '../train/trainer.js';
import { DEVICE_OPTION, integer, loadRun, precisionOption, useDevice, usePrecision } from './arguments.js';
import { EXIT, note, print, printJson } from './output.js';
import { episodesOf, lastSplit, scoreLine } from './scores.js';
import { abortOnSignals } from './signals.js';

interface TrainOptions {
  steps?: number;
  seed?: number;
  device?: string;
  precision?: Precision;
  out?: string;
  resume?: boolean;
  validateEvery?: number;
  items: number;
  tensorboard?: boolean;
  json?: boolean;
}

/** `train`: trains, evaluates, and leaves a run folder with weights, log and pictures. */
export function addTrain(program: Command): Command {
  return program
    .command('train')
    .description('train a configuration and leave a run folder: weights, log, learning curve, picture of the memory')
    .argument('<preset|config.json>', 'a name of `models`, or a run as JSON')
    .option('--steps <n>', 'time steps of the whole run', integer(1))
    .option('--seed <n>', 'seed of weights and episodes', integer(0))
    .option(...DEVICE_OPTION)
    .addOption(precisionOption())
    .option('--out <dir>', 'run folder (default: runs/<name>, numbered if it exists)')
    .option('--resume', 'go on with the run in --out')
    .option('--validate-every <n>', 'time steps between validations', integer(1))
    .option('--items <n>', 'episodes of the final evaluation: of the test set where the run names one', integer(1), 256)
    .option('--tensorboard', 'also write TensorBoard event files')
    .option('--json', 'print one JSON object per line')
    .action((source: string, options: TrainOptions) => train(source, options));
}

/** The run that the options describe, and its folder; null: a fresh one. A resumed run is that of its folder. */
function describedRun(source: string, options: TrainOptions): { run: RunConfig; path: string | null } {
  const base = loadRun(source);
  if (options.resume === true) {
    const path = options.out ?? join('runs', base.name);
    const saved = checkRunConfig(runFiles.config(path));
    return { run: options.steps === undefined ? saved : { ...saved, steps: options.steps }, path };
  }
  const run: RunConfig = {
    ...base,
    ...(options.steps === undefined ? {} : { steps: options.steps }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.validateEvery === undefined ? {} : { validate: { ...base.validate, every: options.validateEvery } }),
  };
  return { run, path: options.out ?? null };
}

/** Trainer and folder of a run. What cannot be built leaves no folder behind. */
async function openTrainer(run: RunConfig, named: string | null, used: Device, options: TrainOptions) {
  const { resume, tensorboard, precision } = options;
  const setup = buildRun(run);
  const path = named ?? RunFolder.fresh(join('runs', run.name));
  const callbacks: readonly Callback[] = [progress(), ...(tensorboard === true ? [tensorBoard(join(path, 'tensorboard'))] : [])];
  const checkpoint = join(path, RUN_FILES.checkpoint);
  usePrecision(setup.model, precision, used, resume === true ? await savedPrecision(checkpoint) : undefined);
  const trainer = resume === true
    ? await Trainer.resume(checkpoint, { ...setup, callbacks })
    : new Trainer({ ...setup, callbacks });
  const folder = resume === true ? await RunFolder.resume(path, trainer.step) : await RunFolder.create(path, run);
  return { trainer, folder, model: setup.model };
}

function throughput({ history }: FitResult): number {
  return history.at(-1)?.stepsPerSecond ?? 0;
}

async function train(source: string, options: TrainOptions): Promise<void> {
  const { device: used, why } = useDevice(options.device);
  const { run, path } = describedRun(source, options);
  const { trainer, folder, model } = await openTrainer(run, path, used, options);
  const { parameters, memory } = model.count();
  const { binary } = diagnostics();
  note(`${run.name}: ${parameters} parameters, ${memory} memory cells`);
  note(`${used.id} (${why}): ${used.name}${used.type === 'cpu' ? `, ${binary.simd}, ${binary.threads} threads` : ''}`);
  note(`${options.resume === true ? `resumed at step ${trainer.step}, ` : ''}run folder ${folder.path}`);
  const stop = abortOnSignals();
  try {
    const result = await trainer.fit({
      steps: run.steps,
      signal: stop.signal,
      validate: run.validate,
      checkpoint: { folder, every: checkpointEvery(run.steps) },
    });
    await folder.write('learningCurve', learningCurve(run.name, [{ name: run.name, records: runFiles.metrics(folder.path) }]));
    if (result.reason === 'aborted') {
      const command = `npx multigrid-memory train ${source} --out ${path ?? relative('.', folder.path)} --resume`;
      note(`stopped at step ${result.step}; go on with: ${command}`);
      process.exitCode = stop.received() || EXIT.interrupted;
      return;
    }
    const split = lastSplit(trainer.task);
    const metrics = await trainer.evaluate({ items: options.items, split, signal: stop.signal });
    if (hasMemoryPicture(model, run, trainer.task)) {
      await folder.write('memoryPicture', await pictureOfMemory(`${run.name} at step ${result.step}`, model, run, trainer.task));
    }
    report(options, run, folder, result, metrics, episodesOf(trainer.task, split, options.items));
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode = stop.received();
  } finally {
    stop.close();
    folder.close();
  }
}

/** Ten checkpoints a run, at least every 100,000 time steps. */
function checkpointEvery(steps: number): number {
  return Math.max(1, Math.min(100_000, Math.ceil(steps / 10)));
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
  const files = Object.values(RUN_FILES).map((file) => join(folder.path, file)).filter((file) => existsSync(file));
  if (options.json === true) {
    printJson({
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
