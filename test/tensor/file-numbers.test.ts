/** Tensors of types that we do not compute with: the values that their formats define, exactly, or an error. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTensors } from '../../lib/index.js';
import { writeTensors, type FileTensor } from '../../lib/files/safetensors.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-numbers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'foreign.safetensors');

async function load(dtype: FileTensor['dtype'], data: FileTensor['data']): Promise<{ dtype: string; values: number[] }> {
  await writeTensors(file, new Map([['x', { dtype, shape: [data.length], data }]]));
  const x = (await loadTensors(file)).tensors.get('x')!;
  return { dtype: x.dtype, values: [...await x.data()] };
}

describe('a tensor of a file', () => {
  // Bit patterns and values from the definitions: IEEE 754 binary16; bfloat16 as the front half of binary32; OCP float8.
  it.each<[FileTensor['dtype'], FileTensor['data'], string, number[]]>([
    ['F16', Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00, 0xfc00, 0x3555, 0x8000), 'float32', [
      1,
      -2,
      65504,
      2 ** -24,
      2 ** -14,
      Infinity,
      -Infinity,
      0.333251953125,
      -0,
    ]],
    ['BF16', Uint16Array.of(0x3f80, 0xc000, 0x7f7f, 0x0001, 0x7f80, 0xff80, 0x3eab), 'float32', [
      1,
      -2,
      (2 - 2 ** -7) * 2 ** 127,
      2 ** -133,
      Infinity,
      -Infinity,
      0.333984375,
    ]],
    ['F8_E5M2', Uint8Array.of(0x3c, 0xc0, 0x7b, 0x01, 0x7c), 'float32', [1, -2, 57344, 2 ** -16, Infinity]],
    ['F8_E4M3', Uint8Array.of(0x38, 0xc0, 0x7e, 0x01), 'float32', [1, -2, 448, 2 ** -9]],
    ['I64', BigInt64Array.of(0n, -1n, 2n ** 31n - 1n, -(2n ** 31n)), 'int32', [0, -1, 2 ** 31 - 1, -(2 ** 31)]],
    ['U64', BigUint64Array.of(0n, 2n ** 31n - 1n), 'int32', [0, 2 ** 31 - 1]],
    ['U32', Uint32Array.of(0, 2 ** 31 - 1), 'int32', [0, 2 ** 31 - 1]],
    ['I16', Int16Array.of(-32768, 32767), 'int32', [-32768, 32767]],
    ['U16', Uint16Array.of(65535), 'int32', [65535]],
    ['I8', Int8Array.of(-128, 127), 'int32', [-128, 127]],
    ['BOOL', Uint8Array.of(0, 1), 'uint8', [0, 1]],
  ])('of %s has its values', async (dtype, data, expected, values) => {
    expect(await load(dtype, data)).toEqual({ dtype: expected, values });
  });

  it.each<[FileTensor['dtype'], FileTensor['data']]>([
    ['F16', Uint16Array.of(0x7e00)],
    ['BF16', Uint16Array.of(0x7fc0)],
    ['F8_E5M2', Uint8Array.of(0x7d)],
    ['F8_E4M3', Uint8Array.of(0xff)],
  ])('of %s may be NaN', async (dtype, data) => {
    expect((await load(dtype, data)).values[0]).toBeNaN();
  });

  it('has every float16 exactly: cast back by the sums of its bits', async () => {
    const bits = Uint16Array.from({ length: 0x7c00 }, (_, i) => i); // all that are finite and not negative, in rising order
    const { values } = await load('F16', bits);
    expect(values.every((value, i) => i === 0 || value > values[i - 1]!)).toBe(true);
    expect(new Set(values).size).toBe(0x7c00);
    for (let e = 1; e < 31; e++) expect(values[e * 1024]).toBe(2 ** (e - 15));
  });

  it.each<[FileTensor['dtype'], FileTensor['data'], string]>([
    ['I64', BigInt64Array.of(0n, 2n ** 31n), '2147483648 at 1'],
    ['I64', BigInt64Array.of(-(2n ** 63n)), '-9223372036854775808 at 0'],
    ['U64', BigUint64Array.of(2n ** 53n + 1n), '9007199254740993 at 0'],
    ['U32', Uint32Array.of(2 ** 31), '2147483648 at 0'],
  ])('of %s that int32 does not hold is refused', async (dtype, data, got) => {
    await expect(load(dtype, data)).rejects.toThrow(new RegExp(`^x: expected ${dtype} values that int32 holds.*got ${got}`));
  });

  it.each<[FileTensor['dtype'], FileTensor['data']]>([
    ['C64', BigUint64Array.of(1n)],
    ['F8_E8M0', Uint8Array.of(1)],
    ['F8_E4M3FNUZ', Uint8Array.of(1)],
  ])('of %s is refused, and can be left out', async (dtype, data) => {
    await expect(load(dtype, data)).rejects.toThrow(/x: expected an element type among F32.*got .*leave it out/);
    expect((await loadTensors(file, { only: () => false })).tensors.size).toBe(0);
  });
});
