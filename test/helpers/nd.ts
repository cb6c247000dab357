/** Host arrays for naive float64 references, and a seeded source of them. */
import { Rng } from '../../lib/tensor/rng.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import type { DType } from '../../lib/tensor/dtype.js';
import '../../lib/ops/index.js';

export interface Nd {
  shape: readonly number[];
  data: Float64Array;
  /** Set for operands whose dtype does not follow the case's, such as class indices. */
  dtype?: DType;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export function nd(shape: readonly number[], data: ArrayLike<number> | ((index: number) => number), dtype?: DType): Nd {
  const values = typeof data === 'function'
    ? Float64Array.from({ length: sizeOf(shape) }, (_, i) => data(i))
    : Float64Array.from(data);
  if (values.length !== sizeOf(shape)) throw new Error(`nd: ${values.length} values for shape [${shape}]`);
  return { shape, data: values, ...(dtype === undefined ? {} : { dtype }) };
}

/** The number at a multi-index. */
export function at(x: Nd, ...index: number[]): number {
  return x.data[index.reduce((flat, i, axis) => flat * x.shape[axis]! + i, 0)]!;
}

/** Every multi-index of a shape, row-major. */
export function* indices(shape: readonly number[]): Iterable<number[]> {
  for (let flat = 0; flat < sizeOf(shape); flat++) {
    const index: number[] = [];
    let rest = flat;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index.unshift(rest % shape[axis]!);
      rest = Math.floor(rest / shape[axis]!);
    }
    yield index;
  }
}

/** An array made by a function of the multi-index. */
export function build(shape: readonly number[], f: (...index: number[]) => number): Nd {
  return nd(shape, Float64Array.from([...indices(shape)].map((index) => f(...index))));
}

export class Source {
  readonly rng: Rng;
  constructor(readonly seed: number) {
    this.rng = new Rng(seed);
  }
  /** Standard normal values, rounded to float32 so that every dtype sees the same numbers. */
  normal(shape: readonly number[]): Nd {
    return nd(shape, () => Math.fround(this.rng.normal()));
  }
  uniform(shape: readonly number[], low: number, high: number): Nd {
    return nd(shape, () => Math.fround(low + (high - low) * this.rng.uniform()));
  }
  /** Distinct values far enough apart that a finite difference changes no comparison between them. */
  distinct(shape: readonly number[]): Nd {
    const order = this.rng.shuffle(Array.from({ length: sizeOf(shape) }, (_, i) => i));
    return nd(shape, (i) => (order[i]! - order.length / 2) / 8);
  }
  integers(shape: readonly number[], below: number): Nd {
    return nd(shape, () => this.rng.integer(below), 'int32');
  }
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + this.rng.integer(high - low + 1);
  }
  /** A shape of `low` to `high` axes of up to four; one axis in eight is empty, unless all have to be `filled`. */
  shape(low = 0, high = 4, filled = false): number[] {
    return Array.from({ length: this.whole(low, high) }, () => (!filled && this.rng.integer(8) === 0 ? 0 : this.whole(1, 4)));
  }
}

export const isNd = (x: unknown): x is Nd =>
  typeof x === 'object' && x !== null && 'data' in x && 'shape' in x && !(x instanceof Tensor);

/** The arguments of an op with every host array, also inside arrays and options, turned into a tensor of `dtype`. */
export function toTensors(value: unknown, dtype: DType): unknown {
  if (isNd(value)) return Tensor.from(Float64Array.from(value.data), value.shape, { dtype: value.dtype ?? dtype });
  if (Array.isArray(value)) return value.map((v) => toTensors(v, dtype));
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, toTensors(v, dtype)]));
  }
  return value;
}

/** All tensors inside a value, depth first. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.values(value).flatMap(tensorsIn);
  }
  return [];
}
