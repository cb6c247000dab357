/** What comes from elsewhere: other realms, arrays with holes, element kinds of other programs. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  inspectTensors,
  loadTensors,
  models,
  nn,
  optim,
  rl,
  saveTensors,
  tasks,
  Tensor,
  type NestedNumbers,
} from '../../lib/index.js';
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

  it.each(['({ b: "c" })', 'new Map([["b", "c"]])', 'Object.assign(Object.create(null), { b: "c" })'])(
    'metadata %s are kept',
    async (code) => {
      const file = join(temporaryFolder(), 'm.safetensors');
      await saveTensors(file, new Map([['a', Tensor.from([1])]]), runInNewContext(code) as Record<string, string>);
      expect((await loadTensors(file)).metadata).toEqual({ b: 'c' });
    },
  );

  it('arrays in arrays, options and shapes are what they are', () => {
    const x = Tensor.from(...runInNewContext('[[[1, 2], [3, 4]], [4], { dtype: "int32" }]') as [number[][], number[], object]);
    expect([x.shape, x.dtype, [...x.dataSync()]]).toEqual([[4], 'int32', [1, 2, 3, 4]]);
  });

  it('a signal ends a wait, as one of a test environment with a page of its own', async () => {
    class Foreign extends EventTarget {
      get [Symbol.toStringTag](): string {
        return 'AbortSignal';
      }
      throwIfAborted(): never {
        throw new Error('stopped');
      }
    }
    await expect(Tensor.from([1]).data({ signal: new Foreign() as unknown as AbortSignal })).rejects.toThrow('stopped');
  });
});

describe('typed arrays', () => {
  const numbers = Float32Array.of(1, 2, 3, 4);
  it.each<[string, () => ArrayBufferView, number[]]>([
    ['a part of another', () => numbers.subarray(1, 3), [2, 3]],
    ['a part of a Buffer', () => Buffer.from([1, 2, 3, 4]).subarray(1, 3), [2, 3]],
    ['shared memory', () => new Float32Array(new SharedArrayBuffer(8)).fill(5), [5, 5]],
    ['a class of its own', () => new (class Mine extends Float32Array {})([6, 7]), [6, 7]],
    ['at an odd place', () => new Uint8Array(Uint8Array.of(1, 2, 3).buffer, 1), [2, 3]],
    ['nothing', () => new Float32Array(0), []],
  ])('of %s have their values', (_what, make, values) => {
    const x = Tensor.from(make());
    expect([...x.dataSync()]).toEqual(values);
    expect([...Tensor.zeros([values.length], { dtype: x.dtype }).copyFrom(make()).dataSync()]).toEqual(values);
  });

  it('whose values were handed to a worker are refused', () => {
    const gone = Float32Array.of(1, 2);
    structuredClone(gone, { transfer: [gone.buffer] });
    expect(() => Tensor.from(gone)).toThrow(
      'Tensor.from: expected an array with its values, got one that was handed to a worker',
    );
  });

  it.each([new Uint8ClampedArray(1), new BigInt64Array(1), new Uint16Array(1), new DataView(new ArrayBuffer(4))])(
    'of a kind that no tensor has are refused: %o',
    (array) => {
      expect(() => Tensor.from(array)).toThrow('expected a Float32Array, Float64Array, Int32Array or Uint8Array');
    },
  );
});

describe('an option that is undefined is one that is not given:', () => {
  const linear = new nn.Linear({ in: 2, out: 2 });
  it.each<[string, (none: undefined) => unknown]>([
    ['Tensor', (none) => Tensor.zeros([1], { dtype: none as never, device: none as never, name: none as never })],
    ['Adam', (none) => new optim.Adam(linear, { betas: none as never, epsilon: none as never, weightDecay: none as never })],
    ['AdamW', (none) => new optim.AdamW(linear, { lr: none as never, weightDecay: none as never })],
    ['Muon', (none) => new optim.Muon(linear, { lr: none as never, momentum: none as never, weightDecay: none as never })],
    ['RMSProp', (none) => new optim.RMSProp(linear, { lr: 1, decay: none as never, flavor: none as never })],
    ['SGD', (none) => new optim.SGD(linear, { lr: 1, momentum: none as never, weightDecay: none as never })],
    ['DNC', (none) => new models.DNC({ inputs: 1, outputs: 1, slots: none as never, hidden: none as never, rng: none as never })],
    ['LSTM', (none) => new nn.LSTM({ in: 1, hidden: 1, forgetBias: none as never, dtype: none as never })],
    ['copy', (none) => tasks.copy({ bits: none as never, lengths: none as never })],
    ['mapping', (none) => tasks.mapping({ size: none as never, motion: none as never })],
    ['mazes', (none) => rl.mazes({ episodes: 1, steps: 1, seed: none as never, size: none as never })],
  ])('%s', (_name, make) => {
    expect(() => make(undefined)).not.toThrow();
  });

  it('an optimizer steps as without it', () => {
    const stepped = (options: object): number[] => {
      const model = new nn.Linear({ in: 2, out: 2 });
      for (const parameter of model.parameters()) parameter.grad = Tensor.full(parameter.shape, 0.5);
      new optim.Adam(model, options).step();
      return [...model.parameters()].flatMap((parameter) => [...parameter.dataSync()]);
    };
    expect(stepped({ betas: undefined, epsilon: undefined, lr: undefined, weightDecay: undefined })).toEqual(stepped({}));
  });
});

describe('metadata', () => {
  it.each<[string, unknown, string]>([
    ['a number for a key', new Map([[1, 'a']]), 'saveTensors metadata: expected each key to be a string, got 1'],
    ['a number for a text', new Map([['a', 1]]), 'saveTensors metadata "a": expected a string of well-formed Unicode, got 1'],
    ['nothing for a text', { a: undefined }, 'saveTensors metadata "a": expected a string of well-formed Unicode, got undefined'],
    ['a list', ['a'], 'saveTensors: expected metadata to be an object, got ["a"]'],
    ['nothing', null, 'saveTensors: expected metadata to be an object, got null'],
  ])('of %s is refused', async (_what, metadata, message) => {
    const file = join(temporaryFolder(), 'm.safetensors');
    await expect(saveTensors(file, new Map([['a', Tensor.from([1])]]), metadata as never)).rejects.toThrow(message);
    expect(existsSync(file)).toBe(false);
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
  it.each<[string, number[], number, string]>([
    ['F16', [], 2, 'float32'],
    ['BF16', [], 2, 'float32'],
    ['F8_E4M3', [], 1, 'float32'],
    ['F8_E5M2', [3], 3, 'float32'],
    ['I64', [], 8, 'int32'],
    ['I16', [1, 1], 2, 'int32'],
    ['BOOL', [], 1, 'uint8'],
    ['F16', [0, 3], 0, 'float32'],
    ['BF16', [0], 0, 'float32'],
    ['I64', [2, 0], 0, 'int32'],
    ['BOOL', [0], 0, 'uint8'],
  ])('%s %j is loaded behind a single byte, zeros as zeros', async (dtype, shape, bytes, own) => {
    const file = join(temporaryFolder(), 'w.safetensors');
    const entries = { b: { dtype: 'U8', shape: [], data_offsets: [0, 1] }, w: { dtype, shape, data_offsets: [1, 1 + bytes] } };
    const header = Buffer.from(JSON.stringify(entries));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(file, Buffer.concat([length, header, Buffer.of(7), Buffer.alloc(bytes)]));
    const w = (await loadTensors(file)).tensors.get('w')!;
    const count = shape.reduce((product, side) => product * side, 1);
    expect([w.shape, w.dtype, [...await w.data()]]).toEqual([shape, own, Array.from({ length: count }, () => 0)]);
  });

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
