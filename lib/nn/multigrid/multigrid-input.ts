// Input assembly and options shared by the two kinds of multigrid layer.

import { checkInteger, checkOptions, checkChoice, fail, words } from '../../check.js';
import { gridUp, maxPool, reshape } from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import type { Norm } from '../batch-norm.js';
import { extentOf, inChannelsOf, sourcesOf, defaultBaseSide, type Dimensions, type LevelSpec } from '../ladder.js';
import { layerOptionKeys, type LayerOptions } from '../parameter.js';
import { Pyramid } from './pyramid.js';

export interface MultigridOptions extends LayerOptions {
  /** Grids of the pyramid the layer sees: the channels of all joined inputs, summed. */
  readonly input: readonly LevelSpec[];
  /** Levels of this layer. */
  readonly output: readonly number[];
  /** The same on all levels. */
  readonly channels: number;
  readonly kernelSize?: 1 | 3 | 5;
  readonly dimensions?: Dimensions;
  /** Side of level 0; default 3 in 2-D, 1 in 1-D. */
  readonly side?: number;
  readonly norm?: Norm;
}

const optionKeys = ['input', 'output', 'channels', 'kernelSize', 'dimensions', 'side', 'norm', ...layerOptionKeys];

const MAX_LEVEL = 24;

/** Options with defaults filled in; shapes are known from here on. */
export interface MultigridGeometry {
  readonly where: string;
  readonly input: readonly LevelSpec[];
  readonly levels: readonly number[];
  readonly channels: number;
  readonly kernelSize: number;
  readonly dimensions: Dimensions;
  readonly side: number;
}

function checkNorm(where: string, norm: unknown): void {
  if (norm === 'none' || (typeof norm === 'object' && norm !== null)) return; // BatchNorm checks what is in it
  fail(
    'ERR_MG_ARGUMENT',
    where,
    'norm to be \'none\' or { kind: \'batch\' | \'sequence\', mode?: \'batch\' | \'running\' }',
    norm,
  );
}

/** Throws ERR_MG_ARGUMENT for options that do not make a layer, e.g. a level without a neighbour in the input. */
export function checkGeometry(where: string, options: MultigridOptions, moreKeys: readonly string[]): MultigridGeometry {
  checkOptions(where, options, [...optionKeys, ...moreKeys]);
  const dimensions = checkInteger(where, 'dimensions', options.dimensions ?? 2, 1, 2) as Dimensions;
  const list = <T>(
    key: 'input' | 'output',
    value: readonly T[],
  ): readonly T[] => (Array.isArray(value) && value.length > 0
    ? value
    : fail('ERR_MG_ARGUMENT', where, `${key} to be a list of levels`, value));
  const input = list('input', options.input).map((grid: LevelSpec) => ({
    level: checkInteger(where, 'level of input', grid?.level, 0, MAX_LEVEL),
    channels: checkInteger(where, 'channels of input', grid?.channels, 1),
  }));
  const levels = list('output', options.output).map((level) => checkInteger(where, 'level of output', level, 0, MAX_LEVEL));
  levels.sort((a, b) => a - b);
  const available = input.map((grid) => grid.level);
  for (const [key, named] of [['input', available], ['output', levels]] as const) {
    const twice = named.find((level, i) => named.indexOf(level) !== i);
    if (twice !== undefined) fail('ERR_MG_ARGUMENT', where, `each level once in ${key}`, [...named]);
  }
  for (const level of levels) {
    if (sourcesOf(available, level).length === 0) {
      fail(
        'ERR_MG_ARGUMENT',
        where,
        `output levels at most one away from those of the input (${available.join(', ')})`,
        words(`level ${level}`),
      );
    }
  }
  const kernelSize = checkChoice(where, 'kernelSize', options.kernelSize ?? 3, [1, 3, 5]);
  checkNorm(where, options.norm ?? 'none');
  const side = checkInteger(where, 'side', options.side ?? defaultBaseSide(dimensions), 1);
  return { where, input, levels, channels: checkInteger(where, 'channels', options.channels, 1), kernelSize, dimensions, side };
}

export function inputChannels(geometry: MultigridGeometry, level: number): number {
  return inChannelsOf(geometry.input, level);
}

export function extent(geometry: Pick<MultigridGeometry, 'dimensions' | 'side'>, level: number): number[] {
  return extentOf(level, geometry.dimensions, geometry.side);
}

/** Several pyramids are joined on the channel axis, in this order. */
export type Joined = Pyramid | readonly Pyramid[];

export function joinedList(where: string, x: Joined): readonly Pyramid[] {
  const list: readonly unknown[] = Array.isArray(x) ? x : [x];
  if (list.length > 0 && list.every((pyramid) => pyramid instanceof Pyramid)) return list as readonly Pyramid[];
  const odd = list.length === 0 ? x : list.find((pyramid) => !(pyramid instanceof Pyramid));
  const remedy = odd instanceof Tensor ? 'wrap it: Pyramid.of({ 0: x })' : undefined;
  return fail('ERR_MG_ARGUMENT', where, 'x to be a Pyramid or a list of them', odd, remedy);
}

/** What a pyramid from outside must look like. */
export type InputGeometry = Pick<MultigridGeometry, 'where' | 'input' | 'dimensions' | 'side'>;

/** The leading axes, [T,B] or [N], after a check of levels, channels and sides: ERR_MG_SHAPE names the level. */
export function checkInput(geometry: InputGeometry, x: readonly Pyramid[]): number[] {
  const { where, input, dimensions } = geometry;
  const shape = x[0]?.tensors()[0]?.shape ?? [];
  const rank = shape.length;
  const lead = shape.slice(0, Math.max(0, rank - dimensions - 1));
  if (lead.length < 1 || lead.length > 2) fail('ERR_MG_SHAPE', where, `grids [N,…,C] or [T,B,…,C] in ${dimensions}-D`, shape);
  const extra = x.flatMap((pyramid) => pyramid.levels).find((level) => !input.some((grid) => grid.level === level));
  if (extra !== undefined) {
    fail('ERR_MG_SHAPE', where, `x with levels ${input.map((grid) => grid.level).join(', ')}`, words(`one with level ${extra}`));
  }
  for (const { level, channels } of input) {
    const grids = x.filter((pyramid) => pyramid.has(level)).map((pyramid) => pyramid.at(level));
    const expected = [...lead, ...extent(geometry, level)];
    const found = grids.reduce((sum, grid) => sum + (grid.shape.at(-1) ?? 0), 0);
    const odd = grids.find((grid) => grid.shape.length !== rank || expected.some((n, axis) => grid.shape[axis] !== n));
    if (odd !== undefined || found !== channels) {
      const got = odd?.shape ?? [...expected, found];
      fail('ERR_MG_SHAPE', where, `level ${level} of x [${[...expected, channels].join(', ')}]`, got);
    }
  }
  return lead;
}

/** [T,B,…] → [T·B,…]; a tensor with one leading axis stays as it is. */
export function flattenLead(x: Tensor, lead: readonly number[]): Tensor {
  return lead.length === 1 ? x : reshape(x, [lead.reduce((product, n) => product * n, 1), ...x.shape.slice(lead.length)]);
}

/** The inverse of `flattenLead`. */
export function restoreLead(x: Tensor, lead: readonly number[]): Tensor {
  return lead.length === 1 ? x : reshape(x, [...lead, ...x.shape.slice(1)]);
}

/**
 * a_j = [ ↑x_{j−1} ; x_j ; ↓x_{j+1} ], as a list to be joined on the channel axis: nearest doubling of the coarser grid, the
 * grid itself, 2×2 max-pool of the finer one; a missing neighbour is left out. Grids [N,H,W,C].
 */
export function assemble(x: readonly Pyramid[], level: number): Tensor[] {
  const available = [...new Set(x.flatMap((pyramid) => pyramid.levels))];
  const route = { 'coarse-up': gridUp, 'same': (grid: Tensor) => grid, 'fine-down': maxPool };
  return sourcesOf(available, level).flatMap((source) =>
    x.filter((pyramid) => pyramid.has(source.level)).map((pyramid) => route[source.kind](pyramid.at(source.level)))
  );
}
