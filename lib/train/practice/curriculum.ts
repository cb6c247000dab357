/** Practice on the way to a task: lessons that open one after the other, and are asked the more the worse they are known. */
import { checkInteger, fail, words } from '../../check.js';
import { checkData, integer, number, object, optional, positive, type Data } from '../../schema.js';
import type { Task, TaskDescription, TaskLoss, Window, WindowOutput } from '../../tasks/task.js';
import { answerLoss, PractisedTask, type Practice } from './practice.js';

export const curriculumOptions = object({
  /** The next lesson opens when the running loss of every open one is below: nats for each class, of patches for each bit. */
  below: number(0),
  /** Lessons that are open at the start. Default 1. */
  start: optional(integer(1)),
  /** Batches that a lesson stays the last one for at least. Default 1. */
  batches: optional(integer(1)),
  /**
   * Items of the lists that are practised on, of a task of lists. Default those of the task; longer ones ask the network for more
   * places than the task needs. Scores are those of the task.
   */
  items: optional(integer(1)),
  /** What a lesson's running loss counts for at least when lessons are chosen. Default a quarter of `below`. */
  least: optional(positive()),
  /** Batches that all lessons are open for, at least, until practice ends and the task's own episodes follow. Default: no end. */
  ends: optional(integer(1)),
});

export interface CurriculumOptions extends Data<typeof curriculumOptions> {}

/** The number of open lessons, and the batch from which on they were open. */
export type LessonsOpened = readonly [batch: number, open: number];

/** Share of the older answers in a running loss, for each new answer. */
const KEPT = 0.99;
/** Running loss of a lesson that nobody has been asked about: more than any that was. */
const UNKNOWN = 10;

/** What a checkpoint keeps. */
interface Saved {
  readonly opened: LessonsOpened[];
  readonly losses: number[];
  /** Weights of the lessons by batch, of those to come. */
  readonly weights: [batch: number, weights: number[]][];
  /** The batch from which on the task itself is trained. */
  readonly ended?: number;
}

/**
 * Practice on a task that offers lessons: a lesson is asked in proportion to its running loss, and the next one opens when all
 * open ones are known. What an update brings counts from the second batch after it on, since one is always made ahead: a resumed
 * run is bit for bit the run that was not.
 */
export class Curriculum<Item> implements Practice {
  readonly name = 'curriculum';
  /** The task with the windows of practice; it scores on the windows of the task itself. */
  readonly task: Task<Item>;
  readonly #rule: Required<Omit<CurriculumOptions, 'start' | 'items'>> & { readonly lessons: number };
  readonly #losses: TaskDescription['outputs'];
  #saved: Saved;

  /** ERR_MG_ARGUMENT for a task without lessons. */
  constructor(task: Task<Item>, options: CurriculumOptions) {
    const { below, least = below / 4, start: given = 1, batches = 1, items, ends = Infinity } = checkData(
      'curriculum',
      curriculumOptions,
      options,
    );
    const practised = items === undefined ? task : ofItems(task, items);
    const { lessons } = practised;
    if (lessons === undefined || practised.practice === undefined) {
      fail('ERR_MG_ARGUMENT', 'curriculum', 'a task with lessons', words(task.name));
    }
    if (least === 0) fail('ERR_MG_ARGUMENT', 'curriculum', 'least above 0', least);
    const start = checkInteger('curriculum', 'start', given, 1, lessons);
    this.#rule = { below, least, batches, lessons, ends };
    this.#losses = task.describe().outputs;
    const losses = new Array<number>(lessons).fill(UNKNOWN);
    const first = this.#weights(losses, start);
    this.#saved = { opened: [[0, start]], losses, weights: [[0, first], [1, first]] };
    this.task = new PractisedTask(
      task,
      (lists, given) => {
        const batch = given.batch ?? 0;
        return this.#hasEnded(batch)
          ? practised.windows(lists, given)
          : practised.practice!(lists, this.#weightsOf(batch), given);
      },
      (seed, index) => practised.generate(seed, index),
    );
  }

  /** How many lessons have been open since which batch. */
  get opened(): readonly LessonsOpened[] {
    return this.#saved.opened;
  }

  /** Takes in what the network answered in a window of a batch: `logits[k]` for `window.outputs[k]`. */
  add(window: Window, batch: number, logits: readonly ArrayLike<number>[]): void {
    if (this.#hasEnded(batch)) return;
    const next = batch + 2;
    const losses = this.#after(window, logits);
    let { opened, ended } = this.#saved;
    const [since, open] = opened.at(-1)!;
    const { below, batches, lessons, ends } = this.#rule;
    const isKnown = losses.slice(0, open).every((loss) => loss < below);
    if (isKnown && window.last) {
      if (open < lessons && next - since >= batches) opened = [...opened, [next, open + 1]];
      if (open === lessons && next - since >= ends) ended ??= next;
    }
    const weights = this.#saved.weights.filter(([of]) => of > batch || (of === batch && !window.last));
    if (window.last) weights.push([next, this.#weights(losses, opened.at(-1)![1])]);
    this.#saved = { opened, losses, weights, ...(ended === undefined ? {} : { ended }) };
  }

  /** The running losses after a window; those before it when an answer is no number. */
  #after(window: Window, logits: readonly ArrayLike<number>[]): number[] {
    const losses = [...this.#saved.losses];
    for (const [k, output] of window.outputs.entries()) {
      for (const [lesson, { mean, count }] of byLesson(logits[k]!, output, this.#losses[k]!.loss)) {
        const before = losses[lesson]!;
        losses[lesson] = before === UNKNOWN ? mean : mean + (before - mean) * KEPT ** count;
      }
    }
    return losses.every(Number.isFinite) ? losses : this.#saved.losses;
  }

  save(): unknown {
    return this.#saved;
  }

  restore(saved: unknown): void {
    const { opened, losses, weights, ended } = (saved ?? {}) as Partial<Saved>;
    const isNumbers = (x: unknown): boolean => Array.isArray(x) && x.every((n) => typeof n === 'number' && n >= 0);
    const isNumbered = (x: unknown): boolean => Array.isArray(x) && x.length === 2 && Number.isSafeInteger(x[0]);
    const known = isNumbers(losses) && losses!.length === this.#rule.lessons && Array.isArray(opened) && opened.length > 0 &&
      opened.every((x) => isNumbered(x) && isNumbers(x)) && Array.isArray(weights) &&
      weights.every((x) => isNumbered(x) && isNumbers(x[1]) && x[1].length === this.#rule.lessons) &&
      (ended === undefined || Number.isSafeInteger(ended));
    if (!known) fail('ERR_MG_CHECKPOINT', 'curriculum', 'lessons and losses as a curriculum saves them', saved);
    this.#saved = structuredClone(saved) as Saved;
  }

  #hasEnded(batch: number): boolean {
    return batch >= (this.#saved.ended ?? Infinity);
  }

  #weights(losses: readonly number[], open: number): number[] {
    return losses.map((loss, lesson) => (lesson < open ? Math.max(loss, this.#rule.least) : 0));
  }

  #weightsOf(batch: number): readonly number[] {
    const { weights } = this.#saved;
    const found = weights.find(([of]) => of === batch) ??
      fail('ERR_MG_ARGUMENT', 'curriculum', 'batches one after the other', batch);
    return found[1];
  }
}

function ofItems<Item>(task: Task<Item>, items: number): Task<Item> {
  return task.ofItems?.(items) ?? fail('ERR_MG_ARGUMENT', 'curriculum', 'items for a task of lists alone', words(task.name));
}

/** Mean loss and number of the answers of each lesson, in nats for each class or bit; lesson −1 is that of no answer. */
function byLesson(logits: ArrayLike<number>, output: WindowOutput, loss: TaskLoss): Map<number, { mean: number; count: number }> {
  const sums = new Map<number, { mean: number; count: number }>();
  const answers = output.lesson!.data;
  for (let row = 0; row < answers.length; row++) {
    if (answers[row]! < 0) continue;
    const nats = answerLoss(logits, output, loss, row);
    const { mean, count } = sums.get(answers[row]!) ?? { mean: 0, count: 0 };
    sums.set(answers[row]!, { mean: mean + (nats - mean) / (count + 1), count: count + 1 });
  }
  return sums;
}
