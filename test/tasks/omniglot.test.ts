// Omniglot: archives and pictures made by another program, episodes by hand, hostile files.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { MgError, tasks } from '../../lib/index.js';
import { readCharacters } from '../../lib/tasks/omniglot/characters.js';
import type { OmniglotEpisode, OmniglotOptions } from '../../lib/tasks/omniglot/omniglot.js';
import { decodePng } from '../../lib/tasks/omniglot/png.js';
import { cover, resample, turned } from '../../lib/tasks/omniglot/resample.js';
import { SightScorer } from '../../lib/tasks/omniglot/sight-scorer.js';
import { zipFiles } from '../../lib/tasks/omniglot/zip.js';
import type { Split, Window } from '../../lib/tasks/task.js';
import { Rng } from '../../lib/tensor/rng.js';
import { describeWith, sharedFile } from './shared-data.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }) as Error;
const folder = mkdtempSync(path.join(tmpdir(), 'omniglot-'));
afterAll(() => rmSync(folder, { recursive: true }));

const letters = fileURLToPath(new URL('../golden/omniglot/letters.zip', import.meta.url));
const archive = readFileSync(letters);
type Expected = Record<string, { color: number; depth: number; darkness: number[] }>;
const expected = JSON.parse(readFileSync(letters.replace('.zip', '.json'), 'utf8')) as Expected;
const files = zipFiles('test', archive, (name) => name.endsWith('.png'), 2 ** 20);

const unpacked = path.join(folder, 'letters');
for (const { name, read } of files) {
  mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
  writeFileSync(path.join(folder, name), read());
}

/** A file with other bytes at a place. */
function changed(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(values, at);
  return copy;
}
const saved = (name: string, bytes: Uint8Array): string => {
  writeFileSync(path.join(folder, name), bytes);
  return path.join(folder, name);
};

describe('archives and pictures that Python wrote', () => {
  it('every color, depth and filter, stored and deflated, with a comment and text between', () => {
    expect(files.map(({ name }) => name)).toEqual(Object.keys(expected));
    for (const { name, read } of files) {
      const { width, height, darkness } = decodePng(name, read());
      expect([width, height]).toEqual([11, 11]);
      // the file has six decimals, float32 the rest
      darkness.forEach((dark, k) => expect(Math.abs(dark - expected[name]!.darkness[k]!), name).toBeLessThan(1e-6));
    }
  });

  it('an archive and a folder hold the same characters, in order', () => {
    const [packed, plain] = [letters, unpacked].map((source) => readCharacters('test', source, 6));
    expect(packed!.map(({ alphabet, name, drawings }) => [alphabet, name, drawings.length])).toEqual(
      ['A', 'B', 'C', 'D'].flatMap((alphabet) => [[alphabet, 'character01', 3], [alphabet, 'character02', 3]]),
    );
    expect(plain).toEqual(packed);
  });

  it('keeps the ink: the mean of a picture is that of the pixels', () => {
    const [first] = readCharacters('test', letters, 4);
    const { darkness } = Object.values(expected)[0]!;
    const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
    expect(Math.abs(mean(first!.drawings[0]!) / 255 - mean(darkness))).toBeLessThan(0.5 / 255); // bytes are rounded
  });

  describe('refuses what is damaged or hostile, in one sentence', () => {
    const end = archive.length - 22 - 'made by Python'.length;
    const directory = archive.readUInt32LE(end + 16);
    const read = (bytes: Uint8Array): unknown => readCharacters('omniglot', saved('damaged.zip', bytes), 6);
    it.each<[string, () => Uint8Array, RegExp]>([
      ['no archive', () => Buffer.from('no archive'), /a zip archive or a folder/],
      ['an empty file', () => new Uint8Array(), /a zip archive or a folder/],
      ['half of it', () => archive.subarray(0, archive.length / 2), /a directory at its end/],
      ['more files than there are', () => changed(archive, end + 8, 255, 0, 255, 0), /255 files in the directory/],
      ['parts on other disks', () => changed(archive, end + 4, 1), /in one part/],
      ['a directory behind the end', () => changed(archive, end + 16, 255, 255, 255, 127), /a directory within/],
      ['a file behind the end', () => changed(archive, directory + 42, 255, 255, 255, 127), /a file at its place/],
      ['a file that unpacks to 4 GB', () => changed(archive, directory + 24, 255, 255, 255, 255), /at most 8388608 bytes/],
      ['another method', () => changed(archive, directory + 10, 12), /a stored or deflated file/],
      ['an encrypted file', () => changed(archive, directory + 8, 1), /not encrypted/],
      ['another check sum', () => changed(archive, directory + 16, 0), /the check sum/],
    ])('%s', (_, make, message) => {
      expect(() => read(make())).toThrow(argument);
      expect(() => read(make())).toThrow(message);
    });

    const picture = files[1]!.read(); // deflated
    it.each<[string, () => Uint8Array, RegExp]>([
      ['no picture', () => Buffer.from('no picture'), /a PNG/],
      ['half of it', () => picture.subarray(0, picture.length / 2), /whole/],
      ['a byte of its pixels', () => changed(picture, picture.length - 20, picture.at(-20)! ^ 1), /whole/],
    ])('a picture: %s', (_, make, message) => {
      expect(() => decodePng('test', make())).toThrow(argument);
      expect(() => decodePng('test', make())).toThrow(message);
    });

    it('2,000 archives and pictures with random bytes changed are read or refused, never anything else', () => {
      const rng = new Rng(3);
      let refused = 0;
      const attempt = (call: () => unknown): void => {
        try {
          call();
        } catch (error) {
          if (!(error instanceof MgError)) throw error;
          refused++;
        }
      };
      for (let k = 0; k < 1000; k++) {
        const [packed, plain] = [archive, files[k % files.length]!.read()].map((bytes) => {
          const copy = Uint8Array.from(bytes);
          for (let n = 0; n < 3; n++) copy[rng.integer(copy.length)] = rng.integer(256);
          return copy;
        });
        attempt(() => zipFiles('test', packed!, () => true, 2 ** 20).map((file) => file.read()));
        attempt(() => decodePng('test', plain!));
      }
      expect(refused).toBeGreaterThan(1500); // what is left changed nothing that counts
    });
  });
});

describe('resample', () => {
  it('gives the mean of the area that a cell covers, by hand', () => {
    const grid = [0, 4, 8, 12, 16, 20, 24, 28, 32];
    expect([...resample(grid, 3, cover(3, 1), cover(3, 1))].map((x) => Math.round(x))).toEqual([16]);
    // 1½ cells of three: a whole one and half of the middle one
    const two = [...resample(grid, 3, cover(3, 2), cover(3, 2))];
    [16 / 3, 32 / 3, 64 / 3, 80 / 3].forEach((value, k) => expect(two[k]).toBeCloseTo(value, 12));
  });

  it('stretches about the middle, and shows paper beyond the edge', () => {
    const line = [1, 2, 3, 4];
    expect([...resample(line, 4, cover(1, 1), cover(4, 4, 2))]).toEqual([2, 2, 3, 3]);
    expect([...resample(line, 4, cover(1, 1), cover(4, 4, 0.5))]).toEqual([0, 1.5, 3.5, 0]);
  });

  it('turns by quarters, anticlockwise', () => {
    const corner = Uint8Array.from([1, 2, 3, 4]);
    expect([0, 1, 2, 3].map((turns) => [...turned(corner, 2, turns)])).toEqual([
      [1, 2, 3, 4],
      [2, 4, 1, 3],
      [4, 3, 2, 1],
      [3, 1, 4, 2],
    ]);
  });
});

const make = (more: Partial<OmniglotOptions> = {}): ReturnType<typeof tasks.omniglot> => (
  tasks.omniglot({ background: letters, evaluation: unpacked, characters: [2, 3], shows: 4, labels: 7, side: 5, ...more })
);

describe('episodes', () => {
  const task = make();
  const episodes = Array.from({ length: 300 }, (_, index) => task.generate(9, index));

  it('2 or 3 distinct classes, each shown four times under a label of its own', () => {
    const sizes = new Set(episodes.map(({ classes }) => classes.length));
    expect([...sizes].sort()).toEqual([2, 3]);
    for (const { classes, order } of episodes) {
      expect(new Set(classes.map(({ label }) => label)).size).toBe(classes.length);
      expect(new Set(classes.map(({ character, turns }) => 4 * character + turns)).size).toBe(classes.length);
      expect([...order].sort()).toEqual(classes.flatMap((_, k) => [k, k, k, k]));
      // three drawings for four shows: all of them before one comes again
      for (const { drawings } of classes) expect([...drawings.slice(0, 3)].sort()).toEqual([0, 1, 2]);
    }
    expect(new Set(episodes.flatMap(({ classes }) => classes.map(({ label }) => label)))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
    expect(new Set(episodes.flatMap(({ classes }) => classes.map(({ turns }) => turns)))).toEqual(new Set([0, 1, 2, 3]));
  });

  it('is the same for a seed and index, another for others', () => {
    expect(make().generate(9, 17)).toEqual(episodes[17]);
    expect(task.generate(10, 17)).not.toEqual(episodes[17]);
  });

  it('shows each picture beside the label of the one before, and asks for its own; windows join', () => {
    const characters = readCharacters('test', letters, 10);
    const trained = task.generate(1, 3);
    const kept = make({ validation: 0 });
    const episode = kept.generate(1, 3);
    const [window] = [...kept.windows([episode], { seed: 0 })] as [Window];
    const width = 25 + 7;
    expect(window.input[0]!.shape).toEqual([episode.order.length, 1, 1, width]);
    const shown = new Map<number, number>();
    episode.order.forEach((place, step) => {
      const one = episode.classes[place]!;
      const nth = shown.get(place) ?? 0;
      shown.set(place, nth + 1);
      const source = turned(characters[one.character]!.drawings[one.drawings[nth]!]!, 10, one.turns);
      for (let cell = 0; cell < 25; cell++) {
        const at = 20 * Math.floor(cell / 5) + 2 * (cell % 5); // two by two pixels
        const mean = (source[at]! + source[at + 1]! + source[at + 10]! + source[at + 11]!) / (4 * 255);
        expect(window.input[0]!.data[step * width + cell]).toBeCloseTo(mean, 6);
      }
      const before = step === 0 ? -1 : episode.classes[episode.order[step - 1]!]!.label;
      const label = [...window.input[0]!.data.subarray(step * width + 25, (step + 1) * width)];
      expect(label).toEqual(Array.from({ length: 7 }, (_, k) => (k === before ? 1 : 0)));
      expect(window.outputs[0]!.target.data[step]).toBe(one.label);
    });
    const cut = [...task.windows([trained, episodes[0]!], { seed: 0, length: 5 })];
    const whole = [...task.windows([trained, episodes[0]!], { seed: 0 })];
    for (
      const 
        of of[(w: Window) => w.input[0]!.data, (w: Window) => w.outputs[0]!.target.data, (w: Window) => w.outputs[0]!.mask!.data]
    ) {
      expect(cut.flatMap((w) => [...of(w)])).toEqual(whole.flatMap((w) => [...of(w)]));
    }
  });

  it('stretches by up to the given share, for each class of an episode anew', () => {
    const stretched = make({ stretch: 0.25 });
    const factors = Array.from({ length: 200 }, (_, k) => stretched.generate(1, k)).flatMap(({ classes }) =>
      classes.flatMap((c) => c.stretch)
    );
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.75);
    expect(Math.max(...factors)).toBeLessThanOrEqual(1.25);
    expect(new Set(factors).size).toBe(factors.length);
  });

  const seen = (of: ReturnType<typeof make>, split: Split): Set<number> => {
    const part = of.split!(split);
    return new Set(
      Array.from({ length: 200 }, (_, k) => part.generate(2, k)).flatMap(({ classes }) => classes.map((c) => c.character)),
    );
  };

  it('divides by alphabets as published, or all characters as Santoro et al.', () => {
    const byAlphabets = make({ validation: 1 });
    expect((['train', 'validation', 'test'] as const).map((split) => seen(byAlphabets, split).size)).toEqual([6, 2, 8]);
    const byCharacters = make({ division: 'characters', validation: 3 });
    // 16 · 423 / 1623 = 4.2 for the test, 3 of the rest kept back
    expect((['train', 'validation', 'test'] as const).map((split) => seen(byCharacters, split).size)).toEqual([9, 3, 4]);
    expect(make({ validation: 0 }).splits).toEqual(['train', 'test']);
    expect(tasks.omniglot({ background: letters, characters: [2, 2], validation: 1 }).splits).toEqual(['train', 'validation']);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['no file', () => tasks.omniglot({} as OmniglotOptions), /background to be a string/],
    ['a file that is not there', () => make({ background: path.join(folder, 'nothing') }), /a readable file/],
    ['a folder without drawings', () => make({ background: path.join(unpacked, 'A') }), /drawings <alphabet>\/<character>/],
    [
      'more classes than there are',
      () => make({ characters: [2, 40], labels: 40 }),
      /at least 40 classes in the split train, got 32/,
    ],
    ['fewer labels than classes', () => make({ labels: 2 }), /labels to be an integer at least 3/],
    ['all alphabets kept back', () => make({ validation: 4 }), /validation to be an integer in 0 … 3/],
    ['a split that there is not', () => make({ validation: 0 }).split!('validation'), /a split among train, test/],
    ['a stretch that leaves nothing', () => make({ stretch: 1 }), /stretch to be/],
    [
      'a label of another episode',
      () => [...make().windows([{ ...episodes[0]!, order: Int32Array.of(5) }], { seed: 0 })],
      /every step/,
    ],
  ])('refuses %s', (_, call, message) => {
    expect(call).toThrow(argument);
    expect(call).toThrow(message);
  });
});

it('scores by sight and by the number of classes', () => {
  const task = make({ characters: [1, 3], labels: 3, shows: 2 });
  const one = { character: 0, turns: 0, stretch: [1, 1] as const, drawings: [0, 1] };
  const episode = (labels: number[], order: number[]): OmniglotEpisode => (
    { classes: labels.map((label) => ({ ...one, label })), order: Int32Array.from(order) }
  );
  const episodes = [episode([2], [0, 0]), episode([0, 1, 2], [0, 1, 0, 2, 2, 1])];
  const scorer = task.scorer();
  // Always class 2 from step 3 on, before it class 0: of the first episode both are wrong, of the second 0 0 | 2 2.
  for (const window of task.windows(episodes, { seed: 0, length: 4 })) {
    const rows = Array.from(
      { length: window.steps * 2 },
      (_, row) => (window.start + Math.floor(row / 2) < 3 ? [1, 0, 0] : [0, 0, 1]),
    );
    scorer.add([rows.flat()], window);
  }
  const result = scorer.result();
  expect(Object.keys(result)).toEqual(task.describe().metrics.filter((name) => name !== 'characters2'));
  expect(result['errorRate']).toBeCloseTo(4 / 8, 12);
  expect(result['sight1']).toBeCloseTo(2 / 4, 12); // 2: wrong; 0: right, 1: wrong, 2: right
  expect(result['sight2']).toBeCloseTo(2 / 4, 12); // 2: wrong; 0: right, 2: right, 1: wrong
  expect(result['characters1']).toBe(1);
  expect(result['characters4']).toBeCloseTo(2 / 6, 12);
  expect(new SightScorer(3, 2, [1, 3]).result()).toEqual({ errorRate: 0 });
});

describeWith('data/omniglot/images_background.zip', 'the published archives', () => {
  const source = (name: string): string => sharedFile(`data/omniglot/images_${name}.zip`);

  it('hold 964 and 659 characters of 30 and 20 alphabets, 20 drawings each; one of them by Python', () => {
    const [background, evaluation] = ['background', 'evaluation'].map((name) => readCharacters('test', source(name), 5));
    const counts = [background!, evaluation!].map((all) => [all.length, new Set(all.map(({ alphabet }) => alphabet)).size]);
    expect(counts).toEqual([[964, 30], [659, 20]]);
    expect([...background!, ...evaluation!].every(({ drawings }) => drawings.length === 20)).toBe(true);
    // Ink in rows and columns of 21 pixels of Greek/character01/0394_01.png, counted by a program of Python.
    const alpha = background!.find(({ alphabet, name }) => alphabet === 'Greek' && name === 'character01')!.drawings[0]!;
    const sums = (of: (k: number, n: number) => number): number[] =>
      Array.from({ length: 5 }, (_, k) => Array.from({ length: 5 }, (__, n) => alpha[of(k, n)]!).reduce((a, b) => a + b, 0));
    [20, 336, 402, 64, 0].forEach((ink, k) => {
      const five = 5 * 0.5 / 255 * 441; // each of five cells is rounded to a byte
      expect(Math.abs(sums((row, n) => 5 * row + n)[k]! / 255 * 441 - ink)).toBeLessThan(five);
      expect(Math.abs(sums((column, n) => 5 * n + column)[k]! / 255 * 441 - [0, 235, 405, 182, 0][k]!)).toBeLessThan(five);
    });
  }, 300_000);

  it('divided by characters leave 1,200 for training', () => {
    const task = tasks.omniglot({
      background: source('background'),
      evaluation: source('evaluation'),
      division: 'characters',
      validation: 0,
      turns: false,
      side: 2,
      characters: [1200, 1200],
      shows: 1,
    });
    expect(new Set(task.generate(1, 0).classes.map(({ character }) => character)).size).toBe(1200);
    expect(() => task.split!('test')).toThrow(/at least 1200 classes in the split test, got 423/);
  }, 300_000);
});
