/** Tensors to and from safetensors files. */
import { types } from 'node:util';
import { checkMap, checkOptionalFunction, checkOptions, fail } from '../check.js';
import { device as findDevice, type DeviceLike } from './device.js';
import type { DType } from './dtype.js';
import { Tensor } from './tensor.js';
import { readTensors, writeTensors, type FileDType, type FileTensor } from '../files/safetensors.js';

const FILE_DTYPES: Record<DType, FileDType> = { float32: 'F32', float64: 'F64', int32: 'I32', uint8: 'U8' };

/** The values of the tensors, read in queue order: what they are once all work queued so far has run. */
export async function toFileTensors(tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, FileTensor>> {
  const reads = [...tensors].map(async ([key, tensor]): Promise<[string, FileTensor]> => {
    return [key, { dtype: FILE_DTYPES[tensor.dtype], shape: tensor.shape, data: await tensor.data() }];
  });
  return new Map(await Promise.all(reads));
}

/** One array of a file as a tensor. ERR_MG_CHECKPOINT for an element type we do not compute with. */
export function fromFileTensor(key: string, { dtype, shape, data }: FileTensor, device?: DeviceLike): Tensor {
  const known = Object.values(FILE_DTYPES).includes(dtype);
  if (!known) fail('ERR_MG_CHECKPOINT', key, `an element type among ${Object.values(FILE_DTYPES).join(', ')}`, dtype);
  return Tensor.from(data as Float32Array, shape, { name: key, ...(device === undefined ? {} : { device }) });
}

/** Writes tensors crash-safely to a plain safetensors file. */
export async function saveTensors(
  file: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> | ReadonlyMap<string, string> = {},
): Promise<void> {
  checkMap('saveTensors', 'tensors', tensors);
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

/** Reads a safetensors file of any program. Damaged or hostile files are ERR_MG_CHECKPOINT. */
export async function loadTensors(
  file: string,
  options: LoadTensorsOptions = {},
): Promise<{ tensors: Map<string, Tensor>; metadata: Record<string, string> }> {
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
