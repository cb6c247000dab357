// PNG pictures as darkness: any color and depth, not interlaced (PNG specification, W3C, §5 and 9).
// Not fast-png: with fflate and iobuffer two more packages at run time, and no bound on what a picture unpacks to.

import { crc32, inflateSync } from 'node:zlib';
import { fail, words } from '../../check.js';
import { MgError } from '../../errors.js';

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const MOST_SIDE = 1024;
/** Samples of a pixel by color type: grey, red-green-blue, place in the palette, grey and alpha, red-green-blue and alpha. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const PALETTE = 3;

/** Rows from the top, 0 white or transparent to 1 black. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly darkness: Float32Array;
}

interface Head {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly color: number;
  readonly samples: number;
}

/** The picture in a file. ERR_MG_ARGUMENT where it is none, interlaced, larger than 1024 × 1024, or damaged. */
export function decodePng(where: string, bytes: Uint8Array): Picture {
  if (SIGNATURE.some((byte, k) => bytes[k] !== byte)) fail('ERR_MG_ARGUMENT', where, 'a PNG', bytes);
  const chunks = chunksOf(where, bytes);
  const head = headOf(where, chunks.find(([kind]) => kind === 'IHDR')?.[1]);
  const palette = chunks.find(([kind]) => kind === 'PLTE')?.[1];
  if (head.color === PALETTE && palette === undefined) fail('ERR_MG_ARGUMENT', where, 'a palette', words('none'));
  const data = Buffer.concat(chunks.filter(([kind]) => kind === 'IDAT').map(([, content]) => content));
  const rowBytes = Math.ceil((head.width * head.samples * head.depth) / 8);
  const rows = unfiltered(where, inflated(where, data, head.height * (1 + rowBytes)), head, rowBytes);
  return { width: head.width, height: head.height, darkness: darknessOf(where, rows, head, rowBytes, palette) };
}

/** Chunks by kind, up to the end. */
function chunksOf(where: string, bytes: Uint8Array): [kind: string, content: Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: [string, Uint8Array][] = [];
  for (let at = SIGNATURE.length; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) break;
    const kind = Buffer.from(bytes.subarray(at + 4, at + 8)).toString('latin1');
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) break;
    if (kind === 'IEND') return chunks;
    chunks.push([kind, bytes.subarray(at + 8, at + 8 + length)]);
    at += 12 + length;
  }
  return fail('ERR_MG_ARGUMENT', where, 'a PNG whose chunks are whole', bytes, 'the file is damaged');
}

function headOf(where: string, content: Uint8Array | undefined): Head {
  if (content === undefined || content.length !== 13) fail('ERR_MG_ARGUMENT', where, 'the head of a PNG', content);
  const view = new DataView(content.buffer, content.byteOffset, 13);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, color, , , interlace] = content.subarray(8) as unknown as [number, number, number, number, number];
  if (!(width > 0 && height > 0 && width <= MOST_SIDE && height <= MOST_SIDE)) {
    fail('ERR_MG_ARGUMENT', where, `a picture of 1 to ${MOST_SIDE} pixels in width and height`, [width, height]);
  }
  const samples = SAMPLES[color] ?? fail('ERR_MG_ARGUMENT', where, 'a color type among 0, 2, 3, 4, 6', color);
  const depths = color === 0 ? [1, 2, 4, 8, 16] : color === PALETTE ? [1, 2, 4, 8] : [8, 16];
  if (!depths.includes(depth)) fail('ERR_MG_ARGUMENT', where, `a depth among ${depths.join(', ')}`, depth);
  if (interlace !== 0) fail('ERR_MG_ARGUMENT', where, 'a PNG that is not interlaced', interlace);
  return { width, height, depth, color, samples };
}

function inflated(where: string, data: Uint8Array, size: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = inflateSync(data, { maxOutputLength: size });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MgError('ERR_MG_ARGUMENT', `${where}: expected ${size} bytes of pixels, got others; ${reason}`, {
      op: where,
      cause,
    });
  }
  return bytes.length === size
    ? bytes
    : fail('ERR_MG_ARGUMENT', where, `${size} bytes of pixels`, words(`${bytes.length} bytes`));
}

/** Rows of bytes as they were before each was written as its difference from what stands left of it and above. */
function unfiltered(where: string, raw: Uint8Array, { height, samples, depth }: Head, rowBytes: number): Uint8Array {
  const back = Math.max(1, (samples * depth) >> 3); // from a byte to that of the pixel before
  const rows = new Uint8Array(height * rowBytes);
  for (let row = 0; row < height; row++) {
    const filter = raw[row * (1 + rowBytes)]!;
    if (filter > 4) fail('ERR_MG_ARGUMENT', where, 'a filter from 0 to 4', filter);
    const to = row * rowBytes;
    for (let i = 0; i < rowBytes; i++) {
      const left = i < back ? 0 : rows[to + i - back]!;
      const up = row === 0 ? 0 : rows[to + i - rowBytes]!;
      const corner = i < back || row === 0 ? 0 : rows[to + i - rowBytes - back]!;
      rows[to + i] = raw[row * (1 + rowBytes) + 1 + i]! + predicted(filter, left, up, corner);
    }
  }
  return rows;
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function darknessOf(
  where: string,
  rows: Uint8Array,
  head: Head,
  rowBytes: number,
  palette: Uint8Array | undefined,
): Float32Array {
  const { width, height, depth, color, samples } = head;
  const most = 2 ** depth - 1;
  const sampleOf = (row: number, k: number): number => {
    const at = row * rowBytes;
    if (depth === 16) return 256 * rows[at + 2 * k]! + rows[at + 2 * k + 1]!;
    const bit = k * depth;
    return (rows[at + (bit >> 3)]! >> (8 - depth - (bit & 7))) & most;
  };
  const tones = color === PALETTE ? tonesOf(palette!) : null;
  const colors = samples < 3 ? 1 : 3;
  const hasAlpha = color === 4 || color === 6;
  const darkness = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    for (let k = 0; k < width; k++) {
      const first = k * samples;
      let light = sampleOf(row, first);
      if (tones !== null) {
        light = tones[light] ?? fail('ERR_MG_ARGUMENT', where, `colors among ${tones.length}`, light);
      } else {
        for (let c = 1; c < colors; c++) light += sampleOf(row, first + c);
        light /= colors * most;
      }
      const alpha = hasAlpha ? sampleOf(row, first + colors) / most : 1;
      darkness[row * width + k] = alpha * (1 - light);
    }
  }
  return darkness;
}

/** How light each color of a palette is. */
function tonesOf(palette: Uint8Array): number[] {
  const tone = (k: number): number => (palette[3 * k]! + palette[3 * k + 1]! + palette[3 * k + 2]!) / 765;
  return Array.from({ length: Math.floor(palette.length / 3) }, (_, k) => tone(k));
}
