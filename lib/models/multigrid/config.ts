// Configurations of multigrid memories: the form in which presets and users' files are written, and what a check makes of it.

import type { LevelSpec } from '../../nn/ladder.js';
import type { DescribedLayer, NetworkSettings } from '../../nn/multigrid/describe-network.js';
import {
  boolean,
  choice,
  either,
  integer,
  list,
  literal,
  nullable,
  number,
  object,
  optional,
  record,
  string,
  tuple,
  type Data,
  type Schema,
} from '../../schema.js';

/** One layer: lowest level, highest level, channels (the same on all its grids). */
export type LayerRow = readonly [low: number, high: number, channels: number];

/** Shortcut within one part of a network, both layers counted from 1: the output of `source` is added to that of `target`. */
export type ShortcutRow = readonly [target: number, source: number];

const MAX_LAYERS = 256;
export const MAX_LEVEL = 12;
export const MAX_CHANNELS = 65_536;

const channels = integer(1, MAX_CHANNELS);
const level = integer(0, MAX_LEVEL);
const row = tuple('a layer [low, high, channels]', level, level, channels) satisfies Schema<LayerRow>;
const layers = list(row, 'a list of layers [low, high, channels]', 1, MAX_LAYERS);
const shortcuts = list(
  tuple('a shortcut [target, source]', integer(2, MAX_LAYERS), integer(1, MAX_LAYERS)) satisfies Schema<ShortcutRow>,
  'a list of shortcuts [target, source]',
);
const input = record(/^([0-9]|1[0-2])$/, `a level in 0 … ${MAX_LEVEL} as key`, channels, 'an object of channels by level');
const joined = either(
  '"same-index" or a list of writer layers, one for each layer of front, null for none',
  literal('same-index'),
  list(nullable(integer(1, MAX_LAYERS)), 'a list'),
);

const readerSchema = object({
  /** Channels of the query, by level. */
  input,
  /** First half: after each of these layers a writer layer is joined. */
  front: layers,
  /** 'same-index': layer k of the writer after layer k; or the writer layer for each front layer (null: none). */
  mem: optional(joined),
  /** Second half; its last layer is the output. */
  tail: layers,
  /** Without, the rule of the paper's samples holds. */
  shortcuts: optional(object({ front: optional(shortcuts), tail: optional(shortcuts) })),
});

export interface ReaderConfig extends Data<typeof readerSchema> {}

/** A multigrid memory as run files have it; which keys belong together, and which layers fit, is seen by `checkConfig`. */
export const multigridSchema = object({
  /** Name of a preset; the keys given here replace its keys, its expected counts are dropped. */
  extends: optional(string()),
  task: optional(string()),
  dims: optional(choice(1, 2)),
  /** Side of level 0; default 3 in 2-D, 1 in 1-D. */
  baseSide: optional(integer(1, 1024)),
  kernelSize: optional(choice(1, 3, 5)),
  peephole: optional(choice('none', 'channel')),
  forgetBias: optional(number()),
  /** Batch norm after every layer, over the window ('batch') or over each sequence of it ('sequence'); true = 'batch'. */
  bn: optional(either('one of true, false, "batch", "sequence"', boolean(), choice('batch', 'sequence'))),
  /** 'batch': statistics of the data at hand, at test time too; 'running': averages at test time. */
  bnMode: optional(choice('batch', 'running')),
  /** Whether the output layer is normalized too; default: only when `fc` follows. */
  outputBn: optional(boolean()),
  /** Channels of the input of writer, encoder or lstm, by level; also the query's unless a reader names its own. */
  input: optional(input),
  writer: optional(layers),
  front: optional(layers),
  mem: optional(joined),
  secondReader: optional(readerSchema),
  encoder: optional(layers),
  decoder: optional(literal('same-as-encoder')),
  lstm: optional(layers),
  tail: optional(layers),
  /** Fully connected head over the flattened output grid: [inputs, outputs]. */
  fc: optional(tuple('[inputs, outputs]', integer(1, 2 ** 31), channels)),
  /** Of the parts that name their own; without, the rule of the paper's samples holds. */
  shortcuts: optional(object({
    writer: optional(shortcuts),
    front: optional(shortcuts),
    encoder: optional(shortcuts),
    lstm: optional(shortcuts),
    tail: optional(shortcuts),
  })),
  /** When a query is answered: at every step of a window or once, after the last. Only the cost estimate needs it. */
  read: optional(choice('every', 'last')),
  /** Expected number of parameters; when given, it is checked. */
  params: optional(integer(0)),
  /** Expected number of memory cells; when given, it is checked. */
  memory: optional(integer(0)),
});

/**
 * A multigrid memory as data. Exactly one of `writer`, `encoder` and `lstm` says which kind it is:
 *
 * - `writer` + `front` + `tail`: a memory that is written at each step and read by queries (`secondReader`: a second reader);
 * - `encoder` + `tail`: an encoder and a decoder that starts from the encoder's state, with the same conv-LSTM layers
 *   (own weights), then `tail`;
 * - `lstm` + `tail`: one network, conv-LSTM layers followed by convolutions.
 */
export interface MultigridConfig extends Data<typeof multigridSchema> {}

export type LayerKind = DescribedLayer['kind'];

/** One layer with all defaults filled in. `path` is its place in the configuration, for messages. */
export interface CheckedLayer {
  readonly kind: LayerKind;
  readonly levels: readonly number[];
  readonly channels: number;
  readonly path: string;
}

/** A run of layers that follows one shortcut rule. */
export interface CheckedPart {
  readonly layers: readonly CheckedLayer[];
  /** null: the rule of the part. */
  readonly shortcuts: readonly ShortcutRow[] | null;
  readonly shortcutPath: string;
}

export type NetworkName = 'writer' | 'reader' | 'secondReader' | 'encoder' | 'decoder' | 'network';

export interface CheckedNetwork {
  readonly name: NetworkName;
  readonly inputPath: string;
  readonly input: readonly LevelSpec[];
  readonly parts: readonly CheckedPart[];
  /** For each layer of the first part: the writer layer (counted from 1) joined after it, or null. Empty: reads nothing. */
  readonly memory: readonly (number | null)[];
}

/** What holds for a whole model, in its configuration as in its plan. */
export interface ModelSettings extends NetworkSettings {
  readonly task: string;
  readonly norm: 'none' | { readonly kind: 'batch' | 'sequence'; readonly mode: 'batch' | 'running' };
  /** When a query is answered: at every step of a window or once, after the last. */
  readonly read: 'every' | 'last';
  readonly fc: { readonly in: number; readonly out: number } | null;
}

export interface CheckedConfig {
  readonly settings: ModelSettings;
  readonly outputNorm: boolean;
  readonly networks: readonly CheckedNetwork[];
  readonly expected: { readonly parameters: number | null; readonly memory: number | null };
}
