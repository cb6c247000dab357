/** The model that a run names, its task as that model sees it, and what both cost. */
import type { ModelCost, WindowSize } from '../nn/cost.js';
import { unfilled } from '../nn/parameter.js';
import { estimate } from '../models/multigrid/estimate.js';
import { flat } from '../tasks/flat.js';
import { omniglotSizes, type OmniglotOptions } from '../tasks/omniglot/omniglot.js';
import { hasData, makeTask, type TaskSpec } from '../tasks/registry.js';
import type { Task, TaskDescription } from '../tasks/task.js';
import type { TrainableModel } from '../train/model.js';
import { Rng } from '../tensor/rng.js';
import { sizeOf } from '../tensor/shape.js';
import { kinds, vectorKind, type Sizes } from './kinds.js';
import { isVectorModel, type RunConfig, type RunModel } from './run.js';

/** Numbers that a network of vectors sees at each step: those of the input, and those of the queries of every step. */
function inputsOf({ input, outputs }: TaskDescription): number {
  const grids = [input, ...outputs.flatMap(({ query }) => (query === undefined ? [] : [query]))];
  return grids.flatMap((grid) => Object.values(grid)).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

/** A task as one vector for each time step: those that ask after the list, in their flat form. */
function asVectors(task: Task<unknown>): { sizes: Sizes; task: Task<unknown> } {
  const { form } = task.describe();
  const shown = form === 'recall' || form === 'encodeDecode' ? flat(task) : task;
  const description = shown.describe();
  return { sizes: { inputs: inputsOf(description), outputs: description.outputs[0]!.logits }, task: shown };
}

/** Of the published data sets, for runs that do not name the user's files yet: pixels and a flag, classes; words. */
const MNIST_SIZES: Sizes = { inputs: 785, outputs: [10] };
const DATA_SETS: Readonly<Record<string, (task: TaskSpec) => Sizes>> = {
  'mnist-recall': () => MNIST_SIZES,
  'mnist-sorting': () => MNIST_SIZES,
  'babi': () => ({ inputs: 159, outputs: [159] }),
  'omniglot': (task) => omniglotSizes(task as OmniglotOptions),
};

const sizesOf = (task: TaskSpec): Sizes => (hasData(task) ? asVectors(makeTask(task)).sizes : DATA_SETS[task.name]!(task));

/** The model, and the task as it sees it. Throws ERR_MG_ARGUMENT, ERR_MG_CONFIG. */
export function buildModel(model: RunModel, task: Task<unknown>, rng: Rng): { model: TrainableModel; task: Task<unknown> } {
  if (!isVectorModel(model)) return { model: kinds.multigrid.build(model, { rng }), task };
  const { kind, ...options } = model;
  const { sizes, task: shown } = asVectors(task);
  return { model: vectorKind(kind).build(options, { ...sizes, rng }), task: shown };
}

/** Parameters and memory cells of a run's model, as the paper counts them. */
export function countRun(run: Pick<RunConfig, 'model' | 'task'>): { parameters: number; memory: number } {
  const { parameters, memoryCells } = estimateRun(run, { batch: 1, steps: 1 });
  return { parameters, memory: memoryCells };
}

/** What a run costs. Only networks of vectors ask its task for their sizes. Throws ERR_MG_CONFIG, ERR_MG_ARGUMENT. */
export function estimateRun({ model, task }: Pick<RunConfig, 'model' | 'task'>, size: WindowSize): ModelCost {
  if (!isVectorModel(model)) return estimate(model, size);
  const { kind, ...options } = model;
  using built = unfilled(() => vectorKind(kind).build(options, { ...sizesOf(task), rng: new Rng(1) }));
  return built.estimate(size);
}
