// Argument checks that all rooms share; each throws an MgError in the one message form.

import { MgError, type MgErrorCode } from './errors.js';

/** Throws `where: expected X, got Y[; remedy]`. */
export function fail(code: MgErrorCode, where: string, expected: string, got: unknown, remedy?: string): never {
  const tail = remedy === undefined ? '' : `; ${remedy}`;
  throw new MgError(code, `${where}: expected ${expected}, got ${show(got)}${tail}`, { op: where, expected, got });
}

/** A short readable form of any value. Never throws. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `'${value.slice(0, 57)}...'` : `'${value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) {
    return value.length > 8 ? `[${value.slice(0, 8).map(show).join(',')},…]` : `[${value.map(show).join(',')}]`;
  }
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength} bytes)`;
  return value.constructor?.name === undefined || value.constructor === Object ? 'an object' : `a ${value.constructor.name}`;
}

/** An integer in min…max, or ERR_MG_ARGUMENT. */
export function checkInteger(where: string, name: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `>= ${min}` : `in ${min}…${max}`;
    fail('ERR_MG_ARGUMENT', where, `${name} an integer ${range}`, value);
  }
  return value;
}

/** A finite number in min…max, or ERR_MG_ARGUMENT. */
export function checkNumber(where: string, name: string, value: unknown, min = -Infinity, max = Infinity): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < min || value > max) {
    fail('ERR_MG_ARGUMENT', where, `${name} a finite number in ${min}…${max}`, value);
  }
  return value;
}

/** One of the given words, or ERR_MG_ARGUMENT. */
export function checkChoice<T extends string>(where: string, name: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  return found ?? fail('ERR_MG_ARGUMENT', where, `${name} one of ${choices.join(', ')}`, value);
}

/** A plain object whose keys are all known, or ERR_MG_ARGUMENT. */
export function checkOptions(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    fail('ERR_MG_ARGUMENT', where, 'options as an object', options);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) fail('ERR_MG_ARGUMENT', where, `options among ${known.join(', ')}`, key);
  }
}
