/** What `reproduce` is called with, and where its committed records lie. */
import { join } from 'node:path';
import { packageRoot } from '../../native.js';
import type { Recipe } from '../../reproduction/rows.js';

/** Committed records and weights. */
export const RECORDS = join(packageRoot, 'bench/results/reproduction');

export interface ReproduceArguments {
  recipe: Recipe;
  seeds: number[];
  budget?: number;
  device?: string;
  data?: string;
  out: string;
  items: number;
  trial?: boolean;
  check?: boolean;
  report?: boolean;
  measure?: boolean;
  json?: boolean;
}
