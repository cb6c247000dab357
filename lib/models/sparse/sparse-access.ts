// What memories of sparse reads and writes share: options, parameters, and how a window is run.

import { checkInstance, checkInteger, fail } from '../../check.js';
import { clip, concat, reshape, samInterface, samStateShapes, samWindow, samZeros } from '../../ops/index.js';
import type { SamSettings, SamTensors } from '../../ops/index.js';
import { samIndexNumbers } from '../../ops/memories/sam-state.js';
import { boolean, choice, integer, nullable, number, object, optional, type Data } from '../../schema.js';
import type { FloatDType } from '../../tensor/dtype.js';
import { sizeOf } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Affine } from '../affine.js';
import { checkedRows, SAMState, withPlaces } from './sam-state.js';
import type { SessionParts } from '../session-parts.js';
import { SequenceModel, type RowCost, type SequenceOptions } from '../sequence-model.js';
import { namedTensors } from '../../nn/tensor-state.js';
import type { HeadWeights } from '../memory-view.js';
import { startBias, startOptions } from './start.js';
import { noWrites, oldestSlots, writeGates } from './writes.js';

const MOST_SLOTS = 2 ** 28;
/** Steps from a new episode on for which a session has room at first. */
const SESSION_STEPS = 64;
const size = (): ReturnType<typeof integer> => integer(1, MOST_SLOTS);

/** Options of a SAM as run files have them. */
export const samOptions = object({
  /**
   * N, at least heads·(reads + 1); default 65,536. What is never written takes no memory and no time. A step erases a slot for
   * each head, the least recently accessed ones: what was written and not read since lasts N/heads steps, if all heads write.
   */
  slots: optional(size()),
  /** W; default 32. */
  wordSize: optional(size()),
  /** R, heads that write and read; default 4. */
  heads: optional(size()),
  /** K, rows that each head reads; default 4. */
  reads: optional(size()),
  /** Units of the LSTM controller; default 100. */
  hidden: optional(size()),
  /**
   * How rows are found: `live` (default), exact, among those that were ever touched; `linear`, exact, among all, which then are
   * all stored; the same bits come of both. On the CPU also what the article used: `lsh`, by the sides of random planes, and
   * `kdtree`, by randomised trees; they miss some. At the beginning of each window all rows are indexed anew; a session keeps
   * its index from step to step. What `kdtree` finds depends on where windows are cut.
   */
  index: optional(choice('live', 'linear', 'lsh', 'kdtree')),
  /** Rows that `lsh` and `kdtree` compare with a query; default 32. Where no more were touched, the search is exact. */
  checks: optional(size()),
  /** Whether each head has a strength 1 + softplus; default true. False: it is 1. */
  strength: optional(boolean()),
  /** What gates and strengths are at the start. */
  start: optional(startOptions),
  /** Hidden, cell and output are brought into ±clip; default 20, null: never. */
  clip: optional(nullable(number(0))),
});

export interface SAMOptions extends SequenceOptions, Data<typeof samOptions> {}

/** Settings of the op, from checked options. Throws ERR_MG_ARGUMENT where they do not fit each other. */
function settingsOf(name: string, own: Data<typeof samOptions>, links: Pick<SamSettings, 'links' | 'linkRead'>): SamSettings {
  const { slots = 65_536, wordSize = 32, heads = 4, reads = 4, hidden = 100 } = own;
  const { strength = true, index = 'live', checks = 32, clip = 20 } = own;
  const settings: SamSettings = {
    ...{ slots, wordSize, heads, reads, hidden, strength, index, checks },
    ...links,
    forgetBias: 1,
    clip: clip ?? 0,
    epsilon: 1e-6,
    delta: 0.005,
  };
  if (reads > slots) fail('ERR_MG_ARGUMENT', name, `reads to be at most the ${slots} slots`, reads);
  const least = heads * (reads + 1);
  if (least > slots) fail('ERR_MG_ARGUMENT', name, `at least heads·(reads + 1) = ${least} slots`, slots);
  return settings;
}

/** An LSTM controller, its interface and its output around the native window. */
export abstract class SparseAccess<Name extends string> extends SequenceModel<SAMState<Name>> {
  readonly settings: SamSettings;
  readonly #controller: Affine;
  readonly #interface: Affine;
  readonly #output: Affine;

  protected constructor(
    name: string,
    options: SequenceOptions,
    own: Data<typeof samOptions>,
    links: Pick<SamSettings, 'links' | 'linkRead'>,
  ) {
    super(name, options);
    this.settings = settingsOf(name, own, links);
    const { heads, hidden, wordSize } = this.settings;
    const words = heads * wordSize;
    this.#controller = this.addPart(
      'controller',
      new Affine(this.inputs + words + hidden, 4 * hidden, true, this.partOptions('controller')),
    );
    this.#interface = this.addPart(
      'interface',
      new Affine(
        hidden,
        samInterface(this.settings).size,
        startBias(this.settings, own.start, options.dtype),
        this.partOptions('interface'),
      ),
    );
    this.#output = this.addPart('output', new Affine(hidden + words, this.outputs, false, this.partOptions('output')));
  }

  /** Numbers in the memory matrix, N·W. */
  protected override memoryCells(): number {
    return this.settings.slots * this.settings.wordSize;
  }

  /** A state holds the rows that such a window can touch, from a new episode on. */
  protected rowCost(steps: number): RowCost {
    const { slots, heads: R, reads: K, hidden: H, wordSize: W, links: L, index, checks, linkRead } = this.settings;
    const rows = index === 'linear' ? slots : Math.min(slots, (R + K) * (steps + 1));
    const state = Object.values(samStateShapes(this.settings, 1, rows)).reduce((sum, shape) => sum + sizeOf(shape), 0);
    const mixed = L === 0 ? K : linkRead === 'paper' ? rows + K : Math.min(rows + K, K + 2 * K * L);
    const [words, size] = [R * W, samInterface(this.settings).size];
    const tape = R * (K + 1) * (W + 1) + 2 * R * K + 5 * R * mixed;
    const replay = Math.min(rows / steps, R * (K + 1 + mixed)) * (2 * W + 2) + R * (2 * K + 1 + mixed);
    const controller = this.inputs + 14 * H + 2 * size + 6 * words;
    const searched = index === 'lsh' || index === 'kdtree' ? Math.min(rows, R * checks) : rows;
    const access = searched * W * (R + 1) + 6 * W * R * (K + 1 + mixed) + 8 * R * (K + 1) * L;
    const held = samIndexNumbers(this.settings, rows);
    return { state, step: tape + replay + controller, held, flops: this.matrixFlops() + access };
  }

  initialState(batch: number): SAMState<Name> {
    checkInteger(this.constructor.name, 'batch', batch, 1);
    const { dtype, device } = this.#controller.weight;
    const zeros = samZeros(this.settings, batch, { dtype: dtype as FloatDType, device });
    return new SAMState(zeros as unknown as Readonly<Record<Name, Tensor>>, 0);
  }

  /** The state whose `toTensors` gave this map. Throws ERR_MG_CHECKPOINT where its sizes are others, or its indices cannot be. */
  stateFromTensors(tensors: ReadonlyMap<string, Tensor>): SAMState<Name> {
    const names = Object.keys(samStateShapes(this.settings, 1, 1)) as Name[];
    const named = namedTensors('SAMState', names, tensors);
    return new SAMState(named, checkedRows(named, this.settings));
  }

  /** Rows of a session's state double when the next step could touch more than there are, up to all slots. @internal */
  protected override sessionParts(where: string, batch: number): SessionParts<SAMState<Name>> {
    const parts = super.sessionParts(where, batch);
    const { slots, heads, reads } = this.settings;
    const touched = heads + reads; // by a step, at most
    const padded = (state: SAMState<Name>, places: number): SAMState<Name> => withPlaces(state, this.settings, places);
    let bound = Infinity; // so many rows are live at most; unknown after a jump
    return {
      ...parts,
      step: (input, state) => {
        const places = state.places === slots ? slots : state.places - touched; // `roomier` sees to it
        return parts.step(input, new SAMState(state.values, places));
      },
      growth: {
        roomier: (state) => {
          if (state.places === slots) return null;
          bound += touched;
          if (bound <= state.places) return null;
          bound = state.live() + touched;
          return bound <= state.places ? null : padded(state, Math.min(slots, 2 * state.places));
        },
        fitted: (given, own) => {
          bound = Infinity;
          return padded(given, Math.min(slots, Math.max(given.places, own.places, SESSION_STEPS * touched)));
        },
      },
    };
  }

  /**
   * What the step from `before` to `after` wrote (of a new episode: nothing), [B,R,K+1] of the slots that were read before and of
   * the one that was erased.
   */
  async writes(before: SAMState<Name> | null, after: SAMState<Name>): Promise<HeadWeights> {
    const { heads, reads, slots } = this.settings;
    checkInstance(`${this.constructor.name}.writes`, 'after', after, SAMState, 'a SAMState');
    if (before !== null) checkInstance(`${this.constructor.name}.writes`, 'before', before, SAMState, 'a SAMState or null');
    const { hidden, memory } = after.values as unknown as SamTensors;
    const [batch, rows] = memory.shape as [number, number];
    if (before === null) return noWrites(heads, batch, rows);
    const { ring, counts, readSlots, readWeights } = before.values as unknown as SamTensors;
    const [gates, nodes, count, named, weights] = await Promise.all([
      writeGates(this.#interface, hidden, this.settings),
      ring.data(),
      counts.data(),
      readSlots.data(),
      readWeights.data(),
    ]);
    const each = reads + 1;
    const out = { weights: new Float64Array(batch * heads * each), slots: new Int32Array(batch * heads * each).fill(-1) };
    for (let b = 0; b < batch; b++) {
      const [live, front] = [count[2 * b]!, count[2 * b + 1]!];
      const erased = oldestSlots(nodes.subarray(b * ring.size / batch), live, front, slots, heads);
      for (let h = b * heads; h < (b + 1) * heads; h++) {
        for (let k = 0; k < reads; k++) {
          const slot = named[h * reads + k]!;
          if (slot < 0 || slot >= live) continue;
          out.slots[h * each + k] = slot;
          out.weights[h * each + k] = gates.kept[h]! * weights[h * reads + k]!;
        }
        out.slots[h * each + reads] = erased[h - b * heads]!;
        out.weights[h * each + reads] = gates.fresh[h]!;
      }
    }
    return { heads, ...out };
  }

  protected run(
    x: Tensor,
    state: SAMState<Name>,
    lengths: Int32Array | null,
    isStateSpent: boolean,
  ): { y: Tensor; state: SAMState<Name> } {
    const weights = {
      gates: this.#controller.weight,
      gatesBias: this.#controller.bias,
      interface: this.#interface.weight,
      interfaceBias: this.#interface.bias,
    };
    const given = state.values as unknown as SamTensors;
    const run = samWindow(x, weights, given, state.liveBound, this.settings, lengths, isStateSpent);
    const { hidden, words } = run;
    const y = this.#output.forward(concat([hidden, reshape(words, [...words.shape.slice(0, 2), -1])], -1));
    return {
      y: this.settings.clip > 0 ? clip(y, this.settings.clip) : y,
      state: new SAMState(run.state as unknown as Readonly<Record<Name, Tensor>>, run.liveBound),
    };
  }
}
