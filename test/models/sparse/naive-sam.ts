// Sparse and dense access memories from their equations, one sample at a time, in loops over double-precision numbers: every slot
// is a row, the ring is a list, links are matrices (Rae et al. 2016, with the readings that lib/ops/memories/sam.ts names).

export type Row = readonly number[];

export interface NaiveSam {
  readonly slots: number;
  readonly wordSize: number;
  readonly heads: number;
  /** K. */
  readonly reads: number;
  readonly delta: number;
  /** Without: a strength of 1. */
  readonly strength: boolean;
}

/** What a controller says, before any squashing; one entry or row for each head. */
export interface NaiveRaw {
  readonly query: readonly Row[];
  readonly add: readonly Row[];
  readonly alpha: Row;
  readonly gamma: Row;
  readonly strength: Row;
  /** Backward, content, forward. */
  readonly modes?: readonly Row[];
}

export interface Entry {
  readonly slot: number;
  readonly weight: number;
}

/** `support`: what each head read, in the order it is kept. `ring`: the least recently accessed slot first. */
export interface NaiveSamState {
  readonly memory: readonly Row[];
  readonly ring: readonly number[];
  readonly support: readonly (readonly Entry[])[];
}

export interface NaiveSamStep {
  readonly words: readonly Row[];
  readonly state: NaiveSamState;
  readonly popped: readonly number[];
  /** Of each head over all slots. */
  readonly writeWeights: readonly Row[];
  readonly moved: readonly number[];
}

const EPSILON = 1e-6;
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const oneplus = (x: number): number => 1 + Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const dot = (a: Row, b: Row): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const sum = (x: Row): number => x.reduce((a, b) => a + b, 0);
const range = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));

export function softmax(x: Row): number[] {
  const powers = x.map((v) => Math.exp(v - Math.max(...x)));
  return powers.map((v) => v / sum(powers));
}

const size = (x: Row): number => Math.sqrt(dot(x, x) + EPSILON);
export const cosine = (a: Row, b: Row): number => dot(a, b) / (size(a) * size(b) + EPSILON);

/** Places by falling value, the lower one first where values are equal. */
const falling = (values: Row): number[] => values.map((_, i) => i).sort((i, j) => values[j]! - values[i]! || i - j);

/** The parts of an interface vector: queries R·W, added words R·W, α R, γ R, strengths R unless they are 1, modes 3R. */
export function samRaw(raw: Row, s: NaiveSam, modes = false): NaiveRaw {
  const { heads: R, wordSize: W } = s;
  let at = 0;
  const take = (count: number): Row => raw.slice(at, at += count);
  const rows = (width: number): Row[] => range(R, () => take(width));
  return {
    query: rows(W),
    add: rows(W),
    alpha: take(R),
    gamma: take(R),
    strength: s.strength ? take(R) : [],
    ...(modes ? { modes: rows(3) } : {}),
  };
}

export function samStart(s: NaiveSam): NaiveSamState {
  return {
    memory: range(s.slots, () => range(s.wordSize, () => 1e-6)),
    ring: range(s.slots, (i) => i),
    support: range(s.heads, () => []),
  };
}

/** The K rows most alike to the query, and the softmax of their scaled cosines. */
function content(memory: readonly Row[], query: Row, beta: number, reads: number): Entry[] {
  const alike = memory.map((row) => cosine(query, row));
  const best = falling(alike).slice(0, reads);
  const weights = softmax(best.map((i) => beta * alike[i]!));
  return best.map((slot, k) => ({ slot, weight: weights[k]! }));
}

/** Weights of each head, popped slots, and the memory: first all erased rows, then everything that is added. */
function write(raw: NaiveRaw, state: NaiveSamState, s: NaiveSam): { weights: number[][]; popped: number[]; memory: number[][] } {
  const popped = state.ring.slice(0, s.heads);
  const weights = range(s.heads, (h) => {
    const [alpha, gamma] = [sigmoid(raw.alpha[h]!), sigmoid(raw.gamma[h]!)];
    const w = new Array<number>(s.slots).fill(0);
    for (const { slot, weight } of state.support[h]!) w[slot]! += alpha * gamma * weight;
    w[popped[h]!]! += alpha * (1 - gamma);
    return w;
  });
  const memory = state.memory.map((row, i) => (
    row.map((m, k) => weights.reduce((v, w, h) => v + w[i]! * raw.add[h]![k]!, popped.includes(i) ? 0 : m))
  ));
  return { weights, popped, memory };
}

/** The ring after a step: accessed slots go to the back, each at its last place. */
function turn(state: NaiveSamState, popped: Row, writes: readonly Row[], reads: readonly Row[], delta: number) {
  const total = state.ring.map((_, i) => sum(writes.map((w) => w[i]!)) + sum(reads.map((w) => w[i]!)));
  const read = total.map((_, i) => sum(reads.map((w) => w[i]!)));
  const others = state.support.flatMap((entries) => entries.map(({ slot }) => slot)).filter((slot) => !popped.includes(slot));
  const rising = read.map((_, i) => i).filter((i) => read[i]! > 0).sort((i, j) => read[i]! - read[j]! || i - j);
  const order = [...popped, ...others, ...rising].filter((i) => total[i]! > delta);
  const moved = order.filter((slot, k) => order.lastIndexOf(slot) === k);
  return { moved, ring: [...state.ring.filter((slot) => !moved.includes(slot)), ...moved] };
}

const dense = (entries: readonly Entry[], slots: number): number[] => {
  const w = new Array<number>(slots).fill(0);
  for (const { slot, weight } of entries) w[slot]! += weight;
  return w;
};
const readWords = (memory: readonly Row[], weights: Row): number[] =>
  memory[0]!.map((_, k) => memory.reduce((v, row, i) => v + weights[i]! * row[k]!, 0));

const strengthOf = (raw: NaiveRaw, h: number, s: NaiveSam): number => (s.strength ? oneplus(raw.strength[h]!) : 1);

export function samStep(raw: NaiveRaw, state: NaiveSamState, s: NaiveSam): NaiveSamStep {
  const { weights, popped, memory } = write(raw, state, s);
  const support = range(s.heads, (h) => content(memory, raw.query[h]!, strengthOf(raw, h, s), s.reads));
  const reads = support.map((entries) => dense(entries, s.slots));
  const { moved, ring } = turn(state, popped, weights, reads, s.delta);
  const words = reads.map((w) => readWords(memory, w));
  return { words, state: { memory, ring, support }, popped, writeWeights: weights, moved };
}

// ---- the dense counterpart

export interface NaiveDam {
  readonly slots: number;
  readonly wordSize: number;
  readonly heads: number;
  readonly discount: number;
  readonly strength: boolean;
}
export interface NaiveDamState {
  readonly memory: readonly Row[];
  readonly usage: Row;
  readonly readWeights: readonly Row[];
}

export function damStart(s: NaiveDam): NaiveDamState {
  const zeros = (): number[] => new Array<number>(s.slots).fill(0);
  return {
    memory: range(s.slots, () => range(s.wordSize, () => 1e-6)),
    usage: zeros(),
    readWeights: range(s.heads, zeros),
  };
}

export function damStep(
  raw: NaiveRaw,
  state: NaiveDamState,
  s: NaiveDam,
): { words: Row[]; state: NaiveDamState; writeWeights: Row[]; popped: number[] } {
  const asSparse: NaiveSam = { ...s, reads: s.slots, delta: 0 };
  const ring = falling(state.usage.map((u) => -u));
  const support = state.readWeights.map((w) => w.map((weight, slot) => ({ slot, weight })));
  const { weights, popped, memory } = write(raw, { memory: state.memory, ring, support }, asSparse);
  const readWeights = range(s.heads, (h) => {
    const beta = strengthOf(raw, h, asSparse);
    return softmax(memory.map((row) => beta * cosine(raw.query[h]!, row)));
  });
  const usage = state.usage.map((u, i) => (
    s.discount * u + sum(weights.map((w) => w[i]!)) + sum(readWeights.map((w) => w[i]!))
  ));
  const words = readWeights.map((w) => readWords(memory, w));
  return { words, state: { memory, usage, readWeights }, writeWeights: weights, popped };
}

// ---- with sparse temporal links

export interface NaiveLinks {
  /** N[i][j]: i was written after j; P[i][j]: i was written before j. */
  readonly after: readonly Row[];
  readonly before: readonly Row[];
  readonly precedence: Row;
}

export function linksStart(slots: number): NaiveLinks {
  const zeros = (): number[] => new Array<number>(slots).fill(0);
  return { after: range(slots, zeros), before: range(slots, zeros), precedence: zeros() };
}

/** The largest `count` numbers of a row, the lower place first; zeros elsewhere. */
function cut(row: Row, count: number): number[] {
  const kept = falling(row).slice(0, count);
  return row.map((v, i) => (kept.includes(i) ? v : 0));
}

export function linksStep(links: NaiveLinks, write: Row, count: number): NaiveLinks {
  const p = links.precedence;
  const after = links.after.map((row, i) => (
    cut(row.map((n, j) => (i === j ? 0 : (1 - write[i]!) * n + write[i]! * p[j]!)), count)
  ));
  const before = links.before.map((row, i) => (
    cut(row.map((n, j) => (i === j ? 0 : (1 - write[j]!) * n + write[j]! * p[i]!)), count)
  ));
  const rest = 1 - sum(write);
  return { after, before, precedence: cut(p.map((v, i) => rest * v + write[i]!), count) };
}

/** Reads along the order of writing and against it, by the rows of the read slots or as the article prints them. */
export function linkReads(links: NaiveLinks, read: Row, how: 'rows' | 'paper'): { forward: number[]; backward: number[] } {
  const times = (m: readonly Row[]): number[] => m.map((row) => dot(row, read));
  const transposed = (m: readonly Row[]): number[] => m.map((_, i) => sum(m.map((row, j) => row[i]! * read[j]!)));
  return how === 'paper'
    ? { forward: times(links.after), backward: times(links.before) }
    : { forward: transposed(links.before), backward: transposed(links.after) };
}

export interface NaiveSdnc extends NaiveSam {
  readonly links: number;
  readonly linkRead: 'rows' | 'paper';
}
export interface NaiveSdncState extends NaiveSamState {
  readonly links: readonly NaiveLinks[];
}

export function sdncStart(s: NaiveSdnc): NaiveSdncState {
  return { ...samStart(s), links: range(s.heads, () => linksStart(s.slots)) };
}

export function sdncStep(raw: NaiveRaw, state: NaiveSdncState, s: NaiveSdnc): NaiveSamStep & { state: NaiveSdncState } {
  const { weights, popped, memory } = write(raw, state, s);
  const links = state.links.map((one, h) => linksStep(one, weights[h]!, s.links));
  const whole = (x: Row): number[] => (sum(x) > 1 ? x.map((v) => v / sum(x)) : [...x]);
  const support: Entry[][] = [];
  const reads = range(s.heads, (h) => {
    const { forward, backward } = linkReads(links[h]!, dense(state.support[h]!, s.slots), s.linkRead);
    const [f, b] = [whole(forward), whole(backward)];
    const alike = content(memory, raw.query[h]!, strengthOf(raw, h, s), s.reads);
    const c = dense(alike, s.slots);
    const mode = softmax(raw.modes![h]!);
    const mixed = c.map((v, i) => mode[0]! * b[i]! + mode[1]! * v + mode[2]! * f[i]!);
    const there = mixed.map((v, i) => (alike.some(({ slot }) => slot === i) || f[i]! > 0 || b[i]! > 0 ? v : -1));
    support.push(falling(there).slice(0, s.reads).map((slot) => ({ slot, weight: mixed[slot]! })));
    return mixed;
  });
  const { moved, ring } = turn(state, popped, weights, reads, s.delta);
  const words = reads.map((w) => readWords(memory, w));
  return { words, state: { memory, ring, support, links }, popped, writeWeights: weights, moved };
}
