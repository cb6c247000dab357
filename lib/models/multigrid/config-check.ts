// The one door for configurations: strict checks whose messages begin with the place in the object.

import { fail, words } from '../../check.js';
import { levelRange, type Dimensions, type LevelSpec } from '../../nn/ladder.js';
import type { CheckedConfig, CheckedLayer, CheckedNetwork, CheckedPart, LayerKind, ShortcutRow } from './config.js';

const KEYS = [
  'extends',
  'task',
  'dims',
  'baseSide',
  'kernelSize',
  'peephole',
  'forgetBias',
  'bn',
  'bnMode',
  'outputBn',
  'input',
  'writer',
  'front',
  'mem',
  'secondReader',
  'encoder',
  'decoder',
  'lstm',
  'tail',
  'fc',
  'shortcuts',
  'read',
  'params',
  'memory',
] as const;
const READER_KEYS = ['input', 'front', 'mem', 'tail', 'shortcuts'] as const;
const MAX_LEVEL = 12;
const MAX_CHANNELS = 65_536;
const MAX_LAYERS = 256;

type Raw = Readonly<Record<string, unknown>>;

function bad(path: string, expected: string, got: unknown, remedy?: string): never {
  return fail('ERR_MG_CONFIG', path, expected, got, remedy);
}

function readObject(path: string, value: unknown, known: readonly string[] | null): Raw {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    bad(path, 'an object', value);
  }
  const prefix = path === 'config' ? '' : `${path}.`;
  for (const key of known === null ? [] : Object.keys(value)) {
    if (!known?.includes(key)) bad(`${prefix}${key}`, `one of the keys ${known?.join(', ')}`, key);
  }
  return value as Raw;
}

function readInteger(path: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  return bad(path, `an integer in ${min} … ${max}`, value);
}

function readChoice<T>(path: string, value: unknown, fallback: T, choices: readonly T[]): T {
  if (value === undefined) return fallback;
  const found = choices.find((choice) => choice === value);
  return found !== undefined ? found : bad(path, `one of ${choices.map((choice) => JSON.stringify(choice)).join(', ')}`, value);
}

function readArray(path: string, value: unknown, what: string): readonly unknown[] {
  return Array.isArray(value) && value.length > 0 && value.length <= MAX_LAYERS ? value : bad(path, what, value);
}

function readInput(path: string, value: unknown): LevelSpec[] {
  const object = readObject(path, value, null);
  const grids = Object.entries(object).map(([key, channels]) => {
    if (!/^(0|[1-9]\d*)$/.test(key) || Number(key) > MAX_LEVEL) bad(`${path}.${key}`, `a level in 0 … ${MAX_LEVEL} as key`, key);
    return { level: Number(key), channels: readInteger(`${path}.${key}`, channels, 1, MAX_CHANNELS) };
  });
  if (grids.length === 0) bad(path, 'at least one level', value);
  return grids.sort((a, b) => a.level - b.level);
}

function readLayers(path: string, value: unknown, kind: LayerKind): CheckedLayer[] {
  return readArray(path, value, 'a list of layers [low, high, channels]').map((row, index) => {
    const place = `${path}[${index}]`;
    if (!Array.isArray(row) || row.length !== 3) bad(place, 'a layer [low, high, channels]', row);
    const low = readInteger(`${place}[0]`, row[0], 0, MAX_LEVEL);
    const high = readInteger(`${place}[1]`, row[1], low, MAX_LEVEL);
    return { kind, levels: levelRange(low, high), channels: readInteger(`${place}[2]`, row[2], 1, MAX_CHANNELS), path: place };
  });
}

function readShortcuts(path: string, value: unknown, layers: number): readonly ShortcutRow[] | null {
  if (value === undefined) return null;
  if (!Array.isArray(value)) bad(path, 'a list of shortcuts [target, source]', value);
  const seen = new Set<number>();
  return value.map((row: unknown, index) => {
    const place = `${path}[${index}]`;
    if (!Array.isArray(row) || row.length !== 2) bad(place, 'a shortcut [target, source]', row);
    const target = readInteger(`${place}[0]`, row[0], 2, layers);
    if (seen.has(target)) bad(`${place}[0]`, 'a layer without another shortcut', target);
    seen.add(target);
    return [target, readInteger(`${place}[1]`, row[1], 1, target - 1)] as const;
  });
}

function readMemory(path: string, value: unknown, front: number, writer: number): (number | null)[] {
  if (value === undefined || value === 'same-index') {
    if (front > writer) bad(path, `a list, since front (${front} layers) is longer than the writer (${writer})`, value);
    return Array.from({ length: front }, (_, index) => index + 1);
  }
  if (!Array.isArray(value) || value.length !== front) {
    bad(path, `"same-index" or a list of ${front} writer layers, one for each layer of front`, value);
  }
  return value.map((layer: unknown, index) => (layer === null ? null : readInteger(`${path}[${index}]`, layer, 1, writer)));
}

function part(prefix: string, key: string, raw: Raw, kind: LayerKind, shortcuts: Raw): CheckedPart {
  if (raw[key] === undefined) bad(`${prefix}${key}`, 'a list of layers [low, high, channels]', undefined);
  const layers = readLayers(`${prefix}${key}`, raw[key], kind);
  const shortcutPath = `${prefix}shortcuts.${key}`;
  return { name: key, layers, shortcuts: readShortcuts(shortcutPath, shortcuts[key], layers.length), shortcutPath };
}

function reader(
  name: 'reader' | 'secondReader',
  prefix: string,
  raw: Raw,
  shortcuts: Raw,
  input: LevelSpec[],
  writer: number,
): CheckedNetwork {
  const front = part(prefix, 'front', raw, 'conv', shortcuts);
  const tail = part(prefix, 'tail', raw, 'conv', shortcuts);
  const memory = readMemory(`${prefix}mem`, raw['mem'], front.layers.length, writer);
  return { name, inputPath: `${prefix}input`, input, parts: [front, tail], memory, memoryPath: `${prefix}mem` };
}

/** Keys that belong to other kinds than the one chosen are faults: they would be ignored in silence. */
function refuse(raw: Raw, kind: string, keys: readonly string[]): void {
  for (const key of keys) if (raw[key] !== undefined) bad(key, `no such key beside ${kind}`, raw[key]);
}

function readNetworks(raw: Raw): CheckedNetwork[] {
  const kinds = (['writer', 'encoder', 'lstm'] as const).filter((key) => raw[key] !== undefined);
  const kind = kinds[0];
  if (kind === undefined || kinds.length !== 1) {
    bad('config', 'exactly one of writer, encoder and lstm', kinds.length === 0 ? words('none of them') : kinds);
  }
  const allowed = kind === 'writer' ? ['writer', 'front', 'tail'] : [kind, 'tail'];
  const shortcuts = readObject('shortcuts', raw['shortcuts'] ?? {}, allowed);
  const input = readInput('input', raw['input']);
  const written = part('', kind, raw, 'convLstm', shortcuts);
  const plain = { inputPath: 'input', input, memory: [], memoryPath: 'mem' };
  if (kind === 'writer') {
    refuse(raw, kind, ['decoder']);
    const networks: CheckedNetwork[] = [
      { name: 'writer', ...plain, parts: [written] },
      reader('reader', '', raw, shortcuts, input, written.layers.length),
    ];
    if (raw['secondReader'] === undefined) return networks;
    const second = readObject('secondReader', raw['secondReader'], READER_KEYS);
    const own = readObject('secondReader.shortcuts', second['shortcuts'] ?? {}, ['front', 'tail']);
    const query = readInput('secondReader.input', second['input']);
    return [...networks, reader('secondReader', 'secondReader.', second, own, query, written.layers.length)];
  }
  refuse(raw, kind, ['front', 'mem', 'secondReader', ...(kind === 'lstm' ? ['decoder'] : [])]);
  const tail = part('', 'tail', raw, 'conv', shortcuts);
  if (kind === 'lstm') return [{ name: 'network', ...plain, parts: [written, tail] }];
  readChoice('decoder', raw['decoder'], 'same-as-encoder', ['same-as-encoder']);
  return [{ name: 'encoder', ...plain, parts: [written] }, { name: 'decoder', ...plain, parts: [written, tail] }];
}

function readNorm(raw: Raw): CheckedConfig['norm'] {
  const bn = readChoice<unknown>('bn', raw['bn'], false, [true, false, 'batch', 'sequence']);
  const mode = readChoice('bnMode', raw['bnMode'], 'batch', ['batch', 'running'] as const);
  if (bn !== false) return { kind: bn === 'sequence' ? 'sequence' : 'batch', mode };
  refuse(raw, 'bn false', ['bnMode', 'outputBn']);
  return 'none';
}

function readFc(value: unknown): CheckedConfig['fc'] {
  if (value === undefined) return null;
  if (!Array.isArray(value) || value.length !== 2) bad('fc', '[inputs, outputs]', value);
  return { in: readInteger('fc[0]', value[0], 1, 2 ** 31), out: readInteger('fc[1]', value[1], 1, MAX_CHANNELS) };
}

/**
 * Checks a configuration and fills in its defaults. `extends` must have been resolved before.
 * Throws ERR_MG_CONFIG whose message begins with the place in the object, e.g. `writer[2][1]`.
 */
export function checkConfig(config: unknown): CheckedConfig {
  const raw = readObject('config', config, KEYS);
  if (raw['extends'] !== undefined) bad('extends', 'a configuration whose preset has been filled in', raw['extends']);
  if (raw['task'] !== undefined && typeof raw['task'] !== 'string') bad('task', 'a string', raw['task']);
  const forgetBias = raw['forgetBias'] ?? 1;
  if (typeof forgetBias !== 'number' || !Number.isFinite(forgetBias)) bad('forgetBias', 'a finite number', forgetBias);
  const dimensions = readChoice<Dimensions>('dims', raw['dims'], 2, [1, 2]);
  const networks = readNetworks(raw);
  const fc = readFc(raw['fc']);
  const norm = readNorm(raw);
  const count = (key: 'params' | 'memory'): number | null =>
    raw[key] === undefined ? null : readInteger(key, raw[key], 0, Number.MAX_SAFE_INTEGER);
  return {
    task: (raw['task'] as string | undefined) ?? '',
    dimensions,
    baseSide: readInteger('baseSide', raw['baseSide'] ?? (dimensions === 2 ? 3 : 1), 1, 1024),
    kernelSize: readChoice('kernelSize', raw['kernelSize'], 3, [1, 3, 5]),
    peephole: readChoice('peephole', raw['peephole'], 'none', ['none', 'channel']),
    forgetBias,
    norm,
    outputNorm: norm !== 'none' && readChoice('outputBn', raw['outputBn'], fc !== null, [true, false]),
    read: readChoice('read', raw['read'], 'every', ['every', 'last']),
    networks,
    fc,
    expected: { parameters: count('params'), memory: count('memory') },
  };
}
