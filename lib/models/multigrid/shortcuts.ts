// Shortcuts of multigrid memories: which layer gets which other one's output added, by the configuration or by the paper's rule.

import { fail } from '../../check.js';
import type { LevelSpec } from '../../nn/ladder.js';
import type { CheckedLayer, CheckedNetwork } from './config.js';

/** Identity shortcut: the outgoing grids of layer `source` (counted from 1) with their channels, where they are added. */
export interface ShortcutPlan {
  readonly source: number;
  readonly grids: readonly LevelSpec[];
}

/** Layer k (from 1) of a first half takes its shortcut from layer k−2 when k is odd; a reader's seventh layer has none. */
function firstHalfRule(layers: number, isReader: boolean): [number, number][] {
  const targets = Array.from({ length: layers }, (_, index) => index + 1).filter((k) => k >= 3 && k % 2 === 1);
  return targets.filter((k) => !(isReader && k === 7)).map((k) => [k, k - 2]);
}

/** Layer k of a second half takes its shortcut from layer k−2 when k is even; the output layer has none. */
function secondHalfRule(layers: number): [number, number][] {
  return Array.from({ length: layers }, (_, index) => index + 1)
    .filter((k) => k >= 4 && k % 2 === 0 && k < layers).map((k) => [k, k - 2]);
}

/** A layer, counted through the whole network, and the place in the configuration that asks for it, if one does. */
interface ShortcutSource {
  readonly source: number;
  readonly asked: string | null;
}

/** Target layer, counted through the whole network, → its source. */
export function shortcutSources(network: CheckedNetwork): Map<number, ShortcutSource> {
  const found = new Map<number, ShortcutSource>();
  let before = 0;
  network.parts.forEach((part, half) => {
    const isReader = network.name === 'reader' || network.name === 'secondReader';
    const rule = half === 0 ? firstHalfRule(part.layers.length, isReader) : secondHalfRule(part.layers.length);
    (part.shortcuts ?? rule).forEach(([target, source], index) => {
      const asked = part.shortcuts === null ? null : `${part.shortcutPath}[${index}]`;
      found.set(before + target, { source: before + source, asked });
    });
    before += part.layers.length;
  });
  return found;
}

/** Grids where the shortcut can be added: present on both sides and not wider than the target. */
export function planShortcut(
  layer: CheckedLayer,
  outgoing: readonly (readonly LevelSpec[])[],
  from: ShortcutSource | undefined,
): ShortcutPlan | null {
  if (from === undefined) return null;
  const fits = (grid: LevelSpec): boolean => layer.levels.includes(grid.level) && grid.channels <= layer.channels;
  const grids = (outgoing[from.source - 1] ?? []).filter(fits);
  if (grids.length > 0) return { source: from.source, grids };
  if (from.asked === null) return null;
  return fail('ERR_MG_CONFIG', from.asked, 'layers with a common level, the source not wider than the target', [...layer.levels]);
}
