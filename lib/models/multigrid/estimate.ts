// What a configuration costs before it is run: arithmetic, compulsory traffic and bytes held.

import { checkChoice, checkInteger, checkOptions } from '../../check.js';
import { trainingBytes, type ModelCost } from '../../nn/cost.js';
import type { MultigridConfig } from './config.js';
import { planModel, type LayerPlan, type ModelPlan, type NetworkPlan } from './plan.js';
import { presetNames, presetSource, type PresetName } from './presets.js';
import { windowMemory } from './window-memory.js';

export interface PresetInfo {
  readonly name: PresetName;
  readonly task: string;
  readonly parameters: number;
  readonly memory: number;
  readonly source: string;
}

/** All presets with their `Params` and `Memory` as the paper counts them. */
export function presets(): readonly PresetInfo[] {
  return presetNames.map((name) => {
    const plan = planModel(name);
    return { name, task: plan.task, parameters: plan.counts.parameters, memory: plan.counts.memory, source: presetSource(name) };
  });
}

/** One time step of one network for a whole batch; FLOP (a multiply-add is two) and bytes of compulsory traffic. */
export interface NetworkCost {
  readonly name: string;
  /** Grids of all layers, the fully connected head counted as one. */
  readonly grids: number;
  readonly parameters: number;
  readonly forwardFlops: number;
  readonly backwardFlops: number;
  /** The part of `forwardFlops` that must wait for the previous time step. */
  readonly recurrentFlops: number;
  readonly forwardBytesInference: number;
  readonly forwardBytesTraining: number;
  readonly backwardBytes: number;
}

export interface EstimateOptions {
  readonly batch: number;
  readonly steps: number;
  readonly dtype?: 'float32' | 'float64';
}

export interface Estimate extends ModelCost {
  readonly networks: readonly NetworkCost[];
}

interface LayerCost {
  forward: number;
  backward: number;
  recurrent: number;
  inference: number;
  training: number;
  backwardTraffic: number;
  outputs: number;
}

const total = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((sum, item) => sum + of(item), 0);

/**
 * Per sample and time step, with k taps, C channels, cells `hw`, S = Σ hw·C, I = numbers of the previous pyramid in use:
 *   conv-LSTM  forward 2·hw·k·(Cin+C)·4C, of which recurrent 2·hw·k·C·4C;  traffic I+4S, I+8S in training, backward 2I+12S
 *   conv       forward 2·hw·k·Cin·C;                                       traffic I+O, backward 2I+2O
 * Backward is twice the forward; a network's first layer needs no gradient of its raw input, in FLOP and in traffic.
 */
function layerCost(plan: ModelPlan, layer: LayerPlan, isFirst: boolean): LayerCost {
  const taps = plan.kernelSize ** plan.dimensions;
  const gates = layer.kind === 'convLstm' ? 4 : 1;
  const product = (cells: number, from: number): number => 2 * cells * taps * from * gates * layer.channels;
  const input = total(layer.grids, (grid) => product(grid.cells, grid.inChannels));
  const recurrent = layer.kind === 'convLstm' ? total(layer.grids, (grid) => product(grid.cells, layer.channels)) : 0;
  const forward = input + recurrent;
  const used = new Set(layer.grids.flatMap((grid) => grid.sources.map((source) => source.level)));
  const cellsAt = (level: number): number => (plan.baseSide * 2 ** level) ** plan.dimensions;
  const I = total(layer.input.filter((grid) => used.has(grid.level)), (grid) => cellsAt(grid.level) * grid.channels);
  const S = total(layer.grids, (grid) => grid.cells * layer.channels);
  const costs = { forward, backward: 2 * forward - (isFirst ? input : 0), recurrent, outputs: S };
  const back = isFirst ? I : 2 * I;
  return layer.kind === 'convLstm'
    ? { ...costs, inference: I + 4 * S, training: I + 8 * S, backwardTraffic: back + 12 * S }
    : { ...costs, inference: I + S, training: I + S, backwardTraffic: back + 2 * S };
}

/** The fully connected head, as a convolution over one cell. */
function headCost({ in: I, out: O }: { readonly in: number; readonly out: number }): LayerCost {
  const forward = 2 * I * O;
  const traffic = { inference: I + O, training: I + O, backwardTraffic: 2 * (I + O) };
  return { forward, backward: 2 * forward, recurrent: 0, ...traffic, outputs: O };
}

/** The layers of a network, and the head after the last network of the model. */
function networkCosts(plan: ModelPlan, network: NetworkPlan): LayerCost[] {
  const layers = network.layers.map((layer, index) => layerCost(plan, layer, index === 0));
  return plan.fc !== null && network === plan.networks.at(-1) ? [...layers, headCost(plan.fc)] : layers;
}

function headParameters({ fc }: ModelPlan): number {
  return fc === null ? 0 : (fc.in + 1) * fc.out;
}

/**
 * Cost of training a configuration, or the preset of that name, on windows of `steps` time steps for `batch` sequences.
 * A writer, encoder or single network runs `steps` times per window; a reader at each step or once (`read`), a decoder
 * `steps` times. Throws ERR_MG_CONFIG, ERR_MG_ARGUMENT.
 */
export function estimate(config: MultigridConfig | PresetName, options: EstimateOptions): Estimate {
  checkOptions('estimate', options, ['batch', 'steps', 'dtype']);
  const batch = checkInteger('estimate', 'batch', options.batch, 1);
  const steps = checkInteger('estimate', 'steps', options.steps, 1);
  const dtype = checkChoice('estimate', 'dtype', options.dtype ?? 'float32', ['float32', 'float64']);
  const bytes = dtype === 'float32' ? 4 : 8;
  const plan = planModel(config);
  const costs = plan.networks.map((network) => {
    const layers = networkCosts(plan, network);
    const isOnce = plan.read === 'last' && (network.name === 'reader' || network.name === 'secondReader');
    return { network, layers, runs: isOnce ? 1 : steps };
  });
  const state = 2 * batch * total(plan.networks, (network) => network.cells);
  const overWindow = (of: (cost: LayerCost) => number): number =>
    batch * total(costs, ({ layers, runs }) => runs * total(layers, of));
  return {
    parameters: plan.counts.parameters,
    memoryCells: plan.counts.memory,
    flopsPerStep: overWindow((cost) => cost.forward + cost.backward) / steps,
    bytesTraining: trainingBytes(bytes * plan.counts.parameters, windowMemory(plan, { batch, steps, dtype, memoryBudget: 0 })),
    bytesInference: bytes * (plan.counts.parameters + state + overWindow((cost) => cost.outputs)),
    networks: costs.map(({ network, layers }) => ({
      name: network.name,
      grids: total(network.layers, (layer) => layer.grids.length) + layers.length - network.layers.length,
      parameters: network.parameters + (layers.length > network.layers.length ? headParameters(plan) : 0),
      forwardFlops: batch * total(layers, (cost) => cost.forward),
      backwardFlops: batch * total(layers, (cost) => cost.backward),
      recurrentFlops: batch * total(layers, (cost) => cost.recurrent),
      forwardBytesInference: bytes * batch * total(layers, (cost) => cost.inference),
      forwardBytesTraining: bytes * batch * total(layers, (cost) => cost.training),
      backwardBytes: bytes * batch * total(layers, (cost) => cost.backwardTraffic),
    })),
  };
}
