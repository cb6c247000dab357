/** What a run remembers beside its weights, in each checkpoint: the best score, a scoring that is still to be made, listeners. */
import { fail } from '../check.js';
import { inspectTensors } from '../files/safetensors.js';
import type { Callback } from './events.js';
import type { RunRecord, Scoring } from './training.js';

export type { RunRecord, Scoring };

export const emptyRecord = (): RunRecord => ({ best: null, isScoringDue: false, listeners: {} });

/** What a listener remembers. */
export type Remembering = Pick<Callback, 'name' | 'save' | 'restore'>;

/** Listeners that save, each under a name of its own: the second of one name is `name 2`. */
function named(callbacks: readonly Remembering[]): Map<string, Remembering> {
  const found = new Map<string, Remembering>();
  for (const callback of callbacks.filter(({ save }) => save !== undefined)) {
    let [key, count] = [callback.name!, 1];
    while (found.has(key)) key = `${callback.name!} ${count += 1}`;
    found.set(key, callback);
  }
  return found;
}

/** The record with what the listeners know now. */
export function currentRecord(record: RunRecord, callbacks: readonly Remembering[]): RunRecord {
  return { ...record, listeners: Object.fromEntries([...named(callbacks)].map(([name, each]) => [name, each.save!() ?? null])) };
}

/** Tells each listener what it saved under its name; one that is new begins anew. */
export function restoreListeners(record: RunRecord, callbacks: readonly Remembering[]): void {
  for (const [name, callback] of named(callbacks)) {
    if (Object.hasOwn(record.listeners, name)) callback.restore?.(record.listeners[name]);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function checkedScoring(file: string, value: unknown): Scoring | null {
  if (value === null || value === undefined) return null;
  const { step, metrics } = value as { step?: unknown; metrics?: unknown };
  const numbers = isObject(metrics) ? Object.entries(metrics) : [];
  const isScore = (x: unknown): boolean => x === null || typeof x === 'number'; // JSON writes NaN as null
  if (!Number.isSafeInteger(step) || numbers.length === 0 || !numbers.every(([, x]) => isScore(x))) {
    fail('ERR_MG_CHECKPOINT', file, 'metadata record with a best score of numbers', value);
  }
  return { step: step as number, metrics: Object.fromEntries(numbers.map(([name, x]) => [name, (x as number | null) ?? NaN])) };
}

/** A record as a file has it; an empty one for files of versions that had none. */
export function checkedRecord(file: string, text: string | undefined): RunRecord {
  if (text === undefined) return emptyRecord();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!isObject(value)) return fail('ERR_MG_CHECKPOINT', file, 'metadata record to be an object in JSON', text);
  const listeners = isObject(value['listeners']) ? value['listeners'] : {};
  return { best: checkedScoring(file, value['best']), isScoringDue: value['isScoringDue'] === true, listeners };
}

/** The record in a file; undefined in one of versions that had none. */
export async function savedRecord(file: string): Promise<RunRecord | undefined> {
  const text = (await inspectTensors(file)).metadata.get('record');
  return text === undefined ? undefined : checkedRecord(file, text);
}
