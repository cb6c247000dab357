/**
 * Multigrid layers from their definition, on nested loops in float64. Grids are [N,H,W,C] host arrays; a 1-D grid has H = 1 and
 * kernels [1,K,Cin,C]. Nothing here is shared with the library.
 */
import { at, build, type Nd } from '../helpers/nd.js';

export type Grids = Map<number, Nd>;
export type Weights = ReadonlyMap<string, Nd>;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export function up(x: Nd, dimensions: 1 | 2): Nd {
  const [N, H, W, C] = x.shape as [number, number, number, number];
  const tall = dimensions === 2 ? 2 : 1;
  return build([N, tall * H, 2 * W, C], (n, i, j, c) => at(x, n!, Math.floor(i! / tall), Math.floor(j! / 2), c!));
}

export function down(x: Nd, dimensions: 1 | 2): Nd {
  const [N, H, W, C] = x.shape as [number, number, number, number];
  const tall = dimensions === 2 ? 2 : 1;
  return build([N, H / tall, W / 2, C], (n, i, j, c) => {
    const values: number[] = [];
    for (let p = 0; p < tall; p++) for (let q = 0; q < 2; q++) values.push(at(x, n!, tall * i! + p, 2 * j! + q, c!));
    return Math.max(...values);
  });
}

/** Joined on channels. */
export function join(grids: readonly Nd[]): Nd {
  const first = grids[0]!;
  const C = grids.reduce((sum, grid) => sum + grid.shape[3]!, 0);
  return build([...first.shape.slice(0, 3), C], (n, i, j, c) => {
    let channel = c!;
    for (const grid of grids) {
      if (channel < grid.shape[3]!) return at(grid, n!, i!, j!, channel);
      channel -= grid.shape[3]!;
    }
    throw new Error('no such channel');
  });
}

/** SAME cross-correlation with zeros outside; kernel [KH,KW,Cin,C]. */
export function convolve(x: Nd, kernel: Nd, bias: Nd): Nd {
  const [N, H, W, Cin] = x.shape as [number, number, number, number];
  const [KH, KW, , C] = kernel.shape as [number, number, number, number];
  return build([N, H, W, C], (n, i, j, c) => {
    let sum = bias.data[c!]!;
    for (let p = 0; p < KH; p++) {
      for (let q = 0; q < KW; q++) {
        const [y, z] = [i! + p - (KH - 1) / 2, j! + q - (KW - 1) / 2];
        if (y < 0 || y >= H || z < 0 || z >= W) continue;
        for (let k = 0; k < Cin; k++) sum += at(x, n!, y, z, k) * at(kernel, p, q, k, c!);
      }
    }
    return sum;
  });
}

export function map(x: Nd, f: (value: number, index: number) => number): Nd {
  return { shape: x.shape, data: x.data.map(f) };
}

/** What grid `level` sees of a pyramid: coarse-up, same, fine-down, whatever there is. */
export function assembled(x: Grids, level: number, dimensions: 1 | 2): Nd {
  const parts: Nd[] = [];
  if (x.has(level - 1)) parts.push(up(x.get(level - 1)!, dimensions));
  if (x.has(level)) parts.push(x.get(level)!);
  if (x.has(level + 1)) parts.push(down(x.get(level + 1)!, dimensions));
  return join(parts);
}

/** One conv-LSTM step from gates [N,H,W,4C] in the order i, u, f, o; peephole [3,C]. */
export function cell(gates: Nd, c: Nd, forgetBias: number, peephole?: Nd): { hidden: Nd; cell: Nd } {
  const C = c.shape[3]!;
  const gate = (k: number, index: number): number => gates.data[Math.floor(index / C) * 4 * C + k * C + (index % C)]!;
  const peep = (k: number, index: number): number => peephole?.data[k * C + (index % C)] ?? 0;
  const next = map(c, (old, index) => {
    const i = sigmoid(gate(0, index) + peep(0, index) * old);
    const f = sigmoid(gate(2, index) + forgetBias + peep(1, index) * old);
    return f * old + i * Math.tanh(gate(1, index));
  });
  const hidden = map(next, (value, index) => sigmoid(gate(3, index) + peep(2, index) * value) * Math.tanh(value));
  return { hidden, cell: next };
}

export interface LayerState {
  hidden: Grids;
  cell: Grids;
}

/** One time step of a multigrid conv-LSTM layer; `weights` has `level0.kernel`, `level0.bias`, … */
export function convLstmStep(
  x: Grids,
  state: LayerState,
  weights: Weights,
  levels: readonly number[],
  dimensions: 1 | 2 = 2,
): LayerState {
  const next: LayerState = { hidden: new Map(), cell: new Map() };
  for (const level of levels) {
    const input = join([assembled(x, level, dimensions), state.hidden.get(level)!]);
    const gates = convolve(input, square(weights.get(`level${level}.kernel`)!, dimensions), weights.get(`level${level}.bias`)!);
    const result = cell(gates, state.cell.get(level)!, 1, weights.get(`level${level}.peephole`));
    next.hidden.set(level, result.hidden);
    next.cell.set(level, result.cell);
  }
  return next;
}

/** A multigrid convolution layer without normalization. */
export function convLayer(
  x: Grids,
  weights: Weights,
  levels: readonly number[],
  activation: 'relu' | 'none',
  dimensions: 1 | 2 = 2,
): Grids {
  return new Map(levels.map((level) => {
    const kernel = square(weights.get(`level${level}.kernel`)!, dimensions);
    const sum = convolve(assembled(x, level, dimensions), kernel, weights.get(`level${level}.bias`)!);
    return [level, activation === 'relu' ? map(sum, (value) => Math.max(0, value)) : sum];
  }));
}

/** A 1-D kernel [K,Cin,C] as [1,K,Cin,C]. */
function square(kernel: Nd, dimensions: 1 | 2): Nd {
  return dimensions === 2 ? kernel : { shape: [1, ...kernel.shape], data: kernel.data };
}

/** y + source on the first channels, where both have the level and the source is not wider. */
export function addShortcut(y: Grids, source: Grids): Grids {
  return new Map([...y].map(([level, grid]) => {
    const from = source.get(level);
    const C = grid.shape[3]!;
    if (from === undefined || from.shape[3]! > C) return [level, grid];
    const added = (n: number, i: number, j: number, c: number): number => (c < from.shape[3]! ? at(from, n, i, j, c) : 0);
    return [level, build(grid.shape, (n, i, j, c) => at(grid, n!, i!, j!, c!) + added(n!, i!, j!, c!))];
  }));
}

/** Memory joined behind the channels of the levels of `x`. */
export function joinMemory(x: Grids, memory: Grids): Grids {
  return new Map([...x].map(([level, grid]) => [level, memory.has(level) ? join([grid, memory.get(level)!]) : grid]));
}

export function zeroState(
  levels: readonly number[],
  sides: (level: number) => number[],
  batch: number,
  channels: number,
): LayerState {
  const zeros = (): Grids => new Map(levels.map((level) => [level, build([batch, ...sides(level), channels], () => 0)]));
  return { hidden: zeros(), cell: zeros() };
}
