// The DNC's memory access from its definition, in loops over double-precision numbers: what the fast one must equal before
// it is timed.

import { dncInterface, type DncSettings } from '../ops/index.js';

/** State of one sample, row-major. */
export interface NaiveState {
  memory: number[][];
  usage: number[];
  link: number[][][];
  precedence: number[][];
  readWeights: number[][];
  writeWeights: number[][];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const range = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));

function softmax(x: readonly number[]): number[] {
  const top = Math.max(...x);
  const powers = x.map((v) => Math.exp(v - top));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((v) => v / total);
}

function content(memory: readonly number[][], key: readonly number[], strength: number, epsilon: number): number[] {
  const size = (x: readonly number[]): number => Math.sqrt(dot(x, x) + epsilon);
  return softmax(memory.map((row) => {
    const below = size(key) * size(row) + epsilon;
    return below > 0 ? strength * dot(key, row) / below : 0;
  }));
}

function allocation(usage: readonly number[], epsilon: number): number[] {
  const s = usage.map((u) => epsilon + (1 - epsilon) * u);
  const order = s.map((_, i) => i).sort((i, j) => (1 - s[j]!) - (1 - s[i]!) || i - j);
  const result = s.map(() => 0);
  let free = 1;
  for (const i of order) {
    result[i] = (1 - s[i]!) * free;
    free *= s[i]!;
  }
  return result;
}

export function naiveStart({ slots: N, wordSize: W, readHeads: R, writeHeads: V }: DncSettings): NaiveState {
  const zeros = (count: number): number[] => range(count, () => 0);
  return {
    memory: range(N, () => zeros(W)),
    usage: zeros(N),
    link: range(V, () => range(N, () => zeros(N))),
    precedence: range(V, () => zeros(N)),
    readWeights: range(R, () => zeros(N)),
    writeWeights: range(V, () => zeros(N)),
  };
}

/**
 * One step from a raw interface vector: read words [R][W] and the state after (Graves et al. 2016; official code or paper by
 * settings).
 */
export function naiveAccess(raw: readonly number[], state: NaiveState, s: DncSettings): { words: number[][]; state: NaiveState } {
  const { slots: N, wordSize: W, readHeads: R, writeHeads: V, epsilon } = s;
  const { parts } = dncInterface(s);
  const flat = (name: string): number[] => {
    const [begin, shape] = parts[name]!;
    return raw.slice(begin, begin + shape.reduce((a, b) => a * b, 1));
  };
  const rows = (name: string): number[][] => {
    const width = parts[name]![1][1]!;
    const values = flat(name);
    return range(values.length / width, (k) => values.slice(k * width, (k + 1) * width));
  };
  const strengths = (name: string): number[] =>
    flat(name).map((x) => (
      Number(s.oneplus) + Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
    ));
  const gates = (name: string): number[] => flat(name).map(sigmoid);
  const [free, ga, gw] = [gates('freeGates'), gates('allocationGates'), gates('writeGates')];
  const modes = rows('readModes').map(softmax);
  const usage = state.usage.map((u, i) => {
    const missed = state.writeWeights.reduce((p, w) => p * (1 - w[i]!), 1);
    const kept = state.readWeights.reduce((p, w, r) => p * (1 - free[r]! * w[i]!), 1);
    return (u + (1 - u) * (1 - missed)) * kept;
  });
  const [writeKeys, writeStrengths] = [rows('writeKeys'), strengths('writeStrengths')];
  let seen = usage;
  const writeWeights = range(V, (v) => {
    const a = allocation(seen, epsilon);
    const c = content(state.memory, writeKeys[v]!, writeStrengths[v]!, epsilon);
    seen = seen.map((u, i) => u + (1 - u) * ga[v]! * gw[v]! * a[i]!);
    return range(N, (i) => gw[v]! * (ga[v]! * a[i]! + (1 - ga[v]!) * c[i]!));
  });
  const [erase, vectors] = [rows('eraseVectors').map((row) => row.map(sigmoid)), rows('writeVectors')];
  const memory = range(N, (i) =>
    range(W, (w) => {
      const left = writeWeights.reduce((m, weights, v) => m * (1 - weights[i]! * erase[v]![w]!), state.memory[i]![w]!);
      return writeWeights.reduce((m, weights, v) => m + weights[i]! * vectors[v]![w]!, left);
    }));
  const link = range(V, (v) =>
    range(N, (i) =>
      range(N, (j) => {
        const w = writeWeights[v]!;
        return i === j ? 0 : (1 - w[i]! - w[j]!) * state.link[v]![i]![j]! + w[i]! * state.precedence[v]![j]!;
      })));
  const precedence = range(V, (v) => {
    const rest = 1 - writeWeights[v]!.reduce((a, b) => a + b, 0);
    return range(N, (i) => rest * state.precedence[v]![i]! + writeWeights[v]![i]!);
  });
  const [readKeys, readStrengths] = [rows('readKeys'), strengths('readStrengths')];
  const readWeights = range(R, (r) => {
    const before = state.readWeights[r]!;
    const c = content(memory, readKeys[r]!, readStrengths[r]!, epsilon);
    const mode = modes[r]!;
    const shift = s.contentSecond ? 1 : 0;
    return range(N, (i) =>
      range(V, (v) => (
        mode[v]! * range(N, (j) => link[v]![j]![i]! * before[j]!).reduce((a, b) => a + b, 0)
        + mode[V + v + shift]! * dot(link[v]![i]!, before)
      )).reduce((a, b) => a + b, 0) + mode[s.contentSecond ? V : 2 * V]! * c[i]!);
  });
  const words = readWeights.map((w) => range(W, (k) => memory.reduce((sum, row, i) => sum + w[i]! * row[k]!, 0)));
  return { words, state: { memory, usage, link, precedence, readWeights, writeWeights } };
}
