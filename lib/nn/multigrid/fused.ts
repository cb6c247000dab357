/** The fused kernels for those who bring their own parameters and loop: plan once for each shape, then forward and backward. */

import {
  checkBoolean,
  checkChoice,
  checkInstance,
  checkInteger,
  checkList,
  checkNumber,
  checkOptions,
  fail,
  words,
} from '../../check.js';
import { checkCarried, checkFields, checkGrids, networkBackward, networkForward, weightsOf } from '../../ops/network/network.js';
import { planNetwork, precisions, type PlannedNetwork, type Precision } from '../../ops/network/network-spec.js';
import { device as findDevice, type DeviceLike } from '../../tensor/device.js';
import type { Shape } from '../../tensor/shape.js';
import { checkTensor, type Tensor } from '../../tensor/tensor.js';
import { describeChain, type LayerSpec } from './fused-chain.js';
import { MultigridState } from './multigrid-state.js';
import { Pyramid } from './pyramid.js';

export type { LayerSpec };

export interface PlanOptions {
  /** A chain: each layer's input is the output of the one before. */
  readonly layers: readonly LayerSpec[];
  readonly batch: number;
  readonly steps: number;
  readonly dtype?: 'float32' | 'float64';
  readonly device?: DeviceLike;
  /** Whether `backward` will follow; default true. */
  readonly backward?: boolean;
  /** Bytes that may be kept for the backward pass; more time is spent to stay within. Default: no limit. */
  readonly budgetBytes?: number;
  /** Of the products, on a GPU. Default 'float32'. */
  readonly precision?: Precision;
}

/** What will be done for windows of one shape, and why. Free it with `dispose()`; it holds no tensors. */
export interface Plan extends Disposable {
  /** Scratch memory of a call. */
  readonly workspaceBytes: number;
  /** Kept from forward to backward, beside the results. */
  readonly savedBytes: number;
  /** Times that all threads are set to work and waited for, forward and backward. */
  readonly launches: number;
  /** The schedule that was chosen and why. */
  readonly path: string;
  /** Arithmetic of a forward pass; a multiply-add is two. */
  readonly forwardFlop: number;
  /** Shapes of the parameters by name, `1.level2.kernel`, layers counted from 1. */
  readonly parameters: ReadonlyMap<string, Shape>;
  dispose(): void;
}

const networks = new WeakMap<Plan, PlannedNetwork>();

function networkOf(op: string, plan: Plan): PlannedNetwork {
  const network = networks.get(plan);
  if (network === undefined) {
    fail('ERR_MG_DISPOSED', op, 'a plan of fused.plan that has not been disposed', words('another object'));
  }
  return network;
}

/**
 * Plans a chain of multigrid layers for windows [T,B,…] of one size: schedule, memory, and what is kept for the backward pass.
 * Throws ERR_MG_CONFIG for a chain that does not fit together or a budget that no schedule keeps.
 */
export function plan(options: PlanOptions): Plan {
  checkOptions('fused.plan', options, ['layers', 'batch', 'steps', 'dtype', 'device', 'backward', 'budgetBytes', 'precision']);
  const device = findDevice(options.device).type;
  const backward = checkBoolean('fused.plan', 'backward', options.backward ?? true);
  const spec = describeChain(options.layers, checkNumber('fused.plan', 'budgetBytes', options.budgetBytes ?? 0, 0));
  const network = planNetwork(spec, {
    batch: checkInteger('fused.plan', 'batch', options.batch, 1),
    steps: checkInteger('fused.plan', 'steps', options.steps, 1),
    dtype: checkChoice('fused.plan', 'dtype', options.dtype ?? 'float32', ['float32', 'float64']),
    backward,
    gradients: spec.fields.map(() => backward),
    device,
    precision: checkChoice('fused.plan', 'precision', options.precision ?? 'float32', precisions),
  }, 'fused.plan');
  const { path, workspaceBytes, savedBytes, launches, forwardFlop, parameters, parameterShapes } = network.plan;
  const made: Plan = {
    path,
    workspaceBytes,
    savedBytes,
    launches,
    forwardFlop,
    parameters: new Map(parameters.map((name, i) => [name, parameterShapes[i]!])),
    dispose: () => void networks.delete(made),
    [Symbol.dispose]: () => void networks.delete(made),
  };
  networks.set(made, network);
  return made;
}

/** Grids of one layer as a pyramid. */
function pyramid(places: PlannedNetwork['plan']['outputs'], grids: readonly Tensor[], layer: number): Pyramid {
  return Pyramid.of(Object.fromEntries(places.flatMap(([l, level], i) => (l === layer ? [[level, grids[i]!]] : []))));
}

function expectSize(op: string, { size }: PlannedNetwork, [steps, batch]: readonly [steps: number, batch: number]): void {
  if (steps !== size.steps || batch !== size.batch) {
    fail('ERR_MG_SHAPE', op, `x [${size.steps}, ${size.batch}, …]`, words(`[${steps}, ${batch}, …]`));
  }
}

/** The conv-LSTM layers' states from hidden grids, then cell grids. */
function states({ plan: { states: places } }: PlannedNetwork, grids: readonly Tensor[]): MultigridState[] {
  const layers = [...new Set(places.map(([layer]) => layer))];
  const n = places.length;
  const [hidden, cell] = [grids.slice(0, n), grids.slice(n)];
  return layers.map((layer) => new MultigridState(pyramid(places, hidden, layer), pyramid(places, cell, layer)));
}

function carriedOf(op: string, network: PlannedNetwork, given: readonly MultigridState[], like: Tensor): Tensor[] {
  const layers = new Set(network.plan.states.map(([layer]) => layer)).size;
  if (given.length !== layers) fail('ERR_MG_SHAPE', op, `a state of ${layers} layers`, words(`${given.length} layers`));
  for (const one of given) checkInstance(op, 'each state', one, MultigridState, 'a MultigridState');
  const carried = [...given.flatMap(({ hidden }) => hidden.tensors()), ...given.flatMap(({ cell }) => cell.tensors())];
  checkCarried(op, network, carried, like);
  return carried;
}

/**
 * y [T,B,…,C], the output of the last layer, and the states after the last step. x are grids [T,B,…] of the first layer's input;
 * `state` has one entry for each convLstm layer, or none: zeros. Records nothing on the tape: keep `saved` for `backward`, or
 * dispose of it. Throws ERR_MG_SHAPE, ERR_MG_DTYPE, ERR_MG_DISPOSED.
 */
export function forward(
  plan: Plan,
  parameters: ReadonlyMap<string, Tensor>,
  x: Pyramid,
  state: readonly MultigridState[] = [],
): { y: Pyramid; state: MultigridState[]; saved: Tensor[] } {
  const op = 'fused.forward';
  const network = networkOf(op, plan);
  checkInstance(op, 'x', x, Pyramid, 'a Pyramid');
  const { spec, size } = network;
  const levels = spec.fields.map(({ level }) => level);
  if (x.levels.join() !== levels.join()) fail('ERR_MG_SHAPE', op, `x with levels ${levels.join(', ')}`, x.levels);
  const fields = levels.map((level) => x.at(level));
  expectSize(op, network, checkFields(op, spec, fields));
  if (fields[0]!.dtype !== size.dtype) fail('ERR_MG_DTYPE', op, `x of ${size.dtype}`, fields[0]!.dtype);
  const weights = weightsOf(op, network.plan, parameters, fields[0]!);
  checkList(op, 'state as a list of MultigridStates', state);
  const carried = state.length === 0 ? [] : carriedOf(op, network, state, fields[0]!);
  const { results, saved } = networkForward(op, network, { weights, fields, carried });
  const n = network.plan.outputs.length;
  const outputs = results.slice(0, n);
  return {
    y: pyramid(network.plan.outputs, outputs, spec.layers.length - 1),
    state: states(network, results.slice(n)),
    saved: size.backward ? [...fields, ...carried, ...outputs].map((grid) => grid.detach()).concat(saved) : (saved.dispose(), []),
  };
}

/**
 * Gradients at x, at the parameters and at the initial states, from those at y and, where given, at the states after the last
 * step. `saved` is what forward gave for the same plan and parameters. dState is empty when forward began from no state.
 */
export function backward(
  plan: Plan,
  parameters: ReadonlyMap<string, Tensor>,
  saved: readonly Tensor[],
  dy: Pyramid,
  dState: readonly MultigridState[] = [],
): { dx: Pyramid; dParameters: Map<string, Tensor>; dState: MultigridState[] } {
  const op = 'fused.backward';
  const network = networkOf(op, plan);
  const { spec, size, shapes, plan: { outputs, states: places } } = network;
  if (!size.backward) fail('ERR_MG_ARGUMENT', op, 'a plan with backward', words('one for inference'));
  checkList(op, 'what fused.forward of this plan saved, a list of tensors', saved);
  for (const tensor of saved) checkTensor(op, 'each tensor saved', tensor);
  checkList(op, 'dState as a list of MultigridStates', dState);
  const [f, n] = [spec.fields.length, outputs.length];
  const c = saved.length - f - n - 1;
  const kept = saved.at(-1);
  if ((c !== 0 && c !== 2 * places.length) || kept?.dtype !== 'uint8' || kept.size !== network.plan.savedBytes) {
    fail(
      'ERR_MG_ARGUMENT',
      op,
      'what fused.forward of this plan saved',
      words(saved.length === 0 ? 'no tensors' : `other tensors, ${saved.length} of them`),
    );
  }
  const tensors = {
    weights: weightsOf(op, network.plan, parameters, saved[0]!),
    fields: saved.slice(0, f),
    carried: saved.slice(f, f + c),
  };
  const like = tensors.fields[0]!;
  expectSize(op, network, checkFields(op, spec, tensors.fields));
  checkCarried(op, network, tensors.carried, like);
  const given = saved.slice(f + c, f + c + n);
  checkGrids(op, 'outputs', given, outputs, shapes.slice(0, n), like);
  checkInstance(op, 'dy', dy, Pyramid, 'a Pyramid');
  const levels = outputs.map(([, level]) => level);
  if (dy.levels.join() !== levels.join()) fail('ERR_MG_SHAPE', op, `dy with levels ${levels.join(', ')}`, dy.levels);
  const dys = levels.map((level) => dy.at(level));
  checkGrids(op, 'dy', dys, outputs, shapes.slice(0, n), like);
  const dCarried = dState.length === 0 ? places.flatMap(() => [null, null]) : carriedOf(op, network, dState, like);
  const grads = networkBackward(op, network, tensors, given, kept, [...dys, ...dCarried], c > 0);
  return {
    dx: Pyramid.of(Object.fromEntries(spec.fields.map(({ level }, i) => [level, grads.fields[i]!]))),
    dParameters: new Map(network.plan.parameters.map((name, i) => [name, grads.weights[i]!])),
    dState: c === 0 ? [] : states(network, grads.carried as Tensor[]),
  };
}
