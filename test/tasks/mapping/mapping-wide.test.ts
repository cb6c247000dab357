// 9×9 windows: a 9×9 query on a 3×3 view, and a 9×9 view.
import { describe, expect, it } from 'vitest';
import { mapping } from '../../../lib/tasks/mapping/mapping.js';
import type { MappingOptions } from '../../../lib/tasks/mapping/mapping-options.js';
import type { Maze } from '../../../lib/tasks/mapping/maze.js';
import { onMap, readMap, readWindow, resizeText, seenUntil, wideCandidates, windowText } from './naive-mapping.js';

/** Checks `query9` of every step against the definition; returns how many answers are scored at each step. */
function checkWide(options: MappingOptions, items: readonly Maze[], center: number, side: number): number[] {
  const perStep: number[] = [];
  const ahead = options.targetTiming === 'official' ? 1 : 0;
  for (const { start, steps, outputs } of mapping(options).windows(items, { length: 20, seed: 4, batch: 1 })) {
    const wide = outputs[1]!;
    expect(wide.name).toBe('query9');
    for (let t = 0; t < steps; t++) {
      let scored = 0;
      items.forEach((maze, b) => {
        const now = start + t;
        const candidates = wideCandidates(maze, now);
        const query = readWindow(wide.query![2]!, t, b);
        expect([query.rows, query.cols]).toEqual([[0], [0]]);
        const isScored = wide.scored!.data[t * items.length + b];
        expect(isScored).toBe(candidates.length > 0 ? 1 : 0);
        scored += isScored!;
        if (candidates.length === 0) {
          expect(query.text).toBe(resizeText(windowText(maze, maze.path[now]!, 9, seenUntil(maze, now)), 9, 12));
          expect(readMap(wide.target, t, b)).toEqual(onMap(maze, [maze.path[now]!], center, side));
          return;
        }
        const resized = (cell: number): string => resizeText(windowText(maze, cell, 9), 9, 12);
        expect(candidates.map(resized)).toContain(query.text);
        const later = wideCandidates(maze, Math.min(now + ahead, maze.path.length - 1));
        const matching = later.filter((cell) => resized(cell) === query.text);
        expect(readMap(wide.target, t, b)).toEqual(onMap(maze, matching, center, side));
      });
      perStep.push(scored);
    }
  }
  return perStep;
}

describe('a 9×9 query on a 3×3 view', () => {
  it.each(['observed', 'official'] as const)('follows the definition on a spiral, target %s', (targetTiming) => {
    const options = { size: 15, query: 9, targetTiming } as const;
    const items = [0, 1].map((index) => mapping(options).generate(2, index));
    const scored = checkWide(options, items, 15, 24);
    // The first full window is that of the start: seen once rows and columns ±4 are, when the spiral has filled ±3.
    expect(scored.indexOf(2)).toBe(48);
    expect(scored.slice(48)).toEqual(Array.from({ length: 169 - 48 }, () => 2));
  });

  it('follows the definition where windows reach beyond the maze and walks differ', () => {
    const options = { size: 9, query: 9, motion: 'random', pathLength: 150 } as const;
    const items = [0, 1, 2].map((index) => mapping(options).generate(3, index));
    checkWide(options, items, 6, 12);
  });

  it('asks all mazes of a spiral batch for the window of the same place', () => {
    const task = mapping({ size: 15, query: 9 });
    const items = Array.from({ length: 6 }, (_, index) => task.generate(5, index));
    for (const { start, steps, outputs } of task.windows(items, { length: 30, seed: 6 })) {
      for (let t = 0; t < steps; t++) {
        if (start + t < 48) continue;
        let places = wideCandidates(items[0]!, start + t);
        items.forEach((maze, b) => {
          const text = readWindow(outputs[1]!.query![2]!, t, b).text;
          places = places.filter((cell) => resizeText(windowText(maze, cell, 9), 9, 12) === text);
        });
        expect(places.length).toBeGreaterThan(0);
      }
    }
  });

  it('leaves the first output as it is without', () => {
    const items = [mapping().generate(1, 0)];
    const [plain] = mapping().windows(items, { length: 60, seed: 2 });
    const [both] = mapping({ size: 25, query: 9 }).windows(items, { length: 60, seed: 2 });
    expect(both!.outputs[0]).toEqual(plain!.outputs[0]);
    expect(both!.input).toEqual(plain!.input);
    expect(both!.outputs.map(({ name }) => name)).toEqual(['query3', 'query9']);
  });
});

describe('a 9×9 view', () => {
  it('sees and compares 81 cells, those outside the maze as a third symbol, on three grids', () => {
    const task = mapping({ size: 15, view: 9, motion: 'random', pathLength: 80 });
    const items = [0, 1].map((index) => task.generate(7, index));
    for (const { start, steps, input, outputs } of task.windows(items, { length: 20, seed: 3 })) {
      for (let t = 0; t < steps; t++) {
        items.forEach((maze, b) => {
          const texts = [...maze.path].map((cell) => windowText(maze, cell, 9));
          for (const [level, side] of [[0, 3], [1, 6], [2, 12]] as const) {
            expect(readWindow(input[level]!, t, b).text).toBe(resizeText(texts[start + t]!, 9, side));
          }
          const finest = readWindow(outputs[0]!.query![2]!, t, b).text;
          const asked = texts.slice(0, start + t + 1).find((text) => resizeText(text, 9, 12) === finest);
          expect(asked).toBeDefined();
          const matching = maze.path.subarray(0, start + t + 1).filter((_, step) => texts[step] === asked);
          expect(readMap(outputs[0]!.target, t, b)).toEqual(onMap(maze, matching, 15, 24));
        });
      }
    }
  });

  it('keeps all nine rows on the 12 grid: rows 0,0,1,2,3,3,4,5,6,6,7,8', () => {
    const rows = Array.from({ length: 12 }, (_, i) => Math.floor((i * 9) / 12));
    expect(rows).toEqual([0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8]);
    expect(new Set(rows).size).toBe(9);
  });
});
