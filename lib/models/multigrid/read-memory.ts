// What a reader joins from the writer.

import { fail, words } from '../../check.js';
import type { Pyramid } from '../../nn/multigrid/pyramid.js';
import type { LayerPlan } from './plan.js';

/**
 * The output of the writer layer that is joined after `layer`, at the levels of `layer`; undefined when there is none.
 * `memory` holds the outputs of the writer's layers. Throws ERR_MG_ARGUMENT when the writer layer is not among them.
 */
export function readMemory(layer: LayerPlan, memory: readonly Pyramid[]): Pyramid | undefined {
  if (layer.memory === null) return undefined;
  const written = memory[layer.memory - 1];
  if (written === undefined) fail('ERR_MG_ARGUMENT', layer.name, `the memory of writer layer ${layer.memory}`, words('none'));
  return written.within(layer.levels);
}
