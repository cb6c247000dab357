/** Back-propagation through a long window in little memory: forward once for the states, then segment by segment from the end. */
import { noGrad, record } from '../autograd/tape.js';
import { fail, words } from '../check.js';
import { add } from '../ops/index.js';
import type { HostArray, HostPyramid, Window } from '../tasks/task.js';
import { trainingBytes as windowBytes, type WindowSize } from '../nn/cost.js';
import { device } from '../tensor/device.js';
import { scope, unscoped } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import type { ModelInput, ModelState, TrainableModel } from './model.js';

/**
 * Most bytes that training on a window takes in segments of `length` steps: weights, gradients, up to two numbers of the
 * optimizer for each; what a segment takes; the states before all segments and the one after the window.
 */
export function trainingBytes(model: TrainableModel, { batch, steps }: WindowSize, length: number): number {
  if (model.windowMemory === undefined || model.advance === undefined) {
    fail('ERR_MG_ARGUMENT', 'Trainer', 'a model that tells its windowMemory, for a memoryBudget', model.constructor.name);
  }
  let parameters = 0;
  for (const parameter of model.parameters()) parameters += parameter.size * (parameter.dtype === 'float64' ? 8 : 4);
  const window = model.windowMemory({ batch, steps: length });
  return windowBytes(parameters, window) + (length < steps ? Math.ceil(steps / length) * window.stateBytes : 0);
}

/** The longest segments of a window that keep `budget` bytes, in steps; the whole window where that does. */
export function segmentLength(model: TrainableModel, { batch, steps }: WindowSize, budget: number): number {
  let least = Infinity;
  for (let count = 1; count <= steps; count++) {
    const length = Math.ceil(steps / count);
    if (Math.ceil(steps / length) !== count) continue;
    const bytes = trainingBytes(model, { batch, steps }, length);
    if (bytes <= budget) return length;
    least = Math.min(least, bytes);
  }
  const expected = `a memoryBudget of at least ${least} bytes for ${steps} steps of ${batch} episodes`;
  return fail('ERR_MG_CONFIG', 'Trainer', expected, words(`${budget} bytes`));
}

const EVERY_STEP = 'a task that asks at every step, for a memoryBudget this tight';

function cutArray({ data, shape }: HostArray, whole: number, from: number, length: number): HostArray {
  if (shape[0] !== whole) {
    fail('ERR_MG_ARGUMENT', 'Trainer', EVERY_STEP, words(`${shape[0]} answers`));
  }
  const step = data.length / whole;
  return { data: data.subarray(from * step, (from + length) * step), shape: [length, ...shape.slice(1)] };
}

/** Steps from … from + length − 1 of a window, as views. */
export function cutWindow(window: Window, from: number, length: number): Window {
  if (length === window.steps) return window;
  const isAnyAskedAt = window.outputs.some(({ askedAt }) => askedAt !== undefined);
  if (isAnyAskedAt) fail('ERR_MG_ARGUMENT', 'Trainer', EVERY_STEP, words('questions at steps of their own'));
  const array = (x: HostArray): HostArray => cutArray(x, window.steps, from, length);
  const pyramid = (x: HostPyramid): HostPyramid =>
    Object.fromEntries(Object.entries(x).map(([level, grid]) => [level, array(grid)]));
  return {
    ...window,
    start: window.start + from,
    steps: length,
    first: window.first && from === 0,
    last: window.last && from + length === window.steps,
    input: pyramid(window.input),
    outputs: window.outputs.map(({ name, query, target, mask, scored, question }) => ({
      name,
      target: array(target),
      ...(query === undefined ? {} : { query: pyramid(query) }),
      ...(mask === undefined ? {} : { mask: array(mask) }),
      ...(scored === undefined ? {} : { scored: array(scored) }),
      ...(question === undefined ? {} : { question: array(question) }),
    })),
  };
}

export interface SegmentedPass {
  readonly model: TrainableModel;
  readonly window: Window;
  readonly length: number;
  readonly state: ModelState;
  /** Runs the model on a cut window and gives its loss, a sum over steps. */
  readonly run: (window: Window, state: ModelState) => { loss: Tensor; state: ModelState };
  readonly upload: (window: Window) => ModelInput;
  /** Ends the pass between two segments: it rejects with the reason, and gradients of a part are left behind. */
  readonly signal: AbortSignal | undefined;
}

/** The same tensors as leaves that want their gradients. */
function leaves(model: TrainableModel, state: ModelState): ModelState {
  const copies = new Map([...state.toTensors()].map(([name, tensor]) => [name, tensor.detach()]));
  for (const copy of copies.values()) copy.requiresGrad = copy.dtype === 'float32' || copy.dtype === 'float64'; // not indices
  return model.stateFromTensors(copies);
}

function takeGradients(state: ModelState): Map<string, Tensor> {
  const taken = new Map<string, Tensor>();
  for (const [name, leaf] of state.toTensors()) {
    if (leaf.grad !== null) taken.set(name, leaf.grad);
    leaf.grad = null;
  }
  return taken;
}

/** The loss, as a function of the state after the segment too: its gradient there is given. */
function withStateGradients(loss: Tensor, state: ModelState, gradients: ReadonlyMap<string, Tensor>): Tensor {
  const states = [...state.toTensors()].filter(([name]) => gradients.has(name));
  const inputs = [loss, ...states.map(([, tensor]) => tensor)];
  return record('segment', inputs, loss.detach(), [], ([dy]) => [dy!, ...states.map(([name]) => gradients.get(name)!.detach())]);
}

/**
 * L = Σₛ Lₛ over segments s with states S₀ → S₁ → …: from the last to the first, the gradient of Lₛ + ⟨∂L/∂Sₛ₊₁, Sₛ₊₁⟩ is added
 * to the parameters' and gives ∂L/∂Sₛ. The gradient is that of the whole window but for the order of sums. What is returned
 * belongs to the caller.
 */
export async function backwardBySegments(
  { model, window, length, state, run, upload, signal }: SegmentedPass,
): Promise<{ loss: Tensor; state: ModelState }> {
  const parts = Array.from(
    { length: Math.ceil(window.steps / length) },
    (_, i) => cutWindow(window, i * length, Math.min(length, window.steps - i * length)),
  );
  const on = state.toTensors().values().next().value?.device ?? device();
  const states = [state];
  let end: ModelState | null = null;
  let flowing: ReadonlyMap<string, Tensor> | null = null;
  let total: Tensor | null = null;
  try {
    for (const part of parts.slice(0, -1)) {
      signal?.throwIfAborted();
      using _ = scope();
      const next = noGrad(() => model.advance!(upload(part), states.at(-1)!));
      states.push(unscoped(() => next.detach()));
      await on.sync();
    }
    if (parts.length > 1) on.emptyCache(); // blocks of other sizes than those of the backward passes
    for (let i = parts.length - 1; i >= 0; i--) {
      signal?.throwIfAborted();
      using _ = scope();
      const start = i === 0 ? states[0]! : leaves(model, states[i]!);
      const result = run(parts[i]!, start);
      const objective = withStateGradients(result.loss, result.state, flowing ?? new Map());
      const before: Tensor | null = total;
      total = unscoped(() => (before === null ? result.loss.detach() : noGrad(() => add(before, result.loss))));
      before?.dispose();
      end ??= unscoped(() => result.state.detach());
      await on.sync();
      objective.backward();
      for (const gradient of flowing?.values() ?? []) gradient.dispose();
      flowing = i === 0 ? null : takeGradients(start);
      if (i > 0) states.pop()![Symbol.dispose]();
      await on.sync();
      if (i > 0 && parts[i]!.steps !== parts[i - 1]!.steps) on.emptyCache();
    }
    return { loss: total!, state: end! };
  } catch (error) {
    for (const held of [...states.slice(1), ...(end === null ? [] : [end])]) held[Symbol.dispose]();
    for (const gradient of flowing?.values() ?? []) gradient.dispose();
    total?.dispose();
    throw error;
  }
}
