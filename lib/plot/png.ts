// A PNG of colored squares, written by hand: signature, IHDR, one IDAT, IEND (PNG specification, W3C).
import { crc32, deflateSync } from 'node:zlib';
import { fail } from '../check.js';
import type { Rgb } from './color.js';

/** What every PNG begins with. */
export const SIGNATURE = Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10]);
const FILTER_UP = 2; // each byte less the one above: repeated rows become zeros

/** An image of `height` × `width` cells, each a square of `side` pixels, so that viewers that smooth leave it sharp. */
export function encodePng(width: number, height: number, cell: (row: number, column: number) => Rgb, side = 1): Buffer {
  if (!(width > 0 && height > 0)) fail('ERR_MG_SHAPE', 'encodePng', 'at least one cell', [height, width]);
  const lineBytes = width * side * 3;
  const raw = Buffer.alloc((1 + lineBytes) * height * side);
  let above = Buffer.alloc(lineBytes);
  for (let row = 0; row < height; row += 1) {
    const line = Buffer.alloc(lineBytes);
    for (let column = 0; column < width; column += 1) {
      const color = Uint8Array.from(cell(row, column));
      for (let pixel = 0; pixel < side; pixel += 1) line.set(color, (column * side + pixel) * 3);
    }
    for (let copy = 0; copy < side; copy += 1) {
      const start = (row * side + copy) * (1 + lineBytes);
      raw[start] = FILTER_UP;
      if (copy > 0) continue; // equal to the line above: zeros
      for (let i = 0; i < lineBytes; i += 1) raw[start + 1 + i] = (line[i] ?? 0) - (above[i] ?? 0);
    }
    above = line;
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width * side, 0);
  head.writeUInt32BE(height * side, 4);
  head.set([8, 2, 0, 0, 0], 8); // 8 bits, red-green-blue, deflate, adaptive filters, not interlaced
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(raw, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The image as an address that stands in an SVG. */
export const pngAddress = (png: Buffer): string => `data:image/png;base64,${png.toString('base64')}`;

/** A chunk of a PNG: its length, kind, data and checksum. */
export function chunk(kind: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(kind, 4, 'latin1');
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}
