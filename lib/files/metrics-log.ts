// The log of a run: one JSON object per line, in rising steps, never rewritten but cut back on resume.
import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  ftruncateSync,
  openSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import { fail, words } from '../check.js';
import { MgError } from '../errors.js';
import { fileError } from './atomic-file.js';
import { readRegularFile } from './folders.js';

/** One line. `step` orders the lines. For two runs to have equal logs, every field must follow from the seed: no times. */
export interface MetricsRecord {
  readonly step: number;
  readonly [field: string]: number | string | boolean | null;
}

/** Appends to a JSON-lines file. Each append is one write to the system, so that a killed process loses no whole line. */
export class MetricsLog {
  readonly file: string;
  #descriptor: number | null;
  #lastStep: number;
  #bytes: number;

  /** Opens `file`. Without `resumeAt` it is emptied; with it, the records of steps ≤ resumeAt stay and all else goes: later ones,
   *  and lines that are none (torn by a kill, zeros of a power cut, blank). Where such a line stood before a record that stays,
   *  the old content is kept beside, in `<file>.damaged`. ERR_MG_CHECKPOINT when the file cannot be opened. */
  constructor(file: string, options: { resumeAt?: number } = {}) {
    this.file = file;
    this.#lastStep = -Infinity;
    this.#bytes = 0;
    try {
      if (options.resumeAt !== undefined) repair(file, options.resumeAt);
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;
      this.#descriptor = openSync(file, flags, 0o644);
    } catch (cause) {
      throw fileError(file, 'a log that can be written', cause);
    }
    try {
      if (!fstatSync(this.#descriptor).isFile()) {
        fail('ERR_MG_CHECKPOINT', file, 'a regular file', words('a device or a pipe'));
      }
      const kept = options.resumeAt === undefined ? { bytes: 0, lastStep: -Infinity } : keptPart(file, options.resumeAt);
      ftruncateSync(this.#descriptor, kept.bytes);
      this.#lastStep = kept.lastStep;
      this.#bytes = kept.bytes;
    } catch (cause) {
      this.close();
      throw fileError(file, 'a log that can be read and cut', cause);
    }
  }

  /** Appends one line. Steps never fall (ERR_MG_ARGUMENT); NaN and infinities become null, as JSON has no word for them. */
  append(record: MetricsRecord): void {
    const descriptor = this.#open();
    if (!Number.isFinite(record.step) || record.step < this.#lastStep) {
      fail('ERR_MG_ARGUMENT', this.file, `a step of at least ${this.#lastStep}`, record.step);
    }
    const line = Buffer.from(`${JSON.stringify(record)}\n`, 'utf8');
    try {
      for (let at = 0; at < line.length;) at += writeSync(descriptor, line, at);
    } catch (cause) {
      this.#cutTornLine(descriptor);
      throw fileError(this.file, 'to append a line', cause);
    }
    this.#bytes += line.length;
    this.#lastStep = record.step;
  }

  /** Resolves when every line so far survives a power cut. */
  async flush(): Promise<void> {
    const descriptor = this.#open();
    try {
      await promisify(fsync)(descriptor);
    } catch (cause) {
      throw fileError(this.file, 'to flush the log', cause);
    }
  }

  /** Closes the file; a second call does nothing. */
  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  // A full disk may take half a line; without this the next line would grow out of it.
  #cutTornLine(descriptor: number): void {
    try {
      ftruncateSync(descriptor, this.#bytes);
    } catch {
      // The append has failed already, and its error is the one to tell.
    }
  }

  #open(): number {
    return this.#descriptor ?? fail('ERR_MG_DISPOSED', this.file, 'an open log', words('a closed one'));
  }
}

/** Reads a log, leaving out a torn last line and blank ones. ERR_MG_CHECKPOINT names the first line that is not a record. */
export function readMetrics(file: string): MetricsRecord[] {
  try {
    return [...records(file, readRegularFile(file))].map(({ record }) => record);
  } catch (cause) {
    throw fileError(file, 'a readable log', cause);
  }
}

function keptPart(file: string, resumeAt: number): { bytes: number; lastStep: number } {
  const kept = { bytes: 0, lastStep: -Infinity };
  for (const { record, end } of lines(readRegularFile(file))) {
    if (record === null || record.step > resumeAt || record.step < kept.lastStep) break;
    kept.bytes = end;
    kept.lastStep = record.step;
  }
  return kept;
}

/** Writes the log anew where lines that are no records, or of falling steps, stand before records that stay. */
function repair(file: string, resumeAt: number): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return;
  const bytes = readRegularFile(file);
  const kept: string[] = [];
  let [last, end] = [-Infinity, 0];
  for (const line of lines(bytes)) {
    if (line.record === null || line.record.step > resumeAt || line.record.step < last) continue;
    kept.push(`${bytes.toString('utf8', line.begin, line.end).replace(/^\uFEFF/, '').trimEnd()}\n`);
    [last, end] = [line.record.step, line.end];
  }
  const text = Buffer.from(kept.join(''), 'utf8');
  if (text.equals(bytes.subarray(0, end))) return;
  const target = realpathSync(file);
  writeFileSync(`${target}.damaged`, bytes, { mode: found.mode & 0o777 });
  const temporary = `${target}.repaired`;
  writeFileSync(temporary, text, { mode: found.mode & 0o777, flush: true });
  renameSync(temporary, target);
}

interface Line {
  /** Null for what is none. */
  readonly record: MetricsRecord | null;
  readonly begin: number;
  readonly end: number;
}

// Whole lines only: what follows the last line feed was torn by a kill and never acknowledged.
function* lines(bytes: Buffer): Generator<Line> {
  for (let begin = 0;;) {
    const feed = bytes.indexOf(10, begin);
    if (feed < 0) return;
    yield { record: parseLine(bytes.toString('utf8', begin, feed)), begin, end: feed + 1 };
    begin = feed + 1;
  }
}

function* records(file: string, bytes: Buffer): Generator<{ record: MetricsRecord }> {
  let number = 0;
  for (const { record, begin, end } of lines(bytes)) {
    number += 1;
    if (record !== null) yield { record };
    else if (bytes.toString('utf8', begin, end).trim() !== '') {
      throw new MgError(
        'ERR_MG_CHECKPOINT',
        `${file}: expected line ${number} to be a JSON object with a step, got another text`,
      );
    }
  }
}

function parseLine(text: string): MetricsRecord | null {
  try {
    const value = JSON.parse(text.replace(/^\uFEFF/, '')) as MetricsRecord | null;
    return typeof value?.step === 'number' ? value : null;
  } catch {
    return null;
  }
}
