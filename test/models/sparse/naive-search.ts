// Searches for the rows that are most alike to a query, from their definitions, in loops over double-precision numbers.
import { Rng } from '../../../lib/index.js';
import type { Row } from './naive-sam.js';

const dot = (a: Row, b: Row): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const range = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));

/** The `count` of these slots with the greatest cosine, falling; of equal ones the lower slot first. */
export function mostAlike(rows: readonly Row[], slots: readonly number[], query: Row, count: number): number[] {
  const size = (x: Row): number => Math.sqrt(dot(x, x) + 1e-6);
  const cosines = new Map(slots.map((slot) => [slot, dot(query, rows[slot]!) / (size(query) * size(rows[slot]!) + 1e-6)]));
  return [...slots].sort((a, b) => cosines.get(b)! - cosines.get(a)! || a - b).slice(0, count);
}

/** Locality-sensitive hashing with the planes of the native index: the rows that it names, rising. */
export function hashed(rows: readonly Row[], slots: number): (query: Row, checks: number) => number[] {
  const [tables, bits, width] = [8, Math.max(4, Math.ceil(Math.log2(slots)) - 4), rows[0]!.length];
  const rng = new Rng(0x6c7368706c616e65n);
  const planes = range(bits, () => range(tables, () => range(width, () => rng.normal())));
  const pattern = (row: Row, table: number): boolean[] => planes.map((plane) => dot(plane[table]!, row) > 0);
  const patterns = range(tables, (table) => rows.map((row) => pattern(row, table).join()));
  return (query, checks) => {
    const found = new Set<number>();
    for (const flipped of range(bits + 1, (k) => k - 1)) { // first none
      for (let table = 0; table < tables && found.size < checks; table++) {
        const wanted = pattern(query, table).map((side, bit) => side !== (bit === flipped)).join();
        patterns[table]!.forEach((own, slot) => own === wanted && found.add(slot));
      }
    }
    return [...found].sort((a, b) => a - b);
  };
}
