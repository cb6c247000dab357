/** A multigrid network composed from single ops, step by step: what the fused op is compared with. */
import type { NetworkArguments, NetworkGrid, NetworkResult } from '../../lib/ops/network/network.js';
import type { NetworkSpec } from '../../lib/ops/network/network-spec.js';
import {
  addChannels,
  batchNorm,
  concat,
  conv,
  gridUp,
  lstmCell,
  maxPool,
  relu,
  reshape,
  stack,
  unstack,
} from '../../lib/ops/index.js';
import type { Tensor } from '../../lib/tensor/tensor.js';

/** A grid over a window, taken apart: one tensor [B,…,C] for each step. */
type Series = readonly Tensor[];
type Grids = Map<number, Series[]>;

export interface Reference extends NetworkResult {
  /** What was compared with another number: inputs of ReLU (with 0) and of pools (with each other), [B,…,C]. */
  readonly rectified: readonly Tensor[];
  readonly pooled: readonly Tensor[];
}

const joined = (parts: readonly Tensor[]): Tensor => (parts.length === 1 ? parts[0]! : concat(parts, -1));

/** The network of `spec` on the same arguments as the op, with every map in memory. Huynh, Maire, Walter 2020, §3.1. */
export function networkReference(spec: NetworkSpec, { parameters, fields, state }: NetworkArguments): Reference {
  const rectified: Tensor[] = [];
  const pooled: Tensor[] = [];
  const series = fields.map((field): Series => unstack(field));
  const parameter = (layer: number, level: number, name: string): Tensor => parameters.get(`${layer + 1}.level${level}.${name}`)!;
  const atLevel = (numbers: readonly number[], level: number): Series[] =>
    numbers.filter((f) => spec.fields[f]!.level === level).map((f) => series[f]!);
  const outgoing: Grids[] = [];
  const sources = (layer: number, level: number): Series[] =>
    layer < 0 ? atLevel(spec.input, level) : outgoing[layer]!.get(level) ?? [];
  const pool = (x: Tensor): Tensor => {
    pooled.push(x);
    return maxPool(x);
  };

  const outputs: NetworkGrid[] = [];
  const [hidden, cell]: [NetworkGrid[], NetworkGrid[]] = [[], []];
  spec.layers.forEach((layer, l) => {
    const own: Grids = new Map();
    for (let level = layer.low; level <= layer.high; level++) {
      const kernel = parameter(l, level, 'kernel');
      const bias = parameter(l, level, 'bias');
      let h = state?.hidden[hidden.length];
      let c = state?.cell[cell.length];
      let y = series[0]!.map((_, t) => {
        const x = [
          ...sources(l - 1, level - 1).map((source) => gridUp(source[t]!)),
          ...sources(l - 1, level).map((source) => source[t]!),
          ...sources(l - 1, level + 1).map((source) => pool(source[t]!)),
        ];
        if (layer.kind === 'conv') {
          const sum = conv(x, kernel, bias);
          if (!layer.relu) return sum;
          rectified.push(sum);
          return relu(sum);
        }
        const peephole = spec.hasPeephole ? { peephole: parameter(l, level, 'peephole') } : {};
        const next = lstmCell(conv([...x, h!], kernel, bias), c!, { forgetBias: spec.forgetBias, ...peephole });
        [h, c] = [next.hidden, next.cell];
        return h;
      });
      if (layer.kind === 'convLstm') {
        hidden.push({ layer: l, level, grid: h! });
        cell.push({ layer: l, level, grid: c! });
      }
      if (layer.norm) {
        const { epsilon } = spec;
        y = unstack(batchNorm(stack(y), parameter(l, level, 'gamma'), parameter(l, level, 'beta'), { epsilon }).y);
      }
      if (layer.shortcut >= 0) {
        const from = sources(layer.shortcut, level);
        const width = from.reduce((sum, source) => sum + source[0]!.shape.at(-1)!, 0);
        if (width > 0 && width <= layer.channels) {
          y = y.map((grid, t) => addChannels(grid, joined(from.map((source) => source[t]!))));
        }
      }
      own.set(level, [y]);
      if (layer.isOutput) outputs.push({ layer: l, level, grid: stack(y) });
    }
    for (const f of layer.memory) {
      const { level } = spec.fields[f]!;
      own.set(level, [...own.get(level) ?? [], series[f]!]);
    }
    outgoing.push(own);
  });
  return { outputs, hidden, cell, rectified, pooled };
}

/** How near a ReLU's input comes to 0, or a pool's largest to another candidate, other than exactly. Reads all values. */
export async function closestTie({ rectified, pooled }: Reference): Promise<number> {
  let closest = Infinity;
  const note = (gap: number): void => {
    if (gap !== 0) closest = Math.min(closest, Math.abs(gap));
  };
  for (const x of rectified) for (const value of await x.data()) note(value);
  for (const x of pooled) {
    const [batch = 0, ...rest] = x.shape;
    const channels = rest.at(-1)!;
    const [height, width] = rest.length === 3 ? [rest[0]!, rest[1]!] : [1, rest[0]!];
    const flat = await reshape(x, [batch, height, width, channels]).data();
    const at = (b: number, r: number, s: number, k: number): number => flat[((b * height + r) * width + s) * channels + k]!;
    const rows = height === 1 ? [0] : [0, 1];
    for (let b = 0; b < batch; b++) {
      for (let r = 0; r < height; r += 2) {
        for (let s = 0; s < width; s += 2) {
          for (let k = 0; k < channels; k++) {
            const window = rows.flatMap((i) => [at(b, r + i, s, k), at(b, r + i, s + 1, k)]).sort((p, q) => q - p);
            note(window[0]! - window[1]!);
          }
        }
      }
    }
  }
  return closest;
}
