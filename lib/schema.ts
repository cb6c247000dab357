/** Options as schemas: from one come the type, the check with its sentence, and the JSON Schema that editors read. */
import * as v from 'valibot';
import { checkOptions, fail, nearest } from './check.js';
import type { MgErrorCode } from './errors.js';

/** Accepts a `T`. Its message is what it expects, in words that follow "to be". */
export type Schema<T> = v.GenericSchema<T>;
export type Entries = v.ObjectEntries;
export type Optional<T> = v.OptionalSchema<Schema<T>, undefined>;

type OptionalKeys<E extends Entries> = { [K in keyof E]: E[K] extends Optional<unknown> ? K : never }[keyof E];
type Values<E extends Entries> = { -readonly [K in keyof E]: v.InferOutput<E[K]> };
type Flat<T> = { [K in keyof T]: T[K] };
/** An object of these entries. In valibot's own type optional keys are in two parts, and documentation has each comment twice. */
type Members<E extends Entries> = Flat<Values<Omit<E, OptionalKeys<E>>> & Partial<Values<Pick<E, OptionalKeys<E>>>>>;

export interface ObjectSchema<E extends Entries> extends v.BaseSchema<Members<E>, Members<E>, v.BaseIssue<unknown>> {
  readonly type: 'strict_object';
  readonly entries: E;
}

type Deep<T> = T extends object ? { readonly [K in keyof T]: Deep<Exclude<T[K], undefined>> } : T;
/** What a schema accepts, to be read only. */
export type Data<S extends Schema<unknown>> = Deep<v.InferOutput<S>>;

/** An integer in [min, max]. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Schema<number> {
  const what = `an integer ${max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `in ${min} … ${max}`}`;
  return v.pipe(v.number(what), v.integer(what), v.minValue(min, what), v.maxValue(max, what));
}

/** A finite number in [min, max]. */
export function number(min = -Infinity, max = Infinity): Schema<number> {
  const range = min === -Infinity && max === Infinity ? '' : max === Infinity ? ` of at least ${min}` : ` in ${min} … ${max}`;
  const what = `a finite number${range}`;
  const finite = v.pipe(v.number(what), v.finite(what));
  const above = min === -Infinity ? finite : v.pipe(finite, v.minValue(min, what));
  return max === Infinity ? above : v.pipe(above, v.maxValue(max, what));
}

/** A finite number above 0. */
export function positive(): Schema<number> {
  const what = 'a finite number above 0';
  return v.pipe(v.number(what), v.finite(what), v.gtValue(0, what));
}

/** A number in [0, 1), as a decay or a momentum. */
export function fraction(): Schema<number> {
  const what = 'a number of at least 0 and below 1';
  return v.pipe(v.number(what), v.minValue(0, what), v.ltValue(1, what));
}

export const boolean = (): Schema<boolean> => v.boolean('true or false');
export const string = (): Schema<string> => v.string('a string');

/** A string that matches `pattern`, which `what` describes. */
export const text = (pattern: RegExp, what: string): Schema<string> => v.pipe(v.string(what), v.regex(pattern, what));

export function choice<const T extends string | number>(...choices: readonly T[]): Schema<T> {
  return v.picklist(choices, `one of ${choices.map((each) => JSON.stringify(each)).join(', ')}`);
}

export const literal = <const T extends string | number | boolean>(value: T): Schema<T> =>
  v.literal(value, JSON.stringify(value));

/** One of several; a value that is none of them is told what they are. */
export function either<T extends readonly Schema<unknown>[]>(what: string, ...schemas: T): Schema<v.InferOutput<T[number]>> {
  return v.union(schemas, what) as Schema<v.InferOutput<T[number]>>;
}

/** `least` to `most` items. */
export function list<T>(item: Schema<T>, what: string, least = 0, most = Infinity): Schema<T[]> {
  const longer = v.pipe(v.array(item, what), v.minLength(least, what));
  return most === Infinity ? longer : v.pipe(longer, v.maxLength(most, what));
}

/** A list of so many items, each with its schema. */
export function tuple<const T extends readonly unknown[]>(
  what: string,
  ...items: { readonly [K in keyof T]: Schema<T[K]> }
): Schema<T> {
  const whole = v.strictTuple(items as never, what) as unknown as Schema<T>;
  const run: Schema<T>['~run'] = (dataset, config) => {
    const { value } = dataset;
    if (Array.isArray(value) && value.length === items.length) return whole['~run'](dataset, config);
    v._addIssue(whole as never, 'type', dataset as never, config);
    return dataset as never;
  };
  return { ...whole, '~run': run };
}

/** Two integers of at least `least`, of which the second is not the smaller one. */
export function ordered(least: number): Schema<readonly [number, number]> {
  const what = `two integers of at least ${least}, the lower one first`;
  return v.pipe(tuple(what, integer(least), integer(least)), v.check(([low, high]) => low <= high, what));
}

/** An object of `value`s whose keys match `pattern`. */
export function record<T>(pattern: RegExp, key: string, value: Schema<T>, what: string): Schema<Record<string, T>> {
  return plain(v.record(v.pipe(v.string(key), v.regex(pattern, key)), value, what));
}

export const nullable = <T>(schema: Schema<T>): Schema<T | null> => v.nullable(schema);
export const optional = <T>(schema: Schema<T>): Optional<T> => v.optional(schema);

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);

/** The schema, to which a list is no object; `before` may refuse an object by an issue of its own. */
function plain<T>(schema: Schema<T>, before: (value: object) => object | null = () => null): Schema<T> {
  const run: Schema<T>['~run'] = (dataset, config) => {
    const fault = isPlain(dataset.value) ? before(dataset.value) : {};
    if (fault === null) return schema['~run'](dataset, config);
    v._addIssue(schema as never, 'key', dataset as never, config, fault);
    return dataset as never;
  };
  return { ...schema, '~run': run };
}

/** An object with these keys and no others: a misspelt one is a fault that comes before those of its neighbours. */
export function object<const E extends Entries>(entries: E, what = 'an object'): ObjectSchema<E> {
  const expected = (issue: v.StrictObjectIssue): string => {
    const missing = entries[issue.expected?.slice(1, -1) ?? ''];
    return missing === undefined ? what : messageOf(missing);
  };
  const whole = v.strictObject(entries, expected as never) as unknown as ObjectSchema<E>;
  return plain(whole, (value) => {
    const key = Object.keys(value).find((name) => !Object.hasOwn(entries, name));
    if (key === undefined) return null;
    const path = [{ type: 'object', origin: 'key', input: value, key, value: undefined }];
    return { input: Object.keys(entries), expected: 'never', path };
  }) as ObjectSchema<E>;
}

/** The same keys, each of which may be left out. */
export function partial<E extends Entries>(entries: E): { [K in keyof E]: Optional<v.InferOutput<E[K]>> } {
  const each = Object.entries(entries).map(([key, schema]) => [key, schema.type === 'optional' ? schema : v.optional(schema)]);
  return Object.fromEntries(each) as { [K in keyof E]: Optional<v.InferOutput<E[K]>> };
}

/** One of several objects, told apart by what stands under `key`; `what` says what they are. */
export function variant<const T extends readonly ObjectSchema<Entries>[]>(
  what: string,
  key: string,
  ...objects: T
): Schema<v.InferOutput<T[number]>> {
  const names = objects.map(({ entries }) => messageOf(entries[key]!)).join(', ');
  const expected = ({ path }: v.VariantIssue): string => (path === undefined ? what : `one of ${names}`);
  return plain(v.variant(key, objects as never, expected) as never) as Schema<v.InferOutput<T[number]>>;
}

/** What a schema expects of a value that is not there. */
function messageOf(schema: object): string {
  const { message, wrapped } = schema as { message?: string | ((issue: object) => string); wrapped?: object };
  return typeof message === 'function' ? message({}) : message ?? messageOf(wrapped!);
}

/** `lr.from`, `writer[2][1]`. */
function placeOf(path: readonly { readonly key: unknown }[]): string {
  const place = path.map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return place.replace(/^\./, '');
}

/** The first thing that `value` is refused for, or undefined. */
function issueOf(schema: Schema<unknown>, value: unknown): v.BaseIssue<unknown> | undefined {
  return v.safeParse(schema, value, { abortEarly: true, abortPipeEarly: true }).issues?.[0];
}

/** `where: expected lr.from to be a finite number, got "x"`. */
function refuse(code: MgErrorCode, where: string, { path: at, input, message, expected }: v.BaseIssue<unknown>): never {
  const path: readonly { readonly key: unknown }[] = at ?? [];
  const place = placeOf(path);
  if (expected !== 'never' || !Array.isArray(input)) {
    fail(code, where, place === '' ? message : `${place} to be ${message}`, input);
  }
  const [key, parent] = [String(path.at(-1)!.key), placeOf(path.slice(0, -1))];
  const keys = input as string[];
  fail(code, parent === '' ? where : `${where}, ${parent}`, `options among ${keys.join(', ')}`, key, nearest(key, keys));
}

/** Checks a file's data, and hands back what came. ERR_MG_CONFIG. */
export function checkFile<S extends Schema<unknown>>(where: string, schema: S, value: unknown): Data<S> {
  const issue = issueOf(schema, value);
  return issue === undefined ? value as Data<S> : refuse('ERR_MG_CONFIG', where, issue);
}

/** As {@link checkFile}, with a message that begins with the place: `writer[2][1]: expected an integer, got "1"`. */
export function checkPlaces<S extends Schema<unknown>>(where: string, schema: S, value: unknown): Data<S> {
  const issue = issueOf(schema, value);
  if (issue === undefined) return value as Data<S>;
  const { input, message, expected } = issue;
  const path: readonly { readonly key: unknown }[] = issue.path ?? [];
  const place = path.length === 0 ? where : placeOf(path);
  if (expected !== 'never' || !Array.isArray(input)) fail('ERR_MG_CONFIG', place, message, input);
  const [key, keys] = [String(path.at(-1)!.key), input as string[]];
  fail('ERR_MG_CONFIG', place, `one of the keys ${keys.join(', ')}`, key, nearest(key, keys));
}

/** Checks options of a call. `beside`: names that it takes and looks at by itself. ERR_MG_ARGUMENT. */
export function checkData<E extends Entries>(
  where: string,
  schema: ObjectSchema<E>,
  options: unknown,
  beside: readonly string[] = [],
): Data<ObjectSchema<E>> {
  checkOptions(where, options, [...Object.keys(schema.entries), ...beside]);
  const own = Object.fromEntries(Object.entries(options as object).filter(([key]) => !beside.includes(key)));
  const issue = issueOf(schema, own);
  return issue === undefined ? own as Data<ObjectSchema<E>> : refuse('ERR_MG_ARGUMENT', where, issue);
}
