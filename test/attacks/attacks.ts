// Hostile checkpoints, each with the one rule that stops it. Built here instead of kept as files, so that each can be read.
import { createHash } from 'node:crypto';
import { encode, type FileTensor } from '../../lib/files/safetensors.js';
import { rawFile } from '../helpers/files.js';

export interface Attack {
  readonly name: string;
  readonly rule: string;
  readonly bytes: () => Uint8Array;
}

const F32 = (shape: string, begin: number, end: number): string =>
  `{"dtype":"F32","shape":[${shape}],"data_offsets":[${begin},${end}]}`;
const body = (bytes: number): Uint8Array => new Uint8Array(bytes);
const attack = (name: string, rule: string, bytes: () => Uint8Array): Attack => ({ name, rule, bytes });
const header = (name: string, rule: string, text: string | Uint8Array, bytes = 0): Attack =>
  attack(name, rule, () => rawFile(text, body(bytes)));
const cap = 16 * 1024 * 1024;

// A whole file of ours, then changed in one place. Replacements keep the length.
const honest = new Map<string, FileTensor>([['w', { dtype: 'F32', shape: [2], data: new Float32Array([1, 2]) }]]);
const ours = (from: string, to: string): () => Uint8Array => () => {
  const text = Buffer.concat(encode(honest, new Map([['model', 'map9']]))).toString('latin1');
  if (!text.includes(from) || from.length !== to.length) throw new Error(`nothing to change at ${from}`);
  return Buffer.from(text.replace(from, to), 'latin1');
};
const flippedBody = (): Uint8Array => {
  const bytes = Buffer.concat(encode(honest));
  bytes[bytes.length - 1] = 0x41;
  return bytes;
};
// As a forger would: a header that lies about its content, with a header hash that fits the lie.
const forged = (change: (json: string) => string): Uint8Array => {
  const bytes = Buffer.concat(encode(honest));
  const length = Number(bytes.readBigUInt64LE());
  const json = change(
    bytes.toString('latin1', 8, 8 + length).replace(/("mg_header_sha256":")[0-9a-f]{64}/, `$1${'0'.repeat(64)}`),
  );
  const hash = createHash('sha256').update(json, 'latin1').digest('hex');
  return rawFile(json.replace(/("mg_header_sha256":")0{64}/, `$1${hash}`), bytes.subarray(8 + length));
};

export const ATTACKS: readonly Attack[] = [
  // the length
  attack('an empty file', 'file-too-short', () => body(0)),
  attack('seven bytes', 'file-too-short', () => body(7)),
  attack('a header length of 2^64 - 1', 'header-cap', () => rawFile('{}', body(0), 2n ** 64n - 1n)),
  attack('a header length of 2^53 + 1', 'header-cap', () => rawFile('{}', body(0), 2n ** 53n + 1n)),
  attack('a header length of 2^32 + 2, which wraps to 2', 'header-cap', () => rawFile('{}', body(0), 2n ** 32n + 2n)),
  attack('a header one byte above the cap', 'header-cap', () => rawFile('{}', body(0), BigInt(cap + 1))),
  attack('a header longer than the file', 'header-cut', () => rawFile('{}', body(0), 3n)),
  attack('a header at the cap in a file of ten bytes', 'header-cut', () => rawFile('{}', body(0), BigInt(cap))),
  // the text
  header('an empty header', 'header-start', ''),
  header('a header of spaces', 'header-start', ' '.repeat(64)),
  header('a header that is an array', 'header-start', '[]'),
  header('a byte order mark before the header', 'header-start', '\ufeff{}'),
  header('bytes that are no UTF-8', 'header-utf8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])),
  header('an overlong slash', 'header-utf8', Buffer.from('{"\xc0\xaf":{}}', 'latin1')),
  header('a pickle, as older checkpoints were', 'header-utf8', Buffer.from('\x80\x04\x95csystem\nbash', 'latin1')),
  header('JSON that never ends', 'json-syntax', '{"w":{"dtype":"F32"'),
  header('a comma too many', 'json-syntax', `{"w":${F32('', 0, 4)},}`, 4),
  header('a word instead of an entry', 'json-syntax', '{"w":null}'),
  header('a string that never ends', 'json-string', '{"w'),
  header('half a surrogate pair in a name', 'json-string', `{"\\ud800":${F32('', 0, 4)}}`, 4),
  header('a raw line feed in a name', 'json-string', `{"a\nb":${F32('', 0, 4)}}`, 4),
  header('the same name twice', 'json-duplicate-key', `{"w":${F32('', 0, 4)},"w":${F32('', 0, 4)}}`, 4),
  header('the same name twice, once escaped', 'json-duplicate-key', `{"w":${F32('', 0, 4)},"\\u0077":${F32('', 0, 4)}}`, 4),
  header('the shape twice', 'json-duplicate-key', '{"w":{"dtype":"F32","shape":[1],"shape":[1000],"data_offsets":[0,4]}}', 4),
  header('metadata twice', 'json-duplicate-key', '{"__metadata__":{},"__metadata__":{}}'),
  header('a shape within five brackets', 'json-depth', '{"w":{"shape":[[[1]]]}}'),
  attack('eight million open brackets', 'json-depth', () => rawFile(`{"w":${'['.repeat(8_000_000)}`)),
  attack('two million open objects', 'json-depth', () => rawFile('{"w":'.repeat(2_000_000))),
  header('a second object after the header', 'json-tail', '{}{}'),
  header('a zero byte after the header', 'json-tail', '{}\0'),
  header('a negative side', 'json-number', `{"w":${F32('-1', 0, 4)}}`, 4),
  header('a side of 1.0', 'json-number', `{"w":${F32('1.0', 0, 4)}}`, 4),
  header('a side of 1e0', 'json-number', `{"w":${F32('1e0', 0, 4)}}`, 4),
  header('a side of 2^53', 'json-number', `{"w":${F32('9007199254740992', 0, 4)}}`, 4),
  header('an offset of a thousand digits', 'json-number', `{"w":{"data_offsets":[0,${'9'.repeat(1000)}]}}`, 4),
  // the entries
  header('a number instead of an entry', 'entry-object', '{"w":1}'),
  header('an entry without a dtype', 'entry-dtype', '{"w":{"shape":[],"data_offsets":[0,4]}}', 4),
  header('a dtype nobody knows', 'entry-dtype', '{"w":{"dtype":"F31","shape":[],"data_offsets":[0,4]}}', 4),
  header('a dtype named like a method', 'entry-dtype', '{"w":{"dtype":"constructor","shape":[],"data_offsets":[0,4]}}', 4),
  header('a key that is not of the format', 'entry-keys', '{"w":{"dtype":"F32","shape":[],"data_offsets":[0,4],"code":"rm"}}', 4),
  header('a shape that is a string', 'entry-shape', '{"w":{"dtype":"F32","shape":"1","data_offsets":[0,4]}}', 4),
  header('a shape of strings', 'entry-shape', '{"w":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}', 4),
  header('three offsets', 'entry-offsets', '{"w":{"dtype":"F32","shape":[],"data_offsets":[0,4,8]}}', 4),
  header('offsets in falling order', 'offsets-order', `{"w":${F32('', 4, 0)}}`, 4),
  header('a product of sides that wraps to four in 64 bits', 'size-overflow', `{"w":${F32('4294967296,4294967296,1', 0, 4)}}`, 4),
  header('a product hidden behind a zero', 'size-overflow', `{"w":${F32('4503599627370496,0,4503599627370496', 0, 0)}}`),
  header(
    '2^51 doubles, whose bytes pass 2^53',
    'size-overflow',
    '{"w":{"dtype":"F64","shape":[2251799813685248],"data_offsets":[0,8]}}',
    8,
  ),
  header('a shape larger than its bytes', 'size-mismatch', `{"w":${F32('2', 0, 4)}}`, 4),
  header('a shape smaller than its bytes', 'size-mismatch', `{"w":${F32('1', 0, 8)}}`, 8),
  // the body
  header('a gap before the first array', 'offsets-gap', `{"w":${F32('', 4, 8)}}`, 8),
  header('a gap between two arrays', 'offsets-gap', `{"a":${F32('', 0, 4)},"b":${F32('', 8, 12)}}`, 12),
  header('two arrays over the same bytes', 'offsets-overlap', `{"a":${F32('', 0, 4)},"b":${F32('', 0, 4)}}`, 4),
  header(
    'a bomb of overlapping arrays',
    'offsets-overlap',
    `{${Array.from({ length: 500 }, (_, i) => `"${i}":${F32('256', 0, 1024)}`).join()}}`,
    1024,
  ),
  header('an array beyond the end of the file', 'body-cut', `{"w":${F32('1000000', 0, 4_000_000)}}`, 16),
  header('bytes nobody owns at the end', 'body-tail', `{"w":${F32('', 0, 4)}}`, 8),
  header('a header without arrays before a body', 'body-tail', '{}', 1),
  // the metadata
  header('metadata that is a list', 'metadata-object', '{"__metadata__":[]}'),
  header('metadata with a number', 'metadata-strings', '{"__metadata__":{"step":1}}'),
  header('metadata with an object', 'metadata-strings', '{"__metadata__":{"a":{"b":"c"}}}'),
  header('a later format version', 'format-version', '{"__metadata__":{"mg_format":"2"}}'),
  attack(
    'an earlier format version than the first',
    'format-version',
    () => forged((json) => json.replace('"mg_format":"1"', '"mg_format":"0"')),
  ),
  header('hashes left out', 'own-keys', '{"__metadata__":{"mg_format":"1"}}'),
  attack('a hash renamed away', 'own-keys', ours('"mg_body_sha256"', '"xx_body_sha256"')),
  attack(
    'an unknown key in our name',
    'own-keys',
    () => forged((json) => json.replace('"mg_format"', '"mg_run":"sh","mg_format"')),
  ),
  attack('a changed configuration', 'header-hash', ours('map9', 'map8')),
  attack(
    'a header hash of letters',
    'header-hash',
    () => rawFile('{"__metadata__":{"mg_format":"1","mg_body_sha256":"x","mg_header_sha256":"y"}}'),
  ),
  attack('a changed weight', 'body-hash', flippedBody),
  attack(
    'a body hash that is not one',
    'body-hash',
    () => forged((json) => json.replace(/("mg_body_sha256":")[0-9a-f]{64}/, '$1../../etc/passwd')),
  ),
];
