/** The story of one episode of a task of lists or sequences: what is shown, what is due, and what comes out. */
import { fail } from '../../check.js';
import type { HostArray, HostPyramid, Task, TaskForm, Window, WindowOutput } from '../../tasks/task.js';
import { largest, type Values } from '../sheet.js';
import { type Motion, panel, type Panel, sigmoid, type Story, type Told } from '../story.js';

/** Of episodes that are watched: the stream that pictures are drawn from. */
const HELD_OUT = 0x7001_c7ee;

/** A part of what is shown of a window: its panel, and its values at a step. */
interface Part {
  readonly panel: Panel;
  values(step: number, answer: ArrayLike<number>): Values;
}

/** Step t of an array over steps, as an array of one step. */
function stepOf({ data, shape }: HostArray, t: number): HostArray {
  const each = data.length / shape[0]!;
  return { data: data.slice(t * each, (t + 1) * each), shape: [1, ...shape.slice(1)] };
}

const stepsOf = (pyramid: HostPyramid, t: number): HostPyramid =>
  Object.fromEntries(Object.entries(pyramid).map(([level, grid]) => [level, stepOf(grid, t)]));

/** What is due at step t, where the network answers at each. */
function outputOf(output: WindowOutput, t: number): WindowOutput {
  const { name, target, query, mask, scored } = output;
  return {
    name,
    target: stepOf(target, t),
    ...(query === undefined ? {} : { query: stepsOf(query, t) }),
    ...(mask === undefined ? {} : { mask: stepOf(mask, t) }),
    ...(scored === undefined ? {} : { scored: stepOf(scored, t) }),
  };
}

/** The finest grid of a pyramid. */
const finest = (pyramid: HostPyramid): HostArray => pyramid[Math.max(...Object.keys(pyramid).map(Number))]!;

/** Answers as probabilities: of each bit, or of each class of every answer. */
function probabilities(logits: ArrayLike<number>, classes: number | null): Float32Array {
  if (classes === null) return Float32Array.from(logits, sigmoid);
  const out = new Float32Array(logits.length);
  for (let at = 0; at < logits.length; at += classes) {
    const row = Array.from({ length: classes }, (_, k) => logits[at + k]!);
    const most = Math.max(...row);
    const weights = row.map((x) => Math.exp(x - most));
    const sum = weights.reduce((a, b) => a + b, 0);
    weights.forEach((weight, k) => (out[at + k] = weight / sum));
  }
  return out;
}

/** Classes as probabilities of one. */
function oneHot(classes: ArrayLike<number>, count: number): Float32Array {
  const out = new Float32Array(classes.length * count);
  for (let q = 0; q < classes.length; q++) out[q * count + classes[q]!] = 1;
  return out;
}

/** Channel `channel` of patches [steps, 1, side, side, channels], patch by patch. */
function channelOf({ data, shape }: HostArray, channel: number): Float32Array {
  const channels = shape.at(-1)!;
  return Float32Array.from({ length: data.length / channels }, (_, i) => data[i * channels + channel]!);
}

/** Panels of a list: its patches as they come, the question, and the answers, which are patches or classes. */
function listParts(window: Window, form: TaskForm, classes: number | null): Part[] {
  const items = finest(window.input);
  const [steps = 0, , side = 1, , channels = 1] = items.shape;
  const shown = channelOf(items, 0);
  const labels = channels > 1
    ? Array.from({ length: steps }, (_, t) => items.data[t * side * side * channels + channels - 1]!.toFixed(2).replace('-', '−'))
    : Array.from({ length: steps }, (_, t) => String(t + 1));
  const grid = { rows: side, columns: side };
  const output = window.outputs[0]!;
  const { data: target, shape: [answers = 1] } = output.target;
  const answered = {
    count: answers,
    ...(answers === 1 ? {} : {
      form: 'patches' as const,
      labels: Array.from({ length: answers }, (_, q) => String(q + 1)),
    }),
  };
  const square = classes === null ? Math.sqrt(target.length / answers) : 0;
  const shape = classes === null
    ? { rows: square, columns: square, ...answered }
    : { rows: answers, columns: classes, size: 2 };
  const order = answers === 1 ? '' : '; in order';
  const what = classes === null ? order : '; one row for each answer, one column for each class';
  const question = output.query === undefined ? null : finest(output.query);
  return [
    {
      panel: panel({
        id: 'items',
        title: 'Items',
        caption: channels > 1 ? 'as they are shown, with their priority' : 'as they are shown',
        form: 'patches',
        ...grid,
        count: steps,
        labels,
        size: 3,
        unit: 'shown',
      }),
      values: (step) => ({ data: shown.map((x, i) => (i < (step + 1) * side * side ? x : NaN)), high: 1 }),
    },
    ...(question === null ? [] : [{
      panel: panel({ id: 'question', title: 'Question', caption: 'what came after it?', ...grid, unit: 'shown' }),
      values: () => ({ data: channelOf(question, 0), high: 1 }),
    }]),
    {
      panel: panel({
        id: 'answer',
        title: form === 'encodeDecode' ? 'What comes out' : 'Answer',
        caption: `if it were asked now${what}`,
        ...shape,
        ...(answers === 1 ? {} : { size: 3 }),
      }),
      values: (_, answer) => ({ data: probabilities(answer, classes), high: 1 }),
    },
    {
      panel: panel({
        id: 'due',
        title: 'Right answer',
        caption: 'after the whole list',
        ...shape,
        ...(answers === 1 ? {} : { size: 3 }),
        unit: ['no', 'yes'],
      }),
      values: () => ({ data: classes === null ? target : oneHot(target, classes), high: 1 }),
    },
  ];
}

/** Panels of a sequence, a column for each step: what it sees, what is due, what it answers. */
function sequenceParts(window: Window, classes: number | null): Part[] {
  const output = window.outputs[0]!;
  const inputs = Object.values(window.input);
  const signed = inputs.some(({ data }) => data.some((x) => x < 0));
  const high = Math.max(1, ...inputs.map(({ data }) => largest(data)));
  const strip = (id: string, title: string, caption: string, more: Partial<Panel> = {}): Panel =>
    panel({ id, title, caption, form: 'strip', rows: 0, columns: 1, size: 3, ...more });
  const isDue = (t: number): boolean => output.scored === undefined || output.scored.data[t] === 1;
  const blank = (values: ArrayLike<number>, t: number): Float32Array => Float32Array.from(values, (x) => (isDue(t) ? x : NaN));
  return [
    {
      panel: strip('seen', 'Input', 'one row for each number, steps to the right', {
        signed,
        palette: signed ? 'signed' : 'probability',
        unit: 'shown',
      }),
      values: (t) => ({ data: inputs.flatMap((grid) => [...stepOf(grid, t).data]), high }),
    },
    {
      panel: strip('due', 'Right answer', 'gray where none is due', { unit: ['no', 'yes'] }),
      values(t) {
        const target = stepOf(output.target, t).data;
        return { data: blank(classes === null ? target : oneHot(target, classes), t), high: 1 };
      },
    },
    {
      panel: strip('answer', 'Answer', 'probability; gray where none is due'),
      values: (t, answer) => ({ data: blank(probabilities(answer, classes), t), high: 1 }),
    },
  ];
}

/** Wrong bits or classes among those that count. */
function mistakes(
  logits: ArrayLike<number>,
  { target, scored }: WindowOutput,
  classes: number | null,
): { wrong: number; of: number } {
  const answers = target.shape[0]!;
  const each = logits.length / answers;
  let [wrong, of] = [0, 0];
  for (let q = 0; q < answers; q++) {
    if (scored?.data[q] === 0) continue;
    const row = Array.from({ length: each }, (_, k) => logits[q * each + k]!);
    if (classes !== null) {
      of += 1;
      if (row.indexOf(Math.max(...row)) !== target.data[q]) wrong += 1;
      continue;
    }
    of += each;
    wrong += row.filter((x, k) => (x >= 0 ? 1 : 0) !== target.data[q * each + k]).length;
  }
  return { wrong, of };
}

/** Episode `seed` of a task that no maze is walked in. */
export class Episode implements Story {
  readonly form: TaskForm;
  readonly panels: readonly Panel[];
  readonly steps: number;
  readonly seed: number;
  readonly motions: readonly Motion[] = [];
  readonly motion = '';
  readonly line: string;
  readonly #window: Window;
  readonly #parts: readonly Part[];
  readonly #classes: number | null;
  /** Mistakes at each step that was told. */
  readonly #mistakes: { wrong: number; of: number }[] = [];

  constructor(task: Task<unknown>, seed: number) {
    const { form, outputs: [output] } = task.describe();
    const [window, ...others] = [...task.windows([task.generate(HELD_OUT, seed)], { seed: HELD_OUT })];
    if (window === undefined || others.length > 0 || output === undefined) {
      fail('ERR_MG_ARGUMENT', 'watch', 'a task that gives an episode as one window', task.name);
    }
    this.form = form;
    this.seed = seed;
    this.#window = window;
    this.steps = window.steps;
    this.#classes = output.loss === 'crossEntropy' ? output.logits.at(-1)! : null;
    this.#parts = this.#asks ? listParts(window, form, this.#classes) : sequenceParts(window, this.#classes);
    this.panels = this.#parts.map((part) => part.panel);
    this.line = this.#asks
      ? 'A list it never saw. At each step: what it would answer if the list ended there.'
      : 'An episode it never saw, step by step.';
  }

  get ready(): number {
    return this.steps;
  }

  async prepare(): Promise<void> {}

  windowOf(step: number): Window {
    const { outputs, input } = this.#window;
    const shown = this.#asks ? outputs : outputs.map((output) => outputOf(output, step));
    const ends = { first: step === 0, last: step === this.steps - 1 };
    return { index: step, start: step, steps: 1, batch: 1, ...ends, input: stepsOf(input, step), outputs: shown };
  }

  tell(step: number, window: Window, [answer = []]: readonly ArrayLike<number>[]): Told {
    const values = new Map(this.#parts.map((part) => [part.panel.id, part.values(step, answer)]));
    this.#mistakes.length = step;
    this.#mistakes.push(mistakes(answer, window.outputs[0]!, this.#classes));
    const told = this.#asks ? this.#mistakes.slice(step) : this.#mistakes;
    const [wrong, of] = (['wrong', 'of'] as const).map((key) => told.reduce((sum, each) => sum + each[key], 0)) as [
      number,
      number,
    ];
    const name = `Wrong ${this.#classes === null ? 'bits' : 'answers'}${this.#asks ? '' : ' so far'}`;
    return {
      values,
      now: step,
      facts: [[name, `${wrong} of ${of}`]],
      sentence: `Step ${step + 1} of ${this.steps}: ${name.toLowerCase()} ${wrong} of ${of}.`,
    };
  }

  [Symbol.dispose](): void {}

  /** Whether it is asked after the list, so that it can be asked after each item. */
  get #asks(): boolean {
    return this.form === 'recall' || this.form === 'encodeDecode';
  }
}
