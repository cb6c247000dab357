/** What tasks with lessons share: their weights, and draws by them. */
import { checkNumber, fail } from '../check.js';
import type { Rng } from '../tensor/rng.js';
import type { HostArray } from './task.js';

/** Weights of `lessons` lessons, at least 0, the first of them open. */
export function checkWeights(where: string, weights: unknown, lessons: number): void {
  if (!Array.isArray(weights) || weights.length !== lessons) {
    fail('ERR_MG_ARGUMENT', where, `a weight for each of ${lessons} lessons`, weights);
  }
  for (const weight of weights) checkNumber(where, 'every weight', weight, 0);
  if (weights[0] === 0) fail('ERR_MG_ARGUMENT', where, 'a first lesson that is open', weights);
}

/** A place, in proportion to the weights. */
function drawWeighted(rng: Rng, weights: readonly number[]): number {
  let rest = rng.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [place, weight] of weights.entries()) {
    if (rest < weight) return place;
    rest -= weight;
  }
  return weights.findLastIndex((weight) => weight > 0); // what rounding has left over
}

/**
 * Practice on episodes of growing length, all of whose answers are due: lesson k is that of k + 1 items, or windows of a path.
 * The length of a batch's episodes in proportion to the weights.
 */
export const drawLength = (rng: Rng, weights: readonly number[]): number => drawWeighted(rng, weights) + 1;

/** The lesson of each of `answers` answers of every episode, [answers, batch], where episodes are `length` long. */
export const lessonOfLength = (length: number, answers: number, batch: number): HostArray => (
  { data: new Int32Array(answers * batch).fill(length - 1), shape: [answers, batch] }
);

/** Questions of practice on lists of which one item is asked for, the answer being the next one. */
export interface RecallQuestions {
  /** Places asked for, by [question][list]. */
  readonly asked: readonly (readonly number[])[];
  /** The step at which each question is asked. */
  readonly askedAt: readonly number[];
  /** How many items ago the answer was shown: the lesson of each question. */
  readonly lesson: { readonly data: Int32Array; readonly shape: readonly number[] };
}

/** Questions at each of the last steps of a list: most at the very last, where alone the oldest items can be asked about. */
const QUESTIONS = [1, 1, 1, 1, 1, 10];

/** Draws a lesson for each question and list, in proportion to the weights. */
export function recallQuestions(rng: Rng, items: number, lists: number, weights: readonly number[]): RecallQuestions {
  const first = items - QUESTIONS.length;
  const askedAt = QUESTIONS.flatMap((count, k) => (first + k > 0 ? new Array<number>(count).fill(first + k) : []));
  const ages = askedAt.map((step) => Array.from({ length: lists }, () => drawWeighted(rng, weights.slice(0, step))));
  return {
    asked: askedAt.map((step, q) => ages[q]!.map((age) => step - 1 - age)),
    askedAt,
    lesson: { data: Int32Array.from(ages.flat()), shape: [askedAt.length, lists] },
  };
}
