/**
 * Every public function, constructor and method with wrong arguments: what is refused is refused by an MgError, never by a bare
 * TypeError from inside. What there is to call is found by walking the public door; tables beside it give what is right.
 */
import { describe, expect, it } from 'vitest';
import * as library from '../lib/index.js';
import { MgError } from '../lib/index.js';
import { RIGHT } from './helpers/right-calls.js';
import { OBJECTS } from './helpers/right-objects.js';

/** What somebody may give by mistake. A text with a zero byte in it is no name of a file, so that nothing is written. */
const WRONG: readonly unknown[] = [
  undefined,
  null,
  true,
  NaN,
  -1,
  1.5,
  2 ** 53,
  7n,
  'words\0',
  '',
  Symbol('s'),
  {},
  { length: 2 },
  Object.create(null),
  [],
  [null],
  ['a', {}],
  new Map(),
  new Map([['a', null]]),
  new Float32Array(2),
  new Uint8Array(0),
  new Date(0),
  () => undefined,
  async () => {},
];

/** What only authors of kinds of models, states and optimizers see, and what is told to be internal. */
const HIDDEN = [
  'adopt',
  'buffer',
  'draw',
  'forget',
  'frozen',
  'like',
  'matrixFlops',
  'memoryCells',
  'parameter',
  'partOptions',
  'ready',
  'remade',
  'replace',
  'replaceBuffer',
  'rowCost',
  'sessionParts',
  'uncount',
];
/** What a trainer has in public, and a kind of models for its authors. */
const isHidden = (name: string, key: string): boolean => HIDDEN.includes(key) || (key === 'run' && name.startsWith('models.'));

/** Plans and windows that users hand on as they got them: that it is one is looked at, its parts are not. */
const HANDED_ON = /^models\.windowMemory$|^new models\.MultigridNetwork$|scorer\(\)#add$/;

type Callable = (...args: unknown[]) => unknown;
const isClass = (value: unknown): value is new(...args: unknown[]) => unknown =>
  typeof value === 'function' && value.toString().startsWith('class');

/** What is called, by the name a user knows it by, and the arguments of a right call where a table has them. */
interface Target {
  readonly name: string;
  call(args: unknown[]): unknown;
  right(): unknown[] | undefined;
}

function functions(inside: object = library, prefix = ''): Target[] {
  return Object.entries(inside).flatMap(([key, value]: [string, unknown]) => {
    const name = `${prefix}${key}`;
    if (typeof value === 'object' && value !== null) return functions(value, `${name}.`);
    if (typeof value !== 'function' || value === MgError) return [];
    if (!isClass(value)) return [{ name, call: (args) => (value as Callable)(...args), right: () => RIGHT[name]?.() }];
    if (prefix === 'nn.' && ['Pyramid', 'MultigridState'].includes(key)) return []; // behind the door by themselves
    const statics = Object.entries(Object.getOwnPropertyDescriptors(value)).flatMap(([of, { value: fn }]) =>
      typeof fn === 'function' ?
        [{
          name: `${name}.${of}`,
          call: (args: unknown[]) => (fn as Callable).apply(value, args),
          right: () => RIGHT[`${name}.${of}`]?.(),
        }]
        : []
    );
    return [{ name: `new ${name}`, call: (args) => new value(...args), right: () => RIGHT[name]?.() }, ...statics];
  });
}

function methods(): Target[] {
  return Object.entries(OBJECTS).flatMap(([name, make]) => {
    const keys = new Set<string>();
    for (let at = make()[0]; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
      for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
        if (typeof value === 'function' && key !== 'constructor' && !isHidden(name, key)) keys.add(key);
      }
    }
    return [...keys].map((key) => {
      let made: ReturnType<typeof make> | undefined;
      const one = (): ReturnType<typeof make> => (made ??= make());
      return {
        name: `${name}#${key}`,
        call: (args: unknown[]) => (one()[0] as Record<string, Callable>)[key]!(...args),
        right: () => {
          const given = one()[1] ?? {};
          return Object.hasOwn(given, key) ? given[key]!.slice() : undefined;
        },
      };
    });
  });
}

/** Calls in which all is wrong, in which one argument is, and in which one option is. */
function* wrongCalls({ name, right }: Target): Iterable<unknown[]> {
  yield [];
  for (const wrong of WRONG) for (const count of [1, 2, 3]) yield Array.from({ length: count }, () => wrong);
  for (const [at, given] of (right() ?? []).entries()) {
    const spoilt = (value: unknown): unknown[] => right()!.with(at, value);
    yield* WRONG.map(spoilt);
    const isOptions = typeof given === 'object' && given !== null && Object.getPrototypeOf(given) === Object.prototype;
    if (!isOptions || HANDED_ON.test(name)) continue;
    for (const key of Object.keys(given)) yield* WRONG.map((wrong) => spoilt({ ...given, [key]: wrong }));
  }
}

/** What comes of a call in the end: promises are awaited, and of what is iterated the first is asked for. */
async function outcome(call: () => unknown): Promise<unknown> {
  const result: unknown = await call();
  if (typeof result !== 'object' || result === null) return result;
  if (Symbol.asyncIterator in result) return (result as AsyncIterable<unknown>)[Symbol.asyncIterator]().next();
  return 'next' in result ? (result as Iterator<unknown>).next() : result;
}

const errorOf = (call: () => unknown): Promise<unknown> => outcome(call).then(() => null, (error: unknown) => error);
const all = [...functions(), ...methods()];

describe('a call with what is wrong is right, or refused with a code', () => {
  it.each(all)('$name', async (target) => {
    const bare: unknown[] = [];
    for (const args of wrongCalls(target)) {
      const error = await errorOf(() => target.call(args));
      if (error !== null && !(error instanceof MgError)) bare.push({ args, error });
    }
    expect(bare).toEqual([]);
  });
});

it('the tables are of what there is, and right', async () => {
  const refused: string[] = [];
  for (const target of all) {
    const args = target.right();
    if (args === undefined) continue;
    const error = await errorOf(() => target.call(args));
    if (error !== null) refused.push(`${target.name}: ${String(error)}`);
  }
  expect(refused).toEqual([]);
  const names = all.map(({ name }) => name.replace('new ', ''));
  expect(Object.keys(RIGHT).filter((name) => !names.includes(name))).toEqual([]);
  const parts = Object.entries(OBJECTS).flatMap(([name, make]) => Object.keys(make()[1] ?? {}).map((key) => `${name}#${key}`));
  expect(parts.filter((name) => !names.includes(name))).toEqual([]);
  expect(all.length).toBeGreaterThan(700);
});
