// What a multigrid conv-LSTM layer carries from window to window.

import { checkInstance, checkMap, fail, words } from '../../check.js';
import type { Tensor } from '../../tensor/tensor.js';
import { TensorState } from '../tensor-state.js';
import { Pyramid } from './pyramid.js';

/**
 * Hidden and cell grids of one layer, each [B,H,W,C] (1-D: [B,L,C]), under the names `level2.hidden`, `level2.cell`. Carried by
 * value: no operation changes its tensors.
 */
export class MultigridState extends TensorState {
  #grids: Grids;

  constructor(hidden: Pyramid, cell: Pyramid) {
    checkInstance('MultigridState', 'hidden', hidden, Pyramid, 'a Pyramid');
    checkInstance('MultigridState', 'cell', cell, Pyramid, 'a Pyramid');
    if (hidden.levels.join() !== cell.levels.join()) {
      fail('ERR_MG_SHAPE', 'MultigridState', `cell grids at levels ${hidden.levels.join(', ')}`, cell.levels);
    }
    super(Object.fromEntries(hidden.levels.flatMap((level) => [
      [`level${level}.hidden`, hidden.at(level)],
      [`level${level}.cell`, cell.at(level)],
    ])));
    this.#grids = { hidden, cell };
  }

  get hidden(): Pyramid {
    return this.#grids.hidden;
  }

  get cell(): Pyramid {
    return this.#grids.cell;
  }

  protected override replace(fn: (tensor: Tensor, name: string) => Tensor): void {
    super.replace(fn);
    this.#grids = gridsOf(this.toTensors());
  }

  protected override like(tensors: Readonly<Record<string, Tensor>>): this {
    return MultigridState.fromTensors(new Map(Object.entries(tensors))) as this;
  }

  /** The inverse of `toTensors`. Throws ERR_MG_CHECKPOINT for other names or a missing half. */
  static fromTensors(tensors: ReadonlyMap<string, Tensor>): MultigridState {
    const { hidden, cell } = gridsOf(tensors);
    return new MultigridState(hidden, cell);
  }
}

interface Grids {
  readonly hidden: Pyramid;
  readonly cell: Pyramid;
}

/** Both halves of each level. */
function gridsOf(tensors: ReadonlyMap<string, Tensor>): Grids {
  checkMap('MultigridState', 'tensors', tensors);
  const halves = { hidden: new Map<number, Tensor>(), cell: new Map<number, Tensor>() };
  for (const [key, tensor] of tensors) {
    const [, level, half] = /^level(\d{1,2})\.(hidden|cell)$/.exec(key)
      ?? fail('ERR_MG_CHECKPOINT', 'MultigridState', 'names like level2.hidden', key);
    halves[half as keyof Grids].set(Number(level), tensor);
  }
  for (const level of [...halves.hidden.keys(), ...halves.cell.keys()]) {
    for (const half of ['hidden', 'cell'] as const) {
      if (halves[half].has(level)) continue;
      fail('ERR_MG_CHECKPOINT', 'MultigridState', `level${level}.${half}`, words('nothing under that name'));
    }
  }
  return { hidden: Pyramid.of(Object.fromEntries(halves.hidden)), cell: Pyramid.of(Object.fromEntries(halves.cell)) };
}
