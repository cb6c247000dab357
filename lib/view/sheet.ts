/** Numbers as the bytes of a frame. */
import { NOTHING, TOP } from './palette.js';

/** Values of one panel; `high`: the end of its scale where that is fixed. NaN is a value that is not there. */
export interface Values {
  readonly data: ArrayLike<number>;
  readonly high?: number;
}

const LEAST = 0.01;

/** The least of 1, 2 and 5 times a power of ten that is at least `value`, and at least 0.01: an end for a scale. */
export function roundUp(value: number): number {
  if (!(value > LEAST)) return LEAST;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((step) => step * power >= value * (1 - 1e-12))!;
  return Number((factor * power).toPrecision(1));
}

/** Numbers in one of two kinds of array: loops over those of any kind are several times slower. */
type Plain = Float32Array | Float64Array;
const plain = (data: ArrayLike<number>): Plain => (data instanceof Float32Array ? data : new Float64Array(data));

/** The largest magnitude among numbers. */
export function largest(data: ArrayLike<number>): number {
  const values = plain(data);
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!);
    if (size > most) most = size;
  }
  return most;
}

/** Writes bytes 0 … 254 over [0, high], or [−high, high] where signed, from `at` on; values outside take the nearer end. */
function encode(values: Plain, high: number, signed: boolean, into: Uint8Array, at: number): number {
  const low = signed ? -high : 0;
  const scale = TOP / (high - low);
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const size = Math.abs(value);
    if (size > most) most = size;
    const place = (value - low) * scale;
    into[at + i] = place < TOP ? (place > 0 ? (place + 0.5) | 0 : 0) : (place >= TOP ? TOP : NOTHING);
  }
  return most; // the largest magnitude
}

/** Ends of scales that only grow during a film, so that colors keep their meaning. */
export class Scales {
  readonly #highs = new Map<string, number>();

  /** Writes the bytes of these values under the scale of `id`; gives its end. */
  write(id: string, { data, high }: Values, signed: boolean, into: Uint8Array, at: number): number {
    const values = plain(data);
    const known = high ?? this.#highs.get(id) ?? LEAST;
    const most = encode(values, known, signed, into, at);
    if (high !== undefined || most <= known) return known;
    const end = roundUp(most);
    encode(values, end, signed, into, at);
    this.#highs.set(id, end);
    return end;
  }
}

/** Bytes of several pictures one after the other, with how many each has and where its scale ends. */
export interface Sheet {
  readonly sizes: readonly number[];
  readonly highs: readonly number[];
  readonly bytes: Uint8Array;
}

/** The bytes of all parts in their order. */
export function sheet(
  parts: readonly { readonly id: string; readonly signed: boolean }[],
  values: ReadonlyMap<string, Values>,
  scales: Scales,
): Sheet {
  const all = parts.map(({ id }) => values.get(id)!);
  const sizes = all.map(({ data }) => data.length);
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  const highs = parts.map(({ id, signed }, k) => {
    const high = scales.write(id, all[k]!, signed, bytes, at);
    at += sizes[k]!;
    return high;
  });
  return { sizes, highs, bytes };
}
