/** A whole window of a multigrid network as one op: one native call forward, one backward. */
import { isRecording, record } from '../autograd/tape.js';
import { checkChoice, checkMap, fail } from '../check.js';
import { native, type Storage } from '../native.js';
import { dtypeCode } from '../tensor/dtype.js';
import type { Shape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import { checkFloat, checkSameDType, checkShapeOf, make } from './make.js';
import { reached } from './network-reach.js';

/** A grid that comes from outside: input, query or memory, [T,B,H,W,C] (1-D: [T,B,L,C]). */
export interface NetworkField {
  readonly level: number;
  readonly channels: number;
}

/** One multigrid layer; it sees the pyramid the layer before hands on (the first one: the input fields). */
export interface NetworkLayer {
  readonly kind: 'conv' | 'convLstm';
  readonly low: number;
  readonly high: number;
  readonly channels: number;
  /** conv: max(x, 0) after the convolution. */
  readonly relu: boolean;
  /** Batch norm over all steps, samples and cells of the window. */
  readonly norm: boolean;
  /** Layer (from 0) whose pyramid is added where levels agree; −1: none. */
  readonly shortcut: number;
  /** Fields joined to the pyramid that the layer hands on. */
  readonly memory: readonly number[];
  /** Whether its grids are results of the op. */
  readonly isOutput: boolean;
}

export interface NetworkSpec {
  readonly dimensions: 1 | 2;
  readonly kernelSize: number;
  /** Of levels 0, 1, …; each twice the one before. */
  readonly sides: readonly number[];
  readonly fields: readonly NetworkField[];
  /** Fields that the first layer sees. */
  readonly input: readonly number[];
  readonly layers: readonly NetworkLayer[];
  readonly forgetBias: number;
  readonly hasPeephole: boolean;
  /** ε of the batch norm. */
  readonly epsilon: number;
  /** Bytes that may be kept for the backward pass; 0: no limit. */
  readonly budgetBytes: number;
}

/** A result grid and the layer (from 0) it belongs to. */
export interface NetworkGrid {
  readonly layer: number;
  readonly level: number;
  readonly grid: Tensor;
}

export interface NetworkResult {
  readonly outputs: readonly NetworkGrid[];
  readonly hidden: readonly NetworkGrid[];
  readonly cell: readonly NetworkGrid[];
}

export interface NetworkArguments {
  /** By name: `3.level2.kernel`, layers counted from 1. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** In the order of `spec.fields`. */
  readonly fields: readonly Tensor[];
  /** Grid of each conv-LSTM layer and level, in that order; zeros when absent. */
  readonly state?: { readonly hidden: readonly Tensor[]; readonly cell: readonly Tensor[] };
}

/** What a fused network will do, and why. */
export type NetworkPlan = ReturnType<ReturnType<typeof native>['planNetwork']>;

/** Factors of the products of fused networks on a GPU; sums, cells and weights are float32 in all three. */
export type Precision = 'float32' | 'tf32' | 'bfloat16';
export const precisions: readonly Precision[] = ['float32', 'tf32', 'bfloat16'];
let chosenPrecision: Precision = 'float32';

/**
 * From now on, fused float32 networks on a GPU multiply factors rounded to this precision: float32 rounds nothing (default), tf32
 * keeps 11 bits and bfloat16 8, and both use the matrix units. The CPU and float64 are as before. Another name: ERR_MG_ARGUMENT.
 */
export function setPrecision(precision: Precision): void {
  chosenPrecision = checkChoice('setPrecision', 'precision', precision, precisions);
}

/** What setPrecision set. */
export const precision = (): Precision => chosenPrecision;

const flag = (on: boolean): number => (on ? 1 : 0);
const list = (values: readonly number[]): number[] => [values.length, ...values];

/** The description as native/binding/ops_network.cc reads it. */
function words(
  spec: NetworkSpec,
  batch: number,
  steps: number,
  backward: boolean,
  gradients: readonly boolean[],
  onGpu: boolean,
  rounding: Precision,
): Int32Array {
  return Int32Array.from([
    spec.dimensions,
    spec.kernelSize,
    batch,
    steps,
    flag(backward),
    flag(onGpu),
    onGpu ? precisions.indexOf(rounding) : 0,
    ...list(spec.sides),
    spec.fields.length,
    ...spec.fields.flatMap(({ level, channels }, i) => [level, channels, flag(gradients[i] ?? false)]),
    ...list(spec.input),
    spec.layers.length,
    ...spec.layers.flatMap((layer) => [
      flag(layer.kind === 'convLstm'),
      layer.low,
      layer.high,
      layer.channels,
      flag(layer.relu),
      flag(spec.hasPeephole && layer.kind === 'convLstm'),
      flag(layer.norm),
      layer.shortcut,
      flag(layer.isOutput),
      ...list(layer.memory),
    ]),
  ]);
}

export interface NetworkSize {
  readonly batch: number;
  readonly steps: number;
  readonly dtype?: 'float32' | 'float64';
  /** Whether what a backward pass needs is kept; default true. */
  readonly backward?: boolean;
  /** Which fields a backward pass gives the gradient of; default none. */
  readonly gradients?: readonly boolean[];
  /** Default cpu. */
  readonly device?: 'cpu' | 'cuda';
}

/** The plan for a window of this size. ERR_MG_CONFIG for a network that cannot be built or does not fit its budget. */
export function planNetwork(spec: NetworkSpec, size: NetworkSize): NetworkPlan {
  return describeNetwork(spec, size).plan;
}

/** A network for windows of one size: what every native call on it begins with, its plan, and the shapes of its results. */
export interface DescribedNetwork {
  readonly spec: NetworkSpec;
  readonly size: Required<NetworkSize>;
  readonly call: readonly [words: Int32Array, forgetBias: number, epsilon: number, budgetBytes: number];
  readonly plan: NetworkPlan;
  /** Outputs, then hidden and cell grids after the last step. */
  readonly shapes: readonly Shape[];
}

export function describeNetwork(spec: NetworkSpec, size: NetworkSize): DescribedNetwork {
  const { batch, steps, dtype = 'float32', backward = true, gradients = spec.fields.map(() => false), device = 'cpu' } = size;
  const description = words(spec, batch, steps, backward, gradients, device === 'cuda', chosenPrecision);
  const call = [description, spec.forgetBias, spec.epsilon, spec.budgetBytes] as const;
  const plan = native().planNetwork(...call, dtypeCode(dtype));
  const shapes = [
    ...plan.outputs.map(([layer, level]): Shape => [steps, batch, ...extent(spec, level), spec.layers[layer]!.channels]),
    ...[...plan.states, ...plan.states].map((
      [layer, level],
    ): Shape => [batch, ...extent(spec, level), spec.layers[layer]!.channels]),
  ];
  return { spec, size: { batch, steps, dtype, backward, gradients, device }, call, plan, shapes };
}

/** What a window is computed from: parameters in the plan's order, fields, and all hidden, then all cell grids (none: zeros). */
export interface NetworkTensors {
  readonly weights: readonly Tensor[];
  readonly fields: readonly Tensor[];
  readonly carried: readonly Tensor[];
}

const raw = (tensors: readonly Tensor[]): Storage[] => tensors.map((x) => x.storage('multigridNetwork'));

/** The window forward, without a record: results in the order of `shapes`, and what backward needs, `savedBytes` of it. */
export function networkForward(
  network: DescribedNetwork,
  { weights, fields, carried }: NetworkTensors,
): { results: Tensor[]; saved: Tensor } {
  const storages = native().networkForward(...network.call, raw(weights), raw(fields), raw(carried));
  const results = network.shapes.map((shape, i) => make(storages[i]!, shape, weights[0]!));
  return { results, saved: new Tensor(storages[results.length]!, [network.plan.savedBytes], 'uint8') };
}

/**
 * Gradients at the weights, at the fields (null where the size asks for none) and at the initial state (null unless wanted), from
 * those at the results (null: zero). `outputs` and `saved` are forward's.
 */
export function networkBackward(
  network: DescribedNetwork,
  { weights, fields, carried }: NetworkTensors,
  outputs: readonly Tensor[],
  saved: Tensor,
  dys: readonly (Tensor | null)[],
  wantsState: boolean,
): { weights: Tensor[]; fields: (Tensor | null)[]; carried: (Tensor | null)[] } {
  const grads = native().networkBackward(
    ...network.call,
    raw(weights),
    raw(fields),
    raw(carried),
    raw(outputs),
    saved.storage('multigridNetwork'),
    dys.map((dy) => dy?.storage('multigridNetwork') ?? null),
    Int32Array.of(flag(wantsState)),
  );
  let next = 0;
  const take = (like: Tensor): Tensor => make(grads[next++]!, like.shape, like);
  const { gradients } = network.size;
  const ofWeights = weights.map(take);
  const ofFields = fields.map((field, i) => (gradients[i] ? take(field) : null));
  return { weights: ofWeights, fields: ofFields, carried: carried.map((x) => (wantsState ? take(x) : null)) };
}

/** The parameters of a plan in its order; ERR_MG_ARGUMENT for one that is missing, ERR_MG_DTYPE for one of another type. */
export function weightsOf(op: string, plan: NetworkPlan, parameters: ReadonlyMap<string, Tensor>, like: Tensor): Tensor[] {
  checkMap(op, 'parameters', parameters);
  return plan.parameters.map((name) => {
    const weight = parameters.get(name) ?? fail('ERR_MG_ARGUMENT', op, `a parameter ${name}`, undefined);
    return checkSameDType(op, like, name, weight);
  });
}

/** Checks fields against their descriptions; [steps, batch]. */
export function checkFields(op: string, spec: NetworkSpec, fields: readonly Tensor[]): [steps: number, batch: number] {
  const first = checkFloat(op, 'fields[0]', fields[0]);
  const [steps = 0, batch = 0] = first.shape;
  fields.forEach((field, i) => {
    checkSameDType(op, first, `fields[${i}]`, field);
    const { level, channels } = spec.fields[i]!;
    checkShapeOf(op, `fields[${i}]`, field, [steps, batch, ...extent(spec, level), channels], '[T,B,…,C]');
  });
  return [steps, batch];
}

/**
 * Every layer l, grid j and step t of a window:
 *   x = [ ↑yⱼ₋₁ ; yⱼ ; ↓yⱼ₊₁ ]     of layer l−1, joined on channels, with the memory fields joined to it
 *   convLstm: h, c = cell(conv([x ; h']) , c')        conv: h = relu(conv(x))
 *   y = (batch norm of) h, plus the shortcut
 * No doubled, pooled or joined map is ever in memory. float32 and float64; the same bits for any number of threads. On a GPU all
 * layers run as a wavefront, one launch for each stage, or one for all stages of a small network, in the precision that
 * setPrecision set. Saves what the plan says. What no gradient reaches gets null, not zeros.
 * Source: Huynh, Maire, Walter 2020, §3.1; forward and backward as one schedule are our own.
 */
export function multigridNetwork(spec: NetworkSpec, { parameters, fields, state }: NetworkArguments): NetworkResult {
  const op = 'multigridNetwork';
  const [steps, batch] = checkFields(op, spec, fields);
  const first = fields[0]!;
  const carried = state === undefined ? [] : [...state.hidden, ...state.cell];
  const backward = isRecording() && [...parameters.values(), ...fields, ...carried].some((x) => x.requiresGrad);
  const gradients = fields.map((field) => backward && field.requiresGrad);
  const dtype = first.dtype as 'float32' | 'float64';
  const network = describeNetwork(spec, { batch, steps, dtype, backward, gradients, device: first.device.type });
  const { plan } = network;
  const weights = weightsOf(op, plan, parameters, first);
  const { results, saved } = networkForward(network, { weights, fields, carried });
  const [n, p, f, c] = [plan.outputs.length, weights.length, fields.length, carried.length];
  const outputs = results.slice(0, n);
  const inputs = [...weights, ...fields, ...carried];
  record(op, inputs, results, [...inputs, ...outputs, saved], (dys, kept, needs) => {
    const part = (from: number, count: number): readonly Tensor[] => kept.slice(from, from + count);
    const tensors = { weights: part(0, p), fields: part(p, f), carried: part(p + f, c) };
    const grads = networkBackward(network, tensors, part(p + f + c, n), kept.at(-1)!, dys, needs.slice(p + f).some(Boolean));
    const { parameters: ofWeights, fields: ofFields, states: ofStates } = reached(spec, plan, dys.map((dy) => dy !== null));
    const has = [...ofWeights, ...ofFields, ...ofStates, ...ofStates];
    return [...grads.weights, ...grads.fields, ...grads.carried].map((gradient, i) => {
      if (has[i]) return gradient;
      gradient?.dispose();
      return null;
    });
  });
  saved.dispose();
  const grids = (places: NetworkPlan['outputs'], from: number) => (
    places.map(([layer, level], i) => ({ layer, level, grid: results[from + i]! }))
  );
  return { outputs: grids(plan.outputs, 0), hidden: grids(plan.states, n), cell: grids(plan.states, n + plan.states.length) };
}

/** Height and width of a level, or its length in 1-D. */
function extent(spec: NetworkSpec, level: number): number[] {
  const side = spec.sides[level]!;
  return spec.dimensions === 1 ? [side] : [side, side];
}
