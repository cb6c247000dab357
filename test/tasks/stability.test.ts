// A record of our own output, not a proof of correctness: item k of seed s keeps its bits on every platform and in every
// release. A hash that changes on purpose goes together with a higher `version` of its task.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { mapping } from '../../lib/tasks/mapping/mapping.js';
import { isDataSet, makeTask, TASK_NAMES, type TaskName, type TaskSpec } from '../../lib/tasks/registry.js';
import type { Window } from '../../lib/tasks/task.js';
import { promised, shown } from '../helpers/promises.js';

const ITEMS = promised('D3');
const folder = mkdtempSync(join(tmpdir(), 'stability-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file of the data sets below, which are made up by rules: what is drawn from them is what counts. */
function file(name: string, bytes: Uint8Array | string): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

/** An IDX file of unsigned bytes. */
function idx(sizes: readonly number[], value: (at: number) => number): Buffer {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt32BE(0x0800 + sizes.length);
  sizes.forEach((size, k) => header.writeUInt32BE(size, 4 + 4 * k));
  return Buffer.concat([header, Uint8Array.from({ length: sizes.reduce((a, b) => a * b, 1) }, (_, at) => value(at))]);
}

const WORDS = ['hall', 'garden', 'kitchen', 'office'];
/** Of these lengths in turn: a statement or more, and a question about the last one. */
const story = (nth: number): string => {
  const said = Array.from({ length: 1 + (nth % 5) }, (_, k) => `${k + 1} mary went to the ${WORDS[(nth * k + nth) % 4]}.`);
  const last = said.length;
  return [...said, `${last + 1} Where is mary? \t${WORDS[(nth * (last - 1) + nth) % 4]}\t${last}`, ''].join('\n');
};

const mnist = {
  images: file('images', idx([700, 28, 28], (at) => (Math.floor(at / 784) * 31 + (at % 784) * 37) % 251)),
  labels: file('labels', idx([700], (at) => (at * 7 + 3) % 10)),
  validation: 0,
};
file('qa1_made-up_train.txt', Array.from({ length: 90 }, (_, nth) => story(nth)).join(''));
const letters = fileURLToPath(new URL('../golden/omniglot/letters.zip', import.meta.url));

/** Of each data set, the files and options that go with them. */
const MADE_UP: Partial<Record<TaskName, object>> = {
  'mnist-recall': mnist,
  'mnist-sorting': mnist,
  'babi': { folder },
  'omniglot': { background: letters, characters: [2, 3], shows: 4, labels: 7, side: 5, validation: 0 },
};

function littleEndian(data: ArrayBufferView): Uint8Array {
  const values = data as unknown as ArrayLike<number>;
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i]!, true);
  return new Uint8Array(view.buffer);
}

function hashWindows(windows: Iterable<Window>): string {
  const hash = createHash('sha256');
  for (const { input, outputs } of windows) {
    for (const grid of Object.values(input)) hash.update(littleEndian(grid.data));
    for (const { query, target, scored } of outputs) {
      for (const grid of Object.values(query ?? {})) hash.update(littleEndian(grid.data));
      hash.update(littleEndian(target.data));
      if (scored !== undefined) hash.update(littleEndian(scored.data));
    }
  }
  return hash.digest('hex').slice(0, 32);
}

describe('stability record', () => {
  it.each(
    [
      ['spiral 25', {}, '89208a4e1238fe89e95580ca652cb93f'],
      ['spiral 9', { size: 9 }, 'd596140a9e139273418bfcb5875b41b0'],
      ['free walk 15', { size: 15, motion: 'random', pathLength: 200 }, '2eadd0511f408e0f2e97ccaceeef70f9'],
      ['staying walk 15', { size: 15, motion: 'random', moveRule: 'stay', pathLength: 200 }, '17bc8eb2f4f1937d795849ae0b6c82f5'],
    ] as const,
  )('1,000 items of %s', (_, options, expected) => {
    const task = mapping(options);
    const hash = createHash('sha256');
    for (let index = 0; index < ITEMS; index++) {
      const { cells, path } = task.generate(1, index);
      hash.update(cells).update(littleEndian(path));
    }
    expect([task.version, hash.digest('hex').slice(0, 32)]).toEqual([1, expected]);
  });

  /** Of windows of episodes by the options that a task has of itself. */
  const hashes: Readonly<Record<Exclude<TaskName, 'mapping'>, readonly [version: number, hash: string]>> = {
    'recall': [1, 'a311d3b605c3f669cb0a3c5e61f15ef1'],
    'sorting': [1, 'a01bae67b80a75d6a6063d7d86c0c735'],
    'mnist-recall': [2, '148b35992501489a010b92af357b9f2e'],
    'mnist-sorting': [2, '20ab3069adbfaccfcec57be971965cde'],
    'babi': [2, '1a7dfab0a1306a3ee2758d8df95cbed4'],
    'omniglot': [1, '19bd38a878a2f14931226e7cd3613e7f'],
    'copy': [1, 'e42a44022765a54e3a978cd003f93db5'],
    'repeat-copy': [1, '234eb653023b070ac2f2fd1c5abc813d'],
    'associative-recall': [1, 'd9e1946dfa88ccefdf38a3718ae64736'],
    'priority-sort': [1, 'f4e5632c0a0167cc8626aa2638e4b8c8'],
    'n-grams': [1, '39981d0f9a6958419d3d4a51c7ff2f63'],
  };

  it.each(Object.entries(hashes))(`${ITEMS} items of %s`, (name, expected) => {
    const task = makeTask({ name, ...MADE_UP[name as TaskName] } as TaskSpec);
    const items = Array.from({ length: ITEMS }, (_, index) => task.generate(1, index));
    const windows = name === 'recall' || name === 'sorting' ?
      [...task.windows(items, { seed: 1 })]
      : items.flatMap((item) => [...task.windows([item], { seed: 1 })]); // sequences of different lengths do not go together
    expect([task.version, hashWindows(windows)]).toEqual(expected);
  });

  it('is kept of every task', () => {
    expect([...Object.keys(hashes), 'mapping'].sort()).toEqual([...TASK_NAMES].sort());
    expect(Object.keys(MADE_UP).sort()).toEqual(TASK_NAMES.filter((name) => isDataSet({ name } as TaskSpec)).sort());
    shown('D3', ITEMS, `${TASK_NAMES.length} tasks`);
  });

  it('windows of two items with a 9×9 query', () => {
    const task = mapping({ size: 9, query: 9, motion: 'random', pathLength: 60 });
    const items = [task.generate(1, 0), task.generate(1, 1)];
    expect(hashWindows(task.windows(items, { length: 20, seed: 1, batch: 1 }))).toBe('5f0b7c110a82c642b000dd1f53e4e10b');
  });
});
