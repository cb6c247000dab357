// An animated PNG (PNG specification, third edition, W3C): the first frame is the image, the others are cut to what changes.
import { deflateSync } from 'node:zlib';
import { checkNumber, fail } from '../check.js';
import { chunk, SIGNATURE } from './png.js';

/** An image of red, green and blue, row by row. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

interface Part {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const FILTER_UP = 2;

/** The least rectangle that holds every pixel that differs; one pixel where none does. */
function changed(before: Image, now: Image): Part {
  let [left, right, top, bottom] = [now.width, 0, now.height, 0];
  for (let y = 0; y < now.height; y++) {
    for (let x = 0; x < now.width; x++) {
      const at = 3 * (y * now.width + x);
      const isSame = before.data[at] === now.data[at] && before.data[at + 1] === now.data[at + 1]
        && before.data[at + 2] === now.data[at + 2];
      if (isSame) continue;
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    }
  }
  return left > right
    ? { x: 0, y: 0, width: 1, height: 1 }
    : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** Lines of a part, each less the one above, deflated. */
function pixels({ width: whole, data }: Image, { x, y, width, height }: Part): Buffer {
  const line = 3 * width;
  const raw = Buffer.alloc((1 + line) * height);
  for (let row = 0; row < height; row++) {
    const [to, from] = [row * (1 + line), 3 * ((y + row) * whole + x)];
    raw[to] = FILTER_UP;
    for (let i = 0; i < line; i++) raw[to + 1 + i] = data[from + i]! - (row === 0 ? 0 : data[from + i - 3 * whole]!);
  }
  return deflateSync(raw, { level: 9 });
}

const numbers = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
};

/** Frames of one size as an animation without end. `seconds`: how long each is shown; the last one stays for a while. */
export function encodeApng(frames: readonly Image[], seconds: number, rest = 1.5): Buffer {
  const [first] = frames;
  if (first === undefined) fail('ERR_MG_ARGUMENT', 'encodeApng', 'at least one frame', frames);
  checkNumber('encodeApng', 'seconds', seconds, 0.01, 60);
  const head = Buffer.concat([numbers(first.width, first.height), Buffer.from([8, 2, 0, 0, 0])]);
  let sequence = 0;
  const parts = frames.flatMap((frame, k) => {
    if (frame.width !== first.width || frame.height !== first.height || frame.data.length !== 3 * frame.width * frame.height) {
      fail('ERR_MG_SHAPE', 'encodeApng', `frames of ${first.height}×${first.width}`, [frame.height, frame.width]);
    }
    const part = k === 0 ? { x: 0, y: 0, width: frame.width, height: frame.height } : changed(frames[k - 1]!, frame);
    const time = Buffer.alloc(6);
    time.writeUInt16BE(Math.round(1000 * (seconds + (k === frames.length - 1 ? rest : 0))), 0);
    time.writeUInt16BE(1000, 2); // thousandths; what was there stays, and is written over
    const control = chunk('fcTL', Buffer.concat([numbers(sequence++, part.width, part.height, part.x, part.y), time]));
    const data = pixels(frame, part);
    return [control, k === 0 ? chunk('IDAT', data) : chunk('fdAT', Buffer.concat([numbers(sequence++), data]))];
  });
  const length = chunk('acTL', numbers(frames.length, 0));
  return Buffer.concat([SIGNATURE, chunk('IHDR', head), length, ...parts, chunk('IEND', Buffer.alloc(0))]);
}
