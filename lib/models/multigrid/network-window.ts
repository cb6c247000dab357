// What one network of a multigrid memory takes for a window, and what it gives.

import type { MultigridState } from '../../nn/multigrid/multigrid-state.js';
import type { Pyramid } from '../../nn/multigrid/pyramid.js';

export interface NetworkInputs {
  /** A window, grids [T,B,…,C]; networks without a memory of their own also take [N,…,C]. */
  readonly x: Pyramid;
  /** Outputs of the writer's layers, with the leading axes of `x`; a reader joins them as its plan says. */
  readonly memory?: readonly Pyramid[];
  /** State of the conv-LSTM layers, the first one first; zeros when absent. */
  readonly state?: readonly MultigridState[];
  readonly lengths?: Int32Array;
  /** Whose outputs are wanted: of all layers (default) or of the last one. */
  readonly outputs?: 'all' | 'last';
}

export interface NetworkOutputs {
  /** Output of each wanted layer with its shortcut, without joined memory. */
  readonly outputs: readonly Pyramid[];
  readonly state: readonly MultigridState[];
}
