// Known levels of the summed loss, from counts of the targets alone: what a network reaches that knows only so much.
import { describe, expect, it } from 'vitest';
import { mapping } from '../../../lib/tasks/mapping/mapping.js';
import { windowText } from './naive-mapping.js';

const BATCH = 32;
const QUERIES = 20 * BATCH;
const EPISODES = 1000;

/** −p ln p − (1−p) ln(1−p). */
function entropy(p: number): number {
  return p <= 0 || p >= 1 ? 0 : -p * Math.log(p) - (1 - p) * Math.log(1 - p);
}

interface Levels {
  constant: number;
  visitedKnown: number;
  positives: number;
  atEnd: number;
  patterns: number;
}

/** Averages over 1000 spiral episodes (seed 1) and over every query they can ask. Levels per full window of 20 × 32 queries. */
function levels(size: number, side: number): Levels {
  const task = mapping({ size });
  const steps = (size - 2) ** 2;
  const expected = new Float64Array(steps); // positives per query, by step
  let patterns = 0;
  for (let index = 0; index < EPISODES; index++) {
    const maze = task.generate(1, index);
    const counts = new Map<string, number>();
    let squares = 0; // Σ over windows of count², so squares/(t+1) positives
    maze.path.forEach((cell, t) => {
      const text = windowText(maze, cell, 3);
      const count = counts.get(text) ?? 0;
      counts.set(text, count + 1);
      squares += 2 * count + 1;
      expected[t]! += squares / (t + 1) / EPISODES;
    });
    patterns += counts.size / EPISODES;
  }
  const average = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    constant: QUERIES * side * side * entropy(average(expected) / (side * side)),
    visitedKnown: QUERIES * average(expected.map((count, t) => (t + 1) * entropy(count / (t + 1)))),
    positives: average(expected),
    atEnd: expected[steps - 1]!,
    patterns,
  };
}

describe('levels of the summed loss', () => {
  it.each([[25, 48, 1_022_087], [15, 24, 255_522]])('zero logits, size %d: 20·32·%d²·ln 2', (size, side, expected) => {
    const task = mapping({ size });
    const items = Array.from({ length: BATCH }, (_, index) => task.generate(1, index));
    const [window] = task.windows(items, { length: 20, seed: 1 });
    const { data, shape } = window!.outputs[0]!.target;
    expect(shape).toEqual([20, BATCH, side, side, 1]);
    expect(Math.round(data.length * Math.LN2)).toBe(expected);
  });

  it.each([
    [25, 48, { constant: 31_864, visitedKnown: 21_464, positives: 7.39, atEnd: 12.5, patterns: 109.5 }],
    [15, 24, { constant: 21_027, visitedKnown: 13_516, positives: 5.89, atEnd: 7.76, patterns: 73.5 }],
  ])('lie where 1500 mazes of a Python program put them, size %d', (size, side, expected) => {
    const found = levels(size, side);
    for (const [name, value] of Object.entries(expected)) {
      expect(Math.abs(found[name as keyof Levels] / value - 1), `${name}: ${found[name as keyof Levels]}`).toBeLessThan(0.06);
    }
  });
});
