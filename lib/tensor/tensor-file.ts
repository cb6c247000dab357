/** Tensors to and from safetensors files. */
import { types } from 'node:util';
import { checkMap, checkObject, checkOptionalFunction, checkOptions, checkString, fail, words } from '../check.js';
import { device as findDevice, type DeviceLike } from './device.js';
import type { DType } from './dtype.js';
import { numbersOf, otherNumbers } from './file-numbers.js';
import { checkTensor, Tensor } from './tensor.js';
import { readTensors, writeTensors, type FileDType, type FileTensor } from '../files/safetensors.js';

const FILE_DTYPES: Record<DType, FileDType> = { float32: 'F32', float64: 'F64', int32: 'I32', uint8: 'U8' };

/** The values of the tensors, read in queue order: what they are once all work queued so far has run. */
export async function toFileTensors(tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, FileTensor>> {
  const reads = [...tensors].map(async ([key, tensor]): Promise<[string, FileTensor]> => {
    return [key, { dtype: FILE_DTYPES[tensor.dtype], shape: tensor.shape, data: await tensor.data() }];
  });
  return new Map(await Promise.all(reads));
}

/** One array of a file as a tensor. ERR_MG_CHECKPOINT for an element type whose values no tensor holds. */
export function fromFileTensor(key: string, tensor: FileTensor, device?: DeviceLike): Tensor {
  const numbers = numbersOf(key, tensor);
  if (numbers === null) {
    const expected = `an element type among ${[...Object.values(FILE_DTYPES), ...otherNumbers].join(', ')}`;
    fail('ERR_MG_CHECKPOINT', key, expected, words(tensor.dtype), 'leave it out with the option only');
  }
  return Tensor.from(numbers, tensor.shape, { name: key, ...(device === undefined ? {} : { device }) });
}

/** Writes tensors crash-safely to a plain safetensors file. */
export async function saveTensors(
  file: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> | ReadonlyMap<string, string> = {},
): Promise<void> {
  checkString('saveTensors', 'file', file);
  checkMap('saveTensors', 'tensors', tensors);
  for (const [key, tensor] of tensors) checkTensor('saveTensors', checkString('saveTensors', 'each key', key), tensor);
  if (!types.isMap(metadata)) checkObject('saveTensors', 'metadata', metadata);
  await writeTensors(
    file,
    await toFileTensors(tensors),
    new Map(types.isMap(metadata) ? (metadata as ReadonlyMap<string, string>) : Object.entries(metadata)),
  );
}

export interface LoadTensorsOptions {
  /** Where the tensors will be; default: the default device. */
  readonly device?: DeviceLike;
  /** Which keys to load; default: all. */
  readonly only?: (key: string) => boolean;
}

/**
 * Reads a safetensors file of any program. float16, bfloat16 and float8 become float32, whole numbers int32, booleans uint8, each
 * value exactly; one that int32 does not hold is ERR_MG_CHECKPOINT, as are damaged and hostile files.
 */
export async function loadTensors(
  file: string,
  options: LoadTensorsOptions = {},
): Promise<{ tensors: Map<string, Tensor>; metadata: Record<string, string> }> {
  checkString('loadTensors', 'file', file);
  checkOptions('loadTensors', options, ['device', 'only']);
  checkOptionalFunction('loadTensors', 'only', options.only);
  const { device, only = () => true } = options;
  if (device !== undefined) findDevice(device);
  const content = await readTensors(file);
  const wanted = [...content.tensors].filter(([key]) => only(key));
  return {
    tensors: new Map(wanted.map(([key, tensor]) => [key, fromFileTensor(key, tensor, device)])),
    metadata: Object.fromEntries(content.metadata),
  };
}
