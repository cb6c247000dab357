// The carried state of a multigrid memory.

import { checkInstance, checkList, checkMap, fail, words } from '../../check.js';
import { MultigridState } from '../../nn/multigrid/multigrid-state.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { MemoryGrid } from '../memory-view.js';

/** What a multigrid memory carries from window to window: the state of each of its layers, the first layer first. */
export class MultigridMemoryState implements Disposable {
  constructor(readonly layers: readonly MultigridState[]) {
    checkList('MultigridMemoryState', 'a list of MultigridStates, one for each layer', layers);
    layers.forEach((layer, k) =>
      checkInstance('MultigridMemoryState', `layer ${k + 1}`, layer, MultigridState, 'a MultigridState')
    );
  }

  /** The same values, cut from the graph: what flows into the next window. */
  detach(): MultigridMemoryState {
    return new MultigridMemoryState(this.layers.map((layer) => layer.detach()));
  }

  /** The batch rows named by `items`, in that order. */
  select(items: readonly number[]): MultigridMemoryState {
    return new MultigridMemoryState(this.layers.map((layer) => layer.select(items)));
  }

  /** Puts zeros in the batch rows named by `items`, for new episodes. */
  reset(items: readonly number[]): void {
    for (const layer of this.layers) layer.reset(items);
  }

  /** Every grid that can be looked at, the first layer and the coarsest level first. */
  grids(): MemoryGrid[] {
    return this.layers.flatMap(({ hidden, cell }, index) =>
      hidden.levels.map((level) => ({ layer: index + 1, level, hidden: hidden.at(level), cell: cell.at(level) }))
    );
  }

  /** All tensors, for `scope().keep`. */
  tensors(): Tensor[] {
    return this.layers.flatMap((layer) => layer.tensors());
  }

  /** Names `3.level2.hidden`, `3.level2.cell`, layers counted from 1. Live handles, not copies. */
  toTensors(): Map<string, Tensor> {
    return new Map(
      this.layers.flatMap((layer, index) =>
        [...layer.toTensors()].map(([key, tensor]) => [`${index + 1}.${key}`, tensor] as const)
      ),
    );
  }

  /** The inverse of `toTensors`. Throws ERR_MG_CHECKPOINT for other names or a missing layer. */
  static fromTensors(tensors: ReadonlyMap<string, Tensor>): MultigridMemoryState {
    checkMap('MultigridMemoryState', 'tensors', tensors);
    const layers: Map<string, Tensor>[] = [];
    for (const [key, tensor] of tensors) {
      const [, layer, rest] = /^([1-9]\d{0,2})\.(.+)$/.exec(key)
        ?? fail('ERR_MG_CHECKPOINT', 'MultigridMemoryState', 'names like 3.level2.hidden', key);
      (layers[Number(layer) - 1] ??= new Map()).set(rest!, tensor);
    }
    return new MultigridMemoryState(Array.from(layers, (layer, index) => (
      layer === undefined
        ? fail('ERR_MG_CHECKPOINT', 'MultigridMemoryState', `layer ${index + 1}`, words('nothing under that name'))
        : MultigridState.fromTensors(layer)
    )));
  }

  dispose(): void {
    for (const layer of this.layers) layer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
