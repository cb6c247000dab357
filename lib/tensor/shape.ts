/** Shapes: lists of sizes, row-major. */
import { fail } from '../check.js';

export type Shape = readonly number[];

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** Throws ERR_MG_SHAPE unless `shape` is a list of non-negative integers whose product is a safe integer. */
export function checkShape(where: string, shape: unknown): Shape {
  const isSide = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;
  const valid = Array.isArray(shape) && shape.every(isSide) && Number.isSafeInteger(sizeOf(shape));
  return valid ? [...(shape as number[])] : fail('ERR_MG_SHAPE', where, 'a shape of non-negative integers', shape);
}

/** The axis as a number in 0 … rank − 1; negative axes count from the end. */
export function checkAxis(where: string, axis: unknown, rank: number): number {
  if (typeof axis === 'number' && Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  return fail('ERR_MG_SHAPE', where, `an axis in ${-rank} … ${rank - 1}`, axis);
}

/** A list of axes, each as a number in 0 … rank − 1. */
export function checkAxes(where: string, axes: unknown, rank: number): number[] {
  if (!Array.isArray(axes)) fail('ERR_MG_ARGUMENT', where, 'axes as a list of numbers', axes);
  return axes.map((axis) => checkAxis(where, axis, rank));
}

/** Shape of an elementwise result by the trailing-axis rule: sizes match or one of them is 1. */
export function broadcastShapes(where: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a[i - rank + a.length] ?? 1;
    const n = b[i - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1) fail('ERR_MG_SHAPE', where, `shapes that broadcast with [${a.join(', ')}]`, b);
    return m === 1 ? n : m;
  });
}
