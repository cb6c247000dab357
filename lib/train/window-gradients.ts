/** The gradients of one window: forward, loss, backward; and taking them off the parameters. */
import type { Module } from '../nn/module.js';
import type { Task, Window } from '../tasks/task.js';
import type { FloatDType } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import type { ModelInput, ModelState, TrainableModel } from './model.js';
import { backwardBySegments, segmentLength } from './segments.js';
import type { LossFunction } from './trainer-setup.js';
import { uploadWindow, windowLoss } from './window-loss.js';

export interface GradientSetup {
  readonly model: TrainableModel;
  readonly task: Task<unknown>;
  readonly dtype: FloatDType;
  readonly loss: LossFunction | undefined;
  readonly memoryBudget: number | undefined;
  /** Whether the answers of the window are wanted, too. */
  readonly isAsked: boolean;
}

/** What belongs to the caller after a window. */
export interface WindowGradients {
  readonly loss: Tensor;
  readonly state: ModelState;
  /** As the network gave them, where they are wanted. */
  readonly logits: readonly Tensor[] | null;
}

/**
 * Adds the gradients of a window to the parameters; one that would exceed the memory budget runs segment by segment, and rejects
 * between two of them when `signal` aborts.
 */
export async function windowGradients(
  { model, task, dtype, loss: own, memoryBudget, isAsked }: GradientSetup,
  window: Window,
  state: ModelState,
  signal?: AbortSignal,
): Promise<WindowGradients> {
  const description = task.describe();
  const upload = (part: Window): ModelInput => uploadWindow(part, description.form, dtype);
  const run = (part: Window, from: ModelState): WindowGradients => {
    const result = model.forward(upload(part), from);
    const loss = own?.(result.logits, part) ?? windowLoss(result.logits, part, description);
    return { loss, state: result.state, logits: isAsked ? result.logits.map((x) => x.detach()) : null };
  };
  if (memoryBudget !== undefined) {
    const length = segmentLength(model, window, memoryBudget);
    return { ...await backwardBySegments({ model, window, length, state, run, upload, signal }), logits: null };
  }
  const result = run(window, state);
  result.loss.backward();
  return result;
}

/** The gradients of a model, which has none afterwards. */
export function takeGradients(model: Module): (readonly [string, Tensor])[] {
  const taken: (readonly [string, Tensor])[] = [];
  for (const [name, parameter] of model.namedParameters()) {
    if (parameter.grad !== null) taken.push([name, parameter.grad]);
    parameter.grad = null;
  }
  return taken;
}

export function dropGradients(model: Module): void {
  for (const [, gradient] of takeGradients(model)) gradient.dispose();
}
