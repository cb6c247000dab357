// What a multigrid conv-LSTM layer carries from window to window.

import { fail, words } from '../../check.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Pyramid } from './pyramid.js';
import { selectRows, zeroRows } from '../state-rows.js';

/** Hidden and cell grids of one layer, each [B,H,W,C] (1-D: [B,L,C]). Carried by value: no operation changes its tensors. */
export class MultigridState implements Disposable {
  #hidden: Pyramid;
  #cell: Pyramid;

  constructor(hidden: Pyramid, cell: Pyramid) {
    if (hidden.levels.join() !== cell.levels.join()) {
      fail('ERR_MG_SHAPE', 'MultigridState', `cell grids at levels ${hidden.levels.join(', ')}`, cell.levels);
    }
    this.#hidden = hidden;
    this.#cell = cell;
  }

  get hidden(): Pyramid {
    return this.#hidden;
  }

  get cell(): Pyramid {
    return this.#cell;
  }

  /** The same values, cut from the graph: what flows into the next window. */
  detach(): MultigridState {
    return new MultigridState(this.#hidden.map((grid) => grid.detach()), this.#cell.map((grid) => grid.detach()));
  }

  /** The batch rows named by `items`, in that order. */
  select(items: readonly number[]): MultigridState {
    const rows = (grid: Tensor): Tensor => selectRows(grid, items);
    return new MultigridState(this.#hidden.map(rows), this.#cell.map(rows));
  }

  /** Puts zeros in the batch rows named by `items`, for new episodes. */
  reset(items: readonly number[]): void {
    const cleared = (grid: Tensor): Tensor => zeroRows(grid, items);
    [this.#hidden, this.#cell] = [this.#hidden.map(cleared), this.#cell.map(cleared)];
  }

  tensors(): Tensor[] {
    return [...this.#hidden.tensors(), ...this.#cell.tensors()];
  }

  /** Names `level2.hidden`, `level2.cell`. Live handles, not copies. */
  toTensors(): Map<string, Tensor> {
    return new Map(this.#hidden.levels.flatMap((level) =>
      [
        [`level${level}.hidden`, this.#hidden.at(level)],
        [`level${level}.cell`, this.#cell.at(level)],
      ] as const
    ));
  }

  /** The inverse of `toTensors`. Throws ERR_MG_CHECKPOINT for other names or a missing half. */
  static fromTensors(tensors: ReadonlyMap<string, Tensor>): MultigridState {
    const halves = { hidden: new Map<number, Tensor>(), cell: new Map<number, Tensor>() };
    for (const [key, tensor] of tensors) {
      const [, level, half] = /^level(\d{1,2})\.(hidden|cell)$/.exec(key)
        ?? fail('ERR_MG_CHECKPOINT', 'MultigridState', 'names like level2.hidden', key);
      halves[half as 'hidden' | 'cell'].set(Number(level), tensor);
    }
    for (const level of [...halves.hidden.keys(), ...halves.cell.keys()]) {
      for (const half of ['hidden', 'cell'] as const) {
        if (halves[half].has(level)) continue;
        fail('ERR_MG_CHECKPOINT', 'MultigridState', `level${level}.${half}`, words('nothing under that name'));
      }
    }
    return new MultigridState(Pyramid.of(Object.fromEntries(halves.hidden)), Pyramid.of(Object.fromEntries(halves.cell)));
  }

  dispose(): void {
    this.#hidden.dispose();
    this.#cell.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
