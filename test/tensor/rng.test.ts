import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { philox, Rng } from '../../lib/tensor/rng.js';

const TWO_32 = 2 ** 32;

function block(counter: readonly number[], key: readonly number[]): string {
  const out = new Uint32Array(4);
  philox(counter[0]!, counter[1]!, counter[2]!, counter[3]!, key[0]!, key[1]!, out);
  return [...out].map((word) => word.toString(16).padStart(8, '0')).join(' ');
}

/** Philox4x32-10 in 64-bit integers, straight from the definition. */
function naive(counter: readonly bigint[], key: readonly bigint[]): bigint[] {
  const mask = 0xffffffffn;
  let [c0, c1, c2, c3] = counter as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const p0 = c0 * 0xd2511f53n;
    const p1 = c2 * 0xcd9e8d57n;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask, (p0 >> 32n) ^ c3 ^ k1, p0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [c0, c1, c2, c3];
}

const word = fc.integer({ min: 0, max: TWO_32 - 1 });

describe('philox', () => {
  it('gives the known answers of the Random123 distribution', () => {
    const ones = 0xffffffff;
    expect(block([0, 0, 0, 0], [0, 0])).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
    expect(block([ones, ones, ones, ones], [ones, ones])).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd');
    expect(block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]))
      .toBe('d16cfe09 94fdcceb 5001e420 24126ea1');
  });

  it('equals the definition in 64-bit integers', () => {
    fc.assert(fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
      const out = new Uint32Array(4);
      philox(...counter, ...key, out);
      expect([...out].map(BigInt)).toEqual(naive(counter.map(BigInt), key.map(BigInt)));
    }));
  });
});

describe('Rng', () => {
  it('streams the blocks of its key in order, counter low word first', () => {
    const words = new Rng((7n << 32n) | 5n).words(12);
    for (let index = 0; index < 3; index++) {
      expect([...words.subarray(4 * index, 4 * index + 4)].map(BigInt)).toEqual(naive([BigInt(index), 0n, 0n, 0n], [5n, 7n]));
    }
    const far = new Rng(9).skip(4 * (TWO_32 + 3) + 1);
    expect(BigInt(far.word())).toBe(naive([3n, 1n, 0n, 0n], [9n, 0n])[1]);
  });

  it('makes a uniform of the top 27 and 26 bits of two words', () => {
    const [a, b] = naive([0n, 0n, 0n, 0n], [3n, 0n]);
    expect(new Rng(3).uniform()).toBe(Number(((a! >> 5n) << 26n) | (b! >> 6n)) / 2 ** 53);
  });

  it('treats a number and the same bigint as one seed', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (seed) => {
      expect(new Rng(seed).words(5)).toEqual(new Rng(BigInt(seed)).words(5));
    }));
  });

  it('goes on exactly where a saved state stopped, from any position', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(50), fc.nat(50), (seed, before, after) => {
      const rng = new Rng(seed);
      rng.words(before);
      const state = JSON.parse(JSON.stringify(rng.state()));
      expect(state).toEqual({ seed: String(seed), counter: String(before) });
      expect(Rng.fromState(state).words(after)).toEqual(rng.words(after));
    }));
  });

  it('splits by the FNV-1a hash of the label, whatever has been drawn', () => {
    const fnv = (text: string): bigint => {
      let hash = 0xcbf29ce484222325n;
      for (const byte of Buffer.from(text, 'utf8')) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & (2n ** 64n - 1n);
      return hash;
    };
    expect(fnv('foobar')).toBe(0x85944171f73967e8n); // published FNV-1a test vector
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 20 }), fc.nat(9), (label, drawn) => {
      const parent = new Rng(11);
      parent.words(drawn);
      const hash = fnv(label);
      const [low, high] = naive([hash & 0xffffffffn, hash >> 32n, 1n, 0n], [11n, 0n]);
      expect(parent.split(label).state()).toEqual({ seed: String((high! << 32n) | low!), counter: '0' });
      expect(parent.position).toBe(drawn);
    }));
    expect(new Rng(1).split(42).state()).toEqual(new Rng(1).split('42').state());
  });

  it('draws integers evenly (chi-square at 0.1 % for 6 faces, seed 1) and inside the range', () => {
    const rng = new Rng(1);
    const counts = Array.from({ length: 6 }, () => 0);
    for (let i = 0; i < 60_000; i++) counts[rng.integer(6)]!++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).toBeLessThan(20.52); // 5 degrees of freedom
    fc.assert(fc.property(fc.integer({ min: 1, max: TWO_32 }), (below) => {
      const value = rng.integer(below);
      expect(value >= 0 && value < below && Number.isInteger(value)).toBe(true);
    }));
  });

  it('draws again above the largest multiple, so that no remainder is favoured', () => {
    const below = 0xc0000001; // about a quarter of all words must be rejected
    const rng = new Rng(5);
    const expected: number[] = [];
    const words = new Rng(5);
    while (expected.length < 40) {
      const next = words.word();
      if (next < below) expected.push(next);
    }
    expect(Array.from({ length: 40 }, () => rng.integer(below))).toEqual(expected);
    expect(rng.position).toBeGreaterThan(40);
  });

  it('has the moments of a uniform and of a normal (20,000 draws, five standard errors, seed 2)', () => {
    const rng = new Rng(2);
    const n = 20_000;
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const uniforms = Array.from({ length: n }, () => rng.uniform());
    expect(Math.abs(mean(uniforms) - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
    expect(uniforms.every((u) => u >= 0 && u < 1)).toBe(true);
    const normals = Array.from({ length: n }, () => rng.normal());
    expect(Math.abs(mean(normals))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(mean(normals.map((z) => z * z)) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
  });

  it('shuffles in place into a permutation, each of the 6 orders of 3 items equally often (seed 4)', () => {
    const rng = new Rng(4);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const items = ['a', 'b', 'c'];
      expect(rng.shuffle(items)).toBe(items);
      counts.set(items.join(''), (counts.get(items.join('')) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba']);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(20.52);
    expect(rng.shuffle([])).toEqual([]);
  });

  it('refuses bad seeds, labels, ranges and states', () => {
    const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });
    for (const seed of [-1, 1.5, NaN, Infinity, 2 ** 53, -1n, 2n ** 64n, '1', null, undefined, {}]) {
      expect(() => new Rng(seed as number)).toThrow(argument);
    }
    const rng = new Rng(1);
    for (const below of [0, -1, 1.5, NaN, TWO_32 + 1, '3']) expect(() => rng.integer(below as number)).toThrow(argument);
    for (const label of [1.5, NaN, null, undefined, Symbol('x'), {}]) expect(() => rng.split(label as number)).toThrow(argument);
    for (const count of [-1, 0.5, NaN]) expect(() => rng.words(count)).toThrow(argument);
    expect(() => rng.skip(-1)).toThrow(argument);
    for (
      const state of [null, {}, { seed: '1' }, { seed: '-1', counter: '0' }, { seed: '1', counter: '1e3' }, {
        seed: '99999999999999999999',
        counter: '0',
      }, { seed: 1, counter: 0 }]
    ) {
      expect(() => Rng.fromState(state as { seed: string; counter: string })).toThrow(argument);
    }
  });
});
