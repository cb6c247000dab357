// Tasks on sequences of bit vectors: what is shown and what is due at each step, padded to the longest episode of a batch.

import { fail, words } from '../../check.js';
import { checkLogits, ratio } from '../scorers.js';
import { directions } from '../task.js';
import type { HostArray, Scorer, Task, TaskDescription, Window, WindowOptions } from '../task.js';
import { checkBatch, checkItemIndex, checkWindows, cuts, lazily, zeros } from '../windows.js';

/** One episode. Rows of `input` have the task's input width, rows of `target` its bits; `due` is 1 where an answer counts. */
export interface BitSequence {
  readonly input: Float32Array;
  readonly target: Float32Array;
  readonly due: Float32Array;
}

/** `flat`: each step is one vector; `grid`: the vector stands in every cell of a 3×3 grid, for networks of pyramids. */
export type Presentation = 'flat' | 'grid';
export const presentations = ['flat', 'grid'] as const satisfies readonly Presentation[];

/** An episode that is written step by step. */
export class BitWriter {
  readonly #input: number[][] = [];
  readonly #target: number[][] = [];
  readonly #due: number[] = [];
  constructor(readonly inputs: number, readonly bits: number) {}

  /** A step that shows values at the given places, with nothing due. */
  show(values: ArrayLike<number>, at = 0): this {
    const row = new Array<number>(this.inputs).fill(0);
    for (let k = 0; k < values.length; k++) row[at + k] = values[k]!;
    this.#input.push(row);
    this.#target.push(new Array<number>(this.bits).fill(0));
    this.#due.push(0);
    return this;
  }

  /** A step of zero input at which an answer is due. */
  ask(values: ArrayLike<number>, at = 0): this {
    this.show([]);
    for (let k = 0; k < values.length; k++) this.#target.at(-1)![at + k] = values[k]!;
    this.#due[this.#due.length - 1] = 1;
    return this;
  }

  done(): BitSequence {
    return {
      input: Float32Array.from(this.#input.flat()),
      target: Float32Array.from(this.#target.flat()),
      due: Float32Array.from(this.#due),
    };
  }
}

/** A task of bit sequences; sub-classes draw the episodes. */
export abstract class SequenceTask implements Task<BitSequence> {
  abstract readonly version: number;

  protected constructor(
    readonly name: string,
    readonly inputs: number,
    readonly bits: number,
    readonly presentation: Presentation,
  ) {}

  protected abstract draw(seed: number, index: number): BitSequence;

  describe(): TaskDescription {
    return {
      form: 'tagging',
      input: { 0: this.presentation === 'flat' ? [1, this.inputs] : [3, 3, this.inputs] },
      outputs: [{ name: this.name, logits: [this.bits], loss: 'bceWithLogits' }],
      metrics: SequenceScorer.metrics,
      better: SequenceScorer.better,
      steps: null,
      window: null,
    };
  }

  generate(seed: number, index: number): BitSequence {
    checkItemIndex(`${this.name}.generate`, seed, index);
    return this.draw(seed, index);
  }

  windows(items: readonly BitSequence[], options: WindowOptions): Iterable<Window> {
    const steps = this.#steps('windows', items);
    checkWindows(`${this.name}.windows`, options);
    return lazily(cuts(`${this.name}.windows`, steps, options.length, options.from), (cut) => {
      const rows = (width: number, of: (item: BitSequence) => Float32Array): HostArray => {
        const array = zeros(cut.steps, items.length, width);
        items.forEach((item, b) => {
          const values = of(item);
          for (let t = 0; t < cut.steps; t++) {
            const from = (cut.start + t) * width;
            array.data.set(values.subarray(from, from + width), (t * items.length + b) * width);
          }
        });
        return array;
      };
      const vectors = rows(this.inputs, (item) => item.input);
      const due = rows(1, (item) => item.due);
      const mask = { data: due.data, shape: [cut.steps, items.length] };
      const input = this.presentation === 'flat'
        ? { data: vectors.data, shape: [cut.steps, items.length, 1, this.inputs] }
        : everywhere(vectors);
      return {
        ...cut,
        batch: items.length,
        input: { 0: input },
        outputs: [{ name: this.name, target: rows(this.bits, (item) => item.target), mask, scored: mask }],
      };
    });
  }

  scorer(): Scorer {
    return new SequenceScorer();
  }

  #steps(where: string, items: readonly BitSequence[]): number {
    checkBatch(`${this.name}.${where}`, items, ['input', 'target', 'due']);
    for (const { input, target, due } of items) {
      if (input.length !== due.length * this.inputs || target.length !== due.length * this.bits) {
        const expected = `items of ${this.inputs} inputs and ${this.bits} bits a step`;
        const got = words(`${input.length} inputs and ${target.length} bits in ${due.length} steps`);
        fail('ERR_MG_ARGUMENT', `${this.name}.${where}`, expected, got);
      }
    }
    return Math.max(...items.map(({ due }) => due.length));
  }
}

/** [T,B,C] to [T,B,3,3,C]. */
function everywhere({ data, shape }: HostArray): HostArray {
  const width = shape[2]!;
  const grid = zeros(shape[0]!, shape[1]!, 3, 3, width);
  for (let row = 0; row < data.length / width; row++) {
    const vector = data.subarray(row * width, (row + 1) * width) as Float32Array;
    for (let cell = 0; cell < 9; cell++) grid.data.set(vector, (9 * row + cell) * width);
  }
  return grid;
}

/**
 * Over answers that are due: `accuracy`, share of right bits; `bitErrors`, wrong bits per sequence; `bits`, cross-entropy in bits
 * per sequence; `sequenceErrorRate`, sequences with any wrong bit. A bit is predicted 1 where its probability is at least ½.
 */
export class SequenceScorer implements Scorer {
  static readonly metrics = ['accuracy', 'bitErrors', 'bits', 'sequenceErrorRate'] as const;
  static readonly better = { ...directions('lower', SequenceScorer.metrics), accuracy: 'higher' } as const;
  #bits = 0;
  #wrong = 0;
  #nats = 0;
  #sequences = 0;
  #wrongSequences = 0;
  #current: boolean[] = [];

  add(logits: readonly ArrayLike<number>[], window: Window): void {
    checkLogits('SequenceScorer.add', logits, window, 1, () => 1);
    const output = window.outputs[0]!;
    const { data, shape } = output.target;
    const [steps, batch] = shape as [number, number];
    const bits = data.length / (steps * batch);
    if (window.first) this.#current = new Array<boolean>(batch).fill(true);
    for (let row = 0; row < steps * batch; row++) {
      if (output.scored?.data[row] === 0) continue;
      for (let at = row * bits; at < (row + 1) * bits; at++) {
        const x = logits[0]![at]!;
        const target = data[at]!;
        this.#nats += Math.max(x, 0) - x * target + Math.log1p(Math.exp(-Math.abs(x)));
        this.#bits += 1;
        if ((x >= 0 ? 1 : 0) !== target) {
          this.#wrong += 1;
          this.#current[row % batch] = false;
        }
      }
    }
    if (!window.last) return;
    this.#sequences += batch;
    this.#wrongSequences += this.#current.filter((isRight) => !isRight).length;
  }

  result(): Record<string, number> {
    return {
      accuracy: ratio(this.#bits - this.#wrong, this.#bits),
      bitErrors: ratio(this.#wrong, this.#sequences),
      bits: ratio(this.#nats / Math.LN2, this.#sequences),
      sequenceErrorRate: ratio(this.#wrongSequences, this.#sequences),
    };
  }
}
