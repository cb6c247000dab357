/** What training asks of a model: windows in, logits out, and a state that is carried by value. */
import type { Module } from '../nn/module.js';
import type { Pyramid } from '../nn/pyramid.js';
import type { Tensor } from '../tensor/tensor.js';

/** One window on the device. Grids are [T, B, …]. */
export interface ModelInput {
  readonly input: Pyramid;
  /** For each output of the task: what its reader is asked, [Q, B, …]; null when the network answers by itself. */
  readonly queries: readonly (Pyramid | null)[];
  /** Q of each output. */
  readonly answers: readonly number[];
}

/** The recurrent state of a model: named tensors with the batch on their first axis. */
export interface ModelState extends Disposable {
  /** The same values, cut from the graph. */
  detach(): this;
  toTensors(): Map<string, Tensor>;
}

export interface TrainableModel<S extends ModelState = ModelState> extends Module {
  initialState(batch: number): S;
  /** The state whose `toTensors` gave this map. */
  stateFromTensors(tensors: ReadonlyMap<string, Tensor>): S;
  forward(window: ModelInput, state: S): { logits: readonly Tensor[]; state: S };
}
