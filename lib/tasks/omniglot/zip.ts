// Zip archives as far as data sets need them: stored and deflated files, found by the directory at the end (APPNOTE.TXT, PKWARE).
// Not fflate, which neither bounds what a file unpacks to nor checks its sum, nor yauzl, which reads only asynchronously while
// tasks are made at once.

import { crc32, inflateRawSync } from 'node:zlib';
import { fail } from '../../check.js';
import { MgError } from '../../errors.js';

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const MOST_COMMENT = 0xffff;
const STORED = 0;
const DEFLATED = 8;

/** A file of an archive. */
export interface ZipFile {
  readonly name: string;
  /** Its bytes, once length and sum are found right. Throws ERR_MG_ARGUMENT. */
  read(): Uint8Array;
}

/** Whether bytes begin like an archive. */
export const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b;

/** The files of an archive whose names are `wanted`, each of at most `most` bytes. ERR_MG_ARGUMENT for one that is damaged. */
export function zipFiles(where: string, bytes: Uint8Array, wanted: (name: string) => boolean, most: number): ZipFile[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const damaged = (expected: string, got: unknown): never =>
    fail('ERR_MG_ARGUMENT', where, expected, got, 'the archive is damaged');
  const end = endOf(view) ?? damaged('an archive with a directory at its end', bytes);
  const [disks, here, count, size, first] = [
    view.getUint32(end + 4, true),
    view.getUint16(end + 8, true),
    view.getUint16(end + 10, true),
    view.getUint32(end + 12, true),
    view.getUint32(end + 16, true),
  ];
  if (disks !== 0 || here !== count) fail('ERR_MG_ARGUMENT', where, 'an archive in one part', disks);
  if (first + size > end) damaged(`a directory within ${end} bytes`, first + size);
  const files: ZipFile[] = [];
  let at = first;
  for (let k = 0; k < count; k++) {
    if (at + ENTRY_BYTES > end || view.getUint32(at, true) !== ENTRY) damaged(`${count} files in the directory`, k);
    const [nameBytes, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true)) as [number, number, number];
    const next = at + ENTRY_BYTES + nameBytes + extra + comment;
    if (next > end) damaged(`${count} files in the directory`, k);
    const name = Buffer.from(bytes.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes)).toString('utf8')
      .replaceAll('\\', '/'); // as older programs of Windows write them
    if (wanted(name)) files.push(fileOf(where, name, view, at, most));
    at = next;
  }
  return files;
}

/** Where the record at the end begins: behind it stands a comment of the length that it gives. */
function endOf(view: DataView): number | undefined {
  const last = view.byteLength - END_BYTES;
  for (let at = last; at >= Math.max(0, last - MOST_COMMENT); at--) {
    if (view.getUint32(at, true) === END && at + END_BYTES + view.getUint16(at + 20, true) === view.byteLength) return at;
  }
  return undefined;
}

function fileOf(where: string, name: string, view: DataView, at: number, most: number): ZipFile {
  const wrong = (expected: string, got: unknown): never => fail('ERR_MG_ARGUMENT', `${where}, ${name}`, expected, got);
  const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
  const [sum, packed, size, start] = [16, 20, 24, 42].map((place) => view.getUint32(at + place, true)) as [
    ...[number, number, number, number],
  ];
  if ((flags & 1) !== 0) wrong('a file that is not encrypted', flags);
  if (method !== STORED && method !== DEFLATED) wrong('a stored or deflated file', method);
  if (size > most) wrong(`at most ${most} bytes`, size);
  if (start + LOCAL_BYTES > view.byteLength || view.getUint32(start, true) !== LOCAL) wrong('a file at its place', start);
  const data = start + LOCAL_BYTES + view.getUint16(start + 26, true) + view.getUint16(start + 28, true);
  if (data + packed > view.byteLength) wrong(`${packed} packed bytes`, view.byteLength - data);
  return {
    name,
    read() {
      const content = new Uint8Array(view.buffer, view.byteOffset + data, packed);
      const bytes = method === STORED ? content : inflated(`${where}, ${name}`, content, size);
      if (bytes.length !== size) wrong(`${size} bytes`, bytes.length);
      if (crc32(bytes) !== sum) wrong(`the check sum ${sum}`, crc32(bytes));
      return bytes;
    },
  };
}

function inflated(where: string, bytes: Uint8Array, size: number): Uint8Array {
  try {
    return inflateRawSync(bytes, { maxOutputLength: Math.max(1, size) });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MgError('ERR_MG_ARGUMENT', `${where}: expected ${size} deflated bytes, got others; ${reason}`, {
      op: where,
      cause,
    });
  }
}
