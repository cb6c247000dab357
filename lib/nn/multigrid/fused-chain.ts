/** A chain of layers as `fused.plan` is told it: checked, and described as a network. */
import { checkChoice, checkNumber, fail, words } from '../../check.js';
import type { NetworkSpec } from '../../ops/network/network-spec.js';
import type { LevelSpec } from '../ladder.js';
import { describeNetwork, type DescribedLayer } from './describe-network.js';
import { gridObstacle } from './fused-layer.js';
import { checkGeometry, type MultigridOptions } from './multigrid-input.js';

export interface LayerSpec extends MultigridOptions {
  /** Default 'convLstm'. */
  readonly kind?: 'convLstm' | 'conv';
  /** Of a conv layer; default 'relu'. */
  readonly activation?: 'relu' | 'none';
  /** Of convLstm layers, the same for all; default 1. */
  readonly forgetBias?: number;
  /** Of convLstm layers, the same for all; default 'none'. */
  readonly peephole?: 'none' | 'channel';
}

/** One value for all conv-LSTM layers. */
function common<T>(name: string, values: readonly T[], fallback: T): T {
  const odd = values.find((value) => value !== values[0]);
  if (odd !== undefined) fail('ERR_MG_CONFIG', 'fused.plan', `the same ${name} in all convLstm layers`, odd);
  return values[0] ?? fallback;
}

const peepholeOf = ({ peephole }: LayerSpec): 'none' | 'channel' =>
  checkChoice('fused.plan', 'peephole', peephole ?? 'none', ['none', 'channel'] as const);
const named = (levels: readonly LevelSpec[]): string => levels.map(({ level, channels }) => `${level}: ${channels}`).join(', ');

/** ERR_MG_CONFIG for layers that do not fit together, ERR_MG_DEVICE for what cannot be fused. */
export function describeChain(layers: readonly LayerSpec[], budgetBytes: number): NetworkSpec {
  if (!Array.isArray(layers) || layers.length === 0) fail('ERR_MG_ARGUMENT', 'fused.plan', 'at least one layer', layers);
  const geometries = layers.map((layer, l) => {
    const geometry = checkGeometry(`fused.plan, layer ${l + 1}`, layer, ['kind', 'activation', 'forgetBias', 'peephole']);
    const obstacle = gridObstacle(geometry);
    if (obstacle !== null) {
      fail('ERR_MG_DEVICE', 'fused.plan', `layer ${l + 1} to have ${obstacle.expected}`, words(obstacle.got));
    }
    return geometry;
  });
  const first = geometries[0]!;
  geometries.forEach((geometry, l) => {
    for (const key of ['dimensions', 'kernelSize', 'side'] as const) {
      if (geometry[key] !== first[key]) {
        fail('ERR_MG_CONFIG', 'fused.plan', `${key} ${first[key]} in layer ${l + 1} as in the first`, geometry[key]);
      }
    }
    const before = geometries[l - 1];
    if (before === undefined) return;
    const outputs = named(before.levels.map((level) => ({ level, channels: before.channels })));
    const input = named([...geometry.input].sort((a, b) => a.level - b.level));
    if (input !== outputs) fail('ERR_MG_CONFIG', 'fused.plan', `layer ${l + 1} with input ${outputs}`, input);
  });
  const kinds = layers.map(({ kind = 'convLstm' }) => checkChoice('fused.plan', 'kind', kind, ['convLstm', 'conv'] as const));
  const memories = layers.filter((_, l) => kinds[l] === 'convLstm');
  const described = geometries.map(({ levels, channels }, l): DescribedLayer => {
    const { activation = 'relu', norm = 'none' } = layers[l]!;
    if (norm !== 'none' && (norm.kind === 'sequence' || norm.mode === 'running')) {
      fail('ERR_MG_CONFIG', 'fused.plan', `a norm of layer ${l + 1} over the whole window`, norm.mode ?? norm.kind);
    }
    checkChoice('fused.plan', 'activation', activation, ['relu', 'none']);
    return { kind: kinds[l]!, levels, channels, norm: norm !== 'none', activation };
  });
  const forgetBias = common('forgetBias', memories.map(({ forgetBias }) => forgetBias ?? 1), 1);
  checkNumber('fused.plan', 'forgetBias', forgetBias);
  const peephole = common('peephole', memories.map(peepholeOf), 'none');
  const settings = { dimensions: first.dimensions, baseSide: first.side, kernelSize: first.kernelSize, forgetBias, peephole };
  const input = [...first.input].sort((a, b) => a.level - b.level);
  return describeNetwork(settings, { input, layers: described }, 'last', budgetBytes);
}
