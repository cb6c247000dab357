/** The page of promises says what is so: what it calls shown is whole in each run, or has a result of at least its size. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { promises } from '../helpers/promises.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (name: string): unknown => JSON.parse(readFileSync(`${root}${name}`, 'utf8'));
const results = read('bench/results/reliability.json') as Record<string, Record<string, unknown>>;
const { scripts } = read('package.json') as { scripts: Record<string, string> };
const tests = readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(ts|mjs)$/.test(name))
  .map((name) => readFileSync(`${root}test/${name}`, 'utf8')).join('\n');

describe('the page of promises', () => {
  it('has a line for each row of its table', () => {
    const page = readFileSync(`${root}test/README.md`, 'utf8');
    expect(promises.size).toBe(page.match(/^\| [A-Z]\d/gm)!.length);
  });

  it.each([...promises.values()])('$row', ({ row, size, ci, command, state }) => {
    const script = /^npm (?:run )?([\w:]+)$/.exec(command)?.[1];
    if (script === undefined) expect(existsSync(`${root}${command}`), command).toBe(true);
    else expect(Object.keys(scripts)).toContain(script);
    if (state !== 'shown') return expect(state).toMatch(/^(open|needs a GPU|in .ci\/run): ./);
    expect(new RegExp(`(shown\\(\\s*|\\[\\s*)'${row}',`).test(tests), 'named by a test').toBe(true);
    if (ci >= size) return;
    const result = results[row]!;
    expect(result['size']).toBeGreaterThanOrEqual(size);
    expect(Object.keys(result)).toEqual(['size', 'result', 'command', 'date', 'machine']);
    for (const key of ['result', 'command', 'machine']) expect(result[key]).toMatch(/\S{3}/);
    expect(result['date']).toMatch(/^\d{4}-\d\d-\d\d$/);
  });
});

it('the parts of the soak add up to what is kept of it', () => {
  const parts = read('bench/results/soak.json') as { hours: number; kills: number; fault: string | null }[];
  const [hours, kills] = (['hours', 'kills'] as const).map((what) => parts.reduce((sum, part) => sum + part[what], 0));
  expect(parts.filter(({ fault }) => fault !== null)).toEqual([]);
  expect(results['L1']!['size']).toBe(kills);
  expect(results['L1']!['result']).toMatch(new RegExp(`^${hours!.toFixed(2)} of 8 hours`));
  if (promises.get('L1')!.state !== 'shown') return;
  expect(hours).toBeGreaterThanOrEqual(8);
  expect(Math.max(...parts.map((part) => part.hours))).toBeGreaterThanOrEqual(1); // growth of memory is judged from an hour on
});
