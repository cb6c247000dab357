// A task of patches as a network without grids sees it: one vector per step, with the question as a step of its own.

import { fail, words } from '../check.js';
import type { HostArray, Scorer, Split, Task, TaskDescription, Window, WindowOptions } from './task.js';
import { lazily, zeros } from './windows.js';

/**
 * Numbers of one step of a patch [side, side, channels]: the first channel of every cell, of the others one cell, then the flag.
 */
const widthOf = (shape: readonly number[]): number => shape.slice(0, -1).reduce((a, b) => a * b, 1) + shape.at(-1)! - 1;

/**
 * The flat presentation of a task that asks once after the list (`recall`) or for an answer per item (`encodeDecode`): the bits
 * or pixels of each patch, further channels (constant over the patch) once, and a flag. Recall shows the list with flag 0, the
 * query with flag 1, and the answer is due one step later; decoding takes as many further steps, with flag 1 and zeros. The
 * network gives an output at every step, of which only the due ones count. Tasks that ask at every step need no other
 * presentation.
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
  readonly #task: Task<Item>;
  readonly #form: 'recall' | 'encodeDecode';
  readonly #patch: readonly number[];
  readonly #width: number;
  /** Numbers of one answer, and of one target: a class is one number. */
  readonly #bits: number;
  readonly #targets: number;

  constructor(task: Task<Item>, form: 'recall' | 'encodeDecode', patch: readonly number[]) {
    [this.name, this.version] = [task.name, task.version];
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
      steps: inner.steps === null ? null : inner.steps + this.#extra(inner.steps),
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
    return lazily([...this.#task.windows(items, options)], (window) => this.#flattened(window));
  }

  /** The task's own scorer, which sees the due answers alone. */
  scorer(): Scorer {
    const inner = this.#task.scorer();
    return {
      add: (logits, window) => {
        const { target, scored } = window.outputs[0]!;
        const all = Array.from({ length: target.shape[0]! * target.shape[1]! }, (_, row) => row);
        const rows = all.filter((row) => scored!.data[row] === 1);
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

  #extra(steps: number): number {
    return this.#form === 'recall' ? 2 : steps;
  }

  #flattened(window: Window): Window {
    const { steps: shown, batch } = window;
    const steps = shown + this.#extra(shown);
    const output = window.outputs[0]!;
    const input = zeros(steps, batch, 1, this.#width);
    const target = this.#answers(steps, batch);
    const due = zeros(steps, batch);
    this.#write(input.data, window.input[0]!, 0);
    if (this.#form === 'recall') {
      this.#write(input.data, output.query![0]!, shown);
      flag(input, shown, shown + 1, batch, this.#width);
    } else {
      flag(input, shown, steps, batch, this.#width);
    }
    const answers = output.target.shape[0]!;
    const first = steps - answers;
    target.data.set(output.target.data, first * batch * this.#targets);
    due.data.fill(1, first * batch);
    return { ...window, steps, input: { 0: input }, outputs: [{ name: output.name, target, mask: due, scored: due }] };
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

function flag({ data }: { data: Float32Array }, begin: number, end: number, batch: number, width: number): void {
  for (let row = begin * batch; row < end * batch; row++) data[row * width + width - 1] = 1;
}
