/** What comes from elsewhere: other realms, arrays with holes, element kinds of other programs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { inspectTensors, loadTensors, saveTensors, Tensor, type NestedNumbers } from '../../lib/index.js';
import { temporaryFolder } from '../helpers/files.js';

describe('of another realm', () => {
  it.each(['Float32Array', 'Float64Array', 'Int32Array', 'Uint8Array'])('a %s is one', async (name) => {
    const array = runInNewContext(`new ${name}([1, 2])`) as Float32Array;
    const x = Tensor.from(array);
    expect([x.dtype, [...await x.data()]]).toEqual([name.slice(0, -5).toLowerCase(), [1, 2]]);
    x.copyFrom(runInNewContext(`new ${name}([3, 4])`) as Float32Array);
    expect([...await x.data()]).toEqual([3, 4]);
  });

  it('a Map of tensors and a Map of metadata are Maps, and none is lost', async () => {
    const file = join(temporaryFolder(), 'a.safetensors');
    const map = runInNewContext('new Map()') as Map<string, Tensor>;
    map.set('a', Tensor.from([1]));
    await saveTensors(file, map, new Map([['author', 'me']]));
    const { tensors, metadata } = await loadTensors(file);
    expect([[...tensors.keys()], metadata['author']]).toEqual([['a'], 'me']);
  });
});

describe('arrays', () => {
  // oxlint-disable-next-line no-sparse-arrays
  it.each([[[1, , 3]], [[, 1]], [[[1, 2], , [3, 4]]], [[[1, , 3]]], [[undefined]], [[1, 'a']], [[1, [2]]]])(
    '%j is refused',
    (data) => {
      expect(() => Tensor.from(data as NestedNumbers)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^ERR_MG_/) as string }) as Error,
      );
    },
  );
});

describe('element kinds of the format', () => {
  const kinds: [string, number[], number][] = [
    ['F8_E4M3', [4], 4],
    ['F8_E5M2', [4], 4],
    ['F8_E8M0', [4], 4],
    ['F4', [4], 2],
    ['F6_E2M3', [4], 3],
    ['F6_E3M2', [8], 6],
    ['C64', [2], 16],
    ['F16', [4], 8],
    ['BF16', [4], 8],
    ['I64', [2], 16],
    ['U64', [2], 16],
    ['BOOL', [3], 3],
  ];
  it.each(kinds)('%s %j of %d bytes is listed, and what stands beside it is loaded', async (dtype, shape, bytes) => {
    const file = join(temporaryFolder(), 'w.safetensors');
    const entries = { w: { dtype, shape, data_offsets: [8, 8 + bytes] }, a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } };
    const header = Buffer.from(JSON.stringify(entries));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(file, Buffer.concat([length, header, Buffer.from(new Float32Array([1, 2]).buffer), Buffer.alloc(bytes)]));
    const listed = (await inspectTensors(file)).entries.find(({ key }) => key === 'w');
    expect(listed).toMatchObject({ dtype, shape, bytes });
    const { tensors } = await loadTensors(file, { only: (key) => key === 'a' });
    expect([...await tensors.get('a')!.data()]).toEqual([1, 2]);
  });
});
