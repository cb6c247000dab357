/** A whole window of a multigrid network as one op: one native call forward, one backward. */
import { isRecording, record } from '../autograd/tape.js';
import { fail } from '../check.js';
import { native } from '../native.js';
import { dtypeCode } from '../tensor/dtype.js';
import type { Shape } from '../tensor/shape.js';
import { Tensor } from '../tensor/tensor.js';
import { checkFloat, checkSameDType, checkShapeOf, make } from './make.js';

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
 * From now on, fused float32 networks on a GPU multiply factors rounded to this precision: float32 rounds nothing (default), tf32 keeps
 * 11 bits and bfloat16 8, and both use the matrix units. The CPU and float64 are as before. ERR_MG_ARGUMENT for another name.
 */
export function setPrecision(precision: Precision): void {
  if (!precisions.includes(precision)) fail('ERR_MG_ARGUMENT', 'setPrecision', precisions.join(', '), precision);
  chosenPrecision = precision;
}

/** What setPrecision set. */
export const precision = (): Precision => chosenPrecision;

const flag = (on: boolean): number => (on ? 1 : 0);
const list = (values: readonly number[]): number[] => [values.length, ...values];

/** The description as native/binding/ops_network.cc reads it. */
function words(
  spec: NetworkSpec, batch: number, steps: number, backward: boolean, gradients: readonly boolean[], onGpu: boolean, rounding: Precision,
): Int32Array {
  return Int32Array.from([
    spec.dimensions, spec.kernelSize, batch, steps, flag(backward), flag(onGpu), onGpu ? precisions.indexOf(rounding) : 0, ...list(spec.sides),
    spec.fields.length, ...spec.fields.flatMap(({ level, channels }, i) => [level, channels, flag(gradients[i] ?? false)]),
    ...list(spec.input),
    spec.layers.length,
    ...spec.layers.flatMap((layer) => [
      flag(layer.kind === 'convLstm'), layer.low, layer.high, layer.channels, flag(layer.relu), flag(spec.hasPeephole && layer.kind === 'convLstm'),
      flag(layer.norm), layer.shortcut, flag(layer.isOutput), ...list(layer.memory),
    ]),
  ]);
}

/** The plan for a window of this size, on the CPU unless said otherwise. ERR_MG_CONFIG for a network that cannot be built or does not fit its budget. */
export function planNetwork(
  spec: NetworkSpec,
  options: {
    batch: number; steps: number; dtype?: 'float32' | 'float64'; backward?: boolean; gradients?: readonly boolean[]; device?: 'cpu' | 'cuda';
  },
): NetworkPlan {
  const { batch, steps, dtype = 'float32', backward = true, gradients = [], device = 'cpu' } = options;
  const described = words(spec, batch, steps, backward, gradients, device === 'cuda', chosenPrecision);
  return native().planNetwork(described, spec.forgetBias, spec.epsilon, spec.budgetBytes, dtypeCode(dtype));
}

/**
 * Every layer l, grid j and step t of a window:
 *   x = [ ↑yⱼ₋₁ ; yⱼ ; ↓yⱼ₊₁ ]     of layer l−1, joined on channels, with the memory fields joined to it
 *   convLstm: h, c = cell(conv([x ; h']) , c')        conv: h = relu(conv(x))
 *   y = (batch norm of) h, plus the shortcut
 * No doubled, pooled or joined map is ever in memory. float32 and float64; the same bits for any number of threads. On a GPU all
 * layers run as a wavefront, one launch for each stage, in the precision that setPrecision set.
 * Saves what the plan says. Source: Huynh, Maire, Walter 2020, §3.1; forward and backward as one schedule are our own.
 */
export function multigridNetwork(spec: NetworkSpec, { parameters, fields, state }: NetworkArguments): NetworkResult {
  const op = 'multigridNetwork';
  const first = checkFloat(op, 'fields[0]', fields[0]);
  const [steps = 0, batch = 0] = first.shape;
  fields.forEach((field, i) => {
    checkSameDType(op, first, `fields[${i}]`, field);
    const { level, channels } = spec.fields[i]!;
    checkShapeOf(op, `fields[${i}]`, field, [steps, batch, ...extent(spec, level), channels], '[T,B,…,C]');
  });
  const carried = state === undefined ? [] : [...state.hidden, ...state.cell];
  const backward = isRecording() && [...parameters.values(), ...fields, ...carried].some((x) => x.requiresGrad);
  const gradients = fields.map((field) => backward && field.requiresGrad);
  const described = words(spec, batch, steps, backward, gradients, first.device.type === 'cuda', chosenPrecision);
  const { forgetBias, epsilon, budgetBytes } = spec;
  const plan = native().planNetwork(described, forgetBias, epsilon, budgetBytes, dtypeCode(first.dtype));
  const weights = plan.parameters.map((name) => checkSameDType(op, first, name, parameters.get(name) ?? fail('ERR_MG_ARGUMENT', op, `a parameter ${name}`, undefined)));
  const raw = (tensors: readonly Tensor[]) => tensors.map((x) => x.storage(op));
  const results = native().networkForward(described, forgetBias, epsilon, budgetBytes, raw(weights), raw(fields), raw(carried));

  const shapes = [
    ...plan.outputs.map(([layer, level]): Shape => [steps, batch, ...extent(spec, level), spec.layers[layer]!.channels]),
    ...[...plan.states, ...plan.states].map(([layer, level]): Shape => [batch, ...extent(spec, level), spec.layers[layer]!.channels]),
  ];
  const tensors = shapes.map((shape, i) => make(results[i]!, shape, first));
  const saved = new Tensor(results[shapes.length]!, [plan.savedBytes], 'uint8');
  const [n, p, f] = [plan.outputs.length, weights.length, fields.length];
  const outputs = tensors.slice(0, n);
  record(op, [...weights, ...fields, ...carried], tensors, [...weights, ...fields, ...carried, ...outputs, saved], (dys, kept, needs) => {
    const part = (from: number, count: number) => raw(kept.slice(from, from + count));
    const wanted = needs.slice(p + f).some(Boolean);
    const grads = native().networkBackward(
      described, forgetBias, epsilon, budgetBytes, part(0, p), part(p, f), part(p + f, carried.length),
      part(p + f + carried.length, n), kept.at(-1)!.storage(op), dys.map((dy) => dy?.storage(op) ?? null), Int32Array.of(flag(wanted)),
    );
    let next = 0;
    const take = (like: Tensor) => make(grads[next++]!, like.shape, like);
    const ofWeights = kept.slice(0, p).map(take);
    const ofFields = kept.slice(p, p + f).map((field, i) => (gradients[i] ? take(field) : null));
    return [...ofWeights, ...ofFields, ...kept.slice(p + f, p + f + carried.length).map((x) => (wanted ? take(x) : null))];
  });
  saved.dispose();
  const grids = (places: NetworkPlan['outputs'], from: number) => places.map(([layer, level], i) => ({ layer, level, grid: tensors[from + i]! }));
  return { outputs: grids(plan.outputs, 0), hidden: grids(plan.states, n), cell: grids(plan.states, n + plan.states.length) };
}

/** Height and width of a level, or its length in 1-D. */
function extent(spec: NetworkSpec, level: number): number[] {
  const side = spec.sides[level]!;
  return spec.dimensions === 1 ? [side] : [side, side];
}

