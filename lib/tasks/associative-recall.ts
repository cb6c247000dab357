// Associative recall of items of several vectors (Graves, Wayne, Danihelka 2014, §4.3).

import { checkInteger, checkOptions } from '../check.js';
import { Rng } from '../tensor/rng.js';
import { checkPresentation, checkRange, inRange, randomVectors, type Range } from './copy.js';
import { BitWriter, SequenceTask, type BitSequence, type Presentation } from './sequence-task.js';

export interface AssociativeRecallOptions {
  /** Items of a list, drawn for each list; default 2 to 6. */
  readonly items?: Range;
  /** Vectors of an item; default 3. */
  readonly vectors?: number;
  /** Bits of a vector; default 6. */
  readonly bits?: number;
  readonly presentation?: Presentation;
}

/** **Sees** items, each behind a delimiter; then one of them but the last between two query delimiters. **Answers** the item that
 *  followed it, one vector per step, on zero input. **Scored** as copy. */
export function associativeRecall(options: AssociativeRecallOptions = {}): SequenceTask {
  checkOptions('associativeRecall', options, ['items', 'vectors', 'bits', 'presentation']);
  return new AssociativeRecallTask(
    checkRange('associativeRecall', 'items', options.items ?? [2, 6], 2), checkInteger('associativeRecall', 'vectors', options.vectors ?? 3, 1),
    checkInteger('associativeRecall', 'bits', options.bits ?? 6, 1), checkPresentation('associativeRecall', options.presentation));
}

class AssociativeRecallTask extends SequenceTask {
  readonly version = 1;
  constructor(readonly items: Range, readonly vectors: number, bits: number, presentation: Presentation) {
    super('associativeRecall', bits + 2, bits, presentation);
  }

  protected draw(seed: number, index: number): BitSequence {
    const rng = new Rng(seed).split('associativeRecall').split(index);
    const count = inRange(rng, this.items);
    const items = Array.from({ length: count }, () => randomVectors(rng, this.vectors, this.bits));
    return encodeAssociativeRecall(items, rng.integer(count - 1));
  }
}

/** The episode of these items, asked for the one behind `query`. */
export function encodeAssociativeRecall(items: readonly (readonly ArrayLike<number>[])[], query: number): BitSequence {
  const bits = items[0]![0]!.length;
  const writer = new BitWriter(bits + 2, bits);
  for (const item of items) {
    writer.show([1], bits);
    for (const vector of item) writer.show(vector);
  }
  writer.show([1], bits + 1);
  for (const vector of items[query]!) writer.show(vector);
  writer.show([1], bits + 1);
  for (const vector of items[query + 1]!) writer.ask(vector);
  return writer.done();
}
