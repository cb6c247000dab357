// Checkpoint files: what is written comes back, what is damaged is refused, and other programs read ours.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MgError } from '../../lib/errors.js';
import {
  decode,
  encode,
  inspectTensors,
  readTensors,
  writeTensors,
  type FileContent,
  type FileTensor,
} from '../../lib/files/safetensors.js';
import { errorOf, rawFile, temporaryFolder } from '../helpers/files.js';
import { cases, shown } from '../helpers/promises.js';

type Entries = Map<string, FileTensor>;
const join8 = (chunks: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(chunks));

/** Everything a file says, with arrays as bytes, so that NaN patterns and -0 count too. */
function facts(tensors: ReadonlyMap<string, FileTensor>, metadata: ReadonlyMap<string, string>): unknown {
  const plain = [...tensors].map(([key, { dtype, shape, data }]) => {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
    return [key, { dtype, shape: [...shape], bytes, kind: data.constructor.name }] as const;
  });
  return { tensors: Object.fromEntries(plain), metadata: Object.fromEntries(metadata) };
}
const factsOf = (content: FileContent): unknown => facts(content.tensors, content.metadata);

function sample(): Entries {
  return new Map<string, FileTensor>([
    ['model.writer.1.level0.bias', { dtype: 'U8', shape: [3], data: new Uint8Array([1, 2, 255]) }],
    ['model.writer.1.level0.kernel', { dtype: 'F32', shape: [2, 2], data: new Float32Array([1.5, -0, NaN, -Infinity]) }],
    ['optimizer.rms', { dtype: 'F64', shape: [], data: new Float64Array([Math.PI]) }],
    ['rng.empty', { dtype: 'F32', shape: [0, 7], data: new Float32Array(0) }],
    ['state.steps', { dtype: 'I32', shape: [2, 1], data: new Int32Array([-5, 2 ** 31 - 1]) }],
  ]);
}
const words = new Map([
  ['config', '{"preset":"map9","quote":"\\"","ünï":"✓ 𝄞"}'],
  ['step', '1200'],
]);

const dtypes = ['F32', 'F64', 'I32', 'U8', 'BOOL', 'BF16', 'F16', 'I64', 'U64', 'I8', 'I16', 'U16', 'U32'] as const;
const bytesPer = { F32: 4, F64: 8, I32: 4, U8: 1, BOOL: 1, BF16: 2, F16: 2, I64: 8, U64: 8, I8: 1, I16: 2, U16: 2, U32: 4 };
const arrays = {
  F32: Float32Array,
  F64: Float64Array,
  I32: Int32Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
  BF16: Uint16Array,
  F16: Uint16Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  I8: Int8Array,
  I16: Int16Array,
  U16: Uint16Array,
  U32: Uint32Array,
};
const anyTensor = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(4), { maxLength: 4 }), seed: fc.integer() })
  .map(({ dtype, shape, seed }): FileTensor => {
    const count = shape.reduce((product, side) => product * side, 1);
    const bytes = Uint8Array.from({ length: count * bytesPer[dtype] }, (_, i) => Math.imul(seed ^ i, 0x9e3779b1) >>> 24);
    return { dtype, shape, data: new arrays[dtype](bytes.buffer) };
  });
const anyText = fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !/\p{Surrogate}/u.test(text));
const anyKey = fc.oneof(anyText, fc.constantFrom('__proto__', 'constructor', '', '../../etc/passwd', '\0'));
const anyEntries = fc.array(fc.tuple(anyKey, anyTensor), { maxLength: 8 }).map((pairs) => new Map(pairs));
const anyMetadata = fc
  .array(
    fc.tuple(
      anyKey.filter((key) => !key.startsWith('mg_')),
      anyText,
    ),
    { maxLength: 5 },
  )
  .map((pairs) => new Map(pairs));

describe('round trip', () => {
  it('what is encoded decodes to the same bits', () => {
    fc.assert(
      fc.property(anyEntries, anyMetadata, (entries, metadata) => {
        fc.pre(!entries.has('__metadata__'));
        const content = decode(join8(encode(entries, metadata)));
        expect(content.format).toBe(1);
        expect(factsOf(content)).toEqual(facts(entries, metadata));
      }),
      { numRuns: cases(1000) },
    );
  });

  it('through a file, and the listing agrees with the content', async () => {
    const file = join(temporaryFolder(), 'a.safetensors');
    await writeTensors(file, sample(), words);
    const content = await readTensors(file);
    expect(factsOf(content)).toEqual(facts(sample(), words));
    const listing = await inspectTensors(file);
    expect(listing.metadata).toEqual(words);
    expect(listing.format).toBe(1);
    const expected = [...content.tensors].map(([key, { dtype, shape, data }]) => ({ key, dtype, shape, bytes: data.byteLength }));
    expect(listing.entries).toEqual(expected);
  });

  it('equal content gives equal files', () => {
    expect(join8(encode(sample(), words))).toEqual(join8(encode(sample(), words)));
  });

  it('every array is aligned, so that nothing is copied', () => {
    const bytes = join8(encode(sample(), words));
    for (const { data } of decode(bytes).tensors.values()) expect(data.buffer).toBe(bytes.buffer);
  });

  it('bytes at an odd address decode too', () => {
    const shifted = new Uint8Array(join8(encode(sample(), words)).length + 1);
    shifted.set(join8(encode(sample(), words)), 1);
    expect(factsOf(decode(shifted.subarray(1)))).toEqual(facts(sample(), words));
  });
});

describe('damage', () => {
  const bytes = join8(encode(sample(), words));
  const truth = facts(sample(), words);

  it('every cut is refused', () => {
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decode(bytes.slice(0, length)), `cut at ${length}`).toThrow(MgError);
    }
  });

  it('every changed bit and every byte set to 0, 255, space or quote is refused or changes nothing', () => {
    let refused = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const old = bytes[at] ?? 0;
      for (const value of [1, 2, 4, 8, 16, 32, 64, 128].map((bit) => old ^ bit).concat(0, 255, 32, 34)) {
        if (value === old) continue;
        bytes[at] = value;
        try {
          expect(factsOf(decode(bytes))).toEqual(truth);
        } catch (error) {
          if (!(error instanceof MgError) || error.code !== 'ERR_MG_CHECKPOINT') throw error;
          refused += 1;
        }
        bytes[at] = old;
      }
    }
    expect(refused).toBeGreaterThan(bytes.length * 11 - 1);
    shown('F2', 8, `${bytes.length} bytes: every cut, every bit flipped`);
  });

  it('bytes added at the end are refused', () => {
    expect(() => decode(join8([bytes, new Uint8Array(1)]))).toThrow('rule body-tail');
  });

  it('almost valid headers with one broken field never crash and never pass as something else', () => {
    const field = fc.constantFrom('-1', '1.5', '1e9', '9007199254740993', '"0"', '[]', '{}', 'null', 'true', '', '0,0', '\u0001');
    const wholes = /[0-9]+|"[^"]*"|[[\]{}:,]/g;
    const json = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}}';
    const tokens = json.match(wholes) ?? [];
    fc.assert(
      fc.property(fc.nat(tokens.length - 1), field, (at, broken) => {
        const text = tokens.map((token, i) => (i === at ? broken : token)).join('');
        try {
          const { tensors } = decode(rawFile(text, new Uint8Array(9)));
          expect([...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0)).toBe(9);
        } catch (error) {
          if (!(error instanceof MgError)) throw error;
          expect(error.code).toBe('ERR_MG_CHECKPOINT');
        }
      }),
      { numRuns: cases(2000) },
    );
  });

  it('random bytes are refused with a code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(() => decode(noise)).toThrow(MgError);
      }),
      { numRuns: cases(2000) },
    );
  });
});

describe('foreign files', () => {
  it('load without our keys, in any order of the header, misaligned and with padding', () => {
    const json = '{"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},"__metadata__":{"format":"pt"},' +
      '"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}   \n';
    const { tensors, metadata, format } = decode(rawFile(json, new Uint8Array([1, 0, 0, 0x80, 0x3f])));
    expect(format).toBeNull();
    expect([...metadata]).toEqual([['format', 'pt']]);
    expect(tensors.get('a')).toEqual({ dtype: 'BOOL', shape: [1], data: new Uint8Array([1]) });
    expect(tensors.get('b')).toEqual({ dtype: 'F32', shape: [1], data: new Float32Array([1]) });
  });

  it('the shortest file there is holds nothing', () => {
    expect(decode(rawFile('{}'))).toEqual({ tensors: new Map(), metadata: new Map(), format: null });
  });

  it('a file written by Python safetensors 0.8 loads with every kind in its array', async () => {
    const { tensors, metadata, format } = await readTensors(
      fileURLToPath(new URL('../golden/python.safetensors', import.meta.url)),
    );
    expect(format).toBeNull();
    expect(Object.fromEntries(metadata)).toEqual({ format: 'np', ünï: '"✓"' });
    expect(Object.fromEntries(tensors)).toEqual({
      weight: { dtype: 'F32', shape: [1, 3], data: new Float32Array([0.1, -2, 3e38]) },
      scale: { dtype: 'F64', shape: [], data: new Float64Array([0.1]) },
      steps: { dtype: 'I32', shape: [2], data: new Int32Array([-7, 2 ** 31 - 1]) },
      bytes: { dtype: 'U8', shape: [3], data: new Uint8Array([0, 255, 7]) },
      mask: { dtype: 'BOOL', shape: [3], data: new Uint8Array([1, 0, 1]) },
      half: { dtype: 'F16', shape: [1], data: new Uint16Array([0x3c00]) },
      count: { dtype: 'I64', shape: [1], data: new BigInt64Array([-(2n ** 40n)]) },
      none: { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) },
    });
  });

  it('a reader written in Python from the format alone sees our names, kinds, shapes, values and hashes', async () => {
    if (spawnSync('python3', ['--version']).status !== 0) {
      console.warn('skipped the Python reader: there is no python3 here');
      return;
    }
    const file = join(temporaryFolder(), 'ours.safetensors');
    const entries = new Map<string, FileTensor>([
      ['w', { dtype: 'F32', shape: [3], data: new Float32Array([0.1, -2, 3e38]) }],
      ['rms', { dtype: 'F64', shape: [1, 1], data: new Float64Array([0.1]) }],
      ['steps', { dtype: 'I32', shape: [], data: new Int32Array([-7]) }],
      ['bytes', { dtype: 'U8', shape: [2], data: new Uint8Array([0, 255]) }],
      ['big', { dtype: 'I64', shape: [1], data: new BigInt64Array([-(2n ** 40n)]) }],
    ]);
    await writeTensors(file, entries, words);
    const script = fileURLToPath(new URL('../golden/read_safetensors.py', import.meta.url));
    const seen = JSON.parse(execFileSync('python3', [script, file], { encoding: 'utf8' })) as Record<string, unknown>;
    expect(seen['hashes']).toEqual([true, true]);
    expect(seen['metadata']).toMatchObject(Object.fromEntries(words));
    expect(seen['tensors']).toEqual({
      w: { dtype: 'F32', shape: [3], values: [0.1, -2, 3e38].map(Math.fround) },
      rms: { dtype: 'F64', shape: [1, 1], values: [0.1] },
      steps: { dtype: 'I32', shape: [], values: [-7] },
      bytes: { dtype: 'U8', shape: [2], values: [0, 255] },
      big: { dtype: 'I64', shape: [1], values: [-(2 ** 40)] },
    });
  });
});

describe('bad input', () => {
  const tensor = (change: object): Entries =>
    new Map([['w', { dtype: 'F32', shape: [1], data: new Float32Array(1), ...change } as FileTensor]]);
  it.each([
    ['an unknown dtype', () => encode(tensor({ dtype: 'F31' })), 'ERR_MG_ARGUMENT'],
    ['an array of another kind', () => encode(tensor({ data: new Float64Array(1) })), 'ERR_MG_ARGUMENT'],
    ['a plain array', () => encode(tensor({ data: [1] })), 'ERR_MG_ARGUMENT'],
    ['a shape of another size', () => encode(tensor({ shape: [2] })), 'ERR_MG_SHAPE'],
    ['a shape that is not whole', () => encode(tensor({ shape: [0.5, 2] })), 'ERR_MG_SHAPE'],
    ['a negative shape', () => encode(tensor({ shape: [-1, -1] })), 'ERR_MG_SHAPE'],
    [
      'a reserved name',
      () => encode(new Map([['__metadata__', sample().get('optimizer.rms') as FileTensor]])),
      'ERR_MG_ARGUMENT',
    ],
    [
      'a name with half a surrogate pair',
      () => encode(new Map([['\ud800', sample().get('optimizer.rms') as FileTensor]])),
      'ERR_MG_ARGUMENT',
    ],
    ['a reserved metadata key', () => encode(new Map(), new Map([['mg_format', '1']])), 'ERR_MG_ARGUMENT'],
    ['metadata that is no string', () => encode(new Map(), new Map([['step', 1 as unknown as string]])), 'ERR_MG_ARGUMENT'],
    [
      'more metadata than a header may hold',
      () => encode(new Map(), new Map([['a', 'x'.repeat(17 << 20)]])),
      'ERR_MG_CHECKPOINT',
    ],
  ])('%s is refused when writing', async (_, action, code) => {
    expect((await errorOf(action)).code).toBe(code);
  });

  it('a file that is not there, a folder, a pipe and a device are refused without waiting, the cause with them', async () => {
    const folder = temporaryFolder();
    const missing = await errorOf(() => readTensors(join(folder, 'none')));
    expect(missing.code).toBe('ERR_MG_CHECKPOINT');
    expect((missing.cause as NodeJS.ErrnoException).code).toBe('ENOENT');
    mkdirSync(join(folder, 'folder'));
    expect((await errorOf(() => inspectTensors(join(folder, 'folder')))).code).toBe('ERR_MG_CHECKPOINT');
    expect((await errorOf(() => readTensors('/dev/zero'))).message).toContain('rule regular-file');
    const below = join(folder, 'file');
    writeFileSync(below, '');
    expect(((await errorOf(() => readTensors(join(below, 'x')))).cause as NodeJS.ErrnoException).code).toBe('ENOTDIR');
    if (spawnSync('mkfifo', [join(folder, 'pipe')]).status === 0) {
      expect((await errorOf(() => readTensors(join(folder, 'pipe')))).message).toContain('rule regular-file');
    }
  });
});
