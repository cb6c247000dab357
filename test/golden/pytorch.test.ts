/** Ops and cells against PyTorch: values and all gradients, in both precisions. `generate.py` made the numbers. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ops, scope, Tensor, type FloatDType } from '../../lib/index.js';
import { expectClose, readArray, type GoldenArray } from './golden-array.js';

interface Case {
  inputs: Record<string, GoldenArray>;
  outputs: Record<string, GoldenArray>;
  cotangents: Record<string, GoldenArray>;
  gradients: Record<string, GoldenArray>;
  statistics?: Record<'mean' | 'variance', GoldenArray>;
  epsilon?: number;
  forget_bias?: number;
}

const golden = JSON.parse(readFileSync(new URL('pytorch.json', import.meta.url), 'utf8')) as Record<string, Case>;

type Inputs = Record<string, Tensor>;
type Outputs = Record<string, Tensor>;

function conv(t: Inputs): Outputs {
  const inputs = Object.keys(t).filter((name) => name.startsWith('x')).map((name) => t[name]!);
  return { y: ops.conv(inputs, t.kernel!, t.bias!) };
}

function convLstm(t: Inputs, { forget_bias: forgetBias }: Case): Outputs {
  let state = { hidden: t.hidden!, cell: t.cell! };
  const y = ops.unstack(t.x!).map((x) => {
    const gates = ops.conv([x, state.hidden], t.kernel!, t.bias!);
    state = ops.lstmCell(gates, state.cell, { forgetBias: forgetBias!, peephole: t.peephole ?? null });
    return state.hidden;
  });
  return { y: ops.stack(y), cell: state.cell };
}

function batchNorm(t: Inputs, { epsilon }: Case): Outputs {
  return { ...ops.batchNorm(t.x!, t.gamma!, t.beta!, { epsilon: epsilon! }) };
}

const runs: Record<string, (t: Inputs, c: Case) => Outputs> = {
  conv2d: conv,
  conv2d_5x5: conv,
  conv1d: conv,
  max_pool_2d: (t) => ({ y: ops.maxPool(t.x!) }),
  max_pool_1d: (t) => ({ y: ops.maxPool(t.x!) }),
  grid_up_2d: (t) => ({ y: ops.gridUp(t.x!) }),
  grid_up_1d: (t) => ({ y: ops.gridUp(t.x!) }),
  conv_lstm: convLstm,
  conv_lstm_channel: convLstm,
  conv_lstm_channel_1d: convLstm,
  conv_lstm_position: convLstm,
  batch_norm: batchNorm,
  'batch_norm_1e-5': batchNorm,
  normalize: (t, { epsilon }) => ({ y: ops.normalize(t.x!, t.mean!, t.variance!, t.gamma!, t.beta!, { epsilon: epsilon! }) }),
  bce: (t) => ({ loss: ops.bceWithLogits(t.logits!, t.target!, t.mask!) }),
  cross_entropy: (t) => ({ loss: ops.crossEntropy(t.logits!, ops.cast(t.classes!, 'int32'), t.mask!) }),
};

// Both programs add up at most a few hundred numbers, in their own orders; float32 rounds each sum and squashing function.
const tolerance = { float32: 2e-5, float64: 1e-12 };

describe('PyTorch agrees', () => {
  for (const [name, run] of Object.entries(runs)) {
    for (const dtype of ['float32', 'float64'] as const) {
      it(`on ${name} in ${dtype}`, async () => {
        using _ = scope();
        const expected = golden[name]!;
        const read = (array: GoldenArray) => readArray(array, dtype as FloatDType);
        const inputs = Object.fromEntries(Object.entries(expected.inputs).map(([key, array]) => [key, read(array)]));
        for (const key of Object.keys(expected.gradients)) inputs[key]!.requiresGrad = true;
        const outputs = run(inputs, expected);
        const close = async (what: string, got: Tensor, array: GoldenArray) => {
          expect(got.shape, `${what}: shape`).toEqual(array.shape);
          expectClose(await got.data(), array.data, tolerance[dtype], what);
        };
        for (const [key, array] of Object.entries(expected.outputs)) await close(key, outputs[key]!, array);
        for (const [key, array] of Object.entries(expected.statistics ?? {})) await close(key, outputs[key]!, array);
        const terms = Object.entries(expected.cotangents).map(([key, dy]) => ops.sum(ops.mul(outputs[key]!, read(dy))));
        terms.reduce((a, b) => ops.add(a, b)).backward();
        for (const [key, array] of Object.entries(expected.gradients)) await close(`d${key}`, inputs[key]!.grad!, array);
      });
    }
  }
});
