/** Element types: names, sizes, the typed array each is read as. */
import type { DTypeCode } from '../../binding.js';

export type DType = 'float32' | 'float64' | 'int32' | 'uint8';
export type FloatDType = 'float32' | 'float64';

export interface TypedArrays {
  float32: Float32Array<ArrayBuffer>;
  float64: Float64Array<ArrayBuffer>;
  int32: Int32Array<ArrayBuffer>;
  uint8: Uint8Array<ArrayBuffer>;
}
export type TypedArrayOf<D extends DType> = TypedArrays[D];

/** In the order of the native codes. */
export const dtypes: readonly DType[] = ['float32', 'float64', 'int32', 'uint8'];

const constructors = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };

export function dtypeCode(dtype: DType): DTypeCode {
  return dtypes.indexOf(dtype) as DTypeCode;
}

export function bytesPerElement(dtype: DType): number {
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** The dtype a typed array holds, or undefined for one we do not have. */
export function dtypeOf(array: ArrayBufferView): DType | undefined {
  // By its tag, which is the same in every realm (node:vm, test environments).
  const tag = (array as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  return dtypes.find((dtype) => constructors[dtype].name === tag);
}

export function viewAs<D extends DType>(dtype: D, buffer: ArrayBuffer): TypedArrayOf<D> {
  return new constructors[dtype](buffer) as TypedArrayOf<D>;
}

/** `values` as a typed array of `dtype`, converted element by element when it is of another type. */
export function arrayOf<D extends DType>(dtype: D, values: ArrayLike<number>): TypedArrayOf<D> {
  const Constructor = constructors[dtype];
  const isOne = ArrayBuffer.isView(values) && dtypeOf(values) === dtype;
  return (isOne ? values : Constructor.from(values)) as TypedArrayOf<D>;
}
