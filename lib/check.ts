/** Argument checks with one message form: `where: expected X, got Y; remedy`. */
import { types } from 'node:util';
import { MgError, type MgErrorCode } from './errors.js';

/** A short, readable form of any value, for messages. Never throws, never long. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) {
    const shown = value.slice(0, 8).map((v) => (typeof v === 'object' && v !== null ? '…' : show(v)));
    return `[${shown.join(', ')}${value.length > 8 ? ', …' : ''}]`;
  }
  if (ArrayBuffer.isView(value)) {
    const length = (value as { length?: number }).length ?? value.byteLength;
    return `${value.constructor.name}(${length})`;
  }
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name;
  return name !== undefined && name !== 'Object' ? `a ${name}` : 'an object';
}

/** A description of what came, in place of the value itself: printed without quotation marks. */
class Words {
  constructor(readonly text: string) {}
}

/** `text` for the `got` of {@link fail} where it describes and is no value of the user's: `got nothing`, not `got "nothing"`. */
export function words(text: string): Words {
  return new Words(text);
}

export function fail(code: MgErrorCode, where: string, expected: string, got: unknown, remedy?: string): never {
  const [shown, kept] = got instanceof Words ? [got.text, got.text] : [show(got), got];
  const message = `${where}: expected ${expected}, got ${shown}${remedy === undefined ? '' : `; ${remedy}`}`;
  throw new MgError(code, message, { op: where, expected, got: kept });
}

/** Functions that stand behind others: what they refuse is said in the name of the one that was called. */
const INNER = /^(?:planNetwork|networkForward|networkBackward|(?:dnc|sam|dam)Window): /;

/** Runs `call`; what it refuses is said in the name of `where`, not of a function that was not called. */
export function inTheNameOf<T>(where: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof MgError) || !INNER.test(error.message)) throw error;
    const { expected, got } = error;
    throw new MgError(error.code, error.message.replace(INNER, `${where}: `), { op: where, expected, got });
  }
}

/** An integer in [min, max]. */
export function checkInteger(where: string, name: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `in ${min} … ${max}`;
  return fail('ERR_MG_ARGUMENT', where, `${name} to be an integer ${range}`, value);
}

/** A finite number in [min, max]. */
export function checkNumber(where: string, name: string, value: unknown, min = -Infinity, max = Infinity): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max) return value;
  const range = min === -Infinity && max === Infinity ? '' : max === Infinity ? ` of at least ${min}` : ` in ${min} … ${max}`;
  return fail('ERR_MG_ARGUMENT', where, `${name} to be a finite number${range}`, value);
}

export function checkBoolean(where: string, name: string, value: unknown): boolean {
  return typeof value === 'boolean' ? value : fail('ERR_MG_ARGUMENT', where, `${name} to be true or false`, value);
}

export function checkString(where: string, name: string, value: unknown): string {
  return typeof value === 'string' ? value : fail('ERR_MG_ARGUMENT', where, `${name} to be a string`, value);
}

export function checkChoice<T extends string | number>(where: string, name: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  return found ?? fail('ERR_MG_ARGUMENT', where, `${name} to be one of ${choices.map(show).join(', ')}`, value);
}

/** An array. `what` follows "expected": `a list of …`. */
export function checkList(where: string, what: string, value: unknown): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) fail('ERR_MG_ARGUMENT', where, what, value);
}

/** A `Map` of named tensors, as `stateDict` and `loadTensors` give it. */
export function checkMap(where: string, name: string, value: unknown): void {
  if (!types.isMap(value)) fail('ERR_MG_ARGUMENT', where, `${name} to be a Map of tensors by name`, value);
}

/** Letters to put in, take out or change on the way from one word to another (Levenshtein 1966). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}

/** A remedy where a word is nearly one of those that are known: at most a third of its letters are others. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 60) return undefined;
  const [best] = known.map((name) => [distance(word.toLowerCase(), name.toLowerCase()), name] as const).sort(([a], [b]) => a - b);
  return best !== undefined && best[0] <= Math.ceil(word.length / 3) ? `did you mean ${best[1]}?` : undefined;
}

/** An object with names in it. */
export function checkObject(where: string, what: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    fail('ERR_MG_ARGUMENT', where, `${what} to be an object`, value);
  }
}

/** A plain object without keys that nobody reads: a misspelt option is a fault, not a silence. */
export function checkOptions(where: string, options: unknown, known: readonly string[], what = 'options'): void {
  checkObject(where, what, options);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      fail('ERR_MG_ARGUMENT', where, `${what} among ${known.join(', ')}`, key, nearest(key, known));
    }
  }
}

/** An instance of a class, by the name that users know it by. */
export function checkInstance<T>(where: string, name: string, value: unknown, of: { readonly prototype: T }, kind: string): T {
  return value instanceof (of as abstract new() => T) ? value : fail('ERR_MG_ARGUMENT', where, `${name} to be ${kind}`, value);
}

/** A function. */
export function checkFunction(where: string, name: string, value: unknown): void {
  if (typeof value !== 'function') fail('ERR_MG_ARGUMENT', where, `${name} to be a function`, value);
}

/** A function, or nothing. */
export function checkOptionalFunction(where: string, name: string, value: unknown): void {
  if (value !== undefined) checkFunction(where, name, value);
}

/** An AbortSignal of another realm, as test environments with a page of their own have it. */
const isSignal = (value: unknown): boolean =>
  value !== null && typeof value === 'object' &&
  (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === 'AbortSignal'
  && 'throwIfAborted' in value;

/** An AbortSignal, or nothing. */
export function checkSignal(where: string, signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal || isSignal(signal)) return;
  const remedy = signal instanceof AbortController ? 'give its .signal' : undefined;
  fail('ERR_MG_ARGUMENT', where, 'signal to be an AbortSignal', signal, remedy);
}
