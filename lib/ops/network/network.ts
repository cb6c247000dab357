/** A whole window of a multigrid network as one op: one native call forward, one backward. */
import { isRecording, record } from '../../autograd/tape.js';
import { checkMap, fail, inTheNameOf, words } from '../../check.js';
import { native, type Storage } from '../../native.js';
import type { FloatDType } from '../../tensor/dtype.js';
import type { Shape } from '../../tensor/shape.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkFloat, checkSameDType, checkShapeOf, make } from '../make.js';
import { reached } from './network-reach.js';
import { extentIn, planNetwork, type NetworkSpec, type PlannedNetwork, type Precision, type WindowPlan } from './network-spec.js';

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

/** In whose name errors are reported (default: the op's), and the precision of the products (default float32). */
export interface NetworkCall {
  readonly where?: string;
  readonly precision?: Precision;
}

/** What a window is computed from: parameters in the plan's order, fields, and all hidden, then all cell grids (none: zeros). */
export interface NetworkTensors {
  readonly weights: readonly Tensor[];
  readonly fields: readonly Tensor[];
  readonly carried: readonly Tensor[];
}

const raw = (where: string, tensors: readonly Tensor[]): Storage[] => tensors.map((x) => x.storage(where));

/** The window forward, without a record: results in the order of `shapes`, and what backward needs, `savedBytes` of it. */
export function networkForward(
  where: string,
  network: PlannedNetwork,
  { weights, fields, carried }: NetworkTensors,
): { results: Tensor[]; saved: Tensor } {
  const given = [raw(where, weights), raw(where, fields), raw(where, carried)] as const;
  const storages = inTheNameOf(where, () => native().networkForward(...network.call, ...given));
  const results = network.shapes.map((shape, i) => make(storages[i]!, shape, weights[0]!));
  return { results, saved: new Tensor(storages[results.length]!, [network.plan.savedBytes], 'uint8') };
}

/**
 * Gradients at the weights, at the fields (null where the size asks for none) and at the initial state (null unless wanted), from
 * those at the results (null: zero). `outputs` and `saved` are forward's.
 */
export function networkBackward(
  where: string,
  network: PlannedNetwork,
  { weights, fields, carried }: NetworkTensors,
  outputs: readonly Tensor[],
  saved: Tensor,
  dys: readonly (Tensor | null)[],
  wantsState: boolean,
): { weights: Tensor[]; fields: (Tensor | null)[]; carried: (Tensor | null)[] } {
  const grads = inTheNameOf(where, () =>
    native().networkBackward(
      ...network.call,
      raw(where, weights),
      raw(where, fields),
      raw(where, carried),
      raw(where, outputs),
      saved.storage(where),
      dys.map((dy) => dy?.storage(where) ?? null),
      Int32Array.of(wantsState ? 1 : 0),
    ));
  let next = 0;
  const take = (like: Tensor): Tensor => make(grads[next++]!, like.shape, like);
  const { gradients } = network.size;
  const ofWeights = weights.map(take);
  const ofFields = fields.map((field, i) => (gradients[i] ? take(field) : null));
  return { weights: ofWeights, fields: ofFields, carried: carried.map((x) => (wantsState ? take(x) : null)) };
}

/** The parameters of a plan in its order. ERR_MG_ARGUMENT for one that is missing, ERR_MG_DTYPE, ERR_MG_SHAPE for another. */
export function weightsOf(op: string, plan: WindowPlan, parameters: ReadonlyMap<string, Tensor>, like: Tensor): Tensor[] {
  checkMap(op, 'parameters', parameters);
  return plan.parameters.map((name, i) => {
    const weight = parameters.get(name) ?? fail('ERR_MG_ARGUMENT', op, `a parameter ${name}`, words('nothing under that name'));
    checkShapeOf(op, name, checkSameDType(op, like, name, weight), plan.parameterShapes[i]!, 'of the plan');
    return weight;
  });
}

/** Checks grids against shapes of the plan, in order: the native calls count numbers alone. */
export function checkGrids(
  op: string,
  what: string,
  grids: readonly Tensor[],
  places: WindowPlan['outputs'],
  shapes: readonly Shape[],
  like: Tensor,
): void {
  if (grids.length !== shapes.length)
    fail('ERR_MG_SHAPE', op, `${shapes.length} grids of ${what}`, words(`${grids.length} of them`));
  grids.forEach((grid, i) => {
    const [layer, level] = places[i]!;
    const name = `${what} of layer ${layer + 1}, level ${level}`;
    checkShapeOf(op, name, checkSameDType(op, like, name, grid), shapes[i]!, 'of the plan');
  });
}

/** Checks a carried state, hidden grids and then cell grids; none are zeros. */
export function checkCarried(op: string, { plan, shapes }: PlannedNetwork, carried: readonly Tensor[], like: Tensor): void {
  const n = plan.states.length;
  if (carried.length === 0) return;
  const own = shapes.slice(plan.outputs.length);
  checkGrids(op, 'hidden', carried.slice(0, carried.length / 2), plan.states, own.slice(0, n), like);
  checkGrids(op, 'cell', carried.slice(carried.length / 2), plan.states, own.slice(n), like);
}

/** Checks fields against their descriptions; [steps, batch]. */
export function checkFields(op: string, spec: NetworkSpec, fields: readonly Tensor[]): [steps: number, batch: number] {
  const first = checkFloat(op, 'fields[0]', fields[0]);
  const [steps = 0, batch = 0] = first.shape;
  fields.forEach((field, i) => {
    checkSameDType(op, first, `fields[${i}]`, field);
    const { level, channels } = spec.fields[i]!;
    checkShapeOf(op, `fields[${i}]`, field, [steps, batch, ...extentIn(spec, level), channels], '[T,B,…,C]');
  });
  return [steps, batch];
}

/**
 * Every layer l, grid j and step t of a window:
 *   x = [ ↑yⱼ₋₁ ; yⱼ ; ↓yⱼ₊₁ ]     of layer l−1, joined on channels, with the memory fields joined to it
 *   convLstm: h, c = cell(conv([x ; h']) , c')        conv: h = relu(conv(x))
 *   y = (batch norm of) h, plus the shortcut
 * No doubled, pooled or joined map is ever in memory. float32 and float64; the same bits for any number of threads. On a GPU all
 * layers run as a wavefront, one launch for each stage, or one for all stages of a small network, in the precision asked for.
 * Saves what the plan says. What no gradient reaches gets null, not zeros. On the CPU numbers too small for a normal one, below
 * 2⁻¹²⁶ in float32 and 2⁻¹⁰²² in float64, are zero, forward and backward: processors are many times slower for them.
 * Source: Huynh, Maire, Walter 2020, §3.1; forward and backward as one schedule are our own.
 */
export function networkWindow(
  spec: NetworkSpec,
  { parameters, fields, state }: NetworkArguments,
  { where = 'networkWindow', precision = 'float32' }: NetworkCall = {},
): NetworkResult {
  const [steps, batch] = checkFields(where, spec, fields);
  const first = fields[0]!;
  const carried = state === undefined ? [] : [...state.hidden, ...state.cell];
  const backward = isRecording() && [...parameters.values(), ...fields, ...carried].some((x) => x.requiresGrad);
  const gradients = fields.map((field) => backward && field.requiresGrad);
  const dtype = first.dtype as FloatDType;
  const size = { batch, steps, dtype, backward, gradients, device: first.device.type, precision };
  const network = planNetwork(spec, size, where);
  const { plan } = network;
  const weights = weightsOf(where, plan, parameters, first);
  checkCarried(where, network, carried, first);
  const { results, saved } = networkForward(where, network, { weights, fields, carried });
  const [n, p, f, c] = [plan.outputs.length, weights.length, fields.length, carried.length];
  const outputs = results.slice(0, n);
  const inputs = [...weights, ...fields, ...carried];
  record(where, inputs, results, [...inputs, ...outputs, saved], (dys, kept, needs) => {
    const part = (from: number, count: number): readonly Tensor[] => kept.slice(from, from + count);
    const tensors = { weights: part(0, p), fields: part(p, f), carried: part(p + f, c) };
    const wantsState = needs.slice(p + f).some(Boolean);
    const grads = networkBackward(where, network, tensors, part(p + f + c, n), kept.at(-1)!, dys, wantsState);
    const { parameters: ofWeights, fields: ofFields, states: ofStates } = reached(spec, plan, dys.map((dy) => dy !== null));
    const has = [...ofWeights, ...ofFields, ...ofStates, ...ofStates];
    return [...grads.weights, ...grads.fields, ...grads.carried].map((gradient, i) => {
      if (has[i]) return gradient;
      gradient?.dispose();
      return null;
    });
  });
  saved.dispose();
  const grids = (places: WindowPlan['outputs'], from: number) => (
    places.map(([layer, level], i) => ({ layer, level, grid: results[from + i]! }))
  );
  return { outputs: grids(plan.outputs, 0), hidden: grids(plan.states, n), cell: grids(plan.states, n + plan.states.length) };
}
