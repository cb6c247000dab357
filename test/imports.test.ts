/** The floors of the house: a room imports from the rooms below it, never upwards and never sideways. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The rooms each room stands on, and through them all those further down. */
const lib: Record<string, string[]> = {
  'errors': [],
  'check': ['errors'],
  'schema': ['check'],
  'binary-file': [],
  'table': [],
  'files': ['check'],
  'native': ['check', 'binary-file', 'binding'],
  'tensor': ['native', 'files'],
  'autograd': ['tensor'],
  'ops': ['autograd'],
  'nn': ['ops', 'table'],
  'models': ['nn', 'schema'],
  'tasks': ['tensor', 'schema'],
  'optim': ['ops', 'schema'],
  'plot': ['check'],
  'train': ['nn', 'tasks', 'optim'],
  'rl': ['train', 'models'],
  'proof': ['models'],
  'runs': ['rl', 'proof'],
  'pictures': ['runs', 'plot'],
  'view': ['pictures'],
  'listeners': ['view'],
  'bench': ['listeners'],
  'reproduction': ['bench'],
  'cli': ['reproduction'],
  'index': ['listeners', 'models', 'rl'],
  'binding': [],
};
const nativeCode: Record<string, string[]> = { base: [], device: ['base'], ops: ['device'], binding: ['ops'] };

function below(floors: Record<string, string[]>, room: string): Set<string> {
  return new Set((floors[room] ?? []).flatMap((next) => [next, ...below(floors, next)]));
}

/** Every import as [file, file it names], relative to the root. */
function imports(folder: string, extensions: RegExp, line: RegExp): [string, string][] {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) => extensions.test(name));
  return files.map((name) => join(folder, name)).flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(line)].map(([, path]): [string, string] => [
      file,
      relative(root, join(root, dirname(file), path!)),
    ])
  );
}

function wrongWay(floors: Record<string, string[]>, all: [string, string][], room: (file: string) => string): string[] {
  const allowed = ([from, to]: [string, string]) => room(from) === room(to) || below(floors, room(from)).has(room(to));
  return all.filter((pair) => !allowed(pair)).map((pair) => pair.join(' → '));
}

it('the rooms of lib/ import from below only', () => {
  const room = (file: string) => /^(?:lib\/)?([\w-]+)/.exec(file)![1]!;
  const all = imports('lib', /\.ts$/, /(?:from|import) '(\.[^']+)'/g);
  expect(all.length).toBeGreaterThan(100);
  expect(new Set(all.map(([from]) => room(from)).filter((name) => !(name in lib)))).toEqual(new Set());
  expect(wrongWay(lib, all, room)).toEqual([]);
});

it('rooms within a room stand on its own files and on the floors below, never on each other', () => {
  const floor = (file: string): string[] => dirname(file).split('/').slice(1, 3);
  const all = imports('lib', /\.ts$/, /(?:from|import) '(\.[^']+)'/g).filter(([from, to]) =>
    floor(from).length > 1 && floor(from)[0] === floor(to)[0]
  );
  expect(all.length).toBeGreaterThan(100);
  expect(all.filter(([from, to]) => floor(to).length > 1 && floor(from)[1] !== floor(to)[1])).toEqual([]);
});

it('no folder of lib/ holds more than 16 files', () => {
  const files = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const counts = new Map<string, number>();
  for (const folder of files.map(dirname)) counts.set(folder, (counts.get(folder) ?? 0) + 1);
  expect(counts.size).toBeGreaterThan(25);
  expect([...counts].filter(([, count]) => count > 16)).toEqual([]);
});

it('the rooms of native/ include from below only', () => {
  const all = imports('native', /\.(h|cc|cu)$/, /#include "([^"]+)"/g);
  expect(all.length).toBeGreaterThan(50);
  expect(wrongWay(nativeCode, all, (file) => file.split('/')[1]!)).toEqual([]);
});

it('no op includes another op', () => {
  const all = imports('native/ops', /\.(h|cc|cu)$/, /#include "([^"]+)"/g).filter(([, to]) => to.startsWith('native/ops/'));
  expect(all.length).toBeGreaterThan(20);
  const op = (file: string): string => file.split('/')[2]!;
  expect(all.filter(([from, to]) => op(from) !== op(to))).toEqual([]);
});
