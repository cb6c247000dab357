/** A window of a published configuration from random inputs and states, and everything that comes of it. */
import { noGrad } from '../../lib/autograd/tape.js';
import type { MultigridMemoryState } from '../../lib/models/multigrid/multigrid-memory-state.js';
import type { MultigridInputs } from '../../lib/models/multigrid/model-window.js';
import { MultigridMemory } from '../../lib/models/multigrid/multigrid-memory.js';
import type { ModelPlan, NetworkPlan } from '../../lib/models/multigrid/plan.js';
import { extentOf } from '../../lib/nn/ladder.js';
import { Pyramid } from '../../lib/nn/multigrid/pyramid.js';
import { add, mul, slice, sum } from '../../lib/ops/index.js';
import type { Precision } from '../../lib/ops/network/network-spec.js';
import { device, type DeviceLike } from '../../lib/tensor/device.js';
import { Rng } from '../../lib/tensor/rng.js';
import { scope, unscoped } from '../../lib/tensor/scope.js';
import { Tensor } from '../../lib/tensor/tensor.js';

export interface Window {
  readonly name: string;
  readonly fused: 'required' | 'off';
  readonly dtype: 'float32' | 'float64';
  readonly steps: number;
  readonly batch: number;
  readonly seed: number;
  /** Default: the one that is set. */
  readonly place?: DeviceLike;
  /** The loss weighs the answers of so many steps, one drawn from each of as many equal parts of the window. Default: of all. */
  readonly heard?: number;
  /** Of a decoder; default: `steps`. */
  readonly outputSteps?: number;
  /** As the model's own. */
  readonly memoryBudget?: number;
  readonly precision?: Precision;
  /** Steps that are recorded at a time, of a model that is asked at every step. Default: all. */
  readonly segment?: number;
}

function randomPyramid(model: ModelPlan, network: NetworkPlan, lead: readonly number[], rng: Rng, options: object): Pyramid {
  const grids = network.input.map(({ level, channels }) => {
    const shape = [...lead, ...extentOf(level, model.dimensions, model.baseSide), channels];
    return [level, Tensor.normal(shape, [0, 1], rng.split(level), { ...options, requiresGrad: true })] as const;
  });
  return Pyramid.of(Object.fromEntries(grids));
}

/** Random weights of answers [Q,…]; with `heard`, those of other steps are 0. */
function answerWeights(shape: readonly number[], heard: number | undefined, rng: Rng, options: object): Tensor {
  const all = Tensor.normal(shape, [0, 1], rng, options);
  const [answers, ...rest] = shape as [number, ...number[]];
  if (heard === undefined || heard >= answers) return all;
  const isHeard = new Array<number>(answers).fill(0);
  const draw = rng.split('heard');
  for (let k = 0; k < heard; k++) {
    const [from, to] = [k, k + 1].map((i) => Math.floor((i * answers) / heard)) as [number, number];
    isHeard[from + draw.integer(to - from)] = 1;
  }
  return mul(all, Tensor.from(isHeard, [answers, ...rest.map(() => 1)], options));
}

/** At most `count` steps of x, from step `from`. */
function cut(x: Tensor, from: number, count: number): Tensor {
  const [steps, ...rest] = x.shape as [number, ...number[]];
  return count >= steps ? x : slice(x, [from, ...rest.map(() => 0)], [Math.min(count, steps - from), ...rest]);
}

/** The same values as leaves that want their gradients. */
function asLeaves(model: MultigridMemory, state: MultigridMemoryState): MultigridMemoryState {
  const copies = new Map([...state.toTensors()].map(([key, x]) => [key, x.detach()]));
  for (const copy of copies.values()) copy.requiresGrad = true;
  return model.stateFromTensors(copies);
}

function takeGradients(state: MultigridMemoryState): Map<string, Tensor> {
  return new Map([...state.toTensors()].map(([key, leaf]) => {
    const gradient = leaf.grad!;
    leaf.grad = null;
    return [key, gradient];
  }));
}

function joined(parts: readonly ArrayLike<number>[]): Float64Array {
  const all = new Float64Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Every number that a window produces: logits, final state, and the gradients (`d …`) of all parameters, inputs and initial
 * states.
 */
export async function everything(window: Window): Promise<Map<string, ArrayLike<number>>> {
  const { name, fused, dtype, steps, batch, seed, heard } = window;
  const { place = device(), memoryBudget = 0, precision = 'float32', segment = steps, outputSteps = steps } = window;
  using _ = scope();
  const options = { dtype, device: place };
  using model = new MultigridMemory(name, { fused, memoryBudget, precision, ...options, rng: new Rng(seed) });
  const { plan } = model;
  const [first, ...others] = plan.networks;
  const rng = new Rng(seed + 1);
  const input = randomPyramid(plan, first!, [steps, batch], rng.split('input'), options);
  const asked = plan.read === 'last' ? 1 : steps;
  const queries = plan.kind === 'writerReader'
    ? others.map((reader, k) => randomPyramid(plan, reader, [asked, batch], rng.split(`query${k}`), options))
    : undefined;
  const initial = [...model.initialState(batch).toTensors()].map(([key, zero]) => {
    const start = Tensor.normal(zero.shape, [0, 0.5], rng.split(key), { ...options, requiresGrad: true });
    return [key, start] as const;
  });
  const part = (from: number): MultigridInputs => {
    const steps = (grids: Pyramid): Pyramid => grids.map((x) => cut(x, from, segment));
    return { input: steps(input), outputSteps, ...(queries === undefined ? {} : { queries: queries.map(steps) }) };
  };

  const starts = Array.from({ length: Math.ceil(steps / segment) }, (_, i) => i * segment);
  const states = [model.stateFromTensors(new Map(initial))];
  for (const from of starts.slice(0, -1)) {
    using _ = scope();
    const after = noGrad(() => model.advance(part(from), states.at(-1)!));
    states.push(unscoped(() => after.detach()));
    await device(place).sync();
  }

  // From the last segment to the first; the loss is ⟨weights, answers⟩ and, for all later segments,
  // ⟨gradient there, state after it⟩.
  const answers: ArrayLike<number>[][] = [];
  const final = new Map<string, ArrayLike<number>>();
  let flowing: ReadonlyMap<string, Tensor> = new Map(
    initial.map(([key, { shape }]) => [key, Tensor.normal(shape, [0, 1], rng.split(`weight ${key}`), options)]),
  );
  for (const [s, from] of [...starts.entries()].reverse()) {
    using _ = scope();
    const start = s === 0 ? states[0]! : asLeaves(model, states[s]!);
    const { logits, state } = model.forward(part(from), start);
    const after = [...state.toTensors()];
    const parts = logits.map((y, k) => {
      const shape = [segment === steps ? y.shape[0]! : steps, ...y.shape.slice(1)];
      return sum(mul(y, cut(answerWeights(shape, heard, rng.split(`weight logits${k}`), options), from, segment)));
    });
    parts.push(...after.map(([key, y]) => sum(mul(y, flowing.get(key)!))));
    parts.reduce((total, each) => add(total, each)).backward();
    answers.unshift(await Promise.all(logits.map((y) => y.data())));
    if (final.size === 0) { for (const [key, y] of after) final.set(key, await y.data()); }
    for (const x of flowing.values()) x.dispose();
    if (s === 0) break;
    flowing = takeGradients(start);
    states[s]!.dispose();
  }

  const found = new Map<string, ArrayLike<number>>();
  answers[0]!.forEach((_, k) => found.set(`logits${k}`, joined(answers.map((list) => list[k]!))));
  for (const [key, y] of final) found.set(key, y);
  const leaves = [
    ...model.namedParameters(),
    ...initial,
    ...input.tensors().map((x, i) => [`input${i}`, x] as const),
    ...(queries ?? []).flatMap((q, k) => q.tensors().map((x, i) => [`query${k}.${i}`, x] as const)),
  ];
  for (const [key, leaf] of leaves) {
    found.set(`d ${key}`, leaf.grad === null ? new Float64Array(leaf.size) : await leaf.grad.data());
  }
  return found;
}
