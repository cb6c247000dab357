// The interface that every memory model offers.

import type { Module } from '../nn/module.js';
import type { Tensor } from '../tensor/tensor.js';

export interface WindowOptions {
  /** Steps of each batch row; rows past their length keep their state and give zeros. Default: all steps. */
  readonly lengths?: Int32Array;
}

/**
 * What every memory model offers. `X` is one time step or a window of them: a tensor [B,…] or [T,B,…], or whatever a model
 * with several inputs takes. The state is carried by value: calls make a new one and leave the old one as it was.
 */
export interface Recurrent<S extends Disposable, X = Tensor> extends Module {
  /** The state at the start of an episode. */
  initialState(batch: number): S;
  /** One time step. */
  step(x: X, state: S): { y: Tensor; state: S };
  /** A window from `state`, or from the initial one. */
  forward(x: X, state?: S, options?: WindowOptions): { y: Tensor; state: S };
}
