/** A window's way to the device, and the loss of its answers. */
import { types } from 'node:util';
import { Pyramid } from '../nn/multigrid/pyramid.js';
import { add } from '../ops/elementwise.js';
import { bceWithLogits, crossEntropy } from '../ops/losses.js';
import { fail, words } from '../check.js';
import type { HostArray, HostPyramid, TaskDescription, TaskForm, Window, WindowOutput } from '../tasks/task.js';
import type { FloatDType } from '../tensor/dtype.js';
import { Tensor } from '../tensor/tensor.js';
import type { ModelInput } from './model.js';

function upload(array: HostArray, dtype: FloatDType): Tensor {
  return Tensor.from(array.data, array.shape, types.isInt32Array(array.data) ? {} : { dtype });
}

function uploadPyramid(pyramid: HostPyramid, dtype: FloatDType): Pyramid {
  return Pyramid.of(Object.fromEntries(Object.entries(pyramid).map(([level, grid]) => [level, upload(grid, dtype)])));
}

/** Copies what the network sees to the device. */
export function uploadWindow(window: Window, form: TaskForm, dtype: FloatDType): ModelInput {
  const asking = window.outputs.filter(({ query }) => query !== undefined);
  const queries = asking.map(({ query }) => uploadPyramid(query!, dtype));
  return {
    input: uploadPyramid(window.input, dtype),
    ...(queries.length === 0 ? {} : { queries }),
    ...(asking.some(({ askedAt }) => askedAt !== undefined) ? { askedAt: asking.map(({ askedAt }) => askedAt) } : {}),
    ...(form === 'encodeDecode' ? { outputSteps: window.outputs[0]!.target.shape[0]! } : {}),
  };
}

function outputLoss(logits: Tensor, output: WindowOutput, loss: TaskDescription['outputs'][number]['loss']): Tensor {
  const target = upload(output.target, logits.dtype as FloatDType);
  const mask = output.mask === undefined ? undefined : upload(output.mask, logits.dtype as FloatDType);
  return loss === 'bceWithLogits' ? bceWithLogits(logits, target, mask) : crossEntropy(logits, target, mask);
}

/** Summed over pixels, samples, time steps and outputs: no mean anywhere (Huynh, Maire, Walter 2020, official code). */
export function windowLoss(logits: readonly Tensor[], window: Window, description: TaskDescription): Tensor {
  if (logits.length !== window.outputs.length) {
    fail(
      'ERR_MG_SHAPE',
      'Trainer',
      `${window.outputs.length} outputs of the model, as the task asks`,
      words(`${logits.length} outputs`),
    );
  }
  return window.outputs
    .map((output, i) => outputLoss(logits[i]!, output, description.outputs[i]!.loss))
    .reduce((total, loss) => add(total, loss));
}
