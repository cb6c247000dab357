/** A whole multigrid memory from a plan, step by step on nested loops in float64. No normalization, no fully connected head. */
import type { LayerPlan, ModelPlan, NetworkPlan } from '../../../lib/models/index.js';
import type { Nd } from '../../helpers/nd.js';
import {
  addShortcut,
  convLayer,
  convLstmStep,
  joinMemory,
  zeroState,
  type Grids,
  type LayerState,
  type Weights,
} from '../../nn/naive-multigrid.js';

/** The weights of one layer, by names like `level2.kernel`. */
function layerWeights(weights: Weights, layer: LayerPlan): Weights {
  const lead = `${layer.name}.`;
  const own = [...weights].filter(([name]) => name.startsWith(lead));
  return new Map(own.map(([name, values]) => [name.slice(lead.length), values]));
}

export function initial(plan: ModelPlan, network: NetworkPlan, batch: number): LayerState[] {
  const sides = (level: number): number[] => {
    const side = plan.baseSide * 2 ** level;
    return plan.dimensions === 2 ? [side, side] : [1, side];
  };
  const recurrent = network.layers.filter((layer) => layer.kind === 'convLstm');
  return recurrent.map((layer) => zeroState(layer.levels, sides, batch, layer.channels));
}

/** One time step of a network: outputs of all layers with shortcuts, and the next state. */
export function step(
  plan: ModelPlan,
  network: NetworkPlan,
  weights: Weights,
  x: Grids,
  state: readonly LayerState[],
  memory: readonly Grids[] = [],
): { outputs: Grids[]; state: LayerState[] } {
  const outputs: Grids[] = [];
  const outgoing: Grids[] = [];
  const next: LayerState[] = [];
  network.layers.forEach((layer, index) => {
    const input = index === 0 ? x : outgoing[index - 1]!;
    const own = layerWeights(weights, layer);
    let y: Grids;
    if (layer.kind === 'convLstm') {
      const after = convLstmStep(input, state[next.length]!, own, layer.levels, plan.dimensions);
      next.push(after);
      y = after.hidden;
    } else {
      y = convLayer(input, own, layer.levels, layer.activation, plan.dimensions);
    }
    if (layer.shortcut !== null) y = addShortcut(y, outgoing[layer.shortcut.source - 1]!);
    outputs.push(y);
    outgoing.push(layer.memory === null ? y : joinMemory(y, memory[layer.memory - 1]!));
  });
  return { outputs, state: next };
}

/** The one grid of the last layer. */
export function output(outputs: readonly Grids[]): Nd {
  return [...outputs.at(-1)!.values()][0]!;
}
