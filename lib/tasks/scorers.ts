// Scorers shared by the tasks: pooled counts over windows, turned into rates at the end.

import { types } from 'node:util';
import { checkInteger, fail, words } from '../check.js';
import type { Scorer, Window, WindowOutput } from './task.js';

/** Precision, recall and F of 0/1 maps, from true positives, false positives and false negatives pooled over all answers
 *  that count. A cell is predicted where its probability is at least ½, that is its logit at least 0.
 *  precision = TP/(TP+FP), recall = TP/(TP+FN), f = 2TP/(2TP+FP+FN); 0/0 counts as 0.
 *  With several outputs the names carry the output's name: `query9.f`. */
export class MapScorer implements Scorer {
  readonly #names: readonly string[];
  readonly #counts: { tp: number; fp: number; fn: number }[];

  constructor(names: readonly string[]) {
    if (!Array.isArray(names)) fail('ERR_MG_ARGUMENT', 'MapScorer', 'a list of names, one for each output', names);
    this.#names = names;
    this.#counts = names.map(() => ({ tp: 0, fp: 0, fn: 0 }));
  }

  add(logits: readonly ArrayLike<number>[], window: Window): void {
    checkLogits('MapScorer.add', logits, window, this.#names.length, () => 1);
    window.outputs.forEach((output, k) => countMaps(logits[k]!, output, this.#counts[k]!));
  }

  result(): Record<string, number> {
    const result: Record<string, number> = {};
    this.#counts.forEach(({ tp, fp, fn }, k) => {
      const prefix = this.#names.length > 1 ? `${this.#names[k]}.` : '';
      result[`${prefix}f`] = ratio(2 * tp, 2 * tp + fp + fn);
      result[`${prefix}precision`] = ratio(tp, tp + fp);
      result[`${prefix}recall`] = ratio(tp, tp + fn);
    });
    return result;
  }
}

function countMaps(logits: ArrayLike<number>, output: WindowOutput, counts: { tp: number; fp: number; fn: number }): void {
  const target = output.target.data;
  const answers = output.target.shape[0]! * output.target.shape[1]!;
  const cells = target.length / answers;
  let { tp, fp, fn } = counts;
  for (let answer = 0; answer < answers; answer++) {
    if (output.scored !== undefined && output.scored.data[answer] === 0) continue;
    for (let at = answer * cells; at < (answer + 1) * cells; at++) {
      if (logits[at]! >= 0) {
        if (target[at] === 1) tp++;
        else fp++;
      } else if (target[at] === 1) fn++;
    }
  }
  Object.assign(counts, { tp, fp, fn });
}

/** Errors of 0/1 patches, pooled: `errorRate` over bits, `vectorErrorRate` over patches with any wrong bit. A bit is
 *  predicted 1 where its probability is at least ½. */
export class BitScorer implements Scorer {
  #bits = 0;
  #wrongBits = 0;
  #vectors = 0;
  #wrongVectors = 0;

  add(logits: readonly ArrayLike<number>[], window: Window): void {
    checkLogits('BitScorer.add', logits, window, 1, () => 1);
    const { data, shape } = window.outputs[0]!.target;
    const vectors = shape[0]! * shape[1]!;
    const bits = data.length / vectors;
    for (let vector = 0; vector < vectors; vector++) {
      let wrong = 0;
      for (let at = vector * bits; at < (vector + 1) * bits; at++) if ((logits[0]![at]! >= 0 ? 1 : 0) !== data[at]) wrong++;
      this.#wrongBits += wrong;
      if (wrong > 0) this.#wrongVectors++;
    }
    this.#bits += data.length;
    this.#vectors += vectors;
  }

  result(): Record<string, number> {
    return { errorRate: ratio(this.#wrongBits, this.#bits), vectorErrorRate: ratio(this.#wrongVectors, this.#vectors) };
  }
}

/** `errorRate`: share of wrong classes over all answers. The class of the largest logit is predicted, the first on ties. */
export class ClassScorer implements Scorer {
  readonly #classes: number;
  #answers = 0;
  #wrong = 0;

  constructor(classes: number) {
    this.#classes = checkInteger('ClassScorer', 'classes', classes, 1);
  }

  add(logits: readonly ArrayLike<number>[], window: Window): void {
    checkLogits('ClassScorer.add', logits, window, 1, () => this.#classes);
    const { data } = window.outputs[0]!.target;
    for (let answer = 0; answer < data.length; answer++) {
      if (argmax(logits[0]!, answer * this.#classes, this.#classes) !== data[answer]) this.#wrong++;
    }
    this.#answers += data.length;
  }

  result(): Record<string, number> {
    return { errorRate: ratio(this.#wrong, this.#answers) };
  }
}

/** Place of the first largest value among `count` from `start`. */
export function argmax(values: ArrayLike<number>, start: number, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++) if (values[start + k]! > values[start + best]!) best = k;
  return best;
}

/** a/b, and 0 where there is nothing to divide by. */
export function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

/** Checks that there is one logits array per output, with `classes` logits for each element of the target. */
export function checkLogits(
  where: string,
  logits: readonly ArrayLike<number>[],
  window: Window,
  outputs: number,
  classes: (k: number) => number,
): void {
  if (!Array.isArray(window?.outputs)) fail('ERR_MG_ARGUMENT', where, 'a window of the task', window);
  if (!Array.isArray(logits) || logits.length !== outputs || window.outputs.length !== outputs) {
    fail(
      'ERR_MG_SHAPE',
      where,
      `${outputs} arrays of logits`,
      Array.isArray(logits) ? words(`${logits.length} of them`) : logits,
    );
  }
  window.outputs.forEach((output, k) => {
    if (!types.isTypedArray(output?.target?.data)) fail('ERR_MG_ARGUMENT', where, 'a window of the task', window);
    const { target } = output;
    const size = target.data.length * classes(k);
    if (typeof logits[k]?.length !== 'number') fail('ERR_MG_ARGUMENT', where, `logits ${k} as an array of numbers`, logits[k]);
    if (logits[k]!.length !== size) {
      const expected = `${size} logits for target [${target.shape.join(', ')}]`;
      fail('ERR_MG_SHAPE', where, expected, words(`${logits[k]!.length} logits`));
    }
  });
}
