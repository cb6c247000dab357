/** Numbers as the bytes of a frame. */
import type { FrameHead, Panel } from './page/scene.js';
import { NOTHING, TOP } from './palette.js';

/** Values of one panel; `high`: the end of its scale where that is fixed. NaN is a value that is not there. */
export interface Values {
  readonly data: ArrayLike<number>;
  readonly high?: number;
}

export interface Bytes {
  readonly bytes: Uint8Array;
  readonly high: number;
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
const plain = (data: ArrayLike<number>): Float32Array | Float64Array =>
  data instanceof Float32Array ? data : Float64Array.from(data);

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

/** Bytes 0 … 254 over [0, high], or [−high, high] where signed; values outside take the nearer end. */
export function bytesOf(data: ArrayLike<number>, high: number, signed: boolean): Uint8Array {
  const values = plain(data);
  const bytes = new Uint8Array(values.length);
  const [low, scale] = signed ? [-high, TOP / (2 * high)] : [0, TOP / high];
  for (let i = 0; i < values.length; i++) {
    const place = (values[i]! - low) * scale;
    if (place < TOP) bytes[i] = place > 0 ? place + 0.5 : 0; // cut to an integer
    else bytes[i] = place >= TOP ? TOP : NOTHING;
  }
  return bytes;
}

/** Ends of scales that only grow during a film, so that colors keep their meaning. */
export class Scales {
  readonly #highs = new Map<string, number>();

  /** Bytes of these values under the scale of `id`. */
  bytes(id: string, { data, high }: Values, signed: boolean): Bytes {
    const end = high ?? Math.max(this.#highs.get(id) ?? 0, roundUp(largest(data)));
    this.#highs.set(id, end);
    return { bytes: bytesOf(data, end, signed), high: end };
  }
}

/** Bytes of all panels in their order. */
export function sheet(
  panels: readonly Panel[],
  values: ReadonlyMap<string, Values>,
  scales: Scales,
): Pick<FrameHead, 'sizes' | 'highs'> & { readonly bytes: Uint8Array } {
  const parts = panels.map(({ id, signed }) => scales.bytes(id, values.get(id)!, signed));
  return {
    sizes: parts.map(({ bytes }) => bytes.length),
    highs: parts.map(({ high }) => high),
    bytes: Buffer.concat(parts.map(({ bytes }) => bytes)),
  };
}
