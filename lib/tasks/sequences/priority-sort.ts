// Priority sort of bit vectors (Graves, Wayne, Danihelka 2014, §4.5; Rae et al. 2016, §4.2): the best of them, in order.

import { checkInteger } from '../../check.js';
import { checkData, choice, integer, object, optional, type Data } from '../../schema.js';
import { Rng } from '../../tensor/rng.js';
import { randomVectors } from './copy.js';
import { inRange, range, type Range } from './range.js';
import { BitWriter, presentations, SequenceTask, type BitSequence, type Presentation } from './sequence-task.js';

export const prioritySortOptions = object({
  /** Vectors of a list, drawn for each list; default 20 to 20. */
  items: optional(range(1)),
  /** How many of the longest list are due, the highest first; of shorter ones the same share, rounded up. Default ⅘: 16. */
  best: optional(integer(1)),
  /** Bits of a vector; default 8. */
  bits: optional(integer(1)),
  presentation: optional(choice(...presentations)),
});

export interface PrioritySortOptions extends Data<typeof prioritySortOptions> {}

/**
 * **Sees** vectors of random bits, one per step, each with a priority in [−1, 1) on a channel of its own. **Answers** those of
 * the highest priorities, the highest first, one per step, on zero input. **Scored** as copy.
 */
export function prioritySort(options: PrioritySortOptions = {}): SequenceTask {
  const own = checkData('prioritySort', prioritySortOptions, options);
  const { items = [20, 20], bits = 8, presentation = 'flat' } = own;
  const best = checkInteger('prioritySort', 'best', own.best ?? Math.ceil(0.8 * items[1]), 1, items[1]);
  return new PrioritySortTask(items, best / items[1], bits, presentation);
}

class PrioritySortTask extends SequenceTask {
  readonly version = 1;
  readonly levels: number;
  constructor(readonly items: Range, readonly share: number, bits: number, presentation: Presentation) {
    super('priority-sort', bits + 1, bits, presentation);
    this.levels = items[1];
  }

  /** Lists of `level` vectors. */
  atLevel(level: number): PrioritySortTask {
    checkInteger(this.name, 'level', level, 1);
    return new PrioritySortTask([level, level], this.share, this.bits, this.presentation);
  }

  protected draw(seed: number, index: number): BitSequence {
    const rng = new Rng(seed).split('prioritySort').split(index);
    const count = inRange(rng, this.items);
    const vectors = randomVectors(rng, count, this.bits);
    const priorities = Float32Array.from({ length: count }, () => 2 * rng.uniform() - 1);
    return encodePrioritySort(vectors, priorities, Math.ceil(this.share * count - 1e-9)); // 16 of 20 is 0.8 but for rounding
  }
}

/** The episode of these vectors; of equal priorities the one seen first comes first. */
export function encodePrioritySort(
  vectors: readonly ArrayLike<number>[],
  priorities: ArrayLike<number>,
  best: number,
): BitSequence {
  const bits = vectors[0]!.length;
  const writer = new BitWriter(bits + 1, bits);
  vectors.forEach((vector, k) => writer.show([...Array.from(vector), priorities[k]!]));
  const order = Array.from(vectors.keys()).sort((i, j) => priorities[j]! - priorities[i]!);
  for (const place of order.slice(0, best)) writer.ask(vectors[place]!);
  return writer.done();
}
