/** What training asks of a model: windows in, logits out, and a state that is carried by value. */
import type { Module } from '../nn/module.js';
import type { Pyramid } from '../nn/multigrid/pyramid.js';
import type { WindowMemory, WindowSize } from '../nn/cost.js';
import type { FloatDType } from '../tensor/dtype.js';
import type { Precision } from '../ops/network/network-spec.js';
import type { Tensor } from '../tensor/tensor.js';

/** One window on the device. Grids are [T, B, …]. */
export interface ModelInput {
  readonly input: Pyramid;
  /** What each reader is asked, [Q, B, …]; absent where the network answers by itself. */
  readonly queries?: readonly Pyramid[];
  /** The steps at which each reader is asked, where they are not the last Q. */
  readonly askedAt?: readonly (readonly number[] | undefined)[];
  /** Steps that a decoder runs after the window. */
  readonly outputSteps?: number;
}

/** The recurrent state of a model: named tensors with the batch on their first axis. */
export interface ModelState extends Disposable {
  /** The same values, cut from the graph. */
  detach(): ModelState;
  /** Live handles, not copies. */
  toTensors(): Map<string, Tensor>;
}

/** The state that a method is given is one of its own; none: that of a new episode. */
export interface TrainableModel extends Module {
  /** Of the products on a GPU, where the model has a choice; recorded in checkpoints. */
  precision?: Precision;
  initialState(batch: number): ModelState;
  /** The state whose `toTensors` gave this map. */
  stateFromTensors(tensors: ReadonlyMap<string, Tensor>): ModelState;
  forward(inputs: ModelInput, state?: ModelState): { readonly logits: readonly Tensor[]; readonly state: ModelState };
  /** The state after a window alone; with `windowMemory`, what training under a memory budget needs. */
  advance?(inputs: ModelInput, state?: ModelState): ModelState;
  /** Bytes that training on windows of a size takes at most, without parameters, and those of one state. */
  windowMemory?(size: WindowSize): WindowMemory;
}

/** Element type of a model's parameters. */
export function dtypeOf(model: TrainableModel): FloatDType {
  const [first] = model.parameters();
  return (first?.dtype ?? 'float32') as FloatDType;
}
