/** A training of `train` up to its end or to a signal, whatever is trained: saved, drawn, scored, and told. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { RunFolder, RUN_FILES, runFiles } from '../files/run-folder.js';
import type { NamedLog } from '../pictures/pictures.js';
import type { ExplorationRun } from '../runs/exploration.js';
import { asFile } from '../runs/run-file.js';
import type { RunConfig } from '../runs/run.js';
import type { FitResult, Training } from '../train/events.js';
import type { FitOptions } from '../train/trainer-setup.js';
import { checkpointEvery, tellStopped, type TrainOptions } from './run-words.js';
import { abortOnSignals, goOnUnread } from './signals.js';

/** The files of a run that there are. */
export const filesIn = (folder: RunFolder): string[] =>
  Object.values(RUN_FILES).map((file) => join(folder.path, file)).filter((file) => existsSync(file));

/** The folder of a run that begins in `path`, or goes on there from `step`. */
export async function folderOf(
  run: RunConfig | ExplorationRun,
  path: string,
  step: number,
  { resume }: TrainOptions,
): Promise<RunFolder> {
  if (resume !== true) return await RunFolder.create(path, asFile(run, path));
  const folder = await RunFolder.resume(path, step);
  await folder.writeConfig(asFile(run, path)); // the length that it is given now
  return folder;
}

/** A run as `train` goes through it. */
interface Trained {
  readonly training: Training & { fit(options: FitOptions): Promise<FitResult> };
  readonly folder: RunFolder;
  readonly run: RunConfig | ExplorationRun;
  readonly options: TrainOptions;
  /** What the command was told: the run, and its folder. */
  readonly source: string;
  readonly path: string | null;
  /** The learning curve as a picture. */
  readonly curve: (title: string, logs: readonly NamedLog[]) => string;
  /** Scores what was trained and tells of it. */
  readonly finish: (result: FitResult, signal: AbortSignal) => Promise<void>;
}

/** Trains, draws the learning curve and finishes; where a signal ends it, says how to go on. Closes the folder. */
export async function trainToEnd(
  { training, folder, run: { name, steps, validate }, options, source, path, curve, finish }: Trained,
): Promise<void> {
  const stop = abortOnSignals();
  goOnUnread();
  const stopped = (): void => {
    const at = { name, step: training.step, source, folder: path ?? relative('.', folder.path) };
    tellStopped(at, options, stop.received());
  };
  try {
    const { keep } = options;
    const result = await training.fit({
      steps,
      signal: stop.signal,
      validate,
      checkpoint: { folder, every: checkpointEvery(steps), ...(keep === undefined ? {} : { keep }) },
    });
    const records = runFiles.metrics(folder.path);
    if (records.length > 0) await folder.write('learningCurve', curve(name, [{ name, records }]));
    if (result.reason === 'aborted') return stopped();
    await finish(result, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted || error !== stop.signal.reason) throw error;
    stopped(); // its scores are still to be made
  } finally {
    stop.close();
    folder.close();
  }
}
