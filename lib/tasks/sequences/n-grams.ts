// Dynamic N-grams (Graves, Wayne, Danihelka 2014, §4.4): predict the next bit of a source that is drawn anew for each sequence.

import { checkInteger, fail } from '../../check.js';
import { checkData, choice, integer, object, optional, type Data } from '../../schema.js';
import { Rng } from '../../tensor/rng.js';
import { checkLogits, ratio } from '../scorers.js';
import { directions, type Scorer, type TaskDescription, type Window } from '../task.js';
import { BitWriter, presentations, SequenceTask, type BitSequence, type Presentation } from './sequence-task.js';

export const nGramsOptions = object({
  /** N: a bit follows from the N − 1 bits before it. Default 6. */
  order: optional(integer(2, 16)),
  /** Bits of a sequence. Default 200. */
  length: optional(integer(3)),
  presentation: optional(choice(...presentations)),
});

export interface NGramsOptions extends Data<typeof nGramsOptions> {}

/**
 * A sequence of random bits of which each, but the first N − 1 that are fair, is 1 with a probability that depends on the N − 1
 * before it; the 2^(N−1) probabilities are drawn from Beta(½, ½) for each sequence. **Sees** one bit per step. **Answers** the
 * next one. **Scored** in bits per sequence: `excess` over `optimum`, which is what the best possible prediction costs on the
 * same sequences, with p(1) = (n₁ + ½)/(n₀ + n₁ + 1) where n₀ zeros and n₁ ones followed the same bits before (Murphy 2012), and
 * ½ for the fair ones; `bits`, the cross-entropy of the answers.
 */
export function nGrams(options: NGramsOptions = {}): SequenceTask {
  const { order = 6, length = 200, presentation = 'flat' } = checkData('nGrams', nGramsOptions, options);
  if (length <= order) fail('ERR_MG_ARGUMENT', 'nGrams', `length above the order ${order}`, length);
  return new NGramsTask(order, length, presentation);
}

class NGramsTask extends SequenceTask {
  readonly version = 1;
  constructor(readonly order: number, readonly length: number, presentation: Presentation) {
    super('n-grams', 1, 1, presentation);
  }

  override describe(): TaskDescription {
    const metrics = NGramScorer.metrics;
    return { ...super.describe(), metrics, better: directions('lower', ['excess', 'bits']), steps: this.length - 1 };
  }

  protected draw(seed: number, index: number): BitSequence {
    const rng = new Rng(seed).split('nGrams').split(index);
    const chances = Array.from({ length: 2 ** (this.order - 1) }, () => arcsine(rng));
    const bits: number[] = [];
    for (let t = 0; t < this.length; t++) {
      const chance = t < this.order - 1 ? 0.5 : chances[contextOf(bits, t, this.order)]!;
      bits.push(rng.uniform() < chance ? 1 : 0);
    }
    return encodeNGrams(bits);
  }

  override scorer(): NGramScorer {
    return new NGramScorer(this.order);
  }
}

/** A draw from Beta(½, ½): sin² of an even angle. */
const arcsine = (rng: Rng): number => Math.sin((Math.PI / 2) * rng.uniform()) ** 2;

/** The order − 1 bits before place t as a number. */
const contextOf = (bits: ArrayLike<number>, t: number, order: number): number => {
  let context = 0;
  for (let k = t - order + 1; k < t; k++) context = 2 * context + bits[k]!;
  return context;
};

/** The episode of these bits: at each step one of them is shown and the next one is due. */
export function encodeNGrams(bits: readonly number[]): BitSequence {
  const writer = new BitWriter(1, 1);
  for (let t = 0; t + 1 < bits.length; t++) writer.show([bits[t]!]);
  const sequence = writer.done();
  return { ...sequence, target: Float32Array.from(bits.slice(1)), due: sequence.due.fill(1) };
}

/** What the best possible prediction of each bit costs, in bits. */
export function optimalBits(bits: ArrayLike<number>, order: number): number[] {
  const counts = new Map<number, [zeros: number, ones: number]>();
  return Array.from({ length: bits.length }, (_, t) => {
    if (t < order - 1) return 1;
    const context = contextOf(bits, t, order);
    const [zeros, ones] = counts.get(context) ?? [0, 0];
    counts.set(context, bits[t] === 1 ? [zeros, ones + 1] : [zeros + 1, ones]);
    return -Math.log2(((bits[t] === 1 ? ones : zeros) + 0.5) / (zeros + ones + 1));
  });
}

/** Bits per sequence, and how many of them the best possible prediction would have spared. Windows must come in order. */
export class NGramScorer implements Scorer {
  static readonly metrics: readonly string[] = ['excess', 'bits', 'optimum'];
  readonly #order: number;
  #nats = 0;
  #optimum = 0;
  #sequences = 0;
  /** The bits of each row of the batch: the first is shown at its first step, the others are what is due. */
  #rows: number[][] = [];

  constructor(order: number) {
    this.#order = checkInteger('NGramScorer', 'order', order, 1);
  }

  add(logits: readonly ArrayLike<number>[], window: Window): void {
    checkLogits('NGramScorer.add', logits, window, 1, () => 1);
    const { target, scored } = window.outputs[0]!;
    const shown = window.input[0]!;
    if (window.first) {
      const each = shown.data.length / (window.steps * window.batch); // the bit stands in every cell
      this.#rows = Array.from({ length: window.batch }, (_, b) => [shown.data[b * each]!]);
    }
    target.data.forEach((bit, at) => {
      if (scored?.data[at] === 0) return;
      this.#rows[at % window.batch]!.push(bit);
      const x = logits[0]![at]!;
      this.#nats += Math.max(x, 0) - x * bit + Math.log1p(Math.exp(-Math.abs(x)));
    });
    if (!window.last) return;
    // Nothing was asked for the first one.
    for (const bits of this.#rows) this.#optimum += optimalBits(bits, this.#order).slice(1).reduce((a, b) => a + b, 0);
    this.#sequences += window.batch;
    this.#rows = [];
  }

  result(): Record<string, number> {
    const bits = ratio(this.#nats / Math.LN2, this.#sequences);
    const optimum = ratio(this.#optimum, this.#sequences);
    return { excess: bits - optimum, bits, optimum };
  }
}
