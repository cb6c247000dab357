import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapping } from '../../../lib/tasks/mapping/mapping.js';
import type { MappingOptions } from '../../../lib/tasks/mapping/mapping-options.js';
import { parseMaze, type Maze } from '../../../lib/tasks/mapping/maze.js';
import { spiralPath } from '../../../lib/tasks/mapping/motion.js';
import type { Window } from '../../../lib/tasks/task.js';
import { Rng } from '../../../lib/tensor/rng.js';
import { onMap, readMap, readWindow, resizeText, windowText } from './naive-mapping.js';
import { cases } from '../../helpers/promises.js';

function batchOf(task: { generate(seed: number, index: number): Maze }, count: number, seed = 1): Maze[] {
  return Array.from({ length: count }, (_, index) => task.generate(seed, index));
}

/** Every window and answer of a batch against the definition. Returns the asked step of each time step. */
function checkEpisode(
  options: MappingOptions,
  items: readonly Maze[],
  center: number,
  side: number,
  windows: Iterable<Window>,
): number[] {
  const view = options.view ?? 3;
  const level = options.inputLevels?.[0] ?? 0;
  const textsOf = items.map((maze) => [...maze.path].map((cell) => windowText(maze, cell, view)));
  const asked: number[] = [];
  for (const { start, steps, input, outputs } of windows) {
    const [answer] = outputs;
    expect(outputs).toHaveLength(1);
    for (let t = 0; t < steps; t++) {
      const now = start + t;
      let common = Array.from({ length: now + 1 }, (_, step) => step);
      items.forEach((maze, b) => {
        const { size, path } = maze;
        const texts = textsOf[b]!;
        const seen = readWindow(input[level]!, t, b);
        const rowsFrom = (cell: number): number => Math.floor(cell / size) - Math.floor(path[0]! / size) + center;
        const colsFrom = (cell: number): number => (cell % size) - (path[0]! % size) + center;
        expect(seen).toEqual({ text: texts[now], rows: [rowsFrom(path[now]!)], cols: [colsFrom(path[now]!)] });

        const query = readWindow(answer!.query![level]!, t, b);
        expect([query.rows, query.cols]).toEqual([[0], [0]]);
        common = common.filter((step) => texts[step] === query.text);
        const last = options.targetTiming === 'official' ? now + 1 : now;
        const matching = path.subarray(0, last + 1).filter((_, step) => texts[step] === query.text);
        expect(readMap(answer!.target, t, b)).toEqual(onMap(maze, matching, center, side));
      });
      expect(common.length).toBeGreaterThan(0); // one past step explains the queries of all mazes
      asked.push(common[0]!);
    }
  }
  return asked;
}

describe('windows of the mapping task', () => {
  it.each(
    [
      ['map9', { size: 9 }, 6, 12],
      ['15×15', { size: 15 }, 15, 24],
      ['25×25', { size: 25 }, 25, 48],
      ['official timing', { size: 9, targetTiming: 'official' }, 6, 12],
      ['random walk', { size: 15, motion: 'random', pathLength: 70 }, 15, 24],
      [
        'random walk that stays',
        { size: 9, motion: 'random', moveRule: 'stay', pathLength: 70, targetTiming: 'official' },
        6,
        12,
      ],
      ['own centre and side', { size: 9, center: 9, outputSide: 24 }, 9, 24],
    ] as const,
  )('follow the definition: %s', (_, options, center, side) => {
    const task = mapping(options);
    const items = batchOf(task, 3);
    checkEpisode(options, items, center, side, task.windows(items, { length: 20, seed: 5, batch: 2 }));
  });

  it('cuts 529 steps into 26 windows of 20 and one of 9', () => {
    const task = mapping();
    const items = batchOf(task, 1);
    const windows = [...task.windows(items, { length: 20, seed: 1 })];
    expect(windows.map(({ steps }) => steps)).toEqual([...Array.from({ length: 26 }, () => 20), 9]);
    expect(windows.map(({ index }) => index)).toEqual([...windows.keys()]);
    expect(windows.map(({ start }) => start)).toEqual(windows.map((_, k) => 20 * k));
    expect(windows.map(({ first, last }) => [first, last])).toEqual(windows.map((_, k) => [k === 0, k === 26]));
    expect([...task.windows(items, { seed: 1 })].map(({ steps }) => steps)).toEqual([529]);
  });

  it('has the shapes that it describes', () => {
    const published: MappingOptions[] = [
      { size: 9 },
      { size: 15 },
      { size: 25 },
      { size: 25, query: 9 },
      { size: 25, view: 9, motion: 'random', pathLength: 500 },
      { size: 25, inputLevels: [4] },
    ];
    for (const options of published) {
      const task = mapping(options);
      const { form, input, outputs, steps } = task.describe();
      expect(form).toBe('stepwise');
      const items = batchOf(task, 2);
      expect(items[0]!.path).toHaveLength(steps!);
      const [window] = task.windows(items, { length: 3, seed: 1 });
      const withTime = (shapes: object): object => Object.fromEntries(Object.entries(shapes).map(([k, v]) => [k, [3, 2, ...v]]));
      const shapesOf = (grids: object): object =>
        Object.fromEntries(
          Object.entries(grids).map(([k, v]) => {
            expect(v.data).toHaveLength(v.shape.reduce((a: number, b: number) => a * b, 1));
            return [k, v.shape];
          }),
        );
      expect(shapesOf(window!.input)).toEqual(withTime(input));
      expect(window!.outputs.map(({ name }) => name)).toEqual(outputs.map(({ name }) => name));
      outputs.forEach((output, k) => {
        expect(shapesOf(window!.outputs[k]!.query!)).toEqual(withTime(output.query!));
        expect(window!.outputs[k]!.target.shape).toEqual([3, 2, ...output.logits]);
      });
    }
  });

  it('asks for one of the steps so far, each as often as another (1500 draws, seed 1)', () => {
    // The query at step t is step Rng(seed).split('query').split(batch).split(t).integer(t + 1).
    const counts = Array.from({ length: 10 }, () => 0);
    for (let batch = 0; batch < 500; batch++) {
      const draws = new Rng(1).split('query').split(batch);
      for (let t = 9; t < 30; t += 10) counts[Math.floor((10 * draws.split(t).integer(t + 1)) / (t + 1))]!++;
    }
    const chiSquare = counts.reduce((sum, count) => sum + (count - 150) ** 2 / 150, 0);
    expect(chiSquare).toBeLessThan(27.88); // 9 degrees of freedom, 0.1 %
    const task = mapping({ size: 9 });
    const items = batchOf(task, 4);
    const asked = checkEpisode({ size: 9 }, items, 6, 12, task.windows(items, { seed: 1, batch: 3 }));
    const draws = new Rng(1).split('query').split(3);
    asked.forEach((step, t) => {
      const drawn = draws.split(t).integer(t + 1);
      for (const maze of items) expect(windowText(maze, maze.path[step]!, 3)).toBe(windowText(maze, maze.path[drawn]!, 3));
    });
  });

  it('scales the location and nothing else', () => {
    const items = batchOf(mapping({ size: 9 }), 2);
    const [raw] = mapping({ size: 9 }).windows(items, { seed: 1 });
    const [scaled] = mapping({ size: 9, locationScale: 0.125 }).windows(items, { seed: 1 });
    expect([...scaled!.input[0]!.data]).toEqual([...raw!.input[0]!.data].map((value, k) => (k % 4 < 2 ? value : value / 8)));
    expect(scaled!.outputs).toEqual(raw!.outputs);
  });

  it('counts the location from the start cell on demand, and changes nothing else', () => {
    const items = batchOf(mapping({ size: 9 }), 2);
    const [fromMap] = mapping({ size: 9 }).windows(items, { seed: 1 });
    const task = mapping({ size: 9, locationOrigin: 'start' });
    const [fromStart] = task.windows(items, { seed: 1 });
    const { center } = task.options;
    expect([...fromStart!.input[0]!.data]).toEqual(
      [...fromMap!.input[0]!.data].map((value, k) => (k % 4 < 2 ? value : value - center)),
    );
    expect([...fromStart!.input[0]!.data.subarray(2, 4)]).toEqual([0, 0]);
    expect(fromStart!.outputs).toEqual(fromMap!.outputs);
  });

  it('delivers the view on other levels by nearest resizing', () => {
    const task = mapping({ size: 9, inputLevels: [2, 0] });
    const items = batchOf(task, 2);
    const [window] = task.windows(items, { length: 20, seed: 1 });
    for (let t = 0; t < 20; t++) {
      const fine = readWindow(window!.input[2]!, t, 1);
      const coarse = readWindow(window!.input[0]!, t, 1);
      expect(fine.text).toBe(resizeText(coarse.text, 3, 12));
      expect([fine.rows, fine.cols]).toEqual([coarse.rows, coarse.cols]);
    }
  });
});

describe('an open room of 5×5, by eye', () => {
  const room = parseMaze(['#######', '#.....#', '#.....#', '#.....#', '#.....#', '#.....#', '#######']);
  const items = [{ size: 7, cells: room, path: spiralPath(7) }];

  it('the first nine steps all see free cells, so each is an answer to each', () => {
    const [window] = mapping({ size: 7 }).windows(items, { length: 9, seed: 1 });
    // Output 12×12, start at (7, 7): right, down, left, left, up, up, right, right.
    const spots = [[7, 7], [7, 8], [8, 8], [8, 7], [8, 6], [7, 6], [6, 6], [6, 7], [6, 8]].map(([y, x]) => 12 * y! + x!);
    for (let t = 0; t < 9; t++) {
      expect(readWindow(window!.input[0]!, t, 0).text).toBe('.........');
      expect(readMap(window!.outputs[0]!.target, t, 0)).toEqual(spots.slice(0, t + 1).sort((a, b) => a - b));
    }
  });

  it('the tenth step is the first to see the right wall', () => {
    const [, second] = mapping({ size: 7 }).windows(items, { length: 9, seed: 1 });
    expect(readWindow(second!.input[0]!, 0, 0)).toEqual({ text: '..#..#..#', rows: [6], cols: [9] });
  });

  it('official timing already holds the next cell', () => {
    const [window] = mapping({ size: 7, targetTiming: 'official' }).windows(items, { length: 9, seed: 1 });
    const ones = Array.from({ length: 9 }, (_, t) => readMap(window!.outputs[0]!.target, t, 0).length);
    expect(ones).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 9]); // the tenth cell looks different
  });
});

const anyOptions = fc.record({
  size: fc.constantFrom(5, 7, 9, 11, 15),
  motion: fc.constantFrom('spiral' as const, 'random' as const),
  moveRule: fc.constantFrom('free' as const, 'stay' as const, 'mixed' as const),
  view: fc.constantFrom(3 as const, 9 as const),
});

describe('properties', () => {
  it('a window restarted at k equals the tail of a full iteration', () => {
    const lengths = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(anyOptions, fc.maxSafeNat(), lengths, fc.nat(30), (options, seed, length, k) => {
        const task = mapping({ ...options, query: 9, ...(options.motion === 'random' ? { pathLength: 60 } : {}) });
        const items = batchOf(task, 2, seed);
        const all = [...task.windows(items, { length, seed, batch: k })];
        const from = Math.min(k, all.length);
        expect([...task.windows(items, { length, seed, batch: k, from })]).toEqual(all.slice(from));
      }),
      { numRuns: cases(15) },
    );
  });

  it('an answer has as many ones as visited positions with the queried window, official at most one more', () => {
    fc.assert(
      fc.property(anyOptions, fc.maxSafeNat(), (options, seed) => {
        const shared = { ...options, ...(options.motion === 'random' ? { pathLength: 40 } : {}) };
        const observed = mapping(shared);
        const items = batchOf(observed, 2, seed);
        const [a] = observed.windows(items, { seed });
        const [b] = mapping({ ...shared, targetTiming: 'official' }).windows(items, { seed });
        expect(b!.outputs[0]!.query).toEqual(a!.outputs[0]!.query);
        const level = options.view === 9 ? 2 : 0;
        for (let t = 0; t < a!.steps; t++) {
          items.forEach((maze, k) => {
            const ones = readMap(a!.outputs[0]!.target, t, k);
            const query = readWindow(a!.outputs[0]!.query![level]!, t, k).text;
            const same = [...maze.path.subarray(0, t + 1)].filter((cell) => {
              const text = windowText(maze, cell, options.view);
              return (level === 2 ? resizeText(text, 9, 12) : text) === query;
            });
            expect(ones).toHaveLength(new Set(same).size);
            const official = readMap(b!.outputs[0]!.target, t, k);
            expect(official.filter((spot) => ones.includes(spot))).toEqual(ones);
            expect(official.length - ones.length).toBeLessThanOrEqual(1);
          });
        }
      }),
      { numRuns: cases(15) },
    );
  });

  it('an episode depends on seed and index alone, not on what was generated before', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }), (seed, order) => {
        const task = mapping({ size: 15, motion: 'random', pathLength: 50 });
        const alone = order.map((index) => mapping({ size: 15, motion: 'random', pathLength: 50 }).generate(seed, index));
        expect([...order].reverse().map((index) => task.generate(seed, index)).reverse()).toEqual(alone);
      }),
      { numRuns: cases(30) },
    );
    expect(mapping().generate(1, 7)).toEqual(mapping().generate(1, 7));
    expect(mapping().generate(1, 7)).not.toEqual(mapping().generate(1, 8));
    expect(mapping().generate(1, 7)).not.toEqual(mapping().generate(2, 7));
  });

  it('mixed walks are free in episodes of even number and stay before walls in the others', () => {
    const walks = (['mixed', 'free', 'stay'] as const).map((moveRule) => {
      const task = mapping({ size: 9, motion: 'random', moveRule, pathLength: 50 });
      return Array.from({ length: 8 }, (_, index) => task.generate(5, index).path);
    });
    const [mixed, free, stay] = walks as [Int32Array[], Int32Array[], Int32Array[]];
    expect(mixed).toEqual(free.map((path, index) => (index % 2 === 0 ? path : stay[index])));
    expect(free).not.toEqual(stay);
  });

  it('the maze does not depend on the motion', () => {
    expect(mapping({ motion: 'random' }).generate(3, 4).cells).toEqual(mapping().generate(3, 4).cells);
  });
});
