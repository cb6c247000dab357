/** The form of the house: how long lines of sources and pages are; files of lib/ and of C++ say what they are for. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const WIDTH = 130;
const root = fileURLToPath(new URL('..', import.meta.url));
const isSource = (file: string): boolean => /\.(ts|mjs|js|py|cc|cu|h|sh)$/.test(file);

/** The sources of all rooms and of the top level, relative to the root. */
function sources(): string[] {
  const inRooms = ['bench', 'lib', 'native', 'test'].flatMap((room) => (
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).map((file) => join(room, file))
  ));
  return [...readdirSync(root), ...inRooms].filter(isSource);
}

const linesOf = (file: string): string[] => readFileSync(join(root, file), 'utf8').split('\n');

/** As `file:line, length`; in characters, of which an accented letter or an arrow is one. */
const tooLong = (file: string, lines: readonly string[], width: number): string[] => (
  lines.flatMap((line, i) => ([...line].length > width ? [`${file}:${i + 1}, ${[...line].length} characters`] : []))
);

/** A page's prose: its tables and what stands between fences are empty lines. */
function prose(file: string): string[] {
  let isCode = false;
  return linesOf(file).map((line) => {
    if (line.startsWith('```')) isCode = !isCode;
    return isCode || line.startsWith('|') ? '' : line;
  });
}

it(`no line is longer than ${WIDTH} characters`, () => {
  const files = sources();
  expect(files.length).toBeGreaterThan(400);
  expect(files.flatMap((file) => tooLong(file, linesOf(file), WIDTH))).toEqual([]);
});

it('no line of a page is longer than 140 characters, but for tables and examples', () => {
  const pages = ['README.md', 'bench/README.md', 'lib/README.md', 'lib/CHANGELOG.md', 'test/README.md'];
  expect(pages.flatMap((page) => tooLong(page, prose(page), 140))).toEqual([]);
});

it('every file of lib/ and every one of C++ opens with a line that says what it is for', () => {
  const files = sources().filter((file) => (file.startsWith('lib/') && file.endsWith('.ts')) || /\.(h|cc|cu)$/.test(file));
  expect(files.length).toBeGreaterThan(350);
  const headOf = (file: string): string => {
    const lines = linesOf(file);
    return lines[0]!.startsWith('#!') ? lines[1]! : lines[0]!;
  };
  expect(files.filter((file) => !/^(\/\/|\/\*\*) \S.*\S/.test(headOf(file)))).toEqual([]);
});
