/** Whether a model can take its task: found before a run begins, in the words of a run. */
import { noGrad } from '../autograd/tape.js';
import { MgError } from '../errors.js';
import { scope } from '../tensor/scope.js';
import type { FloatDType } from '../tensor/dtype.js';
import type { TrainerSetup } from '../train/trainer-setup.js';
import type { Task } from '../tasks/task.js';
import { uploadWindow, windowLoss } from '../train/window-loss.js';

/**
 * Runs one step of one episode, or all of it where windows are whole episodes. ERR_MG_CONFIG, with what the model says as cause,
 * where it cannot.
 */
export function checkFits({ model, task: given, seed = 0, truncate }: TrainerSetup): void {
  const task = given as Task<unknown>;
  const description = task.describe();
  const isWhole = description.window === null && description.steps !== null;
  const isStepwise = description.form === 'stepwise' || description.form === 'tagging';
  const length = isStepwise && !isWhole ? { length: 1 } : truncate === undefined ? {} : { length: truncate };
  using _ = scope();
  const [window] = task.windows([task.generate(seed, 0)], { seed, ...length });
  const [first] = model.parameters();
  try {
    using state = model.initialState(1);
    const input = uploadWindow(window!, description.form, first!.dtype as FloatDType);
    const { logits } = model.evaluating(() => noGrad(() => model.forward(input, state)));
    noGrad(() => windowLoss(logits, window!, description));
  } catch (cause) {
    const isMisfit = cause instanceof MgError && ['ERR_MG_SHAPE', 'ERR_MG_ARGUMENT', 'ERR_MG_CONFIG'].includes(cause.code);
    if (!isMisfit) throw cause;
    const message = `run: expected a model that can take the task ${task.name}, got one that cannot (${cause.message})`;
    throw new MgError('ERR_MG_CONFIG', message, { op: 'run', cause });
  }
}
