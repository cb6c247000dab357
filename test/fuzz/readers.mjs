// Readers under fuzz: what each reads, what it begins with, and what it must do with it.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, gzipSync } from 'node:zlib';

const text = (...lines) => Buffer.from(`${lines.join('\n')}\n`);
const golden = (name) => readFileSync(new URL(`../golden/${name}`, import.meta.url));

/** Header and body of a safetensors file. */
function parts(bytes) {
  const length = bytes.length < 8 ? 0 : Math.min(Number(bytes.readBigUInt64LE(0)), bytes.length - 8);
  return [bytes.subarray(8, 8 + length), bytes.subarray(8 + length)];
}

/** The file with the length and the hashes that its header and body have, so that changes are not all refused by those. */
function hashed(bytes) {
  const [header, body] = parts(bytes);
  const sha = (data) => createHash('sha256').update(data).digest('hex');
  const zeros = header.toString('latin1').replace(/("mg_body_sha256":")[0-9a-f]{64}/, `$1${sha(body)}`)
    .replace(/("mg_header_sha256":")[0-9a-f]{64}/, `$1${'0'.repeat(64)}`);
  const named = zeros.replace(/("mg_header_sha256":")0{64}/, `$1${sha(Buffer.from(zeros, 'latin1'))}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(named.length));
  return Buffer.concat([length, Buffer.from(named, 'latin1'), body]);
}

/** A picture with the check sums that its chunks have. */
function summed(bytes) {
  const copy = Buffer.from(bytes);
  for (let at = 8; at + 12 <= copy.length;) {
    const end = at + 8 + copy.readUInt32BE(at);
    if (end + 4 > copy.length) break;
    copy.writeUInt32BE(crc32 === undefined ? 0 : crc32(copy.subarray(at + 4, end)), end);
    at = end + 4;
  }
  return copy;
}

function idx(sides, type = 8) {
  const head = Buffer.alloc(4 + 4 * sides.length);
  head.set([0, 0, type, sides.length]);
  sides.forEach((side, i) => head.writeUInt32BE(side, 4 + 4 * i));
  return Buffer.concat([head, Buffer.alloc(sides.reduce((a, b) => a * b, 1), 7)]);
}

/** What reads a file by its name. */
const fromFile = (folder, name, read) => (bytes) => {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return read(file);
};

/**
 * By name, what makes a reader of `load`, which imports a module of the library, and of a folder for its files: `seeds`, which
 * are read first; `mend`, which makes check sums right; `read`, which throws only errors with a code.
 */
export const READERS = {
  async checkpoints(load) {
    const { decode, encode } = await load('files/safetensors.js');
    const tensor = (dtype, shape, data) => ({ dtype, shape, data });
    const saved = Buffer.concat(encode(
      new Map([['w', tensor('F32', [2, 3], new Float32Array(6))], ['n', tensor('I32', [], Int32Array.of(3))]]),
      new Map([['config', '{"a":1}']]),
    ));
    return {
      seeds: [saved, golden('python.safetensors').subarray(0, 4096), golden('checkpoints/0.1.0.safetensors')],
      mend: hashed,
      read(bytes) {
        const { tensors, metadata, format } = decode(bytes);
        if (format === null) return;
        const again = decode(Buffer.concat(encode(tensors, metadata)));
        for (const [key, { data }] of tensors) {
          const [one, other] = [data, again.tensors.get(key).data].map((x) => Buffer.from(x.buffer, x.byteOffset, x.byteLength));
          if (!one.equals(other)) throw new Error(`${key} is another after writing and reading it`);
        }
      },
    };
  },
  async logs(load, folder) {
    const { readMetrics, MetricsLog } = await load('files/metrics-log.js');
    return {
      seeds: [
        text('{"step":1,"loss":2.5}', '{"step":2,"loss":null,"f":0.5}'),
        text('\uFEFF{"step":3}', '', '{"step":4'),
        text('{}'),
      ],
      read: fromFile(folder, 'log.jsonl', (file) => {
        const log = new MetricsLog(file, { resumeAt: 2 });
        log.close();
        const kept = readMetrics(file);
        if (kept.some(({ step }, i) => step > 2 || (i > 0 && step < kept[i - 1].step)))
          throw new Error('steps of a cut log fall');
      }),
    };
  },
  async 'records of checkpoints'(load) {
    const { checkedRecord } = await load('train/record.js');
    return {
      seeds: [text('{"best":{"step":3,"metrics":{"f":0.5}},"isScoringDue":true,"listeners":{"a":1}}'), text('null')],
      read(bytes) {
        let value;
        try {
          value = JSON.parse(bytes.toString());
        } catch {
          return;
        }
        checkedRecord('fuzz', value);
      },
    };
  },
  async 'event files'(load, folder) {
    const { cutEvents, frameRecord } = await load('files/event-file.js');
    return {
      seeds: [
        Buffer.concat([1, 2].map((step) => frameRecord(Buffer.from([9, 0, 0, 0, 0, 0, 0, 0, 0, 16, step])))),
        Buffer.alloc(0),
      ],
      read: fromFile(folder, 'events.out.tfevents.1', () => cutEvents(folder, 1)),
    };
  },
  async 'run files'(load, folder) {
    const { loadSource } = await load('cli/arguments.js');
    const { PRESET_RUNS, presetRun } = await load('runs/presets.js');
    const { explorationRun } = await load('runs/exploration.js');
    return {
      seeds: [...PRESET_RUNS.map(presetRun), explorationRun('explore9')].map((run) => text(JSON.stringify(run))),
      read: fromFile(folder, 'run.json', (file) => void loadSource(file)),
    };
  },
  async 'images and labels'(load, folder) {
    const { readIdx } = await load('tasks/idx.js');
    return {
      seeds: [idx([2, 3, 3]), idx([4]), gzipSync(idx([2, 3, 3])), idx([2, 3, 3], 13)],
      read: fromFile(folder, 'images', (file) => {
        for (const rank of [1, 3]) {
          try {
            readIdx('fuzz', file, rank);
          } catch (error) {
            if (error.code?.startsWith('ERR_MG_') !== true) throw error;
          }
        }
      }),
    };
  },
  async stories(load) {
    const { parseStories, vocabularyOf } = await load('tasks/babi/babi-text.js');
    return {
      seeds: [
        text('1 Mary moved to the hall.', '2 Where is Mary?\thall\t1', '1 A b.', '2 C?\td,e\t1'),
        text('1 A', '3 B?\tc\t9'),
      ],
      read: (bytes) => void vocabularyOf(parseStories('fuzz', bytes.toString('utf8'))),
    };
  },
  async pictures(load) {
    const { decodePng } = await load('tasks/omniglot/png.js');
    const { encodePng } = await load('plot/png.js');
    return {
      seeds: [encodePng(5, 4, (row, column) => [row * 60, column * 50, 128])],
      mend: summed,
      read: (bytes) => void decodePng('fuzz', bytes),
    };
  },
  async archives(load, folder) {
    const { readCharacters } = await load('tasks/omniglot/characters.js');
    return {
      seeds: [golden('omniglot/letters.zip')],
      read: fromFile(folder, 'letters.zip', (file) => void readCharacters('fuzz', file, 8)),
    };
  },
};
