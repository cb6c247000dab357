// The published configurations of multigrid memories, and map9, a small one that learns within minutes.

import { fail } from '../../check.js';
import type { LayerRow, MultigridConfig } from './config.js';

/** Names that are known; any other string is accepted by the types and refused at run time. */
export type PresetName =
  | 'map9'
  | 'map15-8k'
  | 'map25-8k'
  | 'map25'
  | 'map25-f9q9'
  | 'map25-q9'
  | 'ablated'
  | 'convlstm-thick'
  | 'convlstm-deep'
  | 'sort-8k'
  | 'sort-50'
  | 'recall-8k'
  | 'recall-20'
  | 'mnist-sort'
  | 'mnist-recall'
  | 'babi'
  | (string & {});

/** Where a configuration comes from: the authors' code, their published counts (solved for), or this project. */
const CODE = 'official code (Huynh, Maire, Walter 2020)';
const COUNTS = 'solved from the published parameter and memory counts (Huynh, Maire, Walter 2020)';
const OWN = 'this project';

const repeat = (row: LayerRow, times: number): LayerRow[] => Array.from({ length: times }, () => row);

/** Levels 2,2,3,3,4 of the 8K-memory models, and the reader's first half that goes with them. */
const WRITER_8K: LayerRow[] = [[0, 1, 4], [0, 1, 4], [0, 2, 4], [0, 2, 4], [0, 3, 8]];
const FRONT_8K: LayerRow[] = [[0, 1, 4], [0, 1, 4], [0, 2, 8], [0, 2, 8], [0, 3, 16]];
/** Levels 2,2,3,3,4,4,5 of the 77K-memory models. */
const LADDER_77K: LayerRow[] = [[0, 1, 4], [0, 1, 4], [0, 2, 8], [0, 2, 8], [0, 3, 16], [0, 3, 16], [0, 4, 16]];
const LADDER_F9: LayerRow[] = [[0, 2, 4], [0, 2, 4], [0, 2, 8], [0, 2, 8], [0, 3, 16], [0, 3, 16], [0, 4, 16]];
const LADDER_MNIST: LayerRow[] = [[0, 2, 4], [0, 2, 4], [0, 2, 8], [0, 2, 8], [0, 2, 16]];
const LADDER_ABLATED: LayerRow[] = [[1, 1, 8], [1, 1, 8], [2, 2, 24], [2, 2, 24], [3, 3, 64], [3, 3, 64], [4, 4, 80]];
const LADDER_THICK: LayerRow[] = LADDER_ABLATED.map(([, , channels]) => [4, 4, channels]);
const LADDER_DEEP: LayerRow[] = [...repeat([4, 4, 4], 4), ...repeat([4, 4, 8], 6), ...repeat([4, 4, 16], 13)];
const LADDER_MAP9: LayerRow[] = [[0, 0, 4], [0, 1, 4], [0, 1, 8], [0, 2, 8], [0, 2, 8]];

/** Second halves: up to the 48×48 map, or down to the 3×3 patch. */
const TAIL_TO_48: LayerRow[] = [[1, 4, 16], [1, 4, 16], [2, 4, 16], [2, 4, 16], [3, 4, 16], [3, 4, 16], [4, 4, 1]];
const TAIL_TO_24: LayerRow[] = [[1, 3, 16], [1, 3, 16], [2, 3, 16], [2, 3, 16], [3, 3, 1]];
const TAIL_AT_48: LayerRow[] = [[4, 4, 64], [4, 4, 64], [4, 4, 48], [4, 4, 48], [4, 4, 32], [4, 4, 32], [4, 4, 1]];
const TAIL_Q9: LayerRow[] = [[2, 4, 16], [2, 4, 16], [2, 4, 16], [3, 4, 16], [3, 4, 16], [4, 4, 16], [4, 4, 1]];
const TAIL_DOWN_8K: LayerRow[] = [[0, 2, 16], [0, 2, 16], [0, 1, 16], [0, 1, 16], [0, 0, 16], [0, 0, 1]];
const TAIL_DOWN_77K: LayerRow[] = [[0, 3, 16], [0, 3, 16], ...TAIL_DOWN_8K];
const TAIL_RECALL_MNIST: LayerRow[] = [[0, 2, 16], [0, 2, 16], [0, 1, 16], [0, 1, 16], [0, 0, 10]];

const MNIST_INPUT = { 0: 1, 1: 1, 2: 1 };

interface Preset {
  readonly source: string;
  readonly config: MultigridConfig;
}

const PRESETS: Readonly<Record<string, Preset>> = {
  'map9': {
    source: OWN,
    config: {
      task: 'mapping',
      input: { 0: 4 },
      writer: LADDER_MAP9,
      front: LADDER_MAP9,
      mem: 'same-index',
      tail: [[0, 2, 8], [1, 2, 8], [1, 2, 8], [2, 2, 1]],
      shortcuts: { tail: [[3, 1]] },
      params: 84_821,
      memory: 3_600,
    },
  },
  'map15-8k': {
    source: COUNTS,
    config: {
      task: 'mapping',
      input: { 0: 4 },
      writer: WRITER_8K,
      front: FRONT_8K,
      mem: 'same-index',
      tail: TAIL_TO_24,
      params: 124_129,
      memory: 7_992,
    },
  },
  'map25-8k': {
    source: COUNTS,
    config: {
      task: 'mapping',
      input: { 0: 4 },
      writer: WRITER_8K,
      front: FRONT_8K,
      mem: 'same-index',
      tail: TAIL_TO_48,
      params: 169_185,
      memory: 7_992,
    },
  },
  'map25': {
    source: CODE,
    config: {
      task: 'mapping',
      input: { 0: 4 },
      writer: LADDER_77K,
      front: LADDER_77K,
      mem: 'same-index',
      tail: TAIL_TO_48,
      params: 650_225,
      memory: 76_968,
    },
  },
  'map25-f9q9': {
    source: COUNTS,
    config: {
      task: 'mapping',
      input: { 0: 4, 1: 4, 2: 4 },
      writer: LADDER_F9,
      front: LADDER_F9,
      mem: 'same-index',
      tail: TAIL_TO_48,
      params: 661_065,
      memory: 78_120,
    },
  },
  'map25-q9': {
    source: COUNTS,
    config: {
      task: 'mapping',
      input: { 0: 4 },
      writer: LADDER_77K,
      front: LADDER_77K,
      mem: 'same-index',
      tail: TAIL_TO_48,
      secondReader: {
        input: { 2: 4 },
        front: [[2, 2, 8], [2, 2, 8], [2, 3, 16], [2, 3, 16], [2, 4, 16]],
        mem: [3, 4, 5, 6, 7],
        tail: TAIL_Q9,
      },
      params: 788_098,
      memory: 76_968,
    },
  },
  'ablated': {
    source: COUNTS,
    config: {
      task: 'mapping',
      input: { 0: 4 },
      writer: LADDER_ABLATED,
      front: LADDER_ABLATED,
      mem: 'same-index',
      tail: TAIL_AT_48,
      params: 1_400_753,
      memory: 265_536,
    },
  },
  'convlstm-thick': {
    source: COUNTS,
    config: {
      task: 'mapping',
      input: { 4: 4 },
      writer: LADDER_THICK,
      front: LADDER_THICK,
      mem: 'same-index',
      tail: TAIL_AT_48,
      params: 1_400_753,
      memory: 626_688,
    },
  },
  'convlstm-deep': {
    source: COUNTS,
    config: {
      task: 'mapping',
      input: { 4: 4 },
      writer: LADDER_DEEP,
      front: LADDER_DEEP,
      mem: 'same-index',
      tail: [...repeat([4, 4, 16], 18), [4, 4, 1]],
      params: 376_625,
      memory: 626_688,
    },
  },
  'sort-8k': {
    source: COUNTS,
    config: { task: 'sorting', input: { 0: 2 }, encoder: WRITER_8K, tail: TAIL_DOWN_8K, params: 119_553, memory: 7_992 },
  },
  'sort-50': {
    source: COUNTS,
    config: { task: 'sorting', input: { 0: 2 }, encoder: LADDER_77K, tail: TAIL_DOWN_77K, params: 893_121, memory: 76_968 },
  },
  'recall-8k': {
    source: COUNTS,
    config: {
      task: 'recall',
      read: 'last',
      input: { 0: 1 },
      writer: WRITER_8K,
      front: FRONT_8K,
      mem: 'same-index',
      tail: TAIL_DOWN_8K,
      params: 127_529,
      memory: 7_992,
    },
  },
  'recall-20': {
    source: COUNTS,
    config: {
      task: 'recall',
      read: 'last',
      input: { 0: 1 },
      writer: LADDER_77K,
      front: LADDER_77K,
      mem: 'same-index',
      tail: TAIL_DOWN_77K,
      params: 653_625,
      memory: 76_968,
    },
  },
  'mnist-sort': {
    source: COUNTS,
    config: {
      task: 'mnist-sorting',
      bn: true,
      input: MNIST_INPUT,
      encoder: LADDER_MNIST,
      tail: [[0, 2, 16], ...TAIL_RECALL_MNIST],
      fc: [90, 10],
      params: 287_836,
      memory: 7_560,
    },
  },
  'mnist-recall': {
    source: CODE,
    config: {
      task: 'mnist-recall',
      read: 'last',
      bn: true,
      input: MNIST_INPUT,
      writer: LADDER_MNIST,
      front: LADDER_MNIST,
      mem: 'same-index',
      tail: TAIL_RECALL_MNIST,
      fc: [90, 10],
      params: 211_408,
      memory: 7_560,
    },
  },
  'babi': {
    source: COUNTS,
    config: {
      task: 'babi',
      dims: 1,
      bn: 'sequence',
      outputBn: false,
      input: { 0: 159 },
      lstm: [[0, 1, 24], [0, 1, 32], [0, 2, 32], [0, 3, 32], [0, 4, 32], [0, 4, 32]],
      tail: [[0, 3, 32], [0, 3, 32], [0, 2, 32], [0, 2, 32], [0, 1, 32], [0, 1, 32], [0, 0, 159]],
      params: 1_004_991,
      memory: 2_856,
    },
  },
};

export const presetNames: readonly string[] = Object.keys(PRESETS);

/** The preset of that name. ERR_MG_CONFIG, in the name of `where`. */
export function findPreset(name: string, where: string): Preset {
  if (typeof name === 'string' && Object.hasOwn(PRESETS, name)) return PRESETS[name] as Preset;
  return fail('ERR_MG_CONFIG', where, `the name of a preset (${presetNames.join(', ')})`, name);
}

/** A preset as data, to look at or to change. */
export function presetConfig(name: PresetName): MultigridConfig {
  return structuredClone(findPreset(name, 'preset').config);
}

/** Who wrote a preset down first. */
export function presetSource(name: PresetName): string {
  return findPreset(name, 'preset').source;
}
