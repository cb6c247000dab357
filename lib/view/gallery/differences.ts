/** In what configurations differ. */

/** One option: its path, and what each configuration has there; null: nothing. */
export interface Difference {
  readonly option: string;
  readonly values: readonly (string | null)[];
}

const MOST_LETTERS = 200;
/** Names a file for editors, not a part of the run. */
const ASIDE = new Set(['$schema']);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function flatten(value: object, path: string, into: Map<string, string>): void {
  for (const [key, part] of Object.entries(value)) {
    if (path === '' && ASIDE.has(key)) continue;
    const name = path === '' ? key : `${path}.${key}`;
    if (isObject(part) && Object.keys(part).length > 0) flatten(part, name, into);
    else into.set(name, typeof part === 'string' ? part : JSON.stringify(part));
  }
}

const cut = (text: string): string => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text);

/** Options in which not all are the same, in the order in which they come; those inside others are named `optimizer.decay`. */
export function differences(configs: readonly object[]): Difference[] {
  const flat = configs.map((config) => {
    const options = new Map<string, string>();
    flatten(config, '', options);
    return options;
  });
  const names = new Set(flat.flatMap((options) => [...options.keys()]));
  return [...names].flatMap((option) => {
    const values = flat.map((options) => options.get(option) ?? null);
    return new Set(values).size === 1 ? [] : [{ option, values: values.map((value) => (value === null ? null : cut(value))) }];
  });
}
