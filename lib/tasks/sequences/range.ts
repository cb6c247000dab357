/** Numbers that each sequence draws for itself. */
import { ordered, type Schema } from '../../schema.js';
import type { Rng } from '../../tensor/rng.js';

/** Lowest and highest, both included. */
export type Range = readonly [lowest: number, highest: number];

export const range = (least: number): Schema<Range> => ordered(least);

export const inRange = (rng: Rng, [low, high]: Range): number => low + rng.integer(high - low + 1);
