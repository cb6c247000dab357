import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseStories, vocabularyOf } from '../../lib/tasks/babi/babi-text.js';
import { babi, type Story } from '../../lib/tasks/babi/babi.js';
import { describeWith, sharedFile } from './shared-data.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });
const folder = mkdtempSync(path.join(tmpdir(), 'babi-'));
const small = mkdtempSync(path.join(tmpdir(), 'babi-'));
afterAll(() => [folder, small].forEach((name) => rmSync(name, { recursive: true })));

// Made-up files of three tasks: story s has s+1 facts and two questions, the second with two answer words in task 8.
const people = ['mary', 'john', 'sandra', 'daniel', 'fred'];
const places = ['hall', 'garden', 'kitchen', 'office'];
function madeUp(kind: number, stories: number): string {
  const lines: string[] = [];
  for (let s = 0; s < stories; s++) {
    const person = people[s % 5]!;
    const facts = Array.from({ length: 1 + (s % 4) }, (_, k) => `${people[(s + k) % 5]} went to the ${places[(s * k) % 4]}.`);
    const answer = kind === 8 ? 'yes,no' : 'no';
    const asked = [`Where is ${person}? \t${places[s % 4]}\t1`, `Is ${person} in the hall? \t${answer}\t1 2`];
    lines.push(...[...facts, ...asked].map((line, k) => `${k + 1} ${line}`));
  }
  return `${lines.join('\n')}\n`;
}
for (const [kind, train, test] of [[1, 12, 4], [2, 9, 5], [8, 6, 3]] as const) {
  writeFileSync(path.join(folder, `qa${kind}_made-up_train.txt`), madeUp(kind, train));
  writeFileSync(path.join(folder, `qa${kind}_made-up_test.txt`), madeUp(kind, test));
}

describe('parseStories', () => {
  it('gives words, answers and question steps, by eye', () => {
    const lines = ['1 Mary moved to the hall.', '2 Where is Mary? \thall\t1', '3 What is John carrying? \tmilk,apple\t1 2'];
    expect(parseStories('test', lines.join('\n'))).toEqual([{
      tokens: 'mary moved to the hall . where is mary ? - what is john carrying ? - -'.split(' '),
      targets: [...Array.from({ length: 10 }, () => ''), 'hall', '', '', '', '', '', 'milk', 'apple'],
      questions: [[10], [16, 17]],
    }]);
  });

  it('begins a story at each ID 1, and reads Windows line ends', () => {
    expect(parseStories('test', '1 A b.\r\n2 C? \td\t1\r\n1 E.\r\n').map(({ tokens }) => tokens)).toEqual([
      ['a', 'b', '.', 'c', '?', '-'],
      ['e', '.'],
    ]);
    expect(parseStories('test', '')).toEqual([]);
  });

  it('names the line that it cannot read', () => {
    for (
      const text of [
        '2 A.',
        '1 A.\nB.',
        '1 A.\n2 B?\tc',
        '1 A.\n2\n',
        '1 A.\n2 B? \t\t1',
        '1 A.\n2 B? \t \t1',
        '1 A.\n2 B? \ta,,b\t1',
      ]
    ) {
      expect(() => parseStories('test', text), text).toThrow(argument);
    }
    expect(() => parseStories('test', '1 A.\nB.')).toThrow('test: expected a bAbI line at line 2, got "B."');
  });
});

describe('babi', () => {
  const train = babi({ folder, validation: 0 });
  const test = babi({ folder, split: 'test' });

  it('finds the stories of each task and one vocabulary for both splits', () => {
    expect([train.size, test.size]).toEqual([27, 12]);
    const asked = Array.from({ length: 12 }, (_, index) => test.generate(0, index));
    expect(asked.map(({ kind }) => kind)).toEqual([1, 2, 8, 1, 2, 8, 1, 2, 8, 1, 2, 2]); // 4, 5 and 3 of them, in turn
    expect(asked.every(({ question }) => Math.max(...question) === 2)).toBe(true);
    expect(train.vocabulary).toEqual(test.vocabulary);
  });

  it('tests a story of each task in turn, each task in file order, trains in a new order on each pass, every story once', () => {
    const texts = parseStories('test', readFileSync(path.join(folder, 'qa1_made-up_test.txt'), 'utf8'));
    const wordsOf = (index: number): (string | undefined)[] => (
      [...test.generate(5, index).tokens].map((word) => test.vocabulary[word])
    );
    expect([0, 3, 6, 9].map(wordsOf)).toEqual(texts.map(({ tokens }) => tokens));
    expect(test.generate(5, 12)).toBe(test.generate(6, 0));
    const pass = (number: number, seed = 1): Story[] => (
      Array.from({ length: 27 }, (_, k) => train.generate(seed, 27 * number + k))
    );
    expect(new Set(pass(0)).size).toBe(27);
    expect(new Set([...pass(0), ...pass(1)]).size).toBe(27);
    expect(pass(1)).not.toEqual(pass(0));
    expect(pass(0, 2)).not.toEqual(pass(0));
    expect(babi({ folder, validation: 0 }).generate(1, 47)).toEqual(pass(1)[20]);
  });

  it('cuts a batch into one-hot words, answers and masks, shorter stories padded with nothing', () => {
    const stories = [test.generate(1, 9), test.generate(1, 1), test.generate(1, 5)];
    const words = test.vocabulary.length;
    const steps = Math.max(...stories.map(({ tokens }) => tokens.length));
    const windows = [...test.windows(stories, { seed: 1, length: 7 })];
    expect(windows).toHaveLength(Math.ceil(steps / 7));
    windows.forEach((window) => {
      expect(window.input[0]!.shape).toEqual([window.steps, 3, 1, words]);
      expect(window.kinds).toEqual([1, 2, 8]);
      const { target, mask, question } = window.outputs[0]!;
      for (let t = 0; t < window.steps; t++) {
        stories.forEach((story, b) => {
          const at = 3 * t + b;
          const step = window.start + t;
          const hot = [...window.input[0]!.data.subarray(at * words, (at + 1) * words)];
          const word = story.tokens[step];
          expect(hot).toEqual(hot.map((_, k) => (k === word ? 1 : 0)));
          const answer = story.targets[step] ?? -1;
          expect([target.data[at], mask!.data[at]]).toEqual(answer === -1 ? [0, 0] : [answer, 1]);
          expect(question!.data[at]).toBe(story.question[step] ?? 0);
          if (answer !== -1) expect(test.vocabulary[word!]).toBe('-');
        });
      }
    });
    expect([...test.windows(stories, { seed: 1, length: 7, from: 3 })]).toEqual(windows.slice(3));
  });

  it('takes the tasks and the vocabulary that it is given', () => {
    const whole = babi({ folder, tasks: [8, 1], split: 'test', vocabulary: [...test.vocabulary, 'zebra'] });
    expect([whole.size, whole.vocabulary.length]).toEqual([7, test.vocabulary.length + 1]);
    expect(whole.generate(1, 0).kind).toBe(1);
    expect(whole.describe().metrics).toEqual(['meanError', 'failedTasks', 'task1Error', 'task8Error']);
    expect(whole.describe().outputs[0]!.logits).toEqual([whole.vocabulary.length]);
  });

  it('refuses folders, tasks and vocabularies that do not fit', () => {
    writeFileSync(path.join(small, 'qa4_x_train.txt'), '1 A.\n2 B? \tc\t1\n');
    writeFileSync(path.join(small, 'qa5_x_train.txt'), 'nonsense\n');
    expect(babi({ folder: small, tasks: [4] }).size).toBe(1);
    const bad: [object | null, string][] = [
      [{ folder: path.join(small, 'none') }, 'readable folder'],
      [{ folder: small, split: 'test', tasks: [4] }, 'qa<N>_<name>_test.txt'],
      [{ folder: small }, 'babi qa5_x_train.txt: expected a bAbI line at line 1'],
      [{ folder: small, tasks: [6] }, 'tasks among 4, 5'],
      [{ folder, vocabulary: ['mary'] }, 'vocabulary with all words'],
      [{ folder, vocabulary: ['a', 'a'] }, 'distinct words'],
      [{ folder, split: 'valid' }, 'split'],
      [{}, 'folder'],
      [null, 'object'],
      [{ folder, words: [] }, 'options among'],
    ];
    for (const [options, text] of bad) {
      expect(() => babi(options as { folder: string })).toThrow(argument);
      expect(() => babi(options as { folder: string })).toThrow(text);
    }
    expect(() => test.windows([], { seed: 1 })).toThrow(argument);
    expect(() => test.generate(1, -1)).toThrow(argument);
  });
});

describe('two files of one task and split', () => {
  const both = mkdtempSync(path.join(tmpdir(), 'babi-'));
  afterAll(() => rmSync(both, { recursive: true }));

  it.each([
    ['qa3_a_train.txt', 'qa3_b_train.txt', 'one file of task 3 for train'],
    ['qa03_a_test.txt', 'qa3_a_test.txt', 'one file of task 3 for test'],
    ['QA12_a_valid.txt', 'qa12_valid.txt', 'one file of task 12 for validation'],
  ])('%s and %s are refused by name', (first, second, expected) => {
    for (const name of [first, second]) writeFileSync(path.join(both, name), madeUp(3, 2));
    writeFileSync(path.join(both, 'qa20_a_train.txt'), madeUp(20, 2));
    expect(babi({ folder: both, tasks: [20] }).size).toBe(2); // tasks that are not asked for are not looked at
    expect(() => babi({ folder: both })).toThrow(expect.objectContaining({
      code: 'ERR_MG_ARGUMENT',
      message: `babi: expected ${expected}, got ${first} and ${second}`,
    }));
    for (const name of [first, second]) rmSync(path.join(both, name));
  });

  it('files of two tasks, and of two splits, are read in the order of tasks', () => {
    for (const name of ['qa10_a_test.txt', 'qa9_a_test.txt', 'qa9_a_train.txt'])
      writeFileSync(path.join(both, name), madeUp(3, 1));
    const asked = babi({ folder: both, split: 'test', tasks: [9, 10] });
    expect([0, 1].map((index) => asked.generate(1, index).kind)).toEqual([9, 10]);
  });
});

describe('QuestionScorer', () => {
  const own = mkdtempSync(path.join(tmpdir(), 'babi-'));
  afterAll(() => rmSync(own, { recursive: true }));
  writeFileSync(path.join(own, 'qa1_y_test.txt'), '1 A.\n2 B? \tc\t1\n3 D? \te,f\t1\n');
  writeFileSync(path.join(own, 'qa2_y_test.txt'), '1 A.\n2 B? \tc\t1\n');
  const task = babi({ folder: own, split: 'test', tasks: [1, 2] });
  const stories = [task.generate(1, 0), task.generate(1, 1)];

  /** Logits that are right everywhere but at the named answers, given as [step, story]. */
  function score(length: number, wrong: readonly [number, number][]): Record<string, number> {
    const scorer = task.scorer();
    const words = task.vocabulary.length;
    for (const window of task.windows(stories, { seed: 1, length })) {
      const { target } = window.outputs[0]!;
      const logits = new Float32Array(target.data.length * words);
      target.data.forEach((word, at) => {
        const isWrong = wrong.some(([step, story]) => step === window.start + Math.floor(at / 2) && story === at % 2);
        logits[at * words + (isWrong ? (word + 1) % words : word)] = 1;
      });
      scorer.add([logits], window);
    }
    return scorer.result();
  }

  it('takes a question as right only if all its words are, over the end of a window too', () => {
    // Story 1: a . b ? - d ? - -    answers at steps 4, 7, 8.   Story 2: a . b ? -    answer at step 4.
    for (const length of [1, 3, 8, 9, 20]) {
      expect(score(length, [])).toEqual({ meanError: 0, failedTasks: 0, task1Error: 0, task2Error: 0 });
      expect(score(length, [[8, 0]])).toEqual({ meanError: 25, failedTasks: 1, task1Error: 50, task2Error: 0 });
      expect(score(length, [[7, 0], [8, 0]])).toEqual({ meanError: 25, failedTasks: 1, task1Error: 50, task2Error: 0 });
      expect(score(length, [[4, 0], [7, 0], [4, 1]]))
        .toEqual({ meanError: 100, failedTasks: 2, task1Error: 100, task2Error: 100 });
      expect(score(length, [[0, 0], [6, 1]])).toMatchObject({ meanError: 0 }); // steps without an answer do not count
    }
  });

  it('says nothing of tasks that were not asked about', () => {
    expect(task.scorer().result()).toEqual({ meanError: 0, failedTasks: 0 });
    const scorer = task.scorer();
    for (const window of task.windows([stories[1]!], { seed: 1 })) {
      scorer.add([new Float32Array(window.outputs[0]!.target.data.length * task.vocabulary.length)], window);
    }
    expect(scorer.result()).toEqual({ meanError: 100, failedTasks: 1, task2Error: 100 }); // argmax 0 is the placeholder
  });
});

describe('vocabulary', () => {
  it('has each word once, with the placeholder', () => {
    expect(vocabularyOf(parseStories('test', '1 B a.\n2 A? \tc,b\t1'))).toEqual(['-', '.', '?', 'a', 'b', 'c']);
  });
});

describeWith('data/babi', 'the real sets', () => {
  it('20 stories each of tasks 1, 2, 8 and 19 hold 100, 100, 100 and 20 questions', () => {
    const test = babi({ folder: sharedFile('data/fixtures/babi/tasks_1-20_v1-2/en-10k'), split: 'test' });
    const asked = new Map<number, number>();
    for (let index = 0; index < test.size; index++) {
      const { kind, question } = test.generate(0, index);
      asked.set(kind, (asked.get(kind) ?? 0) + Math.max(...question));
    }
    expect([test.size, ...asked]).toEqual([80, [1, 100], [2, 100], [8, 100], [19, 20]]);
  });

  it('the 20 English tasks have 159 words with the placeholder, 40 of them answers, and 1000 test questions each', () => {
    const out = mkdtempSync(path.join(tmpdir(), 'babi-'));
    try {
      execFileSync('tar', ['-xzf', sharedFile('data/babi/babi-tasks_1-20_v1-2-en.tar.gz'), '-C', out]);
      const test = babi({ folder: path.join(out, 'tasks_1-20_v1-2/en'), split: 'test' });
      expect(test.vocabulary).toHaveLength(159);
      const answers = new Set<number>();
      const asked = Array.from({ length: 21 }, () => 0);
      for (let index = 0; index < test.size; index++) {
        const { kind, question, targets } = test.generate(0, index);
        asked[kind]! += Math.max(...question);
        targets.forEach((word) => answers.add(word));
      }
      expect(asked).toEqual([0, ...Array.from({ length: 20 }, () => 1000)]);
      expect(answers.size - 1).toBeLessThanOrEqual(40);
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});

describe('the worked example', () => {
  it('has these tokens, answers, question steps and mask', () => {
    const vector = JSON.parse(readFileSync(new URL('../golden/vectors/task_encodings.json', import.meta.url), 'utf8')).babi;
    const [story] = parseStories('test', vector.lines.join('\n'));
    expect(story).toEqual({ tokens: vector.tokens, targets: vector.targets, questions: vector.questions });
    expect(story!.targets.map((word) => (word === '' ? 0 : 1))).toEqual(vector.mask);
  });
});
