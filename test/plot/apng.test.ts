// Animated pictures, each frame of which is read back by another program's decoder. (Its own reading of animations clears what a
// frame does not cover, where the PNG specification, third edition, says that it stays; browsers let it stay.)
import fc from 'fast-check';
import { decode } from 'fast-png';
import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import { encodeApng, type Image } from '../../lib/plot/apng.js';
import { cases } from '../helpers/promises.js';

/** Frames of one size: the first of random colors, each other one with some pixels of its own. */
const films = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 6 }))
  .chain(([width, height, count]) => {
    const place = fc.record({
      x: fc.nat(width - 1),
      y: fc.nat(height - 1),
      color: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)),
    });
    const first = fc.uint8Array({ minLength: 3 * width * height, maxLength: 3 * width * height });
    const changes = fc.array(fc.array(place, { maxLength: 4 }), { minLength: count - 1, maxLength: count - 1 });
    return fc.tuple(first, changes).map(([data, all]) => {
      const frames: Image[] = [{ width, height, data: Uint8Array.from(data) }];
      for (const change of all) {
        const next = Uint8Array.from(frames.at(-1)!.data);
        for (const { x, y, color } of change) next.set(color, 3 * (y * width + x));
        frames.push({ width, height, data: next });
      }
      return frames;
    });
  });

interface Chunk {
  readonly kind: string;
  readonly data: Buffer;
}

function chunksOf(file: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    expect(file.readUInt32BE(at + 8 + length)).toBe(crc32(file.subarray(at + 4, at + 8 + length)));
    chunks.push({ kind: file.toString('latin1', at + 4, at + 8), data: file.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

/** The part that a frame replaces, as a picture of its own. */
function partOf(file: Buffer, head: Buffer, pixels: Buffer, width: number, height: number): Uint8Array {
  const size = Buffer.from(head);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  const chunk = (kind: string, data: Buffer): Buffer[] => {
    const [length, check, named] = [Buffer.alloc(4), Buffer.alloc(4), Buffer.concat([Buffer.from(kind, 'latin1'), data])];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(named));
    return [length, named, check];
  };
  const parts = [...chunk('IHDR', size), ...chunk('IDAT', pixels), ...chunk('IEND', Buffer.alloc(0))];
  return decode(Buffer.concat([file.subarray(0, 8), ...parts]), { checkCrc: true }).data as Uint8Array;
}

it('every frame is there as it was given, whole or cut to what changed, and the last one stays', () => {
  fc.assert(
    fc.property(films, fc.integer({ min: 1, max: 200 }), (frames, hundredths) => {
      const [{ width, height }] = frames as [Image];
      const file = encodeApng(frames, hundredths / 100, 2);
      const [{ data: head }, { data: length }, ...rest] = chunksOf(file) as [Chunk, Chunk, ...Chunk[]];
      expect([length.readUInt32BE(0), length.readUInt32BE(4)]).toEqual([frames.length, 0]); // shown again and again
      expect(rest.map(({ kind }) => kind)).toEqual(['fcTL', 'IDAT', ...frames.slice(1).flatMap(() => ['fcTL', 'fdAT']), 'IEND']);
      const canvas = new Uint8Array(3 * width * height);
      let sequence = 0;
      frames.forEach((frame, k) => {
        const [control, { data }] = [rest[2 * k]!.data, rest[2 * k + 1]!];
        expect(control.readUInt32BE(0)).toBe(sequence++);
        if (k > 0) expect(data.readUInt32BE(0)).toBe(sequence++);
        const [w, h, x, y] = [4, 8, 12, 16].map((at) => control.readUInt32BE(at)) as [number, number, number, number];
        expect(control.readUInt16BE(20) / control.readUInt16BE(22))
          .toBe(k === frames.length - 1 ? (10 * hundredths + 2000) / 1000 : hundredths / 100);
        expect([...control.subarray(24)]).toEqual([0, 0]); // what was there stays, and is written over
        const part = partOf(file, head, k === 0 ? data : data.subarray(4), w, h);
        for (let row = 0; row < h; row++) canvas.set(part.subarray(3 * w * row, 3 * w * (row + 1)), 3 * ((y + row) * width + x));
        expect([...canvas]).toEqual([...frame.data]);
      });
    }),
    { numRuns: cases(100) },
  );
});
