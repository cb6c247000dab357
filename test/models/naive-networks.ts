// LSTM layers, an NTM and a DNC's controller from their equations, one sample at a time, in loops over double-precision numbers.

export type Row = readonly number[];
/** Weights by name as the models name them, each as rows. */
export type Weights = Readonly<Record<string, readonly Row[]>>;

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const dot = (a: Row, b: Row): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const clamp = (x: Row, limit: number): number[] => x.map((v) => Math.min(limit, Math.max(-limit, v)));

function softmax(x: Row): number[] {
  const powers = x.map((v) => Math.exp(v - Math.max(...x)));
  return powers.map((v) => v / powers.reduce((a, b) => a + b, 0));
}

/** x·W + b of the weights `name.weight` and `name.bias`. */
export function affine(weights: Weights, name: string, x: Row): number[] {
  return weights[`${name}.bias`]![0]!.map((b, k) => x.reduce((sum, v, i) => sum + v * weights[`${name}.weight`]![i]![k]!, b));
}

export interface Cell {
  readonly hidden: Row;
  readonly cell: Row;
}

/** One step over [x ; hidden]; gates in the order input, candidate, forget, output. */
export function lstm(weights: Weights, name: string, x: Row, before: Cell, forgetBias: number): Cell {
  const size = before.hidden.length;
  const gates = affine(weights, name, [...x, ...before.hidden]);
  const cell = before.cell.map((c, k) => (
    sigmoid(gates[2 * size + k]! + forgetBias) * c + sigmoid(gates[k]!) * Math.tanh(gates[size + k]!)
  ));
  return { hidden: cell.map((c, k) => sigmoid(gates[3 * size + k]!) * Math.tanh(c)), cell };
}

/** A DNC's controller: as `lstm`, and what leaves and what is carried are both brought into ±limit. */
export function clippedLstm(weights: Weights, x: Row, before: Cell, forgetBias: number, limit: number): Cell {
  const { hidden, cell } = lstm(weights, 'controller', x, before, forgetBias);
  return { hidden: clamp(hidden, limit), cell: clamp(cell, limit) };
}

export const clippedAffine = (weights: Weights, name: string, x: Row, limit: number): number[] => (
  clamp(affine(weights, name, x), limit)
);

export interface NaiveNtm {
  readonly slots: number;
  readonly wordSize: number;
  readonly readHeads: number;
  readonly writeHeads: number;
  readonly controller: 'lstm' | 'feedforward';
  readonly order: 'readFirst' | 'writeFirst';
  readonly clip: number;
}

export interface NaiveNtmState extends Cell {
  readonly memory: readonly Row[];
  readonly readWeights: readonly Row[];
  readonly writeWeights: readonly Row[];
  readonly readWords: readonly Row[];
}

/** A new episode: memory as learned, weights the softmax and words the tanh of what is learned. */
export function ntmStart(weights: Weights, hidden: number): NaiveNtmState {
  const zeros = new Array<number>(hidden).fill(0);
  return {
    memory: weights['initialMemory']!,
    readWeights: weights['initialReadWeights']!.map(softmax),
    writeWeights: weights['initialWriteWeights']!.map(softmax),
    readWords: weights['initialWords']!.map((row) => row.map(Math.tanh)),
    hidden: zeros,
    cell: zeros,
  };
}

/** Content, interpolation, circular shift by −1, 0, 1 and sharpening (Graves, Wayne, Danihelka 2014, §3.3). */
function address(memory: readonly Row[], raw: Row, before: Row, word: number): number[] {
  const [key, rest] = [raw.slice(0, word), raw.slice(word)];
  const size = (x: Row): number => Math.sqrt(dot(x, x));
  const content = softmax(memory.map((row) => softplus(rest[0]!) * dot(key, row) / (size(key) * size(row) + 1e-8)));
  const gated = content.map((c, i) => sigmoid(rest[1]!) * c + (1 - sigmoid(rest[1]!)) * before[i]!);
  const shift = softmax(rest.slice(2, 5));
  const slots = memory.length;
  const shifted = gated.map((_, i) => [-1, 0, 1].reduce((sum, by, m) => sum + shift[m]! * gated[(i - by + slots) % slots]!, 0));
  const sharp = shifted.map((w) => w ** (1 + softplus(rest[5]!)));
  return sharp.map((w) => w / sharp.reduce((a, b) => a + b, 0));
}

/**
 * One step. What the controller says, in order: for each read head key, strength, gate, shift and sharpening; then for each write
 * head the same with what is erased and added behind it.
 */
export function ntmStep(weights: Weights, x: Row, state: NaiveNtmState, s: NaiveNtm): { y: Row; state: NaiveNtmState } {
  const { wordSize: W } = s;
  const seen = [...x, ...state.readWords.flat()];
  const relu = (v: Row): number[] => v.map((one) => Math.max(0, one));
  const { hidden, cell } = s.controller === 'lstm' ?
    lstm(weights, 'controller', seen, state, 1)
    : { hidden: relu(affine(weights, 'controller', seen)), cell: state.cell };
  const raw = clamp(affine(weights, 'heads', hidden), s.clip);
  const head = (begin: number, size: number, k: number): Row => raw.slice(begin + k * size, begin + (k + 1) * size);
  const reads = state.readWeights.map((_, k) => head(0, W + 6, k));
  const writes = state.writeWeights.map((_, k) => head(s.readHeads * (W + 6), 3 * W + 6, k));
  const writeWeights = writes.map((one, k) => address(state.memory, one, state.writeWeights[k]!, W));
  let { memory } = state;
  writes.forEach((one, k) => {
    const [erase, add] = [one.slice(W + 6, 2 * W + 6).map(sigmoid), one.slice(2 * W + 6)];
    const weight = writeWeights[k]!;
    memory = memory.map((row, i) => row.map((m, w) => m * (1 - weight[i]! * erase[w]!) + weight[i]! * add[w]!));
  });
  const read = s.order === 'readFirst' ? state.memory : memory;
  const readWeights = reads.map((one, k) => address(read, one, state.readWeights[k]!, W));
  const readWords = readWeights.map((w) => read[0]!.map((_, column) => dot(w, read.map((row) => row[column]!))));
  const y = clamp(affine(weights, 'output', [...hidden, ...readWords.flat()]), s.clip);
  return { y, state: { memory, readWeights, writeWeights, readWords, hidden, cell } };
}
