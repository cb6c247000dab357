/** A window of a differentiable neural computer as one op: one native call forward, one backward. */
import { isRecording, record } from '../../autograd/tape.js';
import { checkInteger, checkObject } from '../../check.js';
import { native } from '../../native.js';
import type { Shape } from '../../tensor/shape.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkFloat, make } from '../make.js';
import { checkController, checkState, interfaceOf, type ControllerWeights, type Interface } from './controller.js';
import { checkRowLengths, checkSettings, flag, integer, number, type SettingRules } from './settings.js';

export interface DncSettings {
  /** N, W, R, V, and H of the controller; hidden 0: there is none and the input is the raw interface. */
  readonly slots: number;
  readonly wordSize: number;
  readonly readHeads: number;
  readonly writeHeads: number;
  readonly hidden: number;
  /** Strengths 1 + softplus (paper) instead of softplus (official code). */
  readonly oneplus: boolean;
  /** Usage passes gradient into the write weights of the step before (paper). */
  readonly usageGradient: boolean;
  /** Read modes: backward, content, forward (paper) instead of backward, forward, content. */
  readonly contentSecond: boolean;
  readonly forgetBias: number;
  /** Hidden and cell are brought into −clip … clip; 0: they are left alone. */
  readonly clip: number;
  /** Under the norms, in the cosine and in the usage. */
  readonly epsilon: number;
  /** Bytes for the link matrices that backward rebuilds. */
  readonly linkBudgetBytes: number;
}

/** Weights of the controller [I+RW+H,4H], [4H] and of the interface [H,D], [D]. */
export type DncWeights = ControllerWeights;

/** The state of a batch, in the order of the native call. */
export interface DncTensors {
  readonly memory: Tensor;
  readonly usage: Tensor;
  readonly link: Tensor;
  readonly precedence: Tensor;
  readonly readWeights: Tensor;
  readonly writeWeights: Tensor;
  readonly readWords: Tensor;
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

export interface DncWindow {
  /** [T,B,H] and [T,B,R,W]; zero where a row is past its length. */
  readonly hidden: Tensor;
  readonly words: Tensor;
  readonly state: DncTensors;
}

/** Places of the parts of the interface vector, and its size D = W(3V+R) + 3V + R(3+2V). */
export function dncInterface(s: Pick<DncSettings, 'wordSize' | 'readHeads' | 'writeHeads'>): Interface {
  checkObject('dncInterface', 'settings', s);
  for (const name of ['wordSize', 'readHeads', 'writeHeads'] as const) checkInteger('dncInterface', name, s[name], 1);
  const { wordSize: W, readHeads: R, writeHeads: V } = s;
  return interfaceOf({
    writeVectors: [V, W],
    eraseVectors: [V, W],
    freeGates: [R],
    allocationGates: [V],
    writeGates: [V],
    readModes: [R, 1 + 2 * V],
    writeKeys: [V, W],
    writeStrengths: [V],
    readKeys: [R, W],
    readStrengths: [R],
  });
}

/** Shapes of the state of a batch, in the order of {@link DncTensors}. */
export function dncStateShapes(s: DncSettings, batch: number): { readonly [Name in keyof DncTensors]: Shape } {
  checkSettings('dncStateShapes', s, SETTINGS);
  const { slots: N, wordSize: W, readHeads: R, writeHeads: V, hidden: H } = s;
  return {
    memory: [batch, N, W],
    usage: [batch, N],
    link: [batch, V, N, N],
    precedence: [batch, V, N],
    readWeights: [batch, R, N],
    writeWeights: [batch, V, N],
    readWords: [batch, R, W],
    hidden: [batch, H],
    cell: [batch, H],
  };
}

const SETTINGS: SettingRules<DncSettings> = {
  slots: integer(1),
  wordSize: integer(1),
  readHeads: integer(1),
  writeHeads: integer(1),
  hidden: integer(0),
  oneplus: flag,
  usageGradient: flag,
  contentSecond: flag,
  forgetBias: number(-Infinity),
  clip: number(0),
  epsilon: number(0),
  linkBudgetBytes: number(0),
};
const LINK = 7; // place of the link among the inputs of the native call
const OUTPUTS = 11;

function checkInputs(x: Tensor, weights: DncWeights | null, state: DncTensors, s: DncSettings): Tensor[] {
  const op = 'dncWindow';
  checkFloat(op, 'x', x);
  checkSettings(op, s, SETTINGS);
  const own = checkController(op, x, weights, {
    hidden: s.hidden,
    interface: dncInterface(s).size,
    read: s.readHeads * s.wordSize,
  });
  return [...own, ...checkState(op, x, state, dncStateShapes(s, x.shape[1]!))];
}

/**
 * T steps of the DNC from `state` (Graves et al., Nature 538, 2016, and its authors' code): per step the LSTM controller on
 * [x, words, hidden], the interface vector, usage, allocation, content, writing, temporal links and reading.
 * x [T,B,I] · float32 | float64 · the same bits for any number of threads. Saves the interface and the weightings of each step;
 * memories and links are rebuilt in backward. `lengths` [B] counts the steps of each row; then it keeps its state and gives
 * zeros. `isStateSpent`: the caller disposes of `state` right after; then the links, if nobody else holds them and nothing is
 * recorded, are renewed in place, which halves the memory that a step touches. Without weights (hidden 0) x is the raw
 * interface [T,B,D]. Throws ERR_MG_SHAPE, ERR_MG_DTYPE.
 */
export function dncWindow(
  x: Tensor,
  weights: DncWeights | null,
  state: DncTensors,
  settings: DncSettings,
  lengths: Int32Array | null = null,
  isStateSpent = false,
): DncWindow {
  const op = 'dncWindow';
  const s = settings;
  const inputs = checkInputs(x, weights, state, s);
  const [steps, batch, width] = x.shape as [number, number, number];
  const empty = weights === null ? Array.from({ length: 4 }, () => Tensor.zeros([0], { dtype: x.dtype, device: x.device })) : [];
  const all = [x, ...empty, ...inputs.slice(1)];
  const dims = Int32Array.of(
    steps,
    batch,
    width,
    s.hidden,
    s.slots,
    s.wordSize,
    s.readHeads,
    s.writeHeads,
    Number(s.oneplus),
    Number(s.usageGradient),
    Number(s.contentSecond),
  );
  const ends = lengths === null ? new Int32Array(0) : checkRowLengths(op, lengths, steps, batch);
  const recorded = isRecording() && inputs.some((input) => input.requiresGrad);
  const inPlace = isStateSpent && !recorded && state.link.isSoleOwner;
  const numbers = [s.forgetBias, s.clip, s.epsilon] as const;
  const flags = Int32Array.of(Number(recorded), Number(inPlace));
  const storages = native().dncForward(all.map((t) => t.storage(op)), ends, dims, ...numbers, flags);
  const shapes = dncStateShapes(s, batch);
  const resultShapes: Shape[] = [[steps, batch, s.hidden], [steps, batch, s.readHeads, s.wordSize], ...Object.values(shapes)];
  const results = resultShapes.map((shape, i) => make(storages[i]!, shape, x));
  const trace = storages.slice(OUTPUTS).map((storage, i) => make(storage, [recorded ? traceSizes(s, steps, batch)[i]! : 0], x));
  const first = 1 + empty.length;
  record(op, inputs, results, [...all, results[0]!, results[1]!, ...trace], (dys, saved, needs) => {
    const given = saved.map((t) => t.storage(op));
    const wantsLink = needs[LINK - empty.length]!;
    const gradients = native().dncBackward(
      given.slice(0, all.length),
      given.slice(all.length, all.length + 2),
      given.slice(all.length + 2),
      dys.map((dy) => dy?.storage(op) ?? null),
      ends,
      dims,
      ...numbers,
      Int32Array.of(Number(wantsLink)),
      s.linkBudgetBytes,
    );
    let next = 0;
    const made = saved.slice(0, all.length).map((input, i) => (
      i === LINK && !wantsLink ? null : make(gradients[next++]!, input.shape, input)
    ));
    for (const unused of made.slice(1, first)) unused?.dispose();
    return [made[0]!, ...made.slice(first)];
  });
  for (const tensor of [...trace, ...empty]) tensor.dispose();
  const names = Object.keys(shapes) as (keyof DncTensors)[];
  const after = Object.fromEntries(names.map((name, i) => [name, results[2 + i]!])) as unknown as DncTensors;
  return { hidden: results[0]!, words: results[1]!, state: after };
}

/** Elements of what a window saves: gates, cells, interface, write weights, read weights, usage; slots rounded up to 16. */
function traceSizes(s: DncSettings, steps: number, batch: number): number[] {
  const rows = steps * batch;
  const pitch = Math.ceil(s.slots / 16) * 16;
  const each = [4 * s.hidden, s.hidden, dncInterface(s).size, s.writeHeads * pitch, s.readHeads * pitch, pitch];
  return each.map((n) => rows * n);
}
