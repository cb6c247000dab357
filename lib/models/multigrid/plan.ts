// From a configuration to an explicit plan: every layer, grid, source, shortcut and parameter, as plain data.

import { fail } from '../../check.js';
import { cellsOf, extentOf, sideOf, sourcesOf, type LevelSpec, type SourceKind } from '../../nn/ladder.js';
import type { DescribedLayer, DescribedNetwork } from '../../nn/multigrid/describe-network.js';
import { convLstmSpecs, convSpecs, countSpecs, linearSpecs, normSpecs, type ParameterSpec } from '../../nn/parameter-specs.js';
import type { CheckedConfig, CheckedLayer, CheckedNetwork, ModelSettings, MultigridConfig, NetworkName } from './config.js';
import type { PresetName } from './presets.js';
import { parseConfig } from './resolve-config.js';
import { planShortcut, shortcutSources, type ShortcutPlan } from './shortcuts.js';

/** One source of a grid: `channels` = own channels of the previous layer's grid + those of the memory joined to it. */
export interface SourcePlan {
  readonly kind: SourceKind;
  readonly level: number;
  readonly channels: number;
}

export interface GridPlan {
  readonly level: number;
  readonly side: number;
  readonly cells: number;
  /** In the order coarse-up, same, fine-down. */
  readonly sources: readonly SourcePlan[];
  readonly inChannels: number;
  /** Names within the layer: `level2.kernel`. */
  readonly parameters: readonly ParameterSpec[];
}

export interface LayerPlan extends DescribedLayer {
  /** `writer.3`: network and number of the layer, counted from 1. */
  readonly name: string;
  /** What the layer sees: the previous layer's grids with joined memory. */
  readonly input: readonly LevelSpec[];
  readonly grids: readonly GridPlan[];
  readonly shortcut: ShortcutPlan | null;
  /** Writer layer (counted from 1) whose output is joined after this layer, at the levels of this layer; null: none. */
  readonly memory: number | null;
  /** The grids of that output which are joined: those at the levels that both layers have. */
  readonly joined: readonly LevelSpec[];
  /** LSTM cells of the layer. */
  readonly cells: number;
  readonly parameters: number;
}

export interface NetworkPlan extends DescribedNetwork {
  readonly name: NetworkName;
  readonly layers: readonly LayerPlan[];
  readonly parameters: number;
  readonly cells: number;
}

export interface ModelPlan extends ModelSettings {
  readonly kind: 'writerReader' | 'encoderDecoder' | 'single';
  readonly networks: readonly NetworkPlan[];
  /** Every trainable tensor of the model with its full name, e.g. `writer.3.level2.kernel`. */
  readonly parameters: readonly ParameterSpec[];
  /** `Params` and `Memory` as the paper counts them: all networks; the cells of writer or encoder alone. */
  readonly counts: { readonly parameters: number; readonly memory: number };
}

function planGrid(
  settings: ModelSettings,
  layer: CheckedLayer,
  input: readonly LevelSpec[],
  level: number,
  norm: boolean,
): GridPlan {
  const available = input.map((grid) => grid.level);
  const channelsAt = (at: number): number => input.find((grid) => grid.level === at)?.channels ?? 0;
  const sources = sourcesOf(available, level).map((source) => ({ ...source, channels: channelsAt(source.level) }));
  if (sources.length === 0) {
    const end = level > Math.max(...available) ? 1 : 0;
    const reach = `levels at most one away from those of the layer before (${available.join(', ')})`;
    fail('ERR_MG_CONFIG', `${layer.path}[${end}]`, reach, level);
  }
  const inChannels = sources.reduce((sum, source) => sum + source.channels, 0);
  const { dimensions, kernelSize, baseSide, peephole } = settings;
  const specs = layer.kind === 'conv'
    ? convSpecs(dimensions, kernelSize, inChannels, layer.channels)
    : convLstmSpecs(dimensions, kernelSize, inChannels, layer.channels, peephole, extentOf(level, dimensions, baseSide));
  const parameters = [...specs, ...(norm ? normSpecs(layer.channels) : [])]
    .map((spec) => ({ ...spec, name: `level${level}.${spec.name}` }));
  const [side, cells] = [sideOf(level, dimensions, baseSide), cellsOf(level, dimensions, baseSide)];
  return { level, side, cells, sources, inChannels, parameters };
}

/** The grids of a writer layer that a layer can join, those at its own levels. */
function joinedGrids(layer: CheckedLayer, written: CheckedLayer | undefined): LevelSpec[] {
  const shared = written?.levels.filter((level) => layer.levels.includes(level)) ?? [];
  return shared.map((level) => ({ level, channels: written!.channels }));
}

/** The pyramid that leaves a layer: its own grids, with the channels of what is joined to them. */
function outgoingGrids({ levels, channels }: CheckedLayer, joined: readonly LevelSpec[]): LevelSpec[] {
  const added = (level: number): number => joined.find((grid) => grid.level === level)?.channels ?? 0;
  return levels.map((level) => ({ level, channels: channels + added(level) }));
}

function expandNetwork(config: CheckedConfig, network: CheckedNetwork, writer: CheckedNetwork | undefined): NetworkPlan {
  const { settings, outputNorm } = config;
  const layers = network.parts.flatMap((part) => part.layers);
  const written = writer?.parts[0]?.layers ?? [];
  const shortcuts = shortcutSources(network);
  const hasOutput = network.parts.length > 1;
  const outgoing: LevelSpec[][] = [];
  const plans = layers.map((layer, index): LayerPlan => {
    const input = index === 0 ? network.input : outgoing[index - 1] ?? [];
    const isOutput = hasOutput && index === layers.length - 1;
    const norm = settings.norm !== 'none' && (!isOutput || outputNorm);
    const memory = network.memory[index] ?? null;
    const grids = layer.levels.map((level) => planGrid(settings, layer, input, level, norm));
    const shortcut = planShortcut(layer, outgoing, shortcuts.get(index + 1));
    const joined = joinedGrids(layer, memory === null ? undefined : written[memory - 1]);
    outgoing.push(outgoingGrids(layer, joined));
    return {
      name: `${network.name}.${index + 1}`,
      kind: layer.kind,
      levels: layer.levels,
      channels: layer.channels,
      input,
      grids,
      shortcut,
      norm,
      activation: layer.kind === 'conv' && !(isOutput && settings.fc === null) ? 'relu' : 'none',
      memory,
      joined,
      cells: layer.kind === 'convLstm' ? grids.reduce((sum, grid) => sum + grid.cells * layer.channels, 0) : 0,
      parameters: grids.reduce((sum, grid) => sum + countSpecs(grid.parameters), 0),
    };
  });
  checkEnds(settings, network, layers, plans);
  return {
    name: network.name,
    input: network.input,
    layers: plans,
    parameters: plans.reduce((sum, layer) => sum + layer.parameters, 0),
    cells: plans.reduce((sum, layer) => sum + layer.cells, 0),
  };
}

/** Every input grid is seen by the first layer; an output layer has one grid, which fits the fully connected head. */
function checkEnds(
  { fc }: ModelSettings,
  network: CheckedNetwork,
  layers: readonly CheckedLayer[],
  plans: readonly LayerPlan[],
): void {
  const seen = new Set(plans[0]?.grids.flatMap((grid) => grid.sources.map((source) => source.level)));
  const unseen = network.input.find((grid) => !seen.has(grid.level));
  const first = layers[0]?.levels ?? [];
  if (unseen !== undefined) {
    const reach = `a level at most one away from those of the first layer (${first.join(', ')})`;
    fail('ERR_MG_CONFIG', `${network.inputPath}.${unseen.level}`, reach, unseen.level);
  }
  const last = layers.at(-1);
  if (network.parts.length === 1 || last === undefined) return;
  if (last.levels.length !== 1) fail('ERR_MG_CONFIG', last.path, 'an output layer with one level', [...last.levels]);
  const features = (plans.at(-1)?.grids[0]?.cells ?? 0) * last.channels;
  if (fc !== null && fc.in !== features) {
    fail('ERR_MG_CONFIG', 'fc[0]', `${features}, the numbers of the output grid`, fc.in);
  }
}

const KINDS = { writer: 'writerReader', encoder: 'encoderDecoder', network: 'single' } as const;

/**
 * Expands a configuration, or the preset of that name. Throws ERR_MG_CONFIG, with the place in the object, when it cannot be
 * built or when its own expected counts (`params`, `memory`) are not met.
 */
export function planModel(source: MultigridConfig | PresetName): ModelPlan {
  const config = parseConfig(source);
  const writer = config.networks.find((network) => network.name === 'writer');
  const networks = config.networks.map((network) => expandNetwork(config, network, writer));
  const { settings, settings: { fc } } = config;
  const head = fc === null ? [] : linearSpecs(fc.in, fc.out);
  const parameters = [
    ...networks.flatMap((network) =>
      network.layers.flatMap((layer) =>
        layer.grids.flatMap((grid) => grid.parameters.map((spec) => ({ ...spec, name: `${layer.name}.${spec.name}` })))
      )
    ),
    ...head.map((spec) => ({ ...spec, name: `fc.${spec.name}` })),
  ];
  const counts = { parameters: countSpecs(parameters), memory: networks[0]?.cells ?? 0 };
  for (const [key, count] of [['params', counts.parameters], ['memory', counts.memory]] as const) {
    const expected = key === 'params' ? config.expected.parameters : config.expected.memory;
    if (expected !== null && expected !== count) fail('ERR_MG_CONFIG', key, `${count}, what the layers amount to`, expected);
  }
  const kind = KINDS[config.networks[0]?.name as keyof typeof KINDS];
  return { ...settings, kind, networks, parameters, counts };
}
