/** A fused multigrid network as data, its plan for windows of one size, and both in the form that native calls take. */
import { inTheNameOf } from '../../check.js';
import { native } from '../../native.js';
import { threadChanges } from '../../tensor/device.js';
import { dtypeCode, type FloatDType } from '../../tensor/dtype.js';
import type { Shape } from '../../tensor/shape.js';

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

/** Never changed once made: plans are kept by the object. */
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

/**
 * Factors of the products of fused float32 networks on a GPU: float32 rounds nothing, tf32 keeps 11 bits and bfloat16 8, and both
 * use the matrix units; sums, cells and weights are float32 in all three. The CPU and float64 do not heed it.
 */
export type Precision = 'float32' | 'tf32' | 'bfloat16';
export const precisions: readonly Precision[] = ['float32', 'tf32', 'bfloat16'];

export interface WindowSize {
  readonly batch: number;
  readonly steps: number;
  readonly dtype?: FloatDType;
  /** Whether what a backward pass needs is kept; default true. */
  readonly backward?: boolean;
  /** Which fields a backward pass gives the gradient of; default none. */
  readonly gradients?: readonly boolean[];
  /** Default cpu. */
  readonly device?: 'cpu' | 'cuda';
  /** Default float32. */
  readonly precision?: Precision;
}

/** What will be done for windows of one size, and why. */
export type WindowPlan = ReturnType<ReturnType<typeof native>['planNetwork']>;

/** A network for windows of one size: what every native call on it begins with, its plan, and the shapes of its results. */
export interface PlannedNetwork {
  readonly spec: NetworkSpec;
  readonly size: Required<WindowSize>;
  readonly call: readonly [words: Int32Array, forgetBias: number, epsilon: number, budgetBytes: number];
  readonly plan: WindowPlan;
  /** Outputs, then hidden and cell grids after the last step. */
  readonly shapes: readonly Shape[];
}

const flag = (on: boolean): number => (on ? 1 : 0);
const list = (values: readonly number[]): number[] => [values.length, ...values];

/** The description as native/binding/network.cc reads it. */
function encode(spec: NetworkSpec, { batch, steps, backward, gradients, device, precision }: Required<WindowSize>): Int32Array {
  const onGpu = device === 'cuda';
  return Int32Array.from([
    spec.dimensions,
    spec.kernelSize,
    batch,
    steps,
    flag(backward),
    flag(onGpu),
    onGpu ? precisions.indexOf(precision) : 0,
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

/** Height and width of a level, or its length in 1-D. */
export function extentIn(spec: NetworkSpec, level: number): number[] {
  const side = spec.sides[level]!;
  return spec.dimensions === 1 ? [side] : [side, side];
}

function plan(where: string, spec: NetworkSpec, size: Required<WindowSize>): PlannedNetwork {
  const call = [encode(spec, size), spec.forgetBias, spec.epsilon, spec.budgetBytes] as const;
  const made = inTheNameOf(where, () => native().planNetwork(...call, dtypeCode(size.dtype)));
  const { batch, steps } = size;
  const shape = (lead: readonly number[]) => ([layer, level]: readonly [number, number]): Shape => [
    ...lead,
    ...extentIn(spec, level),
    spec.layers[layer]!.channels,
  ];
  const states = made.states.map(shape([batch]));
  return { spec, size, call, plan: made, shapes: [...made.outputs.map(shape([steps, batch])), ...states, ...states] };
}

/** Plans by size. They go with their network: the plans of a module that nobody holds any more are collected with it. */
const kept = new WeakMap<NetworkSpec, Map<string, PlannedNetwork>>();
const MOST_KEPT = 64;

/**
 * The network for windows of this size; the native planner is asked once for each size (again after `setThreads`), and the 64
 * sizes used last are kept. ERR_MG_CONFIG for a network that cannot be built or does not fit its budget.
 */
export function planNetwork(spec: NetworkSpec, size: WindowSize, where = 'planNetwork'): PlannedNetwork {
  const { batch, steps, dtype = 'float32', backward = true, device = 'cpu', precision = 'float32' } = size;
  const gradients = size.gradients ?? spec.fields.map(() => false);
  const key = [threadChanges(), batch, steps, dtype, backward, gradients.map(Number).join(''), device, precision].join();
  const plans = kept.get(spec) ?? new Map<string, PlannedNetwork>();
  const found = plans.get(key) ?? plan(where, spec, { batch, steps, dtype, backward, gradients, device, precision });
  plans.delete(key); // the order is that of use
  plans.set(key, found);
  if (plans.size > MOST_KEPT) plans.delete(plans.keys().next().value!);
  kept.set(spec, plans);
  return found;
}
