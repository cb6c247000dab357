// Scores one-shot classification: errors by how often a class was seen before, and by how many classes an episode has.

import { checkInteger, fail } from '../../check.js';
import { argmax, checkLogits, ratio } from '../scorers.js';
import type { Scorer, Window } from '../task.js';

interface Count {
  answers: number;
  wrong: number;
}

/** What has been seen of one episode so far: the answers of each class, right or wrong. */
type Seen = Map<number, boolean[]>;

/** Names of the scores of episodes of up to `characters` classes, each shown `shows` times; the first is the headline. */
export function sightMetrics(shows: number, [least, most]: readonly [number, number]): string[] {
  const sizes: number[] = [];
  for (let size = bucketOf(least); size < 2 * most; size *= 2) sizes.push(size);
  return ['errorRate', ...Array.from({ length: shows }, (_, k) => `sight${k + 1}`), ...sizes.map((size) => `characters${size}`)];
}

/** The least power of two that is at least `characters`. */
const bucketOf = (characters: number): number => 2 ** Math.ceil(Math.log2(characters));

/**
 * `errorRate`: share of wrong classes over all answers; `sight<n>`: over those to the n-th picture of a class, of which the first
 * can only be guessed; `characters<N>`: over the episodes of more than N/2 and at most N classes. Scores of what was
 * never asked are left out. Windows of a batch of episodes must come in order.
 */
export class SightScorer implements Scorer {
  readonly #counts: Map<string, Count>;
  readonly #classes: number;
  readonly #shows: number;
  #seen: Seen[] = [];

  constructor(classes: number, shows: number, characters: readonly [number, number]) {
    checkInteger('SightScorer', 'classes', classes, 1);
    checkInteger('SightScorer', 'shows', shows, 1);
    const isRange = Array.isArray(characters) && characters.length === 2;
    if (!isRange) fail('ERR_MG_ARGUMENT', 'SightScorer', 'characters to be [least, most]', characters);
    this.#counts = new Map(sightMetrics(shows, characters).map((name) => [name, { answers: 0, wrong: 0 }]));
    [this.#classes, this.#shows] = [classes, shows];
  }

  add(logits: readonly ArrayLike<number>[], window: Window): void {
    checkLogits('SightScorer.add', logits, window, 1, () => this.#classes);
    if (window.first) this.#seen = Array.from({ length: window.batch }, () => new Map());
    const { target, scored } = window.outputs[0]!;
    target.data.forEach((label, at) => {
      if (scored?.data[at] === 0) return;
      const seen = this.#seen[at % window.batch]!;
      const answers = seen.get(label) ?? [];
      seen.set(label, answers);
      answers.push(argmax(logits[0]!, at * this.#classes, this.#classes) === label);
    });
    if (window.last) this.#settle();
  }

  result(): Record<string, number> {
    const asked = [...this.#counts].filter(([name, { answers }]) => answers > 0 || name === 'errorRate');
    return Object.fromEntries(asked.map(([name, { wrong, answers }]) => [name, ratio(wrong, answers)]));
  }

  #settle(): void {
    for (const seen of this.#seen) {
      const ofSize = `characters${bucketOf(Math.max(1, seen.size))}`;
      for (const answers of seen.values()) {
        answers.forEach((isRight, k) => {
          for (const name of ['errorRate', `sight${Math.min(k + 1, this.#shows)}`, ofSize]) {
            const count = this.#counts.get(name);
            if (count === undefined) continue;
            count.answers++;
            if (!isRight) count.wrong++;
          }
        });
      }
    }
    this.#seen = [];
  }
}
