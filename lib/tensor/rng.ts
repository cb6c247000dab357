// Random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).

import { checkInteger, fail } from '../check.js';

const MUL_0 = 0xd2511f53;
const MUL_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const TWO_32 = 0x1_0000_0000;
const SPLIT_DOMAIN = 1; // third counter word of a split; the stream itself has 0 there

/** High 32 bits of the unsigned product a·b. */
function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const mid = a1 * b0 + ((a0 * b0) >>> 16); // < 2^33: exact
  const low = a0 * b1 + (mid % 0x10000);
  return (a1 * b1 + Math.floor(mid / 0x10000) + Math.floor(low / 0x10000)) >>> 0;
}

/** One Philox4x32-10 block: out[0..3] = f(counter[0..3], key[0..1]), all unsigned 32-bit words. */
export function philox(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array,
): void {
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(MUL_0, c0);
    const low0 = Math.imul(MUL_0, c0) >>> 0;
    const high1 = mulHigh(MUL_1, c2);
    const low1 = Math.imul(MUL_1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** 64-bit FNV-1a of the UTF-8 bytes of a text, as [low, high] words. */
function fnv1a(text: string): [number, number] {
  let low = 0x84222325;
  let high = 0xcbf29ce4;
  for (const byte of new TextEncoder().encode(text)) {
    low = (low ^ byte) >>> 0;
    const product = low * 0x1b3; // the prime is 2^40 + 0x1b3
    high = (high * 0x1b3 + Math.floor(product / TWO_32) + low * 0x100) % TWO_32;
    low = product % TWO_32;
  }
  return [low, high];
}

function seedWords(seed: unknown): [number, number] {
  if (typeof seed === 'number' && Number.isSafeInteger(seed) && seed >= 0) return [seed % TWO_32, Math.floor(seed / TWO_32)];
  if (typeof seed === 'bigint' && seed >= 0n && seed < 1n << 64n) return [Number(seed & 0xffffffffn), Number(seed >> 32n)];
  return fail('ERR_MG_ARGUMENT', 'Rng', 'seed to be an integer in 0…2^53-1 or a bigint in 0…2^64-1', seed);
}

/** A counter-based stream of random words, the same bits on every machine and device.
 *  Word n is word n & 3 of the Philox4x32-10 block with key (seed low, seed high) and counter (low, high of n >> 2, 0, 0).
 *  Every draw below is a function of the next words alone, so `state()` is a seed and a position, both decimal strings. */
export class Rng {
  readonly #k0: number;
  readonly #k1: number;
  readonly #block = new Uint32Array(4);
  #blockIndex = -1;
  #position = 0;

  /** @param seed 0…2^53−1 as a number or 0…2^64−1 as a bigint; ERR_MG_ARGUMENT otherwise. */
  constructor(seed: bigint | number) {
    [this.#k0, this.#k1] = seedWords(seed);
  }

  /** Index of the next word. */
  get position(): number {
    return this.#position;
  }

  /** Moves the position forward (or back) by a number of words. */
  skip(words: number): this {
    checkInteger('Rng.skip', 'words', words, -this.#position);
    this.#position = checkInteger('Rng.skip', 'position + words', this.#position + words, 0);
    return this;
  }

  /** Takes the next `words` words for a native kernel, from the next even position on: the stream's key and that position. */
  take(words: number): { key: readonly [low: number, high: number]; position: number } {
    const position = this.#position + (this.#position % 2);
    this.#position = position + checkInteger('Rng.take', 'words', words, 0);
    return { key: [this.#k0, this.#k1], position };
  }

  /** The next 32-bit word. */
  word(): number {
    const index = Math.floor(this.#position / 4);
    if (index !== this.#blockIndex) {
      philox(index % TWO_32, Math.floor(index / TWO_32), 0, 0, this.#k0, this.#k1, this.#block);
      this.#blockIndex = index;
    }
    return this.#block[this.#position++ % 4]!;
  }

  /** The next `count` words. */
  words(count: number): Uint32Array {
    const out = new Uint32Array(checkInteger('Rng.words', 'count', count, 0, TWO_32 - 1));
    for (let i = 0; i < count; i++) out[i] = this.word();
    return out;
  }

  /** Uniform in [0, 1) with 53 bits, from two words a, b: (⌊a/2^5⌋·2^26 + ⌊b/2^6⌋) / 2^53. */
  uniform(): number {
    const a = this.word();
    const b = this.word();
    return ((a >>> 5) * 0x400_0000 + (b >>> 6)) / 0x20_0000_0000_0000;
  }

  /** Standard normal by Box and Muller, from two uniforms u, v: √(−2 ln(1−u)) · cos(2πv). Uses four words. */
  normal(): number {
    const u = this.uniform();
    const v = this.uniform();
    return Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
  }

  /** Uniform over 0…below−1 without bias: words ≥ the largest multiple of `below` are drawn again. 1 ≤ below ≤ 2^32. */
  integer(below: number): number {
    checkInteger('Rng.integer', 'below', below, 1, TWO_32);
    const limit = TWO_32 - (TWO_32 % below);
    for (;;) {
      const word = this.word();
      if (word < limit) return word % below;
    }
  }

  /** Shuffles in place (Fisher and Yates, from the end) and returns the same array. */
  shuffle<T>(items: T[]): T[] {
    if (!Array.isArray(items)) fail('ERR_MG_ARGUMENT', 'Rng.shuffle', 'items to be an array', items);
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = items[i]!;
      items[i] = items[j]!;
      items[j] = held;
    }
    return items;
  }

  /** An independent child stream, whatever has been drawn from this one. Its key is words 0 and 1 of the Philox block with
   *  this key and counter (low, high of the 64-bit FNV-1a hash of the label, 1, 0). A number counts as its decimal text. */
  split(label: string | number): Rng {
    if (typeof label !== 'string' && !Number.isSafeInteger(label)) {
      fail('ERR_MG_ARGUMENT', 'Rng.split', 'label to be a string or an integer', label);
    }
    const [low, high] = fnv1a(String(label));
    const key = new Uint32Array(4);
    philox(low, high, SPLIT_DOMAIN, 0, this.#k0, this.#k1, key);
    return new Rng((BigInt(key[1]!) << 32n) | BigInt(key[0]!));
  }

  /** Seed and position of the next word, as decimal strings. */
  state(): { seed: string; counter: string } {
    return { seed: ((BigInt(this.#k1) << 32n) | BigInt(this.#k0)).toString(), counter: String(this.#position) };
  }

  /** The stream that `state()` described, bit for bit. ERR_MG_ARGUMENT for anything else. */
  static fromState(state: { seed: string; counter: string }): Rng {
    const { seed, counter } = state ?? {};
    if (typeof seed !== 'string' || !/^\d{1,20}$/.test(seed)) {
      fail('ERR_MG_ARGUMENT', 'Rng.fromState', 'seed to be a decimal string', seed);
    }
    if (typeof counter !== 'string' || !/^\d{1,16}$/.test(counter)) {
      fail('ERR_MG_ARGUMENT', 'Rng.fromState', 'counter to be a decimal string', counter);
    }
    return new Rng(BigInt(seed)).skip(Number(counter));
  }
}
