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
  'binary-file': [],
  'files': ['check'],
  'native': ['check', 'binary-file', 'binding'],
  'tensor': ['native', 'files'],
  'autograd': ['tensor'],
  'ops': ['autograd'],
  'nn': ['ops'],
  'models': ['nn'],
  'tasks': ['tensor'],
  'optim': ['ops'],
  'plot': ['check'],
  'train': ['nn', 'tasks', 'optim'],
  'listeners': ['train'],
  'rl': ['train', 'models'],
  'proof': ['models'],
  'runs': ['rl', 'proof'],
  'pictures': ['runs', 'plot'],
  'bench': ['listeners', 'pictures'],
  'reproduction': ['runs', 'plot'],
  'cli': ['bench', 'reproduction'],
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

it('the rooms of native/ include from below only', () => {
  const all = imports('native', /\.(h|cc|cu)$/, /#include "([^"]+)"/g);
  expect(all.length).toBeGreaterThan(50);
  expect(wrongWay(nativeCode, all, (file) => file.split('/')[1]!)).toEqual([]);
});

/** Memories that stand on another one's parts: its controller, its vectors over slots, its interface. */
const standsOn: Record<string, string[]> = { sam: ['dnc'], dam: ['sam', 'dnc'] };

it('no op includes another op, but for memories that share a controller', () => {
  const all = imports('native/ops', /\.(h|cc|cu)$/, /#include "([^"]+)"/g).filter(([, to]) => to.startsWith('native/ops/'));
  expect(all.length).toBeGreaterThan(20);
  const op = (file: string): string => file.split('/')[2]!;
  expect(all.filter(([from, to]) => op(from) !== op(to) && standsOn[op(from)]?.includes(op(to)) !== true)).toEqual([]);
});
