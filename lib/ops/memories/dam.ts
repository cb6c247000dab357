/** A window of a dense access memory as one op: one native call forward, one backward. */
import { isRecording, record } from '../../autograd/tape.js';
import { native } from '../../native.js';
import type { FloatDType } from '../../tensor/dtype.js';
import type { Shape } from '../../tensor/shape.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkFloat, make } from '../make.js';
import { checkController, checkState } from './controller.js';
import { samInterface, type SamWeights } from './sam-state.js';
import { checkRowLengths, checkSettings, flag, integer, number, type SettingRules } from './settings.js';

export interface DamSettings {
  /** N, W, R, and H of the controller; hidden 0: there is none and the input is the raw interface. */
  readonly slots: number;
  readonly wordSize: number;
  readonly heads: number;
  readonly hidden: number;
  /** Each head has a strength 1 + softplus, else it is 1. */
  readonly strength: boolean;
  readonly forgetBias: number;
  /** Hidden and cell are brought into −clip … clip; 0: they are left alone. */
  readonly clip: number;
  /** Under the norms and in the cosine. */
  readonly epsilon: number;
  /** λ of the usage. */
  readonly discount: number;
}

/** The state of a batch, in the order of the native call. No gradient passes through the usage. */
export interface DamTensors {
  readonly memory: Tensor;
  readonly usage: Tensor;
  readonly readWeights: Tensor;
  readonly readWords: Tensor;
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

export interface DamWindow {
  /** [T,B,H] and [T,B,R,W]; zero where a row is past its length. */
  readonly hidden: Tensor;
  readonly words: Tensor;
  readonly state: DamTensors;
}

/** Shapes of the state of a batch, in the order of {@link DamTensors}. */
export function damStateShapes(s: DamSettings, batch: number): { readonly [Name in keyof DamTensors]: Shape } {
  checkSettings('damStateShapes', s, SETTINGS);
  const { slots: N, wordSize: W, heads: R, hidden: H } = s;
  return {
    memory: [batch, N, W],
    usage: [batch, N],
    readWeights: [batch, R, N],
    readWords: [batch, R, W],
    hidden: [batch, H],
    cell: [batch, H],
  };
}

/** The state of a new episode: a memory of 1e-6, everything else zero. */
export function damStart(
  s: DamSettings,
  batch: number,
  options: { readonly dtype?: FloatDType; readonly device?: Tensor['device'] } = {},
): DamTensors {
  const start = Object.entries(damStateShapes(s, batch)).map((
    [name, shape],
  ) => [name, name === 'memory' ? Tensor.full(shape, 1e-6, options) : Tensor.zeros(shape, options)]);
  return Object.fromEntries(start) as DamTensors;
}

const SETTINGS: SettingRules<DamSettings> = {
  slots: integer(1),
  wordSize: integer(1),
  heads: integer(1),
  hidden: integer(0),
  strength: flag,
  forgetBias: number(-Infinity),
  clip: number(0),
  epsilon: number(0),
  discount: number(0),
};
const OUTPUTS = 8; // hidden, words, and the state

/**
 * T steps of a dense access memory from `state` (Rae et al., NIPS 2016): as `samWindow`, but each head reads all N slots by
 * content and writes to all of them, and the slot erased is that of the least usage, discounted.
 * x [T,B,I] · float32 | float64 · the same bits for any number of threads. Saves the read weights of each step; backward makes
 * the memories of all steps again, (T+1)·N·W numbers for each sample that a thread works on. Throws ERR_MG_SHAPE, ERR_MG_DTYPE.
 */
export function damWindow(
  x: Tensor,
  weights: SamWeights | null,
  state: DamTensors,
  settings: DamSettings,
  lengths: Int32Array | null = null,
): DamWindow {
  const op = 'damWindow';
  const s = settings;
  const inputs = checkInputs(x, weights, state, s);
  const [steps, batch, width] = x.shape as [number, number, number];
  const empty = weights === null ? Array.from({ length: 4 }, () => Tensor.zeros([0], { dtype: x.dtype, device: x.device })) : [];
  const all = [x, ...empty, ...inputs.slice(1)];
  const dims = Int32Array.of(steps, batch, width, s.hidden, s.slots, s.wordSize, s.heads, Number(s.strength));
  const ends = lengths === null ? new Int32Array(0) : checkRowLengths(op, lengths, steps, batch);
  const recorded = isRecording() && inputs.some((input) => input.requiresGrad);
  const numbers = [s.forgetBias, s.clip, s.epsilon, s.discount] as const;
  const flags = Int32Array.of(Number(recorded));
  const storages = native().damForward(all.map((t) => t.storage(op)), ends, dims, ...numbers, flags);
  const shapes = damStateShapes(s, batch);
  const resultShapes: Shape[] = [[steps, batch, s.hidden], [steps, batch, s.heads, s.wordSize], ...Object.values(shapes)];
  const results = resultShapes.map((shape, i) => make(storages[i]!, shape, x));
  const trace = storages.slice(OUTPUTS).map((storage, i) => {
    const shape = [recorded ? traceSizes(s, steps, batch)[i]! : 0];
    return i === 4 ? new Tensor(storage, shape, 'int32') : make(storage, shape, x);
  });
  record(op, inputs, results, [...all, results[0]!, results[1]!, ...trace], (dys, saved) => {
    const given = saved.map((t) => t.storage(op));
    const [first, rest] = [all.length, all.length + 2];
    const gradients = dys.map((dy) => dy?.storage(op) ?? null);
    const made = native().damBackward(
      given.slice(0, first),
      given.slice(first, rest),
      given.slice(rest),
      gradients,
      ends,
      dims,
      ...numbers,
    );
    const tensors = saved.slice(0, first).map((input, i) => make(made[i]!, input.shape, input));
    for (const unused of tensors.slice(1, 1 + empty.length)) unused.dispose();
    return [tensors[0]!, ...tensors.slice(1 + empty.length)];
  });
  for (const tensor of [...trace, ...empty]) tensor.dispose();
  const names = Object.keys(shapes) as (keyof DamTensors)[];
  const after = Object.fromEntries(names.map((name, i) => [name, results[2 + i]!])) as unknown as DamTensors;
  return { hidden: results[0]!, words: results[1]!, state: after };
}

function checkInputs(x: Tensor, weights: SamWeights | null, state: DamTensors, s: DamSettings): Tensor[] {
  const op = 'damWindow';
  checkFloat(op, 'x', x);
  checkSettings(op, s, SETTINGS);
  const own = checkController(op, x, weights, {
    hidden: s.hidden,
    interface: samInterface({ ...s, links: 0 }).size,
    read: s.heads * s.wordSize,
  });
  return [...own, ...checkState(op, x, state, damStateShapes(s, x.shape[1]!))];
}

/** Elements of what a window saves: gates, cells, interface, read weights, popped slots; slots rounded up to 16. */
function traceSizes(s: DamSettings, steps: number, batch: number): number[] {
  const pitch = Math.ceil(s.slots / 16) * 16;
  const each = [4 * s.hidden, s.hidden, samInterface({ ...s, links: 0 }).size, s.heads * pitch, s.heads];
  return each.map((n) => steps * batch * n);
}
