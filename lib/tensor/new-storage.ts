/** What a new tensor is made from: its options, nested numbers, typed arrays or draws, checked and put into native storage. */
import { checkInstance, checkNumber, checkOptions, checkString, fail, words } from '../check.js';
import { native, type Storage } from '../native.js';
import { placeNew, type DeviceLike } from './device.js';
import { arrayOf, dtypeCode, dtypeOf, dtypes, type DType, type TypedArrayOf } from './dtype.js';
import { Rng } from './rng.js';
import { checkShape, sameShape, sizeOf, type Shape } from './shape.js';

export type NestedNumbers = number | readonly NestedNumbers[];

export interface TensorOptions<D extends DType = DType> {
  dtype?: D;
  device?: DeviceLike;
  name?: string;
  requiresGrad?: boolean;
}

export interface NewStorage<D extends DType> {
  readonly storage: Storage;
  readonly shape: Shape;
  readonly dtype: D;
}

/** Checks the options and makes their device that of what comes next. */
function checkTensorOptions<D extends DType>(where: string, options: TensorOptions<D>): D {
  checkOptions(where, options, ['dtype', 'device', 'name', 'requiresGrad']);
  const dtype = options.dtype ?? 'float32';
  if (!dtypes.includes(dtype)) fail('ERR_MG_DTYPE', where, `a dtype among ${dtypes.join(', ')}`, dtype);
  placeNew(options.device);
  if (options.name !== undefined) checkString(where, 'name', options.name);
  return dtype as D;
}

export function zeroStorage<D extends DType>(where: string, given: Shape, options: TensorOptions<D>): NewStorage<D> {
  const shape = checkShape(where, given);
  const dtype = checkTensorOptions(where, options);
  return { storage: native().allocate(dtypeCode(dtype), sizeOf(shape)), shape, dtype };
}

export function filledStorage<D extends DType>(
  where: string,
  given: Shape,
  value: number,
  options: TensorOptions<D>,
): NewStorage<D> {
  const shape = checkShape(where, given);
  if (typeof value !== 'number') fail('ERR_MG_ARGUMENT', where, 'value to be a number', value);
  const dtype = checkTensorOptions(where, options);
  return { storage: native().fill(Int32Array.of(dtypeCode(dtype)), sizeOf(shape), value), shape, dtype };
}

/** Whether the values were transferred: such an array looks like an empty one. */
function isDetached({ byteLength, buffer }: ArrayBufferView): boolean {
  if (byteLength > 0) return false;
  try {
    return new DataView(buffer).byteLength < 0; // which a buffer without its bytes refuses
  } catch {
    return true;
  }
}

/** A copy of numbers nested to any depth, or of a typed array. */
export function storageFrom<D extends DType>(
  where: string,
  data: NestedNumbers | ArrayBufferView,
  shape: Shape | undefined,
  options: TensorOptions<D>,
): NewStorage<D> {
  if (ArrayBuffer.isView(data)) {
    const own = dtypeOf(data);
    if (own === undefined) fail('ERR_MG_DTYPE', where, 'a Float32Array, Float64Array, Int32Array or Uint8Array', data);
    const values = data as TypedArrayOf<DType>;
    if (isDetached(values)) fail('ERR_MG_ARGUMENT', where, 'an array with its values', words('one that was handed to a worker'));
    return copied(where, values, shape ?? [values.length], { ...options, dtype: options.dtype ?? (own as D) });
  }
  const nested = shapeOfNested(where, data);
  const flat = flattened(data);
  const bad = flat.findIndex((value) => typeof value !== 'number');
  if (bad >= 0) fail('ERR_MG_ARGUMENT', where, 'numbers', flat[bad]);
  return copied(where, flat, shape ?? nested, options);
}

function copied<D extends DType>(
  where: string,
  values: ArrayLike<number>,
  given: Shape,
  options: TensorOptions<D>,
): NewStorage<D> {
  const shape = checkShape(where, given);
  const dtype = checkTensorOptions(where, options);
  if (sizeOf(shape) !== values.length) {
    fail('ERR_MG_SHAPE', where, `${sizeOf(shape)} values for shape [${shape.join(', ')}]`, words(`${values.length} values`));
  }
  return { storage: native().fromArray(arrayOf(dtype, values)), shape, dtype };
}

/** All elements in order; `flat` of JavaScript would leave holes out. */
function flattened(data: unknown): number[] {
  if (!Array.isArray(data)) return [data as number];
  return Array.from(data as unknown[], (element) => (Array.isArray(element) ? flattened(element) : [element as number])).flat();
}

function shapeOfNested(where: string, data: unknown): Shape {
  if (!Array.isArray(data)) return [];
  const shapes = Array.from(data, (element) => shapeOfNested(where, element)); // holes are elements, undefined
  const first = shapes[0] ?? [];
  const odd = shapes.findIndex((shape) => !sameShape(shape, first));
  if (odd >= 0) fail('ERR_MG_SHAPE', where, `nested arrays of one shape, like [${first.join(', ')}]`, shapes[odd]);
  return [data.length, ...first];
}

/** Draws of `rng`, from [low, high) (kind 0) or of a mean and a standard deviation (kind 1). */
export function randomStorage<D extends 'float32' | 'float64'>(
  where: string,
  kind: 0 | 1,
  given: Shape,
  parameters: readonly [number, number],
  rng: Rng,
  options: TensorOptions<D>,
): NewStorage<D> {
  const shape = checkShape(where, given);
  const dtype = checkTensorOptions(where, options);
  if (dtype !== 'float32' && dtype !== 'float64') fail('ERR_MG_DTYPE', where, 'float32 or float64', dtype);
  const names = kind === 0 ? ['low', 'high'] as const : ['mean', 'std'] as const;
  if (!Array.isArray(parameters) || parameters.length !== 2) fail('ERR_MG_ARGUMENT', where, `[${names.join(', ')}]`, parameters);
  const a = checkNumber(where, names[0], parameters[0]);
  const b = checkNumber(where, names[1], parameters[1]);
  checkInstance(where, 'rng', rng, Rng, 'an Rng, as new Rng(seed) makes it');
  const count = sizeOf(shape);
  const stream = rng.take(count * (kind === 0 ? 2 : 4));
  const dims = Int32Array.of(dtypeCode(dtype), kind, stream.key[0], stream.key[1]);
  return { storage: native().random(dims, count, stream.position / 2, a, b), shape, dtype };
}
