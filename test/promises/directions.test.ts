/** Row N2 for networks of vectors: the slope of twenty steps along random directions is that of finite differences. */
import { expect, it } from 'vitest';
import { ops, Rng, Tensor } from '../../lib/index.js';
import type { SequenceModel } from '../../lib/models/sequence-model.js';
import type { TensorState } from '../../lib/nn/tensor-state.js';
import { kinds, VECTOR_NAMES, type VectorName } from '../../lib/runs/kinds.js';
import { directionalError, randomize } from '../helpers/modules.js';

const alike = { slots: 6, readHeads: 2, hidden: 5 };
const STEPS = 20;

const sizes = () => ({ inputs: 3, outputs: 2, dtype: 'float64' as const, rng: new Rng(4) });
const made: Readonly<Record<VectorName, () => SequenceModel<TensorState>>> = {
  dnc: () => kinds.dnc.build({ ...kinds.dnc.beside(alike), variant: 'paper' }, sizes()), // the other stops some gradients
  ntm: () => kinds.ntm.build(kinds.ntm.beside(alike), sizes()),
  lstm: () => kinds.lstm.build({ hidden: 5, layers: 2 }, sizes()),
  sam: () => kinds.sam.build({ ...kinds.sam.beside(alike), slots: 60 }, sizes()),
  sdnc: () => kinds.sdnc.build({ ...kinds.sdnc.beside(alike), slots: 60 }, sizes()),
  dam: () => kinds.dam.build(kinds.dam.beside(alike), sizes()),
};

/** Links of the SDNC pass no gradient on, so that only what stands behind its memory has the slope of the whole. */
const only: Partial<Record<VectorName, RegExp>> = { sdnc: /^output/ };

it.each(VECTOR_NAMES)('%s', (name) => {
  using model = made[name]();
  randomize(model, 5, 0.5);
  const x = Tensor.normal([STEPS, 2, 3], [0, 1], new Rng(6), { dtype: 'float64' });
  const weight = Tensor.normal([STEPS, 2, 2], [0, 1], new Rng(7), { dtype: 'float64' });
  const loss = (): Tensor => ops.sum(ops.mul(model.forward(x).y, weight));
  expect(directionalError(model, loss, 8, only[name])).toBeLessThanOrEqual(1e-6);
});
