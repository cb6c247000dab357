// IDX files, the container of MNIST: a magic number, sizes (big-endian int32), then unsigned bytes.

import { gunzipSync } from 'node:zlib';
import { checkString, fail, words } from '../check.js';
import { MgError } from '../errors.js';
import { encodingOf, readRegularFile } from '../files/folders.js';

const MAX_BYTES = 2 ** 30; // no data set of ours unpacks to more than 50 MB

export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Reads a file, gunzipping it when it begins like a gzip file. ERR_MG_ARGUMENT with the cause when it cannot be read. */
export function readBytes(where: string, file: string): Uint8Array {
  try {
    const bytes = readRegularFile(checkString(where, 'file', file));
    return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: MAX_BYTES }) : bytes;
  } catch (cause) {
    if (cause instanceof MgError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MgError('ERR_MG_ARGUMENT', `${where}: expected a readable file, got '${file}'; ${reason}`, { op: where, cause });
  }
}

/** The text of a file in UTF-8, or in UTF-16 with its mark. ERR_MG_ARGUMENT for bytes that are neither. */
export function readText(where: string, file: string): string {
  const bytes = readBytes(where, file);
  try {
    return new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
  } catch (cause) {
    const message = `${where}: expected text in UTF-8, got other bytes in '${file}'; convert the file, as with iconv -t utf-8`;
    throw new MgError('ERR_MG_ARGUMENT', message, { op: where, cause });
  }
}

/** The bytes of an IDX file of `rank` dimensions, plain or gzipped. ERR_MG_ARGUMENT for any other file: another magic number,
 *  another element type, or a length that its sizes do not give. */
export function readIdx(where: string, file: string, rank: number): IdxArray {
  const bytes = readBytes(where, file);
  const header = 4 + 4 * rank;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = 0x0800 + rank;
  if (bytes.length < header || view.getUint32(0) !== magic) {
    fail('ERR_MG_ARGUMENT', where, `an IDX file of bytes with ${rank} dimension(s)`, file);
  }
  const shape = Array.from({ length: rank }, (_, k) => view.getUint32(4 + 4 * k));
  const size = shape.reduce((product, side) => product * side, 1);
  if (bytes.length - header !== size) {
    fail(
      'ERR_MG_ARGUMENT',
      where,
      `${size} bytes after the header of ${file}`,
      words(`${bytes.length - header} bytes`),
      'the file is damaged',
    );
  }
  return { shape, data: bytes.subarray(header) };
}
