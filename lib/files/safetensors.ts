// Checkpoints: plain safetensors files. Python's safetensors opens ours, and we open Python's.
// A file is treated as hostile: every length is checked before it is used, and nothing larger than the file is allocated.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { checkString, fail } from '../check.js';
import { fileError, writeFileAtomic } from './atomic-file.js';
import {
  arrayOf,
  buildHeader,
  elementBytes,
  elementCount,
  headerLength,
  isFileDType,
  isReservedKey,
  isWellFormed,
  METADATA_KEY,
  parseHeader,
  refuse,
  type FileArray,
  type FileDType,
  type FileTensor,
  type Header,
  type HeaderEntry,
} from './safetensors-header.js';

export { FORMAT_VERSION, MAX_HEADER_BYTES, type FileArray, type FileDType, type FileTensor } from './safetensors-header.js';

/** A whole file in memory. `format` is our version, or null for a file of another program. */
export interface FileContent {
  readonly tensors: Map<string, FileTensor>;
  readonly metadata: Map<string, string>;
  readonly format: number | null;
}

/** What a header says, without the values. */
export interface FileListing {
  readonly entries: readonly { key: string; dtype: FileDType; shape: readonly number[]; bytes: number }[];
  readonly metadata: Map<string, string>;
  readonly format: number | null;
}

const LONGEST_READ = 64 * 1024 * 1024;

/** The file as a list of chunks, header first. Arrays are laid out by element size, widest first, then in the order of the
 *  map, so that each is aligned; chunks after the first are views of `data`, not copies. Metadata gains the format version
 *  and the SHA-256 of body and header. Throws ERR_MG_ARGUMENT or ERR_MG_SHAPE for entries that do not fit their words. */
export function encode(
  entries: ReadonlyMap<string, FileTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array[] {
  for (const [key, tensor] of entries) checkEntry(key, tensor);
  for (const [key, text] of metadata) checkMetadata(key, text);
  const sorted = [...entries].sort(([, a], [, b]) => elementBytes(b.dtype) - elementBytes(a.dtype));
  const placed: HeaderEntry[] = [];
  const chunks: Uint8Array[] = [];
  const hash = createHash('sha256');
  let begin = 0;
  for (const [key, { dtype, shape, data }] of sorted) {
    const chunk = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    placed.push({ key, dtype, shape, begin, bytes: chunk.length });
    hash.update(chunk);
    chunks.push(chunk);
    begin += chunk.length;
  }
  return [buildHeader(placed, metadata, hash.digest('hex')), ...chunks];
}

function checkEntry(key: string, { dtype, shape, data }: FileTensor): void {
  const where = `saveTensors ${JSON.stringify(key)}`;
  if (key === METADATA_KEY || !isWellFormed(key))
    fail('ERR_MG_ARGUMENT', where, `a name of well-formed Unicode other than ${METADATA_KEY}`, key);
  if (!isFileDType(dtype)) fail('ERR_MG_ARGUMENT', where, 'a dtype of the format', dtype);
  if ((data as { [Symbol.toStringTag]?: unknown } | null | undefined)?.[Symbol.toStringTag] !== arrayOf(dtype).name)
    fail('ERR_MG_ARGUMENT', where, `${dtype} data in a ${arrayOf(dtype).name}`, data);
  const count = shape.every((side) => Number.isSafeInteger(side) && side >= 0) ? elementCount(shape) : null;
  if (count !== data.length) fail('ERR_MG_SHAPE', where, `a shape of ${data.length} elements`, shape);
}

function checkMetadata(key: string, text: unknown): void {
  checkString('saveTensors metadata', 'each key', key);
  const where = `saveTensors metadata ${JSON.stringify(key)}`;
  if (isReservedKey(key) || !isWellFormed(key))
    fail('ERR_MG_ARGUMENT', where, 'a key of well-formed Unicode that does not begin with mg_', key);
  if (typeof text !== 'string' || !isWellFormed(text)) fail('ERR_MG_ARGUMENT', where, 'a string of well-formed Unicode', text);
}

/** Reads a file held in memory; `file` is the name used in messages. Arrays are views of `bytes` where alignment allows and
 *  copies elsewhere. Refusals are ERR_MG_CHECKPOINT and name file, key and rule. */
export function decode(bytes: Uint8Array, file = 'checkpoint'): FileContent {
  const length = headerLength(file, bytes, bytes.length);
  const body = bytes.subarray(8 + length);
  const header = parseHeader(file, bytes.subarray(8, 8 + length), body.length);
  return content(file, header, body);
}

function content(file: string, header: Header, body: Uint8Array): FileContent {
  if (header.bodySha256 !== null) {
    const found = createHash('sha256').update(body).digest('hex');
    if (found !== header.bodySha256) refuse(file, null, 'body-hash', `a body with SHA-256 ${header.bodySha256}`, found);
  }
  const tensors = new Map(header.entries.map((entry) => [entry.key, tensorOf(entry, body)]));
  return { tensors, metadata: new Map(header.metadata), format: header.format };
}

function tensorOf({ dtype, shape, begin, bytes }: HeaderEntry, body: Uint8Array): FileTensor {
  const size = elementBytes(dtype);
  const isAligned = (body.byteOffset + begin) % size === 0;
  const view = body.subarray(begin, begin + bytes);
  const part = isAligned ? view : new Uint8Array(view); // not slice: that of a Buffer is a view again
  const Numbers = arrayOf(dtype) as new(buffer: ArrayBuffer, offset: number, length: number) => FileArray;
  return { dtype, shape, data: new Numbers(part.buffer as ArrayBuffer, part.byteOffset, bytes / Math.max(1, size)) };
}

/** Reads the header only: names, kinds, shapes and metadata. The size of the body is checked, its hash is not. */
export async function inspectTensors(file: string): Promise<FileListing> {
  checkString('inspectTensors', 'file', file);
  return await withFile(file, async (handle, fileBytes) => {
    const { header } = await readHeader(file, handle, fileBytes);
    const entries = header.entries.map(({ key, dtype, shape, bytes }) => ({ key, dtype, shape, bytes }));
    return { entries, metadata: new Map(header.metadata), format: header.format };
  });
}

/** Reads and checks a whole file. A file that cannot be read is ERR_MG_CHECKPOINT with the system's error as `cause`. */
export function readTensors(file: string): Promise<FileContent> {
  return withFile(file, async (handle, fileBytes) => {
    const { header, bodyStart } = await readHeader(file, handle, fileBytes);
    return content(file, header, await readPart(file, handle, bodyStart, fileBytes - bodyStart));
  });
}

/** Writes a file crash-safely: see {@link writeFileAtomic}. The arrays must not change before the promise settles. */
export async function writeTensors(
  file: string,
  entries: ReadonlyMap<string, FileTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  await writeFileAtomic(file, encode(entries, metadata));
}

async function readHeader(file: string, handle: FileHandle, fileBytes: number): Promise<{ header: Header; bodyStart: number }> {
  const first = await readPart(file, handle, 0, Math.min(8, fileBytes));
  const bodyStart = 8 + headerLength(file, first, fileBytes);
  const bytes = await readPart(file, handle, 8, bodyStart - 8);
  return { header: parseHeader(file, bytes, fileBytes - bodyStart), bodyStart };
}

// Opens without waiting (a named pipe would block) and takes regular files only.
async function withFile<T>(file: string, use: (handle: FileHandle, fileBytes: number) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const found = await handle.stat();
    if (!found.isFile())
      refuse(file, null, 'regular-file', 'a regular file', found.isDirectory() ? 'a folder' : 'a device or pipe');
    return await use(handle, found.size);
  } catch (cause) {
    throw fileError(file, 'a readable checkpoint', cause);
  } finally {
    await handle?.close().catch(() => undefined);
  }
}

async function readPart(file: string, handle: FileHandle, from: number, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const { bytesRead } = await handle.read(bytes, at, Math.min(count - at, LONGEST_READ), from + at);
    if (bytesRead === 0) refuse(file, null, 'file-shrank', `${count} bytes from byte ${from}`, at);
    at += bytesRead;
  }
  return bytes;
}
