// Configurations of multigrid memories: the form in which presets and users' files are written, and what a check makes of it.

import type { Dimensions, LevelSpec } from '../../nn/ladder.js';

/** One layer: lowest level, highest level, channels (the same on all its grids). */
export type LayerRow = readonly [low: number, high: number, channels: number];

/** Shortcut within one part of a network, both layers counted from 1: the output of `source` is added to that of `target`. */
export type ShortcutRow = readonly [target: number, source: number];

/** The parts of a network that can name their own shortcuts; without, the rule of the paper's samples holds. */
export type ShortcutParts<P extends string> = { readonly [K in P]?: readonly ShortcutRow[] };

export interface ReaderConfig {
  /** Channels of the query, by level. */
  readonly input: Readonly<Record<string, number>>;
  /** First half: after each of these layers a writer layer is joined. */
  readonly front: readonly LayerRow[];
  /** 'same-index': layer k of the writer after layer k; or the writer layer for each front layer (null: none). */
  readonly mem?: 'same-index' | readonly (number | null)[];
  /** Second half; its last layer is the output. */
  readonly tail: readonly LayerRow[];
  readonly shortcuts?: ShortcutParts<'front' | 'tail'>;
}

/**
 * A multigrid memory as data. Exactly one of `writer`, `encoder` and `lstm` says which kind it is:
 *
 * - `writer` + `front` + `tail`: a memory that is written at each step and read by queries (`secondReader`: a second reader);
 * - `encoder` + `tail`: an encoder and a decoder that starts from the encoder's state, with the same conv-LSTM layers
 *   (own weights), then `tail`;
 * - `lstm` + `tail`: one network, conv-LSTM layers followed by convolutions.
 */
export interface MultigridConfig {
  /** Name of a preset; the keys given here replace its keys, its expected counts are dropped. */
  readonly extends?: string;
  readonly task?: string;
  readonly dims?: Dimensions;
  /** Side of level 0; default 3 in 2-D, 1 in 1-D. */
  readonly baseSide?: number;
  readonly kernelSize?: 1 | 3 | 5;
  readonly peephole?: 'none' | 'channel';
  readonly forgetBias?: number;
  /** Batch norm after every layer, over the window ('batch') or over each sequence of it ('sequence'); true = 'batch'. */
  readonly bn?: boolean | 'batch' | 'sequence';
  /** 'batch': statistics of the data at hand, at test time too; 'running': averages at test time. */
  readonly bnMode?: 'batch' | 'running';
  /** Whether the output layer is normalized too; default: only when `fc` follows. */
  readonly outputBn?: boolean;
  /** Channels of the input of writer, encoder or lstm, by level; also the query's unless a reader names its own. */
  readonly input?: Readonly<Record<string, number>>;
  readonly writer?: readonly LayerRow[];
  readonly front?: readonly LayerRow[];
  readonly mem?: 'same-index' | readonly (number | null)[];
  readonly secondReader?: ReaderConfig;
  readonly encoder?: readonly LayerRow[];
  readonly decoder?: 'same-as-encoder';
  readonly lstm?: readonly LayerRow[];
  readonly tail?: readonly LayerRow[];
  /** Fully connected head over the flattened output grid: [inputs, outputs]. */
  readonly fc?: readonly [inputs: number, outputs: number];
  readonly shortcuts?: ShortcutParts<'writer' | 'front' | 'encoder' | 'lstm' | 'tail'>;
  /** When a query is answered: at every step of a window or once, after the last. Only the cost estimate needs it. */
  readonly read?: 'every' | 'last';
  /** Expected number of parameters and of memory cells; when given, they are checked. */
  readonly params?: number;
  readonly memory?: number;
}

export type LayerKind = 'convLstm' | 'conv';

/** One layer with all defaults filled in. `path` is its place in the configuration, for messages. */
export interface CheckedLayer {
  readonly kind: LayerKind;
  readonly levels: readonly number[];
  readonly channels: number;
  readonly path: string;
}

/** A run of layers that follows one shortcut rule. */
export interface CheckedPart {
  readonly name: string;
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
  readonly memoryPath: string;
}

export interface CheckedConfig {
  readonly task: string;
  readonly dimensions: Dimensions;
  readonly baseSide: number;
  readonly kernelSize: number;
  readonly peephole: 'none' | 'channel';
  readonly forgetBias: number;
  readonly norm: 'none' | { readonly kind: 'batch' | 'sequence'; readonly mode: 'batch' | 'running' };
  readonly outputNorm: boolean;
  readonly read: 'every' | 'last';
  readonly networks: readonly CheckedNetwork[];
  readonly fc: { readonly in: number; readonly out: number } | null;
  readonly expected: { readonly parameters: number | null; readonly memory: number | null };
}
