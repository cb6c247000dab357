// Argument checks, and the one form of message: `name: expected X, got Y[; remedy]`.
import { MgError, type MgErrorCode } from './errors.js';

/** Throws the MgError `where: expected …, got …[; remedy]`. */
export function fail(code: MgErrorCode, where: string, expected: string, got: unknown, remedy?: string): never {
  const end = remedy === undefined ? '' : `; ${remedy}`;
  throw new MgError(code, `${where}: expected ${expected}, got ${show(got)}${end}`, { op: where, expected, got });
}

/** A short readable form of any value; never throws and never runs long. */
export function show(value: unknown): string {
  try {
    if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'function') return 'a function';
    if (typeof value !== 'object' || value === null) return String(value);
    if (Array.isArray(value)) return `[${value.slice(0, 8).map(show).join(', ')}${value.length > 8 ? ', ...' : ''}]`;
    if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
    const name: unknown = value.constructor?.name;
    return typeof name === 'string' && name !== 'Object' ? `an instance of ${name}` : 'an object';
  } catch {
    return 'an object that cannot be read';
  }
}

/** A whole number in [min, max], or ERR_MG_ARGUMENT. */
export function checkInteger(where: string, name: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `≥ ${min}` : `in [${min}, ${max}]`;
  return fail('ERR_MG_ARGUMENT', where, `${name} to be a whole number ${range}`, value);
}

/** A finite number in [min, max], or ERR_MG_ARGUMENT. */
export function checkNumber(where: string, name: string, value: unknown, min = -Infinity, max = Infinity): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max) return value;
  return fail('ERR_MG_ARGUMENT', where, `${name} to be a finite number in [${min}, ${max}]`, value);
}

/** One of the given words, or ERR_MG_ARGUMENT. */
export function checkChoice<T extends string>(where: string, name: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  return found ?? fail('ERR_MG_ARGUMENT', where, `${name} to be one of ${choices.join(', ')}`, value);
}

/** A plain object without unknown keys (undefined passes), or ERR_MG_ARGUMENT. */
export function checkOptions(where: string, options: unknown, known: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    fail('ERR_MG_ARGUMENT', where, 'an options object', options);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) fail('ERR_MG_ARGUMENT', where, `options among ${known.join(', ')}`, key);
  }
}
