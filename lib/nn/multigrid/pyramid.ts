// A pyramid: grids of one layer at several resolutions.

import { checkFunction, checkInstance, fail, words } from '../../check.js';
import { concat } from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';

/**
 * Grids by level, coarsest first. Each is [B,H,W,C], or [T,B,H,W,C] for a window (1-D: without W); the side of level l is
 * 3·2^l in 2-D and 2^l in 1-D. A missing level is simply absent.
 */
export class Pyramid implements Disposable {
  readonly levels: readonly number[];
  readonly #grids: ReadonlyMap<number, Tensor>;

  private constructor(grids: ReadonlyMap<number, Tensor>) {
    if (!(grids instanceof Map)) fail('ERR_MG_ARGUMENT', 'Pyramid', 'one made by Pyramid.of', words('new Pyramid'));
    this.#grids = grids;
    this.levels = [...grids.keys()];
  }

  /** Grids by level. Throws ERR_MG_ARGUMENT for what is not a level or a tensor, ERR_MG_SHAPE for grids of unlike rank. */
  static of(grids: Readonly<Record<number, Tensor>>): Pyramid {
    if (typeof grids !== 'object' || grids === null) fail('ERR_MG_ARGUMENT', 'Pyramid.of', 'grids by level', grids);
    const entries = Object.entries(grids).map(([key, grid]) => {
      if (!/^(0|[1-9]\d?)$/.test(key)) fail('ERR_MG_ARGUMENT', 'Pyramid.of', 'levels 0, 1, 2, … as keys', key);
      if (!(grid instanceof Tensor)) fail('ERR_MG_ARGUMENT', 'Pyramid.of', `level ${key} to be a Tensor`, grid);
      return [Number(key), grid] as const;
    });
    const first = entries[0]?.[1];
    if (first === undefined) fail('ERR_MG_ARGUMENT', 'Pyramid.of', 'at least one grid', grids);
    const odd = entries.find(([, grid]) => grid.shape.length !== first.shape.length);
    if (odd !== undefined) fail('ERR_MG_SHAPE', 'Pyramid.of', `grids of rank ${first.shape.length}`, odd[1].shape);
    return new Pyramid(new Map(entries.sort(([a], [b]) => a - b)));
  }

  has(level: number): boolean {
    return this.#grids.has(level);
  }

  /** The grid of a level; ERR_MG_ARGUMENT names the levels there are. */
  at(level: number): Tensor {
    return this.#grids.get(level) ?? fail('ERR_MG_ARGUMENT', 'Pyramid.at', `a level among ${this.levels.join(', ')}`, level);
  }

  map(fn: (grid: Tensor, level: number) => Tensor): Pyramid {
    checkFunction('Pyramid.map', 'fn', fn);
    return new Pyramid(new Map([...this.#grids].map(([level, grid]) => [level, fn(grid, level)])));
  }

  /** The grids at some of the levels; undefined when there is none of them. */
  within(levels: readonly number[]): Pyramid | undefined {
    if (!Array.isArray(levels)) fail('ERR_MG_ARGUMENT', 'Pyramid.within', 'a list of levels', levels);
    const kept = [...this.#grids].filter(([level]) => levels.includes(level));
    return kept.length === 0 ? undefined : new Pyramid(new Map(kept));
  }

  /** Both pyramids joined on the channel axis, level by level; a level that only one has stays as it is. */
  concat(other: Pyramid): Pyramid {
    checkInstance('Pyramid.concat', 'other', other, Pyramid, 'a Pyramid');
    const levels = [...new Set([...this.levels, ...other.levels])].sort((a, b) => a - b);
    return new Pyramid(
      new Map(levels.map((level) => {
        if (!this.has(level)) return [level, other.at(level)];
        return [level, other.has(level) ? concat([this.at(level), other.at(level)], -1) : this.at(level)];
      })),
    );
  }

  tensors(): Tensor[] {
    return [...this.#grids.values()];
  }

  dispose(): void {
    for (const grid of this.#grids.values()) grid.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
