// Event files, read back by the descriptions of TFRecord and protocol buffers, not by our writer's words.
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crc32c, cutEvents, EventWriter, maskedCrc32c } from '../../lib/files/event-file.js';
import { errorOf, temporaryFolder } from '../helpers/files.js';

/** CRC-32C bit by bit, most significant bit first on reflected input: a second way to the same number. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  const reflect = (value: bigint, bits: number): bigint =>
    BigInt(`0b${value.toString(2).padStart(bits, '0').split('').toReversed().join('')}`);
  for (const byte of bytes) {
    crc ^= reflect(BigInt(byte), 8) << 24n;
    for (let bit = 0; bit < 8; bit += 1)
      crc = crc & 0x80000000n ? ((crc << 1n) ^ 0x1edc6f41n) & 0xffffffffn : (crc << 1n) & 0xffffffffn;
  }
  return Number(reflect(crc, 32) ^ 0xffffffffn);
}
const slowMasked = (bytes: Uint8Array): number => {
  const crc = BigInt(slowCrc32c(bytes));
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
};

type Fields = Map<number, (bigint | Buffer)[]>;
function fields(message: Buffer): Fields {
  const found: Fields = new Map();
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n;; shift += 7n) {
      const byte = BigInt(message[at] ?? 0);
      at += 1;
      value |= (byte & 127n) << shift;
      if (byte < 128n) return value;
    }
  };
  while (at < message.length) {
    const key = Number(varint());
    const width = { 0: 0, 1: 8, 2: -1, 5: 4 }[key & 7];
    if (width === undefined) throw new Error(`wire kind ${key & 7}`);
    let value: bigint | Buffer;
    if (width === 0) value = varint();
    else {
      const length = width < 0 ? Number(varint()) : width;
      value = message.subarray(at, at += length);
    }
    found.set(key >> 3, [...(found.get(key >> 3) ?? []), value]);
  }
  return found;
}

function buffer(message: Fields, number: number): Buffer {
  const value = message.get(number)?.[0];
  if (!Buffer.isBuffer(value)) throw new Error(`expected bytes in field ${number}, got ${String(value)}`);
  return value;
}

function records(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(slowMasked(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(slowMasked(data));
    found.push(data);
    at += length + 16;
  }
  return found;
}

describe('CRC-32C', () => {
  it('has the check value of the standard', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(slowCrc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  it('agrees with the vectors of RFC 3720, B.4', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
  });

  it('agrees bit by bit on other lengths, masked too', () => {
    for (let length = 0; length < 70; length += 1) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 151 + length) & 255);
      expect(crc32c(bytes)).toBe(slowCrc32c(bytes));
      expect(maskedCrc32c(bytes)).toBe(slowMasked(bytes));
    }
  });
});

describe('EventWriter', () => {
  it('writes what an independent reader finds: version, times, steps, tags, values', () => {
    const folder = join(temporaryFolder(), 'events');
    let now = 1_700_000_000_250;
    const writer = new EventWriter(folder, { clock: () => (now += 250) });
    const points = [
      ['loss', 0.75, 0],
      ['eval/F', 0.5, 300],
      ['ünï', NaN, 2 ** 40],
      ['loss', -Infinity, 2 ** 53 - 1],
    ] as const;
    for (const [tag, value, step] of points) writer.scalar(tag, value, step);
    writer.close();
    writer.close();
    const [name] = readdirSync(folder);
    expect(name).toMatch(/^events\.out\.tfevents\.1700000000\./);
    const [version, ...events] = records(readFileSync(join(folder, name ?? ''))).map(fields);
    expect(String(version?.get(3)?.[0])).toBe('brain.Event:2');
    events.forEach((event, i) => {
      const [tag, value, step] = points[i] ?? [];
      expect(buffer(event, 1).readDoubleLE()).toBeCloseTo(1_700_000_001 + i * 0.25, 6);
      expect(event.get(2)).toEqual([BigInt(step ?? -1)]);
      const summary = fields(buffer(event, 5));
      const point = fields(buffer(summary, 1));
      expect(String(point.get(1)?.[0])).toBe(tag);
      expect(buffer(point, 2).readFloatLE()).toBe(value);
    });
    expect(events).toHaveLength(points.length);
  });

  it.each([[0, 0], [1, 1], [7, 3], [300, 5], [301, 5], [2 ** 41, 6]])(
    'cut back to step %d it keeps %d events',
    async (step, kept) => {
      const folder = temporaryFolder();
      const writer = new EventWriter(folder);
      for (const at of [1, 2, 7, 299, 300, 2 ** 40]) writer.scalar('loss', at, at);
      writer.close();
      const file = join(folder, readdirSync(folder)[0]!);
      appendFileSync(file, readFileSync(file).subarray(0, 30)); // a record that a kill has torn
      writeFileSync(join(folder, 'notes.txt'), 'mine');
      cutEvents(folder, step);
      expect(records(readFileSync(file))).toHaveLength(1 + kept);
      expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('mine');
      cutEvents(join(folder, 'none'), step);
    },
  );

  it('two writers in one second make two files', () => {
    const folder = temporaryFolder();
    for (let i = 0; i < 2; i += 1) new EventWriter(folder, { clock: () => 5000 }).close();
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it('a folder that cannot be made, a closed writer and a broken step are refused', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    expect((await errorOf(() => new EventWriter(join(folder, 'file', 'x')))).code).toBe('ERR_MG_CHECKPOINT');
    const writer = new EventWriter(folder);
    expect((await errorOf(() => writer.scalar('a', 1, 1.5))).code).toBe('ERR_MG_ARGUMENT');
    writer.close();
    expect((await errorOf(() => writer.scalar('a', 1, 1))).code).toBe('ERR_MG_DISPOSED');
  });
});
