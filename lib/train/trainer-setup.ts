/** What a trainer and a run of it are told, and the checks of it: a wrong word is a fault before the first step. */
import {
  checkChoice,
  checkInstance,
  checkInteger,
  checkNumber,
  checkOptionalFunction,
  checkOptions,
  checkSignal,
  checkString,
  fail,
  words,
} from '../check.js';
import { Module } from '../nn/module.js';
import { Optimizer } from '../optim/optimizer.js';
import type { Split, Task, Window } from '../tasks/task.js';
import type { Tensor } from '../tensor/tensor.js';
import type { CurriculumOptions } from './practice/curriculum.js';
import type { LevelOptions } from './practice/levels.js';
import type { Callback } from './events.js';
import type { Guard } from './guard.js';
import type { TrainableModel } from './model.js';
import type { RunFolder } from '../files/run-folder.js';

export type LossFunction = (logits: readonly Tensor[], window: Window) => Tensor;

export interface TrainerSetup {
  readonly model: TrainableModel;
  readonly task: Task<never> | Task<unknown>;
  /** Of the model's own parameters, or of some of them. */
  readonly optimizer: Optimizer;
  /** Default: the task's own loss, summed. */
  readonly loss?: LossFunction;
  /** Episodes side by side. Default 32. */
  readonly batchSize?: number;
  /** Seed of the training episodes. Default 0. */
  readonly seed?: number;
  /** Largest global norm of the gradient, above 0. Default: no clipping. */
  readonly clipNorm?: number;
  /** Time steps per window. Default: the whole episode. */
  readonly truncate?: number;
  /** What to do about NaN and infinity: throw (default), skip the window, or go back to the last saved weights. */
  readonly guard?: Guard;
  /**
   * Bytes that training may take. A window that needs more is run forward once, and then backward in segments, each of them
   * forward again; the loss must be a sum over steps, as the tasks' own is. ERR_MG_CONFIG names the least there is.
   * Default: no limit.
   */
  readonly memoryBudget?: number;
  /** Train on lessons of the task, where it offers them; not together with a memoryBudget. Default: none. */
  readonly curriculum?: CurriculumOptions;
  /** Train on levels of the task that double, where it has them; in place of a curriculum. Default: none. */
  readonly levels?: LevelOptions;
  readonly callbacks?: readonly Callback[];
  /** Goes into checkpoints as JSON, so that a run can be rebuilt from its file alone. */
  readonly config?: unknown;
}

export interface CheckpointOptions {
  /** A run folder, or its path: made at step 0, opened and cut back to this trainer's step otherwise. */
  readonly folder: string | RunFolder;
  /** Time steps between saves. */
  readonly every: number;
  /** Newest saves to keep, each under the name of its step, beside `checkpoint` and `best`. Default: none. */
  readonly keep?: number;
}

export interface FitOptions {
  /** Time steps at which training ends, counted from the very start: a resumed run is given the same number. */
  readonly steps: number;
  readonly signal?: AbortSignal;
  /** Reject with the signal's reason instead of resolving with 'aborted'. */
  readonly throwOnAbort?: boolean;
  /** Time steps between scorings, and episodes of each; of a data set those of `split`, by default `validation`. */
  readonly validate?: { readonly every: number; readonly items: number; readonly split?: Split };
  readonly checkpoint?: CheckpointOptions;
}

const SETUP_KEYS = [
  'model',
  'task',
  'optimizer',
  'loss',
  'batchSize',
  'seed',
  'clipNorm',
  'truncate',
  'guard',
  'memoryBudget',
  'curriculum',
  'levels',
  'callbacks',
  'config',
] as const satisfies readonly (keyof TrainerSetup)[];
const HOOKS = [
  'onStart',
  'onStep',
  'onValidate',
  'onCheckpoint',
  'onEnd',
  'save',
  'restore',
] as const satisfies readonly (keyof Callback)[];
const TASK_METHODS = ['describe', 'generate', 'windows', 'scorer'] as const satisfies readonly (keyof Task<unknown>)[];
const MODEL_METHODS = ['forward', 'initialState', 'stateFromTensors'] as const satisfies readonly (keyof TrainableModel)[];

function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

/** A list of objects with hooks, or nothing. ERR_MG_ARGUMENT. */
export function checkCallbacks(where: string, callbacks: unknown): void {
  if (callbacks === undefined) return;
  if (!Array.isArray(callbacks)) fail('ERR_MG_ARGUMENT', where, 'callbacks to be a list', callbacks);
  callbacks.forEach((callback: unknown, i) => {
    const name = `callbacks[${i}]`;
    if (typeof callback === 'function') {
      fail('ERR_MG_ARGUMENT', where, `${name} to be an object with hooks`, callback, 'call it');
    }
    checkOptions(`${where}, ${name}`, callback, ['name', ...HOOKS]);
    const { name: own, save } = callback as Callback;
    if (own !== undefined || save !== undefined) checkString(where, `${name}.name`, own);
    for (const hook of HOOKS) checkOptionalFunction(where, `${name}.${hook}`, (callback as Callback)[hook]);
  });
}

/** An optimizer of another model would train nothing, and nobody would be told. */
function checkOwnership(model: Module, optimizer: Optimizer): void {
  const own = new Set(model.parameters());
  for (const [name, parameter] of optimizer.groups.flatMap(({ parameters }) => [...parameters])) {
    if (own.has(parameter)) continue;
    const [got, remedy] = [words(`one of another ${name}`), 'make it after the model has been moved or converted'];
    fail('ERR_MG_ARGUMENT', 'Trainer', 'an optimizer of the model\'s own parameters', got, remedy);
  }
}

/** Throws ERR_MG_ARGUMENT for what cannot be trained with. */
export function checkSetup(setup: TrainerSetup): void {
  const where = 'Trainer';
  checkOptions(where, setup, SETUP_KEYS);
  const { model, task, optimizer, loss, batchSize = 32, seed = 0 } = setup;
  const { clipNorm, truncate, guard = 'throw', memoryBudget, callbacks } = setup;
  if (!(model instanceof Module) || !hasMethods(model, MODEL_METHODS)) {
    fail('ERR_MG_ARGUMENT', where, `model to be a Module with ${MODEL_METHODS.join(', ')}`, model);
  }
  if (!hasMethods(task, TASK_METHODS)) fail('ERR_MG_ARGUMENT', where, `task to be a Task, with ${TASK_METHODS.join(', ')}`, task);
  checkInstance(where, 'optimizer', optimizer, Optimizer, 'an Optimizer');
  checkOwnership(model, optimizer);
  checkOptionalFunction(where, 'loss', loss);
  checkInteger(where, 'batchSize', batchSize, 1);
  checkInteger(where, 'seed', seed, 0);
  if (truncate !== undefined) checkInteger(where, 'truncate', truncate, 1);
  if (clipNorm !== undefined && checkNumber(where, 'clipNorm', clipNorm, 0) === 0) {
    fail('ERR_MG_ARGUMENT', where, 'clipNorm above 0', clipNorm);
  }
  if (memoryBudget !== undefined) {
    checkNumber(where, 'memoryBudget', memoryBudget, 0);
    if (setup.curriculum !== undefined) fail('ERR_MG_ARGUMENT', where, 'no memoryBudget beside a curriculum', memoryBudget);
    if (setup.levels !== undefined) fail('ERR_MG_ARGUMENT', where, 'no memoryBudget beside levels', memoryBudget);
  }
  if (setup.curriculum !== undefined && setup.levels !== undefined) {
    fail('ERR_MG_ARGUMENT', where, 'a curriculum or levels, one of them', words('both'));
  }
  checkChoice(where, 'guard', guard, ['throw', 'skip', 'rollback']);
  checkCallbacks(where, callbacks);
}

/** Throws ERR_MG_ARGUMENT before anything has run. */
export function checkFitOptions(options: FitOptions): void {
  checkOptions('fit', options, ['steps', 'signal', 'throwOnAbort', 'validate', 'checkpoint']);
  const { steps, signal, validate, checkpoint } = options;
  checkInteger('fit', 'steps', steps, 0);
  checkSignal('fit', signal);
  if (validate !== undefined) {
    checkOptions('fit, validate', validate, ['every', 'items', 'split']);
    for (const key of ['every', 'items'] as const) checkInteger('fit', `validate.${key}`, validate[key], 1);
  }
  if (checkpoint === undefined) return;
  checkOptions('fit, checkpoint', checkpoint, ['folder', 'every', 'keep']);
  if (checkpoint.keep !== undefined) checkInteger('fit', 'checkpoint.keep', checkpoint.keep, 0);
  checkInteger('fit', 'checkpoint.every', checkpoint.every, 1);
}
