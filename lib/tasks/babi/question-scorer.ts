// Scores question answering: a question is right only if all its answer words are.

import { checkInteger, fail } from '../../check.js';
import { argmax, checkLogits, ratio } from '../scorers.js';
import type { Scorer, Window } from '../task.js';

const FAILED_ABOVE = 5; // per cent

interface Pending {
  kind: number;
  isRight: boolean;
}

/** Errors in per cent: `task<N>Error` of each task that had questions, `meanError` over these, `failedTasks` above 5 %.
 *  Windows of a batch of stories must come in order, since a question may reach over the end of a window. */
export class QuestionScorer implements Scorer {
  readonly #words: number;
  readonly #counts: Map<number, { asked: number; wrong: number }>;
  readonly #pending = new Map<string, Pending>();

  constructor(kinds: readonly number[], words: number) {
    if (!Array.isArray(kinds)) fail('ERR_MG_ARGUMENT', 'QuestionScorer', 'a list of task numbers', kinds);
    this.#words = checkInteger('QuestionScorer', 'words', words, 1);
    this.#counts = new Map(kinds.map((kind) => [kind, { asked: 0, wrong: 0 }]));
  }

  add(logits: readonly ArrayLike<number>[], window: Window): void {
    checkLogits('QuestionScorer.add', logits, window, 1, () => this.#words);
    if (window.first) this.#pending.clear();
    const { target, question } = window.outputs[0]!;
    target.data.forEach((word, at) => {
      const number = question?.data[at] ?? 0;
      if (number === 0) return;
      const b = at % window.batch;
      const key = `${b} ${number}`;
      const pending = this.#pending.get(key) ?? { kind: window.kinds?.[b] ?? 0, isRight: true };
      pending.isRight &&= argmax(logits[0]!, at * this.#words, this.#words) === word;
      this.#pending.set(key, pending);
    });
    if (window.last) this.#settle();
  }

  result(): Record<string, number> {
    const asked = [...this.#counts].filter(([, count]) => count.asked > 0);
    const byTask = asked.map(([kind, count]) => [`task${kind}Error`, (100 * count.wrong) / count.asked] as const);
    const errors = byTask.map(([, error]) => error);
    return {
      meanError: ratio(errors.reduce((sum, error) => sum + error, 0), errors.length),
      failedTasks: errors.filter((error) => error > FAILED_ABOVE).length,
      ...Object.fromEntries(byTask),
    };
  }

  #settle(): void {
    for (const { kind, isRight } of this.#pending.values()) {
      const count = this.#counts.get(kind);
      if (count === undefined) continue;
      count.asked++;
      if (!isRight) count.wrong++;
    }
    this.#pending.clear();
  }
}
