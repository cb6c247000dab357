// Changes of a file, small and large, from a seeded source: bytes, numbers, words of other files, parts moved and doubled.
const NUMBERS = [0, 1, 2, 7, 8, 127, 128, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, -1];
const TEXTS = [
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '"\\ud800"',
  '-0',
  '1e999',
  '0.5',
  '"__proto__"',
  '\uFEFF',
  '\t',
  '\n',
  ',',
  '"',
];
const LONGEST = 2 ** 16;

export function randomOf(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Words that stand in files: names, strings, numbers. */
export const wordsOf = (files) => [
  ...new Set(files.flatMap((bytes) => bytes.toString('latin1').match(/"?[\w.-]{2,40}"?/g)?.slice(0, 400) ?? [])),
];

function changed(bytes, random, { words, others }) {
  const at = random(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random(random(4) === 0 ? bytes.length : 8));
  const put = (insert, until = at) => Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(until)]);
  const pick = (list) => list[random(list.length)];
  switch (random(10)) {
    case 0: {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[at % copy.length] ^= 1 << random(8);
      return copy;
    }
    case 1:
      return put(Buffer.from([random(256)]), Math.min(bytes.length, at + random(2)));
    case 2:
      return put(Buffer.alloc(0), end);
    case 3:
      return put(bytes.subarray(at, end), at);
    case 4: {
      const number = Buffer.alloc(pick([1, 2, 4, 8]));
      const value = BigInt(pick(NUMBERS)) & (2n ** BigInt(8 * number.length) - 1n);
      for (let i = 0; i < number.length; i += 1) number[i] = Number((value >> BigInt(8 * i)) & 255n);
      if (random(2) === 0) number.reverse();
      return put(number, Math.min(bytes.length, at + number.length));
    }
    case 5:
      return put(Buffer.from(pick(words) ?? ''), random(2) === 0 ? at : end);
    case 6:
      return put(Buffer.from(pick(TEXTS)), random(2) === 0 ? at : end);
    case 7: { // another number where one is written in digits
      const found = [...bytes.toString('latin1').matchAll(/-?\d+(\.\d+)?/g)];
      if (found.length === 0) return bytes;
      const { index, 0: digits } = pick(found);
      const text = String(random(2) === 0 ? pick(NUMBERS) : Number(digits) + random(3) - 1);
      return Buffer.concat([bytes.subarray(0, index), Buffer.from(text), bytes.subarray(index + digits.length)]);
    }
    case 8: { // a word in the place of another
      const found = [...bytes.toString('latin1').matchAll(/"[\w.-]*"/g)];
      if (found.length === 0) return bytes;
      const { index, 0: word } = pick(found);
      return Buffer.concat([bytes.subarray(0, index), Buffer.from(pick(words) ?? ''), bytes.subarray(index + word.length)]);
    }
    default: {
      const other = pick(others);
      const from = random(other.length + 1);
      return put(other.subarray(from, from + 1 + random(64)), random(2) === 0 ? at : end);
    }
  }
}

/** One to eight changes of one of the files that are known. */
export function mutant(random, known) {
  let bytes = known.others[random(known.others.length)];
  for (let count = 1 << random(4); count > 0; count -= 1) bytes = changed(bytes, random, known);
  return bytes.subarray(0, LONGEST);
}
