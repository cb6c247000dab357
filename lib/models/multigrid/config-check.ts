// The one door for configurations: strict checks whose messages begin with the place in the object.

import { fail, words } from '../../check.js';
import { levelRange, type LevelSpec } from '../../nn/ladder.js';
import { checkPlaces } from '../../schema.js';
import {
  MAX_LEVEL,
  multigridSchema,
  type CheckedConfig,
  type CheckedLayer,
  type CheckedNetwork,
  type CheckedPart,
  type ModelSettings,
} from './config.js';
import type { LayerKind, LayerRow, MultigridConfig, ShortcutRow } from './config.js';

type Input = NonNullable<MultigridConfig['input']>;
/** Layers of a part, by its name; and what else a reader has. */
type Parts = Pick<MultigridConfig, 'writer' | 'front' | 'encoder' | 'lstm' | 'tail' | 'mem'>;
type Shortcuts = NonNullable<MultigridConfig['shortcuts']>;
type PartName = keyof Shortcuts;

function bad(path: string, expected: string, got: unknown, remedy?: string): never {
  return fail('ERR_MG_CONFIG', path, expected, got, remedy);
}

function checkBelow(path: string, value: number, min: number, max: number): number {
  return value >= min && value <= max ? value : bad(path, `an integer in ${min} … ${max}`, value);
}

function readInput(path: string, value: Input): LevelSpec[] {
  const grids = Object.entries(value).map(([key, channels]) => ({ level: Number(key), channels }));
  if (grids.length === 0) bad(path, 'at least one level', value);
  return grids.sort((a, b) => a.level - b.level);
}

function readLayers(path: string, rows: readonly LayerRow[], kind: LayerKind): CheckedLayer[] {
  return rows.map(([low, high, channels], index) => {
    const place = `${path}[${index}]`;
    return { kind, levels: levelRange(low, checkBelow(`${place}[1]`, high, low, MAX_LEVEL)), channels, path: place };
  });
}

function readShortcuts(path: string, rows: readonly ShortcutRow[] | undefined, layers: number): readonly ShortcutRow[] | null {
  if (rows === undefined) return null;
  const seen = new Set<number>();
  return rows.map(([target, source], index) => {
    const place = `${path}[${index}]`;
    checkBelow(`${place}[0]`, target, 2, layers);
    if (seen.has(target)) bad(`${place}[0]`, 'a layer without another shortcut', target);
    seen.add(target);
    return [target, checkBelow(`${place}[1]`, source, 1, target - 1)] as const;
  });
}

function readMemory(path: string, value: MultigridConfig['mem'], front: number, writer: number): (number | null)[] {
  if (value === undefined || value === 'same-index') {
    if (front > writer) bad(path, `a list, since front (${front} layers) is longer than the writer (${writer})`, value);
    return Array.from({ length: front }, (_, index) => index + 1);
  }
  if (value.length !== front) bad(path, `a list of ${front} writer layers, one for each layer of front`, value);
  return value.map((layer, index) => (layer === null ? null : checkBelow(`${path}[${index}]`, layer, 1, writer)));
}

function part(prefix: string, key: PartName, raw: Parts, kind: LayerKind, shortcuts: Shortcuts): CheckedPart {
  const rows = raw[key] ?? bad(`${prefix}${key}`, 'a list of layers [low, high, channels]', undefined);
  const layers = readLayers(`${prefix}${key}`, rows, kind);
  const shortcutPath = `${prefix}shortcuts.${key}`;
  return { layers, shortcuts: readShortcuts(shortcutPath, shortcuts[key], layers.length), shortcutPath };
}

function reader(
  name: 'reader' | 'secondReader',
  prefix: string,
  raw: Parts,
  shortcuts: Shortcuts,
  input: LevelSpec[],
  writer: number,
): CheckedNetwork {
  const front = part(prefix, 'front', raw, 'conv', shortcuts);
  const tail = part(prefix, 'tail', raw, 'conv', shortcuts);
  const memory = readMemory(`${prefix}mem`, raw.mem, front.layers.length, writer);
  return { name, inputPath: `${prefix}input`, input, parts: [front, tail], memory };
}

/** Keys that belong to other kinds than the one chosen are faults: they would be ignored in silence. */
function refuse(raw: MultigridConfig, kind: string, keys: readonly (keyof MultigridConfig)[]): void {
  for (const key of keys) if (raw[key] !== undefined) bad(key, `no such key beside ${kind}`, raw[key]);
}

function readNetworks(raw: MultigridConfig): CheckedNetwork[] {
  const kinds = (['writer', 'encoder', 'lstm'] as const).filter((key) => raw[key] !== undefined);
  const kind = kinds[0];
  if (kind === undefined || kinds.length !== 1) {
    bad('config', 'exactly one of writer, encoder and lstm', kinds.length === 0 ? words('none of them') : kinds);
  }
  const allowed: readonly string[] = kind === 'writer' ? ['writer', 'front', 'tail'] : [kind, 'tail'];
  const { shortcuts = {} } = raw;
  for (const key of Object.keys(shortcuts)) {
    if (!allowed.includes(key)) bad(`shortcuts.${key}`, `one of the keys ${allowed.join(', ')}`, key);
  }
  const input = readInput('input', raw.input ?? bad('input', 'an object of channels by level', undefined));
  const written = part('', kind, raw, 'convLstm', shortcuts);
  const plain = { inputPath: 'input', input, memory: [] };
  if (kind === 'writer') {
    refuse(raw, kind, ['decoder']);
    const networks: CheckedNetwork[] = [
      { name: 'writer', ...plain, parts: [written] },
      reader('reader', '', raw, shortcuts, input, written.layers.length),
    ];
    const { secondReader: second } = raw;
    if (second === undefined) return networks;
    const query = readInput('secondReader.input', second.input);
    return [...networks, reader('secondReader', 'secondReader.', second, second.shortcuts ?? {}, query, written.layers.length)];
  }
  refuse(raw, kind, ['front', 'mem', 'secondReader', ...(kind === 'lstm' ? ['decoder' as const] : [])]);
  const tail = part('', 'tail', raw, 'conv', shortcuts);
  if (kind === 'lstm') return [{ name: 'network', ...plain, parts: [written, tail] }];
  return [{ name: 'encoder', ...plain, parts: [written] }, { name: 'decoder', ...plain, parts: [written, tail] }];
}

function readNorm(raw: MultigridConfig): ModelSettings['norm'] {
  const { bn = false, bnMode: mode = 'batch' } = raw;
  if (bn !== false) return { kind: bn === 'sequence' ? 'sequence' : 'batch', mode };
  refuse(raw, 'bn false', ['bnMode', 'outputBn']);
  return 'none';
}

/**
 * Checks a configuration and fills in its defaults. `extends` must have been resolved before.
 * Throws ERR_MG_CONFIG whose message begins with the place in the object, e.g. `writer[2][1]`.
 */
export function checkConfig(config: unknown): CheckedConfig {
  const raw: MultigridConfig = checkPlaces('config', multigridSchema, config);
  if (raw.extends !== undefined) bad('extends', 'a configuration whose preset has been filled in', raw.extends);
  const { task = '', dims: dimensions = 2, forgetBias = 1, kernelSize = 3, peephole = 'none', read = 'every' } = raw;
  const networks = readNetworks(raw);
  const fc = raw.fc === undefined ? null : { in: raw.fc[0], out: raw.fc[1] };
  const norm = readNorm(raw);
  const baseSide = raw.baseSide ?? (dimensions === 2 ? 3 : 1);
  return {
    settings: { task, dimensions, baseSide, kernelSize, peephole, forgetBias, norm, read, fc },
    networks,
    outputNorm: norm !== 'none' && (raw.outputBn ?? fc !== null),
    expected: { parameters: raw.params ?? null, memory: raw.memory ?? null },
  };
}
