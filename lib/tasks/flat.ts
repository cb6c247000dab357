// A task of patches as a network without grids sees it: one vector per step, with the question as a step of its own.

import { fail, words } from '../check.js';
import { checkLogits } from './scorers.js';
import type { HostArray, Scorer, Split, Task, TaskDescription, Window, WindowOptions } from './task.js';
import { lazily, zeros } from './windows.js';

/** The lesson of a step at which no answer is due. */
const NO_LESSON = -1;

/**
 * Numbers of one step of a patch [side, side, channels]: the first channel of every cell, of the others one cell, then the flag.
 */
const widthOf = (shape: readonly number[]): number => shape.slice(0, -1).reduce((a, b) => a * b, 1) + shape.at(-1)! - 1;

/**
 * The flat presentation of a task that asks once after the list (`recall`) or for an answer per item (`encodeDecode`): the bits
 * or pixels of each patch, further channels (constant over the patch) once, and a flag. Recall shows the list with flag 0, the
 * query with flag 1, and the answer is due one step later; decoding takes as many further steps, with flag 1 and zeros. The
 * network gives an output at every step, of which only the due ones count. Tasks that ask at every step need no other
 * presentation. In practice the questions that are asked after the list come one after the other, each with its answer; those
 * asked within the list are left out.
 */
export function flat<Item>(task: Task<Item>): Task<Item> {
  if (typeof task?.describe !== 'function') fail('ERR_MG_ARGUMENT', 'flat', 'a task', task);
  const { form, input, outputs } = task.describe();
  const { loss, logits } = outputs[0]!;
  const isPatch = (loss === 'crossEntropy' || logits.at(-1) === 1) && Object.keys(input).join() === '0';
  if (!isPatch || (form !== 'recall' && form !== 'encodeDecode')) {
    const expected = 'a task that recalls or decodes patches on level 0, one bit in a cell, or their classes';
    fail('ERR_MG_ARGUMENT', 'flat', expected, words(task.name), 'MNIST has presentation: \'pixels\'');
  }
  return new FlatTask(task, form, input[0]!);
}

class FlatTask<Item> implements Task<Item> {
  readonly name: string;
  readonly version: number;
  readonly lessons?: number;
  readonly #task: Task<Item>;
  readonly #form: 'recall' | 'encodeDecode';
  readonly #patch: readonly number[];
  readonly #width: number;
  /** Numbers of one answer, and of one target: a class is one number. */
  readonly #bits: number;
  readonly #targets: number;

  constructor(task: Task<Item>, form: 'recall' | 'encodeDecode', patch: readonly number[]) {
    [this.name, this.version] = [task.name, task.version];
    if (task.practice !== undefined && task.lessons !== undefined) this.lessons = task.lessons;
    [this.#task, this.#form, this.#patch, this.#width] = [task, form, patch, widthOf(patch) + 1];
    const { loss, logits } = task.describe().outputs[0]!;
    this.#bits = logits.reduce((a, b) => a * b, 1);
    this.#targets = loss === 'crossEntropy' ? 1 : this.#bits;
  }

  describe(): TaskDescription {
    const inner = this.#task.describe();
    const output = inner.outputs[0]!;
    return {
      ...inner,
      form: 'tagging',
      input: { 0: [1, this.#width] },
      outputs: [{ name: output.name, logits: [this.#bits], loss: output.loss }],
      steps: inner.steps === null ? null : inner.steps + this.#extra(this.#form === 'recall' ? 1 : inner.steps),
    };
  }

  generate(seed: number, index: number): Item {
    return this.#task.generate(seed, index);
  }

  get splits(): readonly Split[] {
    return this.#task.splits ?? [];
  }

  split(name: Split): Task<Item> {
    if (this.#task.split === undefined) fail('ERR_MG_ARGUMENT', this.name, 'a task with parts of its own', name);
    return new FlatTask(this.#task.split(name), this.#form, this.#patch);
  }

  windows(items: readonly Item[], options: WindowOptions): Iterable<Window> {
    return lazily(this.#task.windows(items, options), (window) => this.#flattened(window));
  }

  practice(items: readonly Item[], weights: readonly number[], options: WindowOptions): Iterable<Window> {
    if (this.lessons === undefined) fail('ERR_MG_ARGUMENT', `${this.name}.practice`, 'a task with lessons', words(this.name));
    return lazily(this.#task.practice!(items, weights, options), (window) => this.#flattened(window));
  }

  ofItems(items: number): Task<Item> {
    const task = this.#task.ofItems?.(items) ?? fail('ERR_MG_ARGUMENT', this.name, 'items for a task of lists alone', items);
    return new FlatTask(task, this.#form, this.#patch);
  }

  /** The task's own scorer, which sees the due answers alone. */
  scorer(): Scorer {
    const inner = this.#task.scorer();
    return {
      add: (logits, window) => {
        checkLogits(`${this.name}.scorer.add`, logits, window, 1, () => this.#bits / this.#targets);
        const { target, scored } = window.outputs[0]!;
        if (scored === undefined) fail('ERR_MG_ARGUMENT', `${this.name}.scorer.add`, 'a window of the task', window);
        const all = Array.from({ length: target.shape[0]! * target.shape[1]! }, (_, row) => row);
        const rows = all.filter((row) => scored.data[row] === 1);
        const pick = (values: ArrayLike<number>, width: number): number[] =>
          rows.flatMap((row) => Array.from({ length: width }, (_, k) => values[row * width + k]!));
        const due = this.#answers(rows.length / target.shape[1]!, target.shape[1]!);
        due.data.set(pick(target.data, this.#targets));
        inner.add(logits.map((values) => Float32Array.from(pick(values, this.#bits))), {
          ...window,
          outputs: [{ name: window.outputs[0]!.name, target: due }],
        });
      },
      result: () => inner.result(),
    };
  }

  /** Targets of answers [T,B], all zero: bits as numbers, a class as its number. */
  #answers(steps: number, batch: number): HostArray {
    if (this.#targets < this.#bits) return { data: new Int32Array(steps * batch), shape: [steps, batch] };
    return zeros(steps, batch, this.#bits);
  }

  /** Steps after the list, for so many answers: a question and its answer each, or answers alone. */
  #extra(answers: number): number {
    return this.#form === 'recall' ? 2 * answers : answers;
  }

  #flattened(window: Window): Window {
    const { steps: shown, batch } = window;
    const output = window.outputs[0]!;
    const asked = Array.from({ length: output.target.shape[0]! }, (_, k) => k)
      .filter((k) => output.askedAt === undefined || output.askedAt[k] === shown - 1);
    const steps = shown + this.#extra(asked.length);
    const input = zeros(steps, batch, 1, this.#width);
    this.#write(input.data, window.input[0]!, 0);
    const [target, mask, scored] = [this.#answers(steps, batch), zeros(steps, batch), zeros(steps, batch)];
    const lesson = new Int32Array(steps * batch).fill(NO_LESSON);
    for (const [n, k] of asked.entries()) {
      const at = this.#form === 'recall' ? shown + 2 * n + 1 : shown + n;
      if (this.#form === 'recall') this.#ask(input.data, stepOf(output.query![0]!, k), at - 1);
      else this.#flag(input.data, batch, at);
      target.data.set(stepOf(output.target, k).data, at * batch * this.#targets);
      mask.data.set(output.mask === undefined ? new Float32Array(batch).fill(1) : stepOf(output.mask, k).data, at * batch);
      scored.data.fill(1, at * batch, (at + 1) * batch);
      if (output.lesson !== undefined) lesson.set(stepOf(output.lesson, k).data, at * batch);
    }
    const lessons = output.lesson === undefined ? {} : { lesson: { data: lesson, shape: [steps, batch] } };
    return { ...window, steps, input: { 0: input }, outputs: [{ name: output.name, target, mask, scored, ...lessons }] };
  }

  #ask(out: Float32Array, query: HostArray, step: number): void {
    this.#write(out, query, step);
    this.#flag(out, query.shape[1]!, step);
  }

  #flag(out: Float32Array, batch: number, step: number): void {
    for (let row = step * batch; row < (step + 1) * batch; row++) out[row * this.#width + this.#width - 1] = 1;
  }

  /** Patches [T,B,side,side,channels] as vectors from step `begin` on. */
  #write(out: Float32Array, { data, shape }: HostArray, begin: number): void {
    const [channels, cells] = [this.#patch.at(-1)!, this.#width - this.#patch.at(-1)!];
    const rows = shape[0]! * shape[1]!;
    for (let row = 0; row < rows; row++) {
      const to = (begin * shape[1]! + row) * this.#width;
      for (let cell = 0; cell < cells; cell++) out[to + cell] = data[(row * cells + cell) * channels]!;
      for (let c = 1; c < channels; c++) out[to + cells + c - 1] = data[row * cells * channels + c]!;
    }
  }
}

/** Row k of the first axis, as a step of its own. */
function stepOf({ data, shape: [count, ...inner] }: HostArray, k: number): HostArray {
  const size = data.length / count!;
  return { data: data.subarray(k * size, (k + 1) * size), shape: [1, ...inner] };
}
