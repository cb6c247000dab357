/** Write weights worked out of two states, against the equation of the memory and against loops over numbers. */
import { describe, expect, it } from 'vitest';
import { models, noGrad, ops, Rng, scope, Tensor } from '../../../lib/index.js';
import type { HeadWeights } from '../../../lib/models/memory-view.js';
import type { TensorState } from '../../../lib/nn/tensor-state.js';
import { damStart, damStep, samRaw, samStart, samStep, type NaiveRaw } from './naive-sam.js';

const [STEPS, BATCH, INPUTS, SLOTS, WORD, HEADS, READS] = [24, 2, 4, 12, 3, 2, 3] as const;
const shared = {
  inputs: INPUTS,
  outputs: 2,
  slots: SLOTS,
  wordSize: WORD,
  hidden: 5,
  dtype: 'float64',
  rng: new Rng(4),
} as const;
const naive = { slots: SLOTS, wordSize: WORD, heads: HEADS, reads: READS, delta: 0.005, strength: true, discount: 0.99 };

const sparse = { ...shared, heads: HEADS, reads: READS };
const makers = {
  SAM: () => new models.SAM(sparse),
  'SAM, all rows': () => new models.SAM({ ...sparse, index: 'linear' }),
  SDNC: () => new models.SDNC({ ...sparse, links: 2 }),
  DAM: () => new models.DAM({ ...shared, heads: HEADS }),
} as const;
type Model = Pick<models.SAM, 'step' | 'initialState' | 'stateDict'> & {
  writes(before: unknown, after: unknown): Promise<HeadWeights>;
};

/** [B][H][N]. */
function dense({ heads, weights, slots }: HeadWeights): number[][][] {
  const each = weights.length / BATCH / heads;
  return Array.from({ length: BATCH }, (_, b) =>
    Array.from({ length: heads }, (_h, h) => {
      const row = new Array<number>(SLOTS).fill(0);
      for (let k = 0; k < each; k++) {
        const at = (b * heads + h) * each + k;
        const slot = slots === null ? k : slots[at]!;
        if (slot >= 0) row[slot]! += weights[at]!;
      }
      return row;
    }));
}

/** ξ = h·W + b of row b, in its parts. */
function raw(model: Model, hidden: ArrayLike<number>, b: number, size: number): NaiveRaw {
  const weights = model.stateDict();
  const [w, bias] = ['interface.weight', 'interface.bias'].map((name) => weights.get(name)!.dataSync());
  const width = hidden.length / BATCH;
  const xi = Array.from({ length: size }, (_, d) => (
    Array.from({ length: width }, (_h, h) => hidden[b * width + h]! * w![h * size + d]!).reduce((sum, x) => sum + x, bias![d]!)
  ));
  return samRaw(xi, naive);
}

/** Row n of the memory of row b, whether it is stored or not. */
function row(memory: Tensor, live: ArrayLike<number> | undefined, b: number, n: number): number[] {
  const rows = memory.shape[1]!;
  const stored = live === undefined ? rows : live[2 * b]!;
  const data = memory.dataSync();
  return Array.from({ length: WORD }, (_, k) => (n < stored ? data[(b * rows + n) * WORD + k]! : 1e-6));
}

describe.each(Object.entries(makers))('what %s writes', (name, make) => {
  it('makes the memory after a step of the one before it, and is what its equations say', async () => {
    using _ = scope();
    const model = make() as unknown as Model;
    const links = name === 'SDNC' ? 2 : 0;
    const { size } = ops.samInterface({ wordSize: WORD, heads: HEADS, strength: true, links });
    const x = Tensor.normal([STEPS, BATCH, INPUTS], [0, 2], new Rng(9), { dtype: 'float64' });
    let state = model.initialState(BATCH);
    expect(dense(await model.writes(null, state)).flat(2).every((w) => w === 0)).toBe(true);
    let [sam, dam] = [Array.from({ length: BATCH }, () => samStart(naive)), Array.from({ length: BATCH }, () => damStart(naive))];
    const erased = new Set<number>();
    for (const frame of ops.unstack(x)) {
      const before = state;
      state = noGrad(() => model.step(frame, before)).state;
      const values = (of: typeof state) => (of as unknown as TensorState).toTensors();
      const [was, is] = [values(before), values(state)];
      const written = dense(await model.writes(before, state));
      for (let b = 0; b < BATCH; b++) {
        const said = raw(model, is.get('hidden')!.dataSync(), b, size);
        const [sparseStep, denseStep] = [samStep(said, sam[b]!, naive), damStep(said, dam[b]!, naive)];
        [sam[b], dam[b]] = [sparseStep.state, denseStep.state];
        const wanted = name === 'DAM' ? denseStep : sparseStep;
        // The same sums of some hundred products in another order.
        if (name !== 'SDNC')
          written[b]!.forEach((w, h) => w.forEach((x, n) => expect(x).toBeCloseTo(wanted.writeWeights[h]![n]!, 9)));
        let gone = 0;
        for (let n = 0; n < SLOTS; n++) {
          const [old, now] = [
            row(was.get('memory')!, was.get('counts')?.dataSync(), b, n),
            row(is.get('memory')!, is.get('counts')?.dataSync(), b, n),
          ];
          const added = old.map((_m, k) => written[b]!.reduce((sum, w, h) => sum + w[n]! * said.add[h]![k]!, 0));
          const isKept = now.every((m, k) => Math.abs(m - old[k]! - added[k]!) < 1e-9);
          const isErased = now.every((m, k) => Math.abs(m - added[k]!) < 1e-9);
          expect([n, isKept || isErased]).toEqual([n, true]);
          if (isErased && !isKept) {
            gone += 1;
            erased.add(n);
          }
        }
        expect(gone).toBe(HEADS);
      }
    }
    expect(erased.size).toBeGreaterThan(HEADS * 3); // slots are used again
  });
});
