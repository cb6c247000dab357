// TensorBoard event files: scalars as TFRecord-framed protocol buffers, written by hand.
// record:  length u64 · masked CRC-32C of the length u32 · data · masked CRC-32C of the data u32   (little-endian)
// Event:   1 wall_time double · 2 step int64 · 3 file_version string · 5 summary { 1 value { 1 tag, 2 simple_value float } }
import { closeSync, openSync, readdirSync, truncateSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { checkInteger, fail, words } from '../check.js';
import { fileError } from './atomic-file.js';
import { makeFolder, readRegularFile } from './folders.js';

const POLYNOMIAL = 0x82f63b78; // Castagnoli, bits reversed
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli) of the bytes, as an unsigned number. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The masked form TFRecord stores: rotated right by 15 bits, plus 0xa282ead8. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** One framed record. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(12 + data.length + 4);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
  return record;
}

/** Appends scalars to one event file of its own. */
export class EventWriter {
  readonly file: string;
  #descriptor: number | null;
  readonly #clock: () => number;

  /** Makes `folder` and a new event file in it. `clock` gives milliseconds since 1970. ERR_MG_CHECKPOINT when it cannot. */
  constructor(folder: string, options: { clock?: () => number } = {}) {
    this.#clock = options.clock ?? Date.now;
    const seconds = Math.floor(this.#clock() / 1000);
    const stem = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`);
    try {
      makeFolder(folder);
      [this.file, this.#descriptor] = openNew(stem);
    } catch (cause) {
      throw fileError(stem, 'an event file that can be made', cause);
    }
    this.#append(bytesField(3, Buffer.from('brain.Event:2')));
  }

  /** Appends one point of the curve `tag`. Steps are whole; the value is stored as float32 and may be NaN or infinite. */
  scalar(tag: string, value: number, step: number): void {
    checkInteger('EventWriter.scalar', 'step', step, 0);
    const point = Buffer.concat([bytesField(1, Buffer.from(tag, 'utf8')), floatField(2, value)]);
    const stepField = Buffer.concat([varint(2 << 3), varint(step)]);
    this.#append(Buffer.concat([stepField, bytesField(5, bytesField(1, point))]));
  }

  /** Closes the file; a second call does nothing. */
  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  #append(fields: Uint8Array): void {
    const descriptor = this.#descriptor ?? fail('ERR_MG_DISPOSED', this.file, 'an open event file', words('a closed one'));
    const record = frameRecord(Buffer.concat([doubleField(1, this.#clock() / 1000), fields]));
    try {
      for (let at = 0; at < record.length;) at += writeSync(descriptor, record, at);
    } catch (cause) {
      throw fileError(this.file, 'to append an event', cause);
    }
  }
}

/**
 * Cuts the event files of `folder` back to the events of steps ≤ `step`, for a run that goes on there: later ones are written
 * again. A record that a kill has torn goes, too. A folder that is not there has none.
 */
export function cutEvents(folder: string, step: number): void {
  try {
    for (const name of readdirSync(folder)) {
      if (!name.startsWith('events.out.tfevents.')) continue;
      const file = join(folder, name);
      const bytes = readRegularFile(file);
      const kept = keptBytes(bytes, step);
      if (kept < bytes.length) truncateSync(file, kept);
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw fileError(folder, 'event files that can be cut back', cause);
  }
}

/** Bytes of the whole records before the first that is damaged or of a later step. */
function keptBytes(bytes: Buffer, step: number): number {
  let at = 0;
  while (at + 16 <= bytes.length) {
    const length = Number(bytes.readBigUInt64LE(at));
    const end = at + 16 + length;
    if (end > bytes.length || bytes.readUInt32LE(at + 8) !== maskedCrc32c(bytes.subarray(at, at + 8))) break;
    const data = bytes.subarray(at + 12, at + 12 + length);
    if (bytes.readUInt32LE(end - 4) !== maskedCrc32c(data) || stepOf(data) > step) break;
    at = end;
  }
  return at;
}

/** Field 2 of an event, a varint, which stands after the time (nine bytes) where there is one; 0 without it. */
function stepOf(data: Uint8Array): number {
  if (data[0] !== 9 || data[9] !== 2 << 3) return 0;
  let [step, factor] = [0, 1];
  for (let at = 10; at < data.length; at += 1) {
    step += (data[at]! & 127) * factor;
    if (data[at]! < 128) return step;
    factor *= 128;
  }
  return step;
}

function openNew(stem: string): [string, number] {
  for (let number = 0;; number += 1) {
    const file = `${stem}.${number}`;
    try {
      return [file, openSync(file, 'wx', 0o644)];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

// Fields of the wire format: key = number · 8 + kind, where 0 is a varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value;; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

function bytesField(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function doubleField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = number * 8 + 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function floatField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = number * 8 + 5;
  bytes.writeFloatLE(value, 1);
  return bytes;
}
