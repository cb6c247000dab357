/** Row N8: nothing that users or the library can call stands without a test, and each op has its table. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as library from '../../lib/index.js';
import { promised, shown } from '../helpers/promises.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const textOf = (folder: string): string =>
  readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/coverage|conformance/.test(name)) // what only makes sure that all is there
    .map((name) => readFileSync(`${root}${folder}/${name}`, 'utf8')).join('\n');
const tests = textOf('test');
const sources = textOf('lib');
const binding = readFileSync(`${root}binding.d.ts`, 'utf8');

const isUsed = (text: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(text);
const isNamespace = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Values behind the public door, by the name a user calls them. */
const publicNames = Object.entries(library as Record<string, unknown>).flatMap(([name, value]) =>
  isNamespace(value) ? Object.keys(value).map((inner) => `${name}.${inner}`) : [name]
);
const nativeNames = [...binding.matchAll(/^  (\w+)\(/gm)].map(([, name]) => name!);

describe('every name', () => {
  it('of the public door is used by a test', () => {
    expect(publicNames.length).toBeGreaterThan(100);
    expect(publicNames.filter((name) => !isUsed(tests, name.split('.').at(-1)!))).toEqual([]);
    shown('N8', promised('N8'), `${publicNames.length} public names and ${nativeNames.length} of the addon, no exception`);
  });

  it('of the addon is called by the library, or by a test that makes it fail', () => {
    expect(nativeNames.length).toBeGreaterThan(40);
    expect(nativeNames.filter((name) => !isUsed(sources, name) && !isUsed(tests, name))).toEqual([]);
  });
});

it('every vector of another program is read by a test', () => {
  const vectors = readdirSync(`${root}test/golden/vectors`);
  const unread = vectors.filter((name) => !tests.includes(name.replace('.json', '')));
  expect(unread).toEqual([]);
  shown('N5', vectors.length, `all of ${vectors.length} files`);
});

/** Ops that are windows of a memory are tried against its equations, and what belongs to them beside them. */
const ELSEWHERE = /^(dam|dnc|sam)[A-Z]/;

it('of an op has a table: values, gradients, bad inputs, memory', () => {
  const tables = textOf('test/ops');
  const models = textOf('test/models');
  const missing = Object.keys(library.ops).filter((name) =>
    ELSEWHERE.test(name)
      ? !isUsed(models, name)
      : !new RegExp(`opTable\\([^;]*'${name}'|\\['${name}[',]|'${name}',|'${name} to`).test(tables)
  );
  expect(missing).toEqual([]);
});
