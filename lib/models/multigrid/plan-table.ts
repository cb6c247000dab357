// The layers of a planned model as a table.

import { table } from '../../table.js';
import type { ModelPlan } from './plan.js';

/** One row for each layer: name, kind, levels, channels in and out, shortcut, cells, parameters; then the head, and all. */
export function planTable({ networks, fc }: ModelPlan, { parameters, memory }: { parameters: number; memory: number }): string {
  const rows = networks.flatMap((network) =>
    network.layers.map((layer) => [
      layer.name,
      layer.kind === 'conv' ? 'MG-conv' : 'MG-conv-LSTM',
      layer.grids.map((grid) => grid.side).join(' '),
      layer.grids.map((grid) => grid.inChannels).join(' '),
      String(layer.channels),
      layer.shortcut === null ? '' : String(layer.shortcut.source),
      String(layer.cells),
      String(layer.parameters),
    ])
  );
  const head = fc === null ? [] : [['fc', 'linear', '', String(fc.in), String(fc.out), '', '0', String((fc.in + 1) * fc.out)]];
  return table([
    ['layer', 'kind', 'sides', 'channels in', 'out', 'shortcut from', 'cells', 'parameters'],
    ...rows,
    ...head,
    ['total', '', '', '', '', '', String(memory), String(parameters)],
  ], 7);
}
