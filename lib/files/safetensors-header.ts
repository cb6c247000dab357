// The header of a safetensors file: what may stand in it, how it is checked, how ours is written.
// Layout of a file: 8 bytes little-endian header length N · N bytes of JSON, padded with spaces · body.
import { createHash } from 'node:crypto';
import { fail, words } from '../check.js';
import { parseStrictJson, type StrictJson } from './strict-json.js';

/** Header lengths above this are refused before anything is read. */
export const MAX_HEADER_BYTES = 16 * 1024 * 1024;
/** The version written into `__metadata__`; files of later versions are refused. */
export const FORMAT_VERSION = 1;
const MAX_DEPTH = 4;
const METADATA = '__metadata__';
const OWN_PREFIX = 'mg_';
const FORMAT = 'mg_format';
const BODY_HASH = 'mg_body_sha256';
const HEADER_HASH = 'mg_header_sha256';
const NO_HASH = '0'.repeat(64);

// Element kinds of the format and the array that holds each. BOOL, F16, BF16 and all below are raw: bit patterns.
const ARRAYS = {
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
  C64: BigUint64Array,
  F8_E4M3: Uint8Array,
  F8_E5M2: Uint8Array,
  F8_E8M0: Uint8Array,
  F8_E4M3FNUZ: Uint8Array,
  F8_E5M2FNUZ: Uint8Array,
  F6_E2M3: Uint8Array,
  F6_E3M2: Uint8Array,
  F4: Uint8Array,
} as const;

/** Element kinds by the names of the format. */
export type FileDType = keyof typeof ARRAYS;
/** The typed array of each kind: numbers for F64, F32, I32, U8, …; BigInts for I64, U64; raw bits for BOOL, F16, BF16. */
export type FileArray<D extends FileDType = FileDType> = InstanceType<(typeof ARRAYS)[D]>;

/** One named array of a file. */
export interface FileTensor {
  readonly dtype: FileDType;
  readonly shape: readonly number[];
  readonly data: FileArray;
}

/** Where one array lies: `bytes` bytes from `begin`, counted from the start of the body. */
export interface HeaderEntry {
  readonly key: string;
  readonly dtype: FileDType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly bytes: number;
}

/** A checked header. `format` is null for files of other programs, which carry no hashes. Entries are in file order. */
export interface Header {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly format: number | null;
  readonly bodySha256: string | null;
}

/** The array class of an element kind. */
export const arrayOf = (dtype: FileDType): (typeof ARRAYS)[FileDType] => ARRAYS[dtype];
/** Kinds of which several elements share a byte. */
const BITS: Partial<Record<FileDType, number>> = { F6_E2M3: 6, F6_E3M2: 6, F4: 4 };
/** Bytes of one element; a part of one where several share it. */
export const elementBytes = (dtype: FileDType): number => (BITS[dtype] ?? 8 * ARRAYS[dtype].BYTES_PER_ELEMENT) / 8;
/** Whether `name` is one of the element kinds. */
export const isFileDType = (name: unknown): name is FileDType => typeof name === 'string' && Object.hasOwn(ARRAYS, name);

/** Refuses a file: ERR_MG_CHECKPOINT with file, key and the name of the rule in the message. */
export function refuse(file: string, key: string | null, rule: string, expected: string, got: unknown): never {
  fail(
    'ERR_MG_CHECKPOINT',
    key === null ? file : `${file}: ${JSON.stringify(key.slice(0, 80))}`,
    `${expected} (rule ${rule})`,
    got,
  );
}

/** Checks the first 8 bytes against the cap and the size of the file, and returns the header length. */
export function headerLength(file: string, first: Uint8Array, fileBytes: number): number {
  if (first.length < 8 || fileBytes < 8) refuse(file, null, 'file-too-short', 'at least 8 bytes', fileBytes);
  const view = new DataView(first.buffer, first.byteOffset, 8);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > MAX_HEADER_BYTES) {
    refuse(file, null, 'header-cap', `a safetensors file, with a header of at most ${MAX_HEADER_BYTES} bytes`, length);
  }
  if (length > fileBytes - 8) refuse(file, null, 'header-cut', `a header within the ${fileBytes} bytes of the file`, length);
  return length;
}

/** Product of the sides, or null when a product of the non-zero sides passes 2^53. An empty shape is one element. */
export function elementCount(shape: readonly number[]): number | null {
  let product = 1;
  for (const side of shape) {
    if (side === 0) continue;
    product *= side;
    if (product > Number.MAX_SAFE_INTEGER) return null;
  }
  return shape.includes(0) ? 0 : product;
}

/** Reads and checks a whole header; `bodyBytes` is what the file holds after it. */
export function parseHeader(file: string, bytes: Uint8Array, bodyBytes: number): Header {
  const text = decodeUtf8(file, bytes);
  if (text[0] !== '{') refuse(file, null, 'header-start', 'a header that begins with {', text.slice(0, 12));
  const root = parseStrictJson(text, MAX_DEPTH, (rule, expected, got) => refuse(file, null, rule, expected, got));
  if (!(root instanceof Map)) refuse(file, null, 'header-start', 'a JSON object', 'another value');
  const all = readMetadata(file, root.get(METADATA));
  root.delete(METADATA);
  const own = checkOwn(file, all, bytes);
  const entries = [...root].map(([key, value]) => readEntry(file, key, value));
  entries.sort((a, b) => a.begin - b.begin || a.bytes - b.bytes);
  checkTiling(file, entries, bodyBytes);
  const metadata = new Map([...all].filter(([key]) => !key.startsWith(OWN_PREFIX)));
  return { entries, metadata, ...own };
}

function decodeUtf8(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse(file, null, 'header-utf8', 'a header in UTF-8', 'other bytes');
  }
}

function readMetadata(file: string, value: StrictJson | undefined): Map<string, string> {
  const strings = new Map<string, string>();
  if (value === undefined) return strings;
  if (!(value instanceof Map)) refuse(file, METADATA, 'metadata-object', 'an object', kind(value));
  for (const [key, text] of value) {
    if (typeof text !== 'string') refuse(file, `${METADATA}.${key}`, 'metadata-strings', 'a string', kind(text));
    strings.set(key, text);
  }
  return strings;
}

// Our own three keys come together or not at all, so that none can be lost by a damaged byte.
function checkOwn(file: string, all: ReadonlyMap<string, string>, bytes: Uint8Array): Pick<Header, 'format' | 'bodySha256'> {
  const own = [...all.keys()].filter((key) => key.startsWith(OWN_PREFIX));
  if (own.length === 0) return { format: null, bodySha256: null };
  const known = [FORMAT, BODY_HASH, HEADER_HASH];
  const stranger = own.find((key) => !known.includes(key));
  const version = all.get(FORMAT);
  if (version !== undefined && /^[1-9][0-9]{0,5}$/.test(version) && Number(version) > FORMAT_VERSION) {
    refuse(
      file,
      `${METADATA}.${FORMAT}`,
      'format-version',
      `version ${FORMAT_VERSION} or older: update multigrid-memory`,
      version,
    );
  }
  if (stranger !== undefined)
    refuse(file, `${METADATA}.${stranger}`, 'own-keys', `${OWN_PREFIX}* keys among ${known.join(', ')}`, stranger);
  const missing = known.find((key) => !all.has(key));
  if (missing !== undefined) refuse(file, `${METADATA}.${missing}`, 'own-keys', `all of ${known.join(', ')}`, own);
  if (version !== String(FORMAT_VERSION))
    refuse(file, `${METADATA}.${FORMAT}`, 'format-version', `version ${FORMAT_VERSION}`, version);
  const hash = all.get(HEADER_HASH) ?? '';
  if (hashHeader(bytes, hash) !== hash)
    refuse(file, `${METADATA}.${HEADER_HASH}`, 'header-hash', 'the SHA-256 of the header', hash);
  return { format: FORMAT_VERSION, bodySha256: all.get(BODY_HASH) ?? '' };
}

/** SHA-256 of the header bytes with the 64 digits of its own hash read as zeros. */
function hashHeader(bytes: Uint8Array, hash: string): string {
  const copy = Buffer.from(bytes);
  const at = /^[0-9a-f]{64}$/.test(hash) ? copy.indexOf(`"${HEADER_HASH}":"${hash}"`) : -1;
  if (at < 0) return '';
  copy.write(NO_HASH, at + HEADER_HASH.length + 4, 'latin1');
  return createHash('sha256').update(copy).digest('hex');
}

function readEntry(file: string, key: string, value: StrictJson): HeaderEntry {
  if (!(value instanceof Map)) refuse(file, key, 'entry-object', 'an object', kind(value));
  for (const name of value.keys()) {
    if (!['dtype', 'shape', 'data_offsets'].includes(name)) {
      refuse(file, key, 'entry-keys', 'dtype, shape and data_offsets only', name);
    }
  }
  const dtype = value.get('dtype');
  if (!isFileDType(dtype)) refuse(file, key, 'entry-dtype', `a dtype among ${Object.keys(ARRAYS).join(', ')}`, dtype);
  const shape = wholeNumbers(value.get('shape'));
  if (shape === null) refuse(file, key, 'entry-shape', 'a shape of whole numbers', kind(value.get('shape')));
  const offsets = wholeNumbers(value.get('data_offsets'));
  if (offsets === null || offsets.length !== 2) refuse(file, key, 'entry-offsets', 'two whole data_offsets', offsets ?? 'others');
  const [begin, end] = offsets as [number, number];
  if (end < begin) refuse(file, key, 'offsets-order', 'data_offsets in rising order', offsets);
  const count = elementCount(shape);
  const bytes = count === null ? Infinity : count * elementBytes(dtype);
  if (bytes > Number.MAX_SAFE_INTEGER) refuse(file, key, 'size-overflow', 'a size below 2^53 bytes', shape);
  if (bytes !== end - begin) refuse(file, key, 'size-mismatch', `${bytes} bytes for ${dtype} [${shape.join(',')}]`, end - begin);
  return { key, dtype, shape, begin, bytes };
}

function checkTiling(file: string, entries: readonly HeaderEntry[], bodyBytes: number): void {
  let next = 0;
  for (const { key, begin, bytes } of entries) {
    if (begin > next) refuse(file, key, 'offsets-gap', `data that begins at byte ${next}`, begin);
    if (begin < next) refuse(file, key, 'offsets-overlap', `data that begins at byte ${next}`, begin);
    next += bytes;
    if (next > bodyBytes) refuse(file, key, 'body-cut', `a body of at least ${next} bytes`, bodyBytes);
  }
  if (next < bodyBytes) refuse(file, null, 'body-tail', `a body of exactly ${next} bytes`, bodyBytes);
}

function wholeNumbers(value: StrictJson | undefined): number[] | null {
  return Array.isArray(value) && value.every((item) => typeof item === 'number') ? (value as number[]) : null;
}

function kind(value: StrictJson | undefined): string | number {
  if (value instanceof Map) return 'an object';
  return Array.isArray(value) ? 'an array' : (value ?? 'nothing');
}

/** The bytes before the body: length, JSON with both hashes, padding to a multiple of 8. ERR_MG_CHECKPOINT above the cap. */
export function buildHeader(
  entries: readonly HeaderEntry[],
  metadata: ReadonlyMap<string, string>,
  bodySha256: string,
): Uint8Array {
  const own = { [FORMAT]: String(FORMAT_VERSION), [BODY_HASH]: bodySha256, [HEADER_HASH]: NO_HASH };
  const pairs = [...Object.entries(own), ...metadata].map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
  const members = [`"${METADATA}":{${pairs.join(',')}}`];
  for (const { key, dtype, shape, begin, bytes } of entries) {
    members.push(
      `${JSON.stringify(key)}:{"dtype":"${dtype}","shape":[${shape.join(',')}],"data_offsets":[${begin},${begin + bytes}]}`,
    );
  }
  const json = Buffer.from(`{${members.join(',')}}`, 'utf8');
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER_BYTES)
    refuse('saveTensors', null, 'header-cap', `a header of at most ${MAX_HEADER_BYTES} bytes`, words(`one of ${length} bytes`));
  const header = Buffer.alloc(8 + length, ' ');
  header.writeBigUInt64LE(BigInt(length));
  json.copy(header, 8);
  const hash = createHash('sha256').update(header.subarray(8)).digest('hex');
  const at = header.indexOf(`"${HEADER_HASH}":"${NO_HASH}"`);
  header.write(hash, at + HEADER_HASH.length + 4, 'latin1');
  return header;
}

/** Whether a name can stand in a file: non-empty, well-formed Unicode. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);
/** Whether a metadata key is kept for the format itself. */
export const isReservedKey = (key: string): boolean => key.startsWith(OWN_PREFIX);
/** The header key that holds the metadata, which no array may have. */
export const METADATA_KEY = METADATA;
