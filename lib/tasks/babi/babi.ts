// Question answering on bAbI, word by word; all tasks trained jointly. Huynh, Maire, Walter 2020, "Question answering".

import path from 'node:path';
import { checkString, fail, words } from '../../check.js';
import { checkData, choice, integer, list, number, object, optional, string, type Data } from '../../schema.js';
import { Rng } from '../../tensor/rng.js';
import { findFiles } from './babi-files.js';
import { parseStories, vocabularyOf, type StoryText } from './babi-text.js';
import { readText } from '../idx.js';
import { QuestionScorer } from './question-scorer.js';
import { checkSplit, keptBack } from '../splits.js';
import { directions, splits, type Split, type Task, type TaskDescription, type Window, type WindowOptions } from '../task.js';
import { checkBatch, checkItemIndex, checkWindows, cuts, lazily, zeros, type Cut } from '../windows.js';

/** Options as run files have them, where the user's folder may be named later. */
export const babiOptions = object({
  /**
   * Folder of the user with files `qa<N>_<name>_train.txt` and `qa<N>_<name>_test.txt`, like `tasks_1-20_v1-2/en-10k`, or
   * `qa<N>_train.txt`, `qa<N>_valid.txt` and `qa<N>_test.txt`, like `en-valid-10k`.
   */
  folder: optional(string()),
  /**
   * Default `train`: stories in a new order on each pass. `validation`, `test`: one story of each task in turn, each task in file
   * order, so that the first of them are a sample of all.
   */
  split: optional(choice(...splits)),
  /**
   * Share of the training stories of each task that training never draws, chosen by `validationSeed`, where there are no files
   * `valid`. Default 0.1.
   */
  validation: optional(number(0, 1)),
  /** Default 0. */
  validationSeed: optional(integer(0)),
  /** Numbers of the tasks to take. Default: all in the folder. */
  tasks: optional(list(integer(1), 'a list of task numbers')),
  /** Words in their order. Default: all words of both splits of the chosen tasks, sorted. */
  vocabulary: optional(list(string(), 'a list of distinct words')),
});

export interface BabiOptions extends Data<typeof babiOptions> {
  readonly folder: string;
}

/** One story as numbers of words. */
export interface Story {
  /** Number of the task it comes from, 1…20. */
  readonly kind: number;
  readonly tokens: Int32Array;
  /** The answer word where there is one, else −1. */
  readonly targets: Int32Array;
  /** Number of the question that a step answers, from 1, else 0. */
  readonly question: Int32Array;
}

/** The question answering task. **Sees** one word per step, one-hot on a grid with one position; where an answer word is
 *  wanted, the placeholder. **Answers** the answer word at that step; other steps do not count. **Scored** per task by the
 *  share of questions with any wrong word, in per cent: `meanError` over tasks, `failedTasks` above 5 %, `task<N>Error`.
 *  ERR_MG_ARGUMENT for a folder without such files or with two of one task and split, a malformed line, or a word that a given
 *  vocabulary lacks. */
export function babi(options: BabiOptions): Task<Story> & { readonly vocabulary: readonly string[]; readonly size: number } {
  const own = checkData('babi', babiOptions, options);
  return new BabiTask(readBabi({ ...own, folder: checkString('babi', 'folder', own.folder) }), own.split ?? 'train');
}

interface BabiData {
  readonly vocabulary: readonly string[];
  readonly stories: Readonly<Record<Split, readonly Story[]>>;
  readonly kinds: readonly number[];
  readonly folder: string;
}

/** The stories of all splits that there are files of. */
function readBabi(options: BabiOptions): BabiData {
  const { folder, tasks, validation: share = 0.1, validationSeed: seed = 0 } = options;
  const files = findFiles(folder, tasks)
    .map((file) => ({ ...file, stories: readStories(file.path) }));
  if (files.length === 0) fail('ERR_MG_ARGUMENT', 'babi', 'files qa<N>_<name>_train.txt in the folder', options.folder);
  const vocabulary = options.vocabulary ?? vocabularyOf(files.flatMap(({ stories }) => stories));
  if (new Set(vocabulary).size !== vocabulary.length) {
    fail('ERR_MG_ARGUMENT', 'babi', 'vocabulary to be a list of distinct words', vocabulary);
  }
  const numbers = new Map(vocabulary.map((word, k) => [word, k]));
  const stories: Record<Split, Story[][]> = { train: [], validation: [], test: [] }; // of each task
  const hasValidation = files.some(({ split }) => split === 'validation');
  for (const { kind, split, stories: texts } of files) {
    const all = texts.map((story) => numbered(kind, story, numbers));
    const kept = split === 'train' && !hasValidation ? Math.floor(share * all.length) : 0;
    const [others, held] = keptBack(all.length, kept, new Rng(seed).split('validation').split(kind));
    stories[split].push(Array.from(others, (place) => all[place]!));
    if (held.length > 0) stories.validation.push(Array.from(held, (place) => all[place]!));
  }
  const kinds = [...new Set(files.map(({ kind }) => kind))];
  const [train, validation, test] = [stories.train.flat(), inTurn(stories.validation), inTurn(stories.test)];
  return { vocabulary, stories: { train, validation, test }, kinds, folder: options.folder };
}

/** One of each list in turn, as long as it has any. */
function inTurn<T>(lists: readonly (readonly T[])[]): T[] {
  const most = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: most }, (_, place) => lists.flatMap((list) => list.slice(place, place + 1))).flat();
}

class BabiTask implements Task<Story> {
  readonly name = 'babi';
  readonly version = 2;
  readonly splits: readonly Split[];
  readonly vocabulary: readonly string[];
  /** Number of stories in the split. */
  readonly size: number;
  readonly #data: BabiData;
  readonly #stories: readonly Story[];
  readonly #kinds: readonly number[];
  readonly #isShuffled: boolean;
  #order: { seed: number; pass: number; places: readonly number[] } | null = null;

  constructor(data: BabiData, split: Split) {
    this.#data = data;
    this.splits = splits.filter((part) => data.stories[part].length > 0);
    this.vocabulary = data.vocabulary;
    this.#stories = data.stories[split];
    if (this.#stories.length === 0) {
      const part = split === 'validation' ? 'valid' : split;
      fail('ERR_MG_ARGUMENT', 'babi', `files qa<N>_<name>_${part}.txt in the folder`, data.folder);
    }
    this.#kinds = data.kinds;
    this.#isShuffled = split === 'train';
    this.size = this.#stories.length;
  }

  split(name: Split): BabiTask {
    return new BabiTask(this.#data, checkSplit('babi', name, this.splits));
  }

  describe(): TaskDescription {
    const words = this.vocabulary.length;
    const metrics = ['meanError', 'failedTasks', ...this.#kinds.map((kind) => `task${kind}Error`)];
    return {
      form: 'tagging',
      input: { 0: [1, words] },
      outputs: [{ name: 'answer', logits: [words], loss: 'crossEntropy' }],
      metrics,
      better: directions('lower', metrics),
      steps: null,
      window: null,
    };
  }

  /** Story `index`; after `size` stories a new pass begins. */
  generate(seed: number, index: number): Story {
    checkItemIndex('babi.generate', seed, index);
    const place = index % this.size;
    if (!this.#isShuffled) return this.#stories[place]!;
    const pass = Math.floor(index / this.size);
    if (this.#order === null || this.#order.seed !== seed || this.#order.pass !== pass) {
      const places = new Rng(seed).split('babi').split(pass).shuffle(Array.from(this.#stories.keys()));
      this.#order = { seed, pass, places };
    }
    return this.#stories[this.#order.places[place]!]!;
  }

  windows(stories: readonly Story[], options: WindowOptions): Iterable<Window> {
    const total = longest(stories);
    checkWindows('babi.windows', options);
    const kinds = stories.map(({ kind }) => kind);
    return lazily(cuts('babi.windows', total, options.length, options.from), (cut) => ({ ...this.#window(cut, stories), kinds }));
  }

  scorer(): QuestionScorer {
    return new QuestionScorer(this.#kinds, this.vocabulary.length);
  }

  /** Shorter stories end in steps with zero input, class 0 and mask 0. */
  #window(cut: Cut, stories: readonly Story[]): Window {
    const batch = stories.length;
    const words = this.vocabulary.length;
    const input = zeros(cut.steps, batch, 1, words);
    const mask = zeros(cut.steps, batch);
    const target = { data: new Int32Array(cut.steps * batch), shape: [cut.steps, batch] };
    const question = { data: new Int32Array(cut.steps * batch), shape: [cut.steps, batch] };
    stories.forEach(({ tokens, targets, question: numbers }, b) => {
      for (let t = 0; t < Math.min(cut.steps, tokens.length - cut.start); t++) {
        const at = t * batch + b;
        const step = cut.start + t;
        input.data[at * words + tokens[step]!] = 1;
        if (targets[step] === -1) continue;
        target.data[at] = targets[step]!;
        mask.data[at] = 1;
        question.data[at] = numbers[step]!;
      }
    });
    return { ...cut, batch, input: { 0: input }, outputs: [{ name: 'answer', target, mask, scored: mask, question }] };
  }
}

function readStories(file: string): StoryText[] {
  const where = `babi ${path.basename(file)}`;
  const stories = parseStories(where, readText(where, file));
  return stories.length > 0 ? stories : fail('ERR_MG_ARGUMENT', where, 'at least one story', words('an empty file'));
}

function numbered(kind: number, { tokens, targets, questions }: StoryText, numbers: ReadonlyMap<string, number>): Story {
  const numberOf = (word: string): number => (
    numbers.get(word) ?? fail('ERR_MG_ARGUMENT', 'babi', 'a vocabulary with all words of the stories', word)
  );
  const question = new Int32Array(tokens.length);
  questions.forEach((steps, k) => {
    for (const step of steps) question[step] = k + 1;
  });
  return {
    kind,
    tokens: Int32Array.from(tokens, numberOf),
    targets: Int32Array.from(targets, (word) => (word === '' ? -1 : numberOf(word))),
    question,
  };
}

function longest(stories: readonly Story[]): number {
  checkBatch('babi', stories);
  return Math.max(...stories.map(({ tokens }) => tokens.length));
}
