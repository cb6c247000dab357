/** `train` where the run explores: a policy learns on a memory that was trained before. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fail, words } from '../../check.js';
import { RunFolder, RUN_FILES, runFiles } from '../../files/run-folder.js';
import { readTensors, type FileTensor } from '../../files/safetensors.js';
import { progress } from '../../listeners/callbacks.js';
import { explorationCurve, pathsAtWork } from '../../pictures/exploration.js';
import { A2C } from '../../rl/a2c/a2c.js';
import { explorationScores } from '../../runs/exploration-scores.js';
import { buildExploration, checkExploration, type ExplorationRun } from '../../runs/exploration.js';
import { asFile } from '../../runs/run-file.js';
import { note, print, printJson } from '../output.js';
import { checkpointFile } from '../run-path.js';
import { scoreLine } from '../scores.js';
import { abortOnSignals } from '../signals.js';

export interface ExplorationOptions {
  readonly steps?: number;
  readonly seed?: number;
  readonly out?: string;
  readonly resume?: boolean;
  readonly memory?: string;
  readonly validateEvery?: number;
  readonly items: number;
  readonly json?: boolean;
}

/** The weights of the memory that a run stands on. ERR_MG_CHECKPOINT says what to train first. */
async function memoryOf(run: ExplorationRun, named: string | undefined): Promise<ReadonlyMap<string, FileTensor>> {
  const file = checkpointFile(named ?? join('runs', run.memory));
  if (!existsSync(file)) {
    const remedy = `train it first, npx multigrid-memory train ${run.memory}, or name it with --memory`;
    fail('ERR_MG_CHECKPOINT', run.name, `the memory of ${run.memory} in ${file}`, words('nothing there'), remedy);
  }
  return (await readTensors(file)).tensors;
}

/** The run that the options describe; a resumed one is that of its folder. */
function described(base: ExplorationRun, options: ExplorationOptions): ExplorationRun {
  const { steps, seed, validateEvery, resume } = options;
  const saved = resume === true ? checkExploration(runFiles.config(options.out ?? join('runs', base.name))) : base;
  return {
    ...saved,
    ...(steps === undefined ? {} : { steps }),
    ...(seed === undefined || resume === true ? {} : { seed }),
    ...(validateEvery === undefined || resume === true ? {} : { validate: { ...saved.validate, every: validateEvery } }),
  };
}

async function open(run: ExplorationRun, { out, resume, memory }: ExplorationOptions) {
  const path = out ?? (resume === true ? join('runs', run.name) : null);
  if (resume === true) {
    const file = join(path!, RUN_FILES.checkpoint);
    const setup = buildExploration(run, (await readTensors(file)).tensors, 'memory');
    const training = await A2C.resume(file, { ...setup, callbacks: [progress()] });
    return { training, setup, folder: await RunFolder.resume(path!, training.step) };
  }
  const setup = buildExploration(run, await memoryOf(run, memory), 'model');
  const at = path ?? RunFolder.fresh(join('runs', run.name));
  const folder = await RunFolder.create(at, asFile(run, at));
  return { training: new A2C({ ...setup, callbacks: [progress()] }), setup, folder };
}

/** Trains, scores on held-out mazes, and leaves weights, log, learning curve and a picture of paths. */
export async function trainExploration(base: ExplorationRun, source: string, options: ExplorationOptions): Promise<void> {
  const run = described(base, options);
  const { training, setup, folder } = await open(run, options);
  const { agent } = setup;
  note(`${run.name}: ${agent.count().parameters} parameters on the memory of ${run.memory}, which stays as it is`);
  note(`${options.resume === true ? `resumed at step ${training.step}, ` : ''}run folder ${folder.path}`);
  const stop = abortOnSignals();
  try {
    const every = Math.max(1, Math.min(100_000, Math.ceil(run.steps / 10)));
    const { validate } = run;
    const result = await training.fit({ steps: run.steps, signal: stop.signal, validate, checkpoint: { folder, every } });
    await folder.write('learningCurve', explorationCurve(run.name, [{ name: run.name, records: runFiles.metrics(folder.path) }]));
    if (result.reason === 'aborted') {
      const command = `npx multigrid-memory train ${source} --out ${options.out ?? relative('.', folder.path)} --resume`;
      note(`stopped at step ${result.step}; go on with: ${command}`);
      process.exitCode = stop.received() || 130;
      return;
    }
    const scores = await explorationScores({ agent, run, items: options.items, steps: run.episodeSteps, signal: stop.signal });
    await folder.write('paths', await pathsAtWork(`${run.name} at step ${result.step}`, agent, run));
    report(options, run, folder, { step: result.step, stepsPerSecond: result.history.at(-1)?.stepsPerSecond ?? 0, ...scores });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode = stop.received();
  } finally {
    stop.close();
    folder.close();
  }
}

function report(options: ExplorationOptions, run: ExplorationRun, folder: RunFolder, result: Record<string, number>): void {
  const files = Object.values(RUN_FILES).map((file) => join(folder.path, file)).filter((file) => existsSync(file));
  if (options.json === true) return printJson({ name: run.name, items: options.items, ...result, folder: folder.path, files });
  const { step, stepsPerSecond, ...scores } = result;
  print(`\n${run.name} after ${step} steps, in ${options.items} mazes it never saw, ${run.episodeSteps} steps each:`);
  print(`  ${scoreLine(scores)}`);
  print(`  ${stepsPerSecond!.toFixed(0)} steps/s in training, ${run.episodes} episodes side by side`);
  for (const file of files) print(`  ${file}`);
}
