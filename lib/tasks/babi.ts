// Question answering on bAbI, word by word; all tasks trained jointly. Huynh, Maire, Walter 2020, "Question answering".

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { checkChoice, checkInteger, checkOptions, checkString, fail } from '../check.js';
import { MgError } from '../errors.js';
import { Rng } from '../tensor/rng.js';
import { parseStories, vocabularyOf, type StoryText } from './babi-text.js';
import { readBytes } from './idx.js';
import { QuestionScorer } from './question-scorer.js';
import type { Task, TaskDescription, Window, WindowOptions } from './task.js';
import { checkBatch, checkItemIndex, checkWindows, cuts, lazily, zeros, type Cut } from './windows.js';

export interface BabiOptions {
  /** Folder of the user with files `qa<N>_<name>_train.txt` and `qa<N>_<name>_test.txt`, like `tasks_1-20_v1-2/en-10k`. */
  readonly folder: string;
  /** Default `train`: stories in a new order on each pass. `test`: stories in file order. */
  readonly split?: 'train' | 'test';
  /** Numbers of the tasks to take. Default: all in the folder. */
  readonly tasks?: readonly number[];
  /** Words in their order. Default: all words of both splits of the chosen tasks, sorted. */
  readonly vocabulary?: readonly string[];
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
 *  ERR_MG_ARGUMENT for a folder without such files, a malformed line, or a word that a given vocabulary lacks. */
export function babi(options: BabiOptions): Task<Story> & { readonly vocabulary: readonly string[]; readonly size: number } {
  return new BabiTask(options);
}

class BabiTask implements Task<Story> {
  readonly name = 'babi';
  readonly version = 1;
  readonly vocabulary: readonly string[];
  /** Number of stories in the split. */
  readonly size: number;
  readonly #stories: readonly Story[];
  readonly #kinds: readonly number[];
  readonly #isShuffled: boolean;
  #order: { seed: number; pass: number; places: readonly number[] } | null = null;

  constructor(options: BabiOptions) {
    checkOptions('babi', options, ['folder', 'split', 'tasks', 'vocabulary'] satisfies (keyof BabiOptions)[]);
    const split = checkChoice('babi', 'split', options.split ?? 'train', ['train', 'test']);
    const files = findFiles(checkString('babi', 'folder', options.folder), options.tasks)
      .filter((file) => file.split === split || options.vocabulary === undefined)
      .map((file) => ({ ...file, stories: readStories(file.path) }));
    const texts = files.filter((file) => file.split === split);
    if (texts.length === 0) fail('ERR_MG_ARGUMENT', 'babi', `files qa<N>_<name>_${split}.txt in the folder`, options.folder);
    this.vocabulary = options.vocabulary ?? vocabularyOf(files.flatMap(({ stories }) => stories));
    if (!Array.isArray(this.vocabulary) || new Set(this.vocabulary).size !== this.vocabulary.length) {
      fail('ERR_MG_ARGUMENT', 'babi', 'vocabulary to be a list of distinct words', this.vocabulary);
    }
    const numbers = new Map(this.vocabulary.map((word, k) => [word, k]));
    this.#stories = texts.flatMap(({ kind, stories }) => stories.map((story) => numbered(kind, story, numbers)));
    this.#kinds = texts.map(({ kind }) => kind);
    this.#isShuffled = split === 'train';
    this.size = this.#stories.length;
  }

  describe(): TaskDescription {
    const words = this.vocabulary.length;
    return {
      form: 'tagging',
      input: { 0: [1, words] },
      outputs: [{ name: 'answer', logits: [words], loss: 'crossEntropy' }],
      metrics: ['meanError', 'failedTasks', ...this.#kinds.map((kind) => `task${kind}Error`)],
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

  windowCount(stories: readonly Story[], length?: number): number {
    return cuts('babi.windowCount', longest(stories), length).length;
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

function findFiles(folder: string, tasks: readonly number[] | undefined): { kind: number; split: string; path: string }[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MgError('ERR_MG_ARGUMENT', `babi: expected a readable folder, got '${folder}'; ${reason}`, { op: 'babi', cause });
  }
  const found = names.flatMap((name) => {
    const match = /^qa(\d+)_.+_(train|test)\.txt$/.exec(name);
    return match === null ? [] : [{ kind: Number(match[1]), split: match[2]!, path: path.join(folder, name) }];
  });
  const kinds = new Set(found.map(({ kind }) => kind));
  for (const task of tasks ?? []) {
    checkInteger('babi', 'every task', task, 1);
    if (!kinds.has(task)) fail('ERR_MG_ARGUMENT', 'babi', `tasks among ${[...kinds].sort((a, b) => a - b).join(', ')}`, task);
  }
  const chosen = found.filter(({ kind }) => tasks === undefined || tasks.includes(kind));
  return chosen.sort((a, b) => a.kind - b.kind || (a.split < b.split ? -1 : 1));
}

function readStories(file: string): StoryText[] {
  return parseStories(`babi ${path.basename(file)}`, new TextDecoder().decode(readBytes('babi', file)));
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
