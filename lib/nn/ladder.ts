// Grids of a pyramid: their sides and which neighbours a grid sees. Pure data, no tensors.

/** 2-D: level l is a square of side base·2^l (base 3). 1-D: base·2^l positions (base 1). */
export type Dimensions = 1 | 2;

/** Channels of one grid. */
export interface LevelSpec {
  readonly level: number;
  readonly channels: number;
}

/** How a source grid reaches its target: doubled (nearest), unchanged, or 2×2 max-pooled (2 in 1-D). */
export type SourceKind = 'coarse-up' | 'same' | 'fine-down';

export interface Source {
  readonly kind: SourceKind;
  readonly level: number;
}

/** Side of level 0 when none is given: 3 in 2-D, 1 in 1-D. */
export function defaultBaseSide(dimensions: Dimensions): number {
  return dimensions === 2 ? 3 : 1;
}

export function sideOf(level: number, dimensions: Dimensions, baseSide = defaultBaseSide(dimensions)): number {
  return baseSide * 2 ** level;
}

/** Number of positions of a grid. */
export function cellsOf(level: number, dimensions: Dimensions, baseSide = defaultBaseSide(dimensions)): number {
  return sideOf(level, dimensions, baseSide) ** dimensions;
}

/** Positional axes of a grid: [H, W] or [L]. */
export function extentOf(level: number, dimensions: Dimensions, baseSide = defaultBaseSide(dimensions)): number[] {
  const side = sideOf(level, dimensions, baseSide);
  return dimensions === 2 ? [side, side] : [side];
}

/**
 * What target level j takes from a pyramid, in the order in which it is joined on the channel axis:
 * ↑ level j−1, level j, ↓ level j+1. A missing neighbour is left out; empty when the grid cannot be built.
 * Source: Ke, Maire, Yu 2017, §3; Huynh, Maire, Walter 2020, §3.1.
 */
export function sourcesOf(available: readonly number[], target: number): Source[] {
  const candidates: Source[] = [
    { kind: 'coarse-up', level: target - 1 },
    { kind: 'same', level: target },
    { kind: 'fine-down', level: target + 1 },
  ];
  return candidates.filter((source) => available.includes(source.level));
}

/** C_in of a target level: the channels of its sources, summed. */
export function inChannelsOf(input: readonly LevelSpec[], target: number): number {
  const sources = sourcesOf(input.map((grid) => grid.level), target);
  return sources.reduce((sum, source) => sum + (input.find((grid) => grid.level === source.level)?.channels ?? 0), 0);
}

/** The integers low … high. */
export function levelRange(low: number, high: number): number[] {
  return Array.from({ length: high - low + 1 }, (_, index) => low + index);
}
