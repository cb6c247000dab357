// Reads the JSON of a checkpoint header: objects, arrays, strings and whole numbers, nothing else.
// JSON.parse keeps the last of two equal keys and takes any depth; a header may have neither. jsonc-parser, tried in its place,
// takes equal keys, half surrogate pairs and numbers of any form, and overflows the stack on eight million brackets.

/** What a strict text can hold. Objects are Maps, so that no key is special (`__proto__` is a name like any other). */
export type StrictJson = string | number | StrictJson[] | Map<string, StrictJson>;

/** Called with the broken rule, what it asks for and what stood there. Must throw. */
export type Refuse = (rule: string, expected: string, got: unknown) => never;

const SPACE = /[ \t\n\r]*/y;
const WHOLE = /(?:0|[1-9][0-9]*)(?![0-9.eE])/y;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Parses `text` strictly; every fault ends in `refuse`. Nesting deeper than `maxDepth` objects or arrays is a fault. */
export function parseStrictJson(text: string, maxDepth: number, refuse: Refuse): StrictJson {
  let at = 0;

  const skipSpace = (): void => {
    SPACE.lastIndex = at;
    SPACE.test(text);
    at = SPACE.lastIndex;
  };
  const here = (): string => (at < text.length ? `${text.slice(at, at + 12)} at character ${at}` : 'the end of the header');
  const take = (mark: string): void => {
    if (text[at] !== mark) refuse('json-syntax', mark, here());
    at += 1;
  };

  const string = (): string => {
    let close = at;
    do close = text.indexOf('"', close + 1); while (close > 0 && isEscaped(text, close));
    const literal = close < 0 ? '' : text.slice(at, close + 1);
    const value = readLiteral(literal) ?? refuse('json-string', 'a string of well-formed JSON and Unicode', here());
    at = close + 1;
    return value;
  };

  const whole = (): number => {
    WHOLE.lastIndex = at;
    if (!WHOLE.test(text)) refuse('json-number', 'a whole number without sign, fraction or exponent', here());
    const value = Number(text.slice(at, WHOLE.lastIndex));
    if (!Number.isSafeInteger(value)) refuse('json-number', 'a number below 2^53', text.slice(at, WHOLE.lastIndex));
    at = WHOLE.lastIndex;
    return value;
  };

  const members = (close: string, depth: number, member: () => void): void => {
    if (depth > maxDepth) refuse('json-depth', `at most ${maxDepth} nested objects and arrays`, here());
    at += 1;
    skipSpace();
    if (text[at] === close) {
      at += 1;
      return;
    }
    for (;;) {
      skipSpace();
      member();
      skipSpace();
      if (text[at] === close) break;
      take(',');
    }
    at += 1;
  };

  const value = (depth: number): StrictJson => {
    const first = text[at];
    if (first === '"') return string();
    if (first === '{') {
      const object = new Map<string, StrictJson>();
      members('}', depth + 1, () => {
        if (text[at] !== '"') refuse('json-syntax', 'a key', here());
        const key = string();
        if (object.has(key)) refuse('json-duplicate-key', 'each key once', key);
        skipSpace();
        take(':');
        skipSpace();
        object.set(key, value(depth + 1));
      });
      return object;
    }
    if (first === '[') {
      const array: StrictJson[] = [];
      members(']', depth + 1, () => array.push(value(depth + 1)));
      return array;
    }
    if (first === undefined || !/[-0-9]/.test(first)) refuse('json-syntax', 'an object, array, string or whole number', here());
    return whole();
  };

  skipSpace();
  const result = value(0);
  skipSpace();
  if (at < text.length) refuse('json-tail', 'nothing after the header object', here());
  return result;
}

/** Whether an odd number of backslashes stands before the character at `at`. */
function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (text[start - 1] === '\\') start -= 1;
  return (at - start) % 2 === 1;
}

function readLiteral(literal: string): string | null {
  try {
    const value = JSON.parse(literal) as string;
    return LONE_SURROGATE.test(value) ? null : value;
  } catch {
    return null;
  }
}
