/** Element types of files that we do not compute with, as those that we do: the same values exactly, or an error naming one. */
import { fail, words } from '../check.js';
import type { FileTensor } from '../files/safetensors.js';

/** The bits of sign, exponent and mantissa of a small floating point type; `hasInfinity`: its largest exponent is not finite. */
interface SmallFloat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly hasInfinity: boolean;
}

const FLOATS: Readonly<Record<string, SmallFloat>> = {
  F16: { exponentBits: 5, mantissaBits: 10, hasInfinity: true },
  F8_E5M2: { exponentBits: 5, mantissaBits: 2, hasInfinity: true },
  F8_E4M3: { exponentBits: 4, mantissaBits: 3, hasInfinity: false }, // all ones are NaN, and nothing is infinite
};

/** The value of one bit pattern: (−1)^s · 2^(e − bias) · (1 + m/2^M), below the least exponent without the 1. */
function valueOf(bits: number, { exponentBits, mantissaBits, hasInfinity }: SmallFloat): number {
  const steps = 2 ** mantissaBits;
  const mantissa = bits % steps;
  const exponent = Math.floor(bits / steps) % 2 ** exponentBits;
  const sign = bits >= 2 ** (exponentBits + mantissaBits) ? -1 : 1;
  const last = 2 ** exponentBits - 1;
  if (exponent === last && hasInfinity) return mantissa === 0 ? sign * Infinity : NaN;
  if (exponent === last && mantissa === steps - 1) return NaN;
  const bias = 2 ** (exponentBits - 1) - 1;
  return sign * 2 ** (Math.max(exponent, 1) - bias) * ((exponent === 0 ? 0 : 1) + mantissa / steps);
}

/** float32 with the 16 bits of a bfloat16 in front. */
function fromBfloat16(data: ArrayLike<number>): Float32Array {
  return new Float32Array(Uint32Array.from(data, (bits) => bits * 2 ** 16).buffer);
}

function toInt32(key: string, dtype: string, data: ArrayLike<number | bigint>): Int32Array {
  return Int32Array.from(data as ArrayLike<number>, (value: number | bigint, i) => {
    const number = Number(value);
    if (number === (number | 0)) return number;
    return fail('ERR_MG_CHECKPOINT', key, `${dtype} values that int32 holds, −2^31 to 2^31 − 1`, words(`${value} at ${i}`));
  });
}

const WHOLE: ReadonlySet<string> = new Set(['I64', 'U64', 'U32', 'I16', 'U16', 'I8']);

/** What {@link numbersOf} takes beside float32, float64, int32 and uint8. */
export const otherNumbers: readonly string[] = [...Object.keys(FLOATS), 'BF16', ...WHOLE, 'BOOL'];

/**
 * The values as a typed array of ours: float16, bfloat16 and float8 (E5M2, E4M3) as float32, whole numbers as int32, booleans as
 * uint8. Throws ERR_MG_CHECKPOINT for a whole number that int32 does not hold; null for types that are no numbers of ours.
 */
export function numbersOf(
  key: string,
  { dtype, data }: FileTensor,
): Float32Array | Float64Array | Int32Array | Uint8Array | null {
  if (dtype === 'F32' || dtype === 'F64' || dtype === 'I32' || dtype === 'U8' || dtype === 'BOOL') {
    return data as Float32Array | Float64Array | Int32Array | Uint8Array;
  }
  if (dtype === 'BF16') return fromBfloat16(data as Uint16Array);
  if (WHOLE.has(dtype)) return toInt32(key, dtype, data as ArrayLike<number>);
  const small = FLOATS[dtype];
  return small === undefined ? null : Float32Array.from(data as Uint16Array, (bits) => valueOf(bits, small));
}
