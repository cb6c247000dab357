/** The form of the house: no line of a source is longer than 130 characters; files of lib/ and of C++ say what they are for. */
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

/** As `file:line, length`; in characters, of which an accented letter or an arrow is one. */
function tooLong(file: string): string[] {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  return lines.flatMap((line, i) => ([...line].length > WIDTH ? [`${file}:${i + 1}, ${[...line].length} characters`] : []));
}

it(`no line is longer than ${WIDTH} characters`, () => {
  const files = sources();
  expect(files.length).toBeGreaterThan(400);
  expect(files.flatMap(tooLong)).toEqual([]);
});

it('every file of lib/ and every one of C++ opens with a line that says what it is for', () => {
  const files = sources().filter((file) => (file.startsWith('lib/') && file.endsWith('.ts')) || /\.(h|cc|cu)$/.test(file));
  expect(files.length).toBeGreaterThan(350);
  const headOf = (file: string): string => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n');
    return lines[0]!.startsWith('#!') ? lines[1]! : lines[0]!;
  };
  expect(files.filter((file) => !/^(\/\/|\/\*\*) \S.*\S/.test(headOf(file)))).toEqual([]);
});
