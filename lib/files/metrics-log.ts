// The log of a run: one JSON object per line, in rising steps, never rewritten but cut back on resume.
import { closeSync, constants, fsync, openSync, readFileSync, ftruncateSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { fail, words } from '../check.js';
import { MgError } from '../errors.js';
import { fileError } from './atomic-file.js';

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

  /** Opens `file`. Without `resumeAt` it is emptied; with it, the lines of steps ≤ resumeAt stay and the rest, a torn last line
   *  included, is cut off. ERR_MG_CHECKPOINT when the file cannot be opened or a kept line is not a record. */
  constructor(file: string, options: { resumeAt?: number } = {}) {
    this.file = file;
    this.#lastStep = -Infinity;
    this.#bytes = 0;
    try {
      this.#descriptor = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o644);
    } catch (cause) {
      throw fileError(file, 'a log that can be written', cause);
    }
    try {
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

/** Reads a log, leaving out a torn last line. ERR_MG_CHECKPOINT names the first line that is not a record. */
export function readMetrics(file: string): MetricsRecord[] {
  try {
    return [...records(file, readFileSync(file))].map(({ record }) => record);
  } catch (cause) {
    throw fileError(file, 'a readable log', cause);
  }
}

function keptPart(file: string, resumeAt: number): { bytes: number; lastStep: number } {
  const kept = { bytes: 0, lastStep: -Infinity };
  for (const { record, end } of records(file, readFileSync(file))) {
    if (record.step > resumeAt) break;
    kept.bytes = end;
    kept.lastStep = record.step;
  }
  return kept;
}

// Whole lines only: what follows the last line feed was torn by a kill and never acknowledged.
function* records(file: string, bytes: Buffer): Generator<{ record: MetricsRecord; end: number }> {
  for (let begin = 0, line = 1;; line += 1) {
    const feed = bytes.indexOf(10, begin);
    if (feed < 0) return;
    const record = parseLine(bytes.toString('utf8', begin, feed));
    if (record === null) {
      throw new MgError('ERR_MG_CHECKPOINT', `${file}: expected line ${line} to be a JSON object with a step, got another text`);
    }
    begin = feed + 1;
    yield { record, end: begin };
  }
}

function parseLine(text: string): MetricsRecord | null {
  try {
    const value = JSON.parse(text) as MetricsRecord | null;
    return typeof value?.step === 'number' ? value : null;
  } catch {
    return null;
  }
}
