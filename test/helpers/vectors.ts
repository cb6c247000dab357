/** The golden vectors: values and gradients computed by programs written from the equations, compared at their own tolerance. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

export type Nested = number | readonly Nested[];
export type Dict<T> = Readonly<Record<string, T>>;

export function vectorFile<T>(name: string): T & { tolerance: Dict<number> } {
  const url = new URL(`../golden/vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as T & { tolerance: Dict<number> };
}

export const flat = (values: Nested): number[] => (typeof values === 'number' ? [values] : values.flatMap(flat));

/** |got − expected| ≤ tolerance · max(1, |expected|), element by element. */
export function expectNear(got: ArrayLike<number>, expected: Nested, tolerance: number, where: string): void {
  const wanted = flat(expected);
  expect(got.length, `${where}: size`).toBe(wanted.length);
  wanted.forEach((e, i) => {
    const isNear = Math.abs(got[i]! - e) <= tolerance * Math.max(1, Math.abs(e));
    if (!isNear) expect.fail(`${where}[${i}]: expected ${e} ± ${tolerance}, got ${got[i]}`);
  });
}
