/** A window of a sparse access memory as one op: one native call forward, one backward. */
import { isRecording, record } from '../../autograd/tape.js';
import { checkInteger, checkOptions, fail, words } from '../../check.js';
import { native } from '../../native.js';
import type { Shape } from '../../tensor/shape.js';
import { checkTensor, Tensor } from '../../tensor/tensor.js';
import { checkFloat, checkShapeOf, make } from '../make.js';
import { checkController, checkLike } from './controller.js';
import {
  samIndices,
  samInterface,
  samStateShapes,
  type SamSettings,
  type SamTensors,
  type SamWeights,
  type SdncTensors,
} from './sam-state.js';
import { checkRowLengths, checkSettings, choice, flag, integer, number, type SettingRules } from './settings.js';

export interface SamWindow<S extends SamTensors = SamTensors> {
  /** [T,B,H] and [T,B,R,W]; zero where a row is past its length. */
  readonly hidden: Tensor;
  readonly words: Tensor;
  readonly state: S;
  /** So many rows can be live after the window. */
  readonly liveBound: number;
}

function checkInputs(x: Tensor, weights: SamWeights | null, state: SamTensors, s: SamSettings): Tensor[] {
  const op = 'samWindow';
  checkFloat(op, 'x', x);
  checkSettings(op, s, SETTINGS);
  if ((s.index === 'lsh' || s.index === 'kdtree') && x.device.type !== 'cpu') {
    fail('ERR_MG_DEVICE', op, `index 'live' or 'linear' on ${x.device.id}, ${s.index} being for the CPU`, s.index);
  }
  const own = checkController(op, x, weights, {
    hidden: s.hidden,
    interface: samInterface(s).size,
    read: s.heads * s.wordSize,
  });
  const batch = x.shape[1]!;
  checkOptions(op, state, Object.keys(samStateShapes(s, batch, 1)), 'state');
  const capacity = checkTensor(op, 'memory', state.memory).shape[1] ?? 0;
  const shapes = Object.entries(samStateShapes(s, batch, capacity)) as [keyof SamTensors, Shape][]; // or of links
  return [
    ...own,
    ...shapes.map(([name, shape]) => {
      if (!samIndices.has(name)) return checkLike(op, x, name, state[name], shape, 'of the state');
      const tensor = checkTensor(op, name, state[name]);
      if (tensor.dtype !== 'int32') fail('ERR_MG_DTYPE', op, `${name} of int32`, words(tensor.dtype));
      checkShapeOf(op, name, tensor, shape, 'of the state');
      return tensor;
    }),
  ];
}

const INDEXES = ['live', 'linear', 'lsh', 'kdtree'] as const; // by their native numbers
const SETTINGS: SettingRules<SamSettings> = {
  slots: integer(1),
  wordSize: integer(1),
  heads: integer(1),
  reads: integer(1),
  hidden: integer(0),
  strength: flag,
  index: choice(...INDEXES),
  checks: integer(1),
  links: integer(0),
  linkRead: choice('rows', 'paper'),
  forgetBias: number(-Infinity),
  clip: number(0),
  epsilon: number(0),
  delta: number(0),
};
const MEMORY = 5; // its place among the inputs of the native call
const OUTPUTS = 14; // hidden, words, and the state
const NAMES = Object.keys(samStateShapes({ wordSize: 1, heads: 1, reads: 1, hidden: 1, links: 1 } as SamSettings, 1, 1));
/** Outputs that are int32, and those that no gradient passes through. */
const IS_INDEX = [false, false, ...NAMES.map((name) => samIndices.has(name))];
const IS_CONSTANT = [false, false, ...NAMES.map((name, i) => i >= 8 || samIndices.has(name))];

/**
 * T steps of a sparse access memory from `state` (Rae et al., NIPS 2016): per step the LSTM controller on [x, words, hidden], the
 * interface vector, and for each head a write to the K rows it read before and to the least recently accessed slot, which is
 * erased first, then a read of the K rows of the greatest cosine.
 * x [T,B,I] · float32 | float64 · the same bits for any number of threads. Time and memory of a step do not depend on N. Saves
 * for each step the rows that it changed; backward rolls one copy of the touched rows back. `liveBound`: at most so many rows of
 * `state` are live. `lengths` [B] counts the steps of each row; then it keeps its state and gives zeros. `isStateSpent`: the
 * caller disposes of `state` right after; then memory and ring, if nobody else holds them and nothing is recorded, are changed in
 * place. Without weights (hidden 0) x is the raw interface [T,B,D]. A state with indices that cannot be gives NaN.
 * Index `lsh` and `kdtree`: the K best of the rows that an index names, `checks` if there are as many, and of those never
 * touched; of all rows, the same bits then, where no more than `checks` are live or fewer than K are named. A window begins by
 * indexing all live rows, a step renews those that it changes; a program (of a session) keeps its index from run to run.
 * lsh: 8 tables, in each a list of the rows on the same sides of max(4, ⌈log₂N⌉ − 4) random planes; the lists of the query, then
 * those beyond one plane, whole lists, so some rows more. What is found does not depend on how windows are cut.
 * kdtree: 4 randomised trees over rows of unit length, nearest parts first; built anew after N rows that joined, or when their
 * nodes are used up. What is found depends on when they were built, so on where windows are cut.
 * Throws ERR_MG_SHAPE, ERR_MG_DTYPE; ERR_MG_DEVICE for these two on a GPU.
 */
export function samWindow<S extends SamTensors>(
  x: Tensor,
  weights: SamWeights | null,
  state: S,
  liveBound: number,
  settings: SamSettings,
  lengths: Int32Array | null = null,
  isStateSpent = false,
): SamWindow<S> {
  const op = 'samWindow';
  const s = settings;
  const inputs = checkInputs(x, weights, state, s);
  checkInteger(op, 'liveBound', liveBound, 0);
  const [steps, batch, width] = x.shape as [number, number, number];
  const none = Array.from({ length: 8 }, (_, i) => (
    Tensor.zeros([0], { dtype: i === 4 || i === 6 ? 'int32' : x.dtype, device: x.device })
  ));
  const noWeights = weights === null ? none.slice(0, 4) : [];
  const all = [x, ...noWeights, ...inputs.slice(1), ...(s.links === 0 ? none.slice(4) : [])];
  const recorded = isRecording() && inputs.some((input) => input.requiresGrad);
  const isOwn = isStateSpent && !recorded && changedInPlace(state).every((tensor) => tensor.isSoleOwner);
  const place = state.memory.shape[1]!;
  const most = s.index === 'linear' ? s.slots : Math.min(s.slots, liveBound + steps * (s.heads + s.reads));
  const inPlace = isOwn && most <= place;
  const capacity = inPlace ? place : isOwn ? Math.max(most, Math.min(s.slots, 2 * place)) : most;
  const sizes = [steps, batch, width, s.hidden, s.slots, s.wordSize, s.heads, s.reads, s.links, place, capacity, liveBound];
  const flagged = [Number(s.strength), Number(s.linkRead === 'paper'), INDEXES.indexOf(s.index), s.checks];
  const dims = Int32Array.of(...sizes, ...flagged);
  const ends = lengths === null ? new Int32Array(0) : checkRowLengths(op, lengths, steps, batch);
  const numbers = [s.forgetBias, s.clip, s.epsilon, s.delta] as const;
  const flags = Int32Array.of(Number(recorded), Number(inPlace));
  const storages = native().samForward(all.map((t) => t.storage(op)), ends, dims, ...numbers, flags);
  const shapes = samStateShapes(s, batch, capacity);
  const resultShapes: Shape[] = [[steps, batch, s.hidden], [steps, batch, s.heads, s.wordSize], ...Object.values(shapes)];
  const results = resultShapes.map((shape, i) => (
    IS_INDEX[i]! ? new Tensor(storages[i]!, shape, 'int32') : make(storages[i]!, shape, x)
  ));
  for (const unused of storages.slice(results.length, OUTPUTS)) native().release(unused); // links of a memory without them
  const free = results.filter((_, i) => !IS_CONSTANT[i]!);
  const trace = storages.slice(OUTPUTS).map((storage, i) => {
    const shape = [recorded ? traceSizes(s, steps, batch, capacity)[i]! : 0];
    return TRACED_INDEX.has(i) ? new Tensor(storage, shape, 'int32') : make(storage, shape, x);
  });
  record(op, inputs, free, [...all, ...free.slice(0, 3), ...trace], (dys, saved, needs) => {
    const given = saved.map((t) => t.storage(op));
    const [first, rest] = [all.length, all.length + 3];
    let next = 0;
    const gradients = IS_CONSTANT.map((isConstant) => (isConstant ? null : dys[next++]?.storage(op) ?? null));
    const wanted = Int32Array.of(Number(needs[MEMORY - noWeights.length]!), 0);
    const made = native().samBackward(
      given.slice(0, first),
      given.slice(first, rest),
      given.slice(rest),
      gradients,
      ends,
      dims,
      ...numbers,
      wanted,
    );
    next = 0;
    const tensors = saved.slice(0, first).map((input, i) => (
      (i >= MEMORY && IS_CONSTANT[i - MEMORY + 2]!) || (i === MEMORY && wanted[0] === 0)
        ? null
        : make(made[next++]!, input.shape, input)
    ));
    for (const unused of tensors.slice(1, 1 + noWeights.length)) unused?.dispose();
    return [tensors[0]!, ...tensors.slice(1 + noWeights.length, 1 + noWeights.length + inputs.length - 1)];
  });
  for (const tensor of [...trace, ...none]) tensor.dispose();
  const after = Object.fromEntries(Object.keys(shapes).map((name, i) => [name, results[2 + i]!])) as unknown as S;
  return { hidden: results[0]!, words: results[1]!, state: after, liveBound: most };
}

/** What grows with the live rows. */
function changedInPlace(state: SamTensors & Partial<SdncTensors>): Tensor[] {
  const { memory, ring, linkSlots, linkWeights } = state;
  return [memory, ring, ...(linkSlots && linkWeights ? [linkSlots, linkWeights] : [])];
}

const TRACED_INDEX: ReadonlySet<number> = new Set([3, 4, 6]);

/** Elements of what a window saves: gates, cells, changed rows and their slots, read slots and weights, and mixes. */
function traceSizes(s: SamSettings, steps: number, batch: number, capacity: number): number[] {
  const { heads: R, reads: K, links: L } = s;
  const written = R * (K + 1);
  const all = capacity + K;
  const mixed = L === 0 ? 0 : s.linkRead === 'paper' ? all : Math.min(all, K + 2 * K * L);
  const each = [
    4 * s.hidden,
    s.hidden,
    written * s.wordSize,
    written,
    R * K,
    R * K,
    R * mixed,
    3 * R * mixed,
  ];
  return each.map((n) => steps * batch * n);
}
