// Copy and repeat copy of random bit vectors (Graves, Wayne, Danihelka 2014, §4.1 and 4.2; official DNC code).

import { checkInteger } from '../../check.js';
import { checkData, choice, integer, object, optional, type Data } from '../../schema.js';
import { Rng } from '../../tensor/rng.js';
import { randomBits } from '../bits.js';
import { inRange, range, type Range } from './range.js';
import { BitWriter, presentations, SequenceTask, type BitSequence, type Presentation } from './sequence-task.js';

export const copyOptions = object({
  /** Bits of a vector; default 8. */
  bits: optional(integer(1)),
  /** Vectors in a sequence, drawn for each sequence; default 1 to 20. */
  lengths: optional(range(1)),
  /** `end` (default): one step on a channel of its own ends the sequence; `startEnd`: one begins it too, on another channel. */
  delimiters: optional(choice('end', 'startEnd')),
  presentation: optional(choice(...presentations)),
});

export interface CopyOptions extends Data<typeof copyOptions> {}

export const repeatCopyOptions = object({
  /** Bits of a vector; default 4, as in the official DNC code. */
  bits: optional(integer(1)),
  /** Vectors in a sequence; default 1 to 2. */
  lengths: optional(range(1)),
  /** Times that it is due; default 1 to 2. */
  repeats: optional(range(1)),
  /** `tenth` (default): the count is shown as count/10; `normalised`: with mean 0 and variance 1 over its range. */
  count: optional(choice('tenth', 'normalised')),
  presentation: optional(choice(...presentations)),
});

export interface RepeatCopyOptions extends Data<typeof repeatCopyOptions> {}

/** L random vectors. */
export function randomVectors(rng: Rng, length: number, bits: number): Uint8Array[] {
  return Array.from({ length }, () => randomBits(rng, bits));
}

/** **Sees** L vectors of random bits, then a delimiter. **Answers** the vectors in the same order, one per step, on zero input.
 *  **Scored** by right bits, wrong bits and cross-entropy per sequence. */
export function copy(options: CopyOptions = {}): SequenceTask {
  const { bits = 8, lengths = [1, 20], delimiters = 'end', presentation: shown = 'flat' } = checkData(
    'copy',
    copyOptions,
    options,
  );
  return new CopyTask(bits, lengths, delimiters, shown);
}

class CopyTask extends SequenceTask {
  readonly version = 1;
  readonly levels: number;
  constructor(bits: number, readonly lengths: Range, readonly delimiters: 'end' | 'startEnd', presentation: Presentation) {
    super('copy', bits + (delimiters === 'end' ? 1 : 2), bits, presentation);
    this.levels = lengths[1];
  }

  /** Sequences of `level` vectors. */
  atLevel(level: number): CopyTask {
    checkInteger(this.name, 'level', level, 1);
    return new CopyTask(this.bits, [level, level], this.delimiters, this.presentation);
  }

  protected draw(seed: number, index: number): BitSequence {
    const rng = new Rng(seed).split('copy').split(index);
    const length = inRange(rng, this.lengths);
    return encodeCopy(randomVectors(rng, length, this.bits), this.delimiters);
  }
}

/** The episode of these vectors. */
export function encodeCopy(vectors: readonly ArrayLike<number>[], delimiters: 'end' | 'startEnd' = 'end'): BitSequence {
  const bits = vectors[0]!.length;
  const extra = delimiters === 'end' ? 1 : 2;
  const writer = new BitWriter(bits + extra, bits);
  if (delimiters === 'startEnd') writer.show([1], bits);
  for (const vector of vectors) writer.show(vector);
  writer.show([1], bits + extra - 1);
  for (const vector of vectors) writer.ask(vector);
  return writer.done();
}

/** **Sees** a start flag, L vectors, then how often they are due. **Answers** them that many times, then an end flag on a
 *  channel of its own. **Scored** as copy. */
export function repeatCopy(options: RepeatCopyOptions = {}): SequenceTask {
  const own = checkData('repeatCopy', repeatCopyOptions, options);
  const { bits = 4, lengths = [1, 2], repeats = [1, 2], count = 'tenth', presentation: shown = 'flat' } = own;
  return new RepeatCopyTask(bits, lengths, repeats, count, shown);
}

class RepeatCopyTask extends SequenceTask {
  readonly version = 1;
  constructor(
    bits: number,
    readonly lengths: Range,
    readonly repeats: Range,
    readonly count: 'tenth' | 'normalised',
    presentation: Presentation,
  ) {
    super('repeat-copy', bits + 2, bits + 1, presentation);
  }

  protected draw(seed: number, index: number): BitSequence {
    const rng = new Rng(seed).split('repeatCopy').split(index);
    const length = inRange(rng, this.lengths);
    const repeats = inRange(rng, this.repeats);
    const shown = this.count === 'tenth' ? repeats / 10 : normalisedCount(repeats, this.repeats);
    return encodeRepeatCopy(randomVectors(rng, length, this.bits - 1), repeats, shown); // one bit of an answer is the end flag;
  }
}

/** (count − mean) / standard deviation of the uniform distribution over the range; 0 for a range of one. */
export function normalisedCount(count: number, [low, high]: Range): number {
  const values = high - low + 1;
  return values === 1 ? 0 : (count - (low + high) / 2) / Math.sqrt((values * values - 1) / 12);
}

export function encodeRepeatCopy(vectors: readonly ArrayLike<number>[], repeats: number, shown: number): BitSequence {
  const bits = vectors[0]!.length;
  const writer = new BitWriter(bits + 2, bits + 1).show([1], bits);
  for (const vector of vectors) writer.show(vector);
  writer.show([shown], bits + 1);
  for (let k = 0; k < repeats; k++) for (const vector of vectors) writer.ask(vector);
  return writer.ask([1], bits).done();
}
