/** LSTM and one-dimensional ConvLSTM steps against vectors of an independent program. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ops, scope, Tensor } from '../../lib/index.js';
import { expectClose } from './golden-array.js';

interface Vectors {
  tolerance: { float32: number; float64: number };
  lstm: {
    inputs: { x: number[]; h: number[]; c: number[]; w: number[][]; b: number[]; forget_bias: number };
    outputs: { h: number[]; c: number[] };
  };
  conv_lstm: {
    /** [channel][position]; w [gate][out][in][tap]; b [gate][out]; peephole_ifo [gate][channel][position]. */
    inputs: { x: number[][]; h: number[][]; c: number[][]; w: number[][][][]; b: number[][]; peephole_ifo: number[][][] };
    outputs: { h: number[][]; c: number[][] };
  };
}

const transposed = (x: readonly (readonly number[])[]): number[][] => x[0]!.map((_, i) => x.map((row) => row[i]!));

describe('recurrent cells of another program', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    const load = () => JSON.parse(readFileSync(new URL('vectors/recurrent_cells.json', import.meta.url), 'utf8')) as Vectors;
    const tensor = (data: Parameters<typeof Tensor.from>[0]) => Tensor.from(data, undefined, { dtype });

    it(`step an LSTM as conv and lstmCell do, on a grid of one cell (${dtype})`, async () => {
      using _ = scope();
      const { lstm: { inputs, outputs }, tolerance } = load();
      const gates = ops.conv([tensor([[[inputs.x]]]), tensor([[[inputs.h]]])], tensor([[inputs.w]]), tensor(inputs.b));
      const { hidden, cell } = ops.lstmCell(gates, tensor([[[inputs.c]]]), { forgetBias: inputs.forget_bias });
      expectClose(await hidden.data(), outputs.h, tolerance[dtype], 'hidden');
      expectClose(await cell.data(), outputs.c, tolerance[dtype], 'cell');
    });

    it(`step a ConvLSTM with a peephole for each position as conv and lstmCell do (${dtype})`, async () => {
      using _ = scope();
      const { conv_lstm: { inputs, outputs }, tolerance } = load();
      const { w } = inputs;
      const kernel = [0, 1, 2].map((tap) =>
        w[0]![0]!.map((_row, from) => w.flatMap((gate) => gate.map((out) => out[from]![tap]!)))
      );
      const grids = [tensor([transposed(inputs.x)]), tensor([transposed(inputs.h)])];
      const gates = ops.conv(grids, tensor(kernel), tensor(inputs.b.flat()));
      const peephole = tensor(inputs.peephole_ifo.map(transposed));
      const { hidden, cell } = ops.lstmCell(gates, tensor([transposed(inputs.c)]), { forgetBias: 0, peephole });
      expect(hidden.shape).toEqual([1, 4, 2]);
      expectClose(await hidden.data(), transposed(outputs.h).flat(), tolerance[dtype], 'hidden');
      expectClose(await cell.data(), transposed(outputs.c).flat(), tolerance[dtype], 'cell');
    });
  }
});
