/** The state of a new episode of the memories of slots: shapes and kinds are those that the ops say beforehand. */
import { expect, it } from 'vitest';
import { models, ops, Rng } from '../../../lib/index.js';

const SIZES = { slots: 9, wordSize: 3, hidden: 4 };

it('of a SAM: indices are int32, all else of the model', () => {
  const model = new models.SAM({ inputs: 2, outputs: 1, ...SIZES, heads: 2, reads: 2, dtype: 'float64', rng: new Rng(1) });
  const state = model.initialState(5).toTensors();
  const memory = state.get('memory')!;
  expect(memory.shape).toEqual([5, 4, 3]); // no more slots than one step can touch; it grows with the episode
  const settings = { ...SIZES, heads: 2, reads: 2, links: 0, index: 'linear' } as never;
  const shapes = ops.samStateShapes(settings, 5, memory.shape[1]!);
  expect(Object.keys(shapes).toSorted()).toEqual([...state.keys()].toSorted());
  for (const [name, tensor] of state) {
    expect([name, tensor.shape]).toEqual([name, shapes[name]]);
    expect([name, tensor.dtype]).toEqual([name, ops.samIndices.has(name) ? 'int32' : 'float64']);
  }
});

it('of a DAM', () => {
  const model = new models.DAM({ inputs: 2, outputs: 1, ...SIZES, heads: 2, rng: new Rng(1) });
  const state = model.initialState(5).toTensors();
  const shapes: Readonly<Record<string, readonly number[]>> = ops.damStateShapes(model.settings, 5);
  expect(Object.keys(shapes).toSorted()).toEqual([...state.keys()].toSorted());
  for (const [name, tensor] of state) expect([name, tensor.shape]).toEqual([name, shapes[name]]);
});

it('of an LSTM is one of its class', () => {
  const model = new models.LSTMNetwork({ inputs: 2, outputs: 1, hidden: 4, rng: new Rng(1) });
  expect(model.initialState(2)).toBeInstanceOf(models.LSTMNetworkState);
});
