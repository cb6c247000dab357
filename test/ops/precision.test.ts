/** Precision of fused networks: the CPU is not touched by it; on a GPU it stays within the limits of its factors' bits. */
import { describe, expect, it } from 'vitest';
import { MultigridConvLSTM } from '../../lib/nn/index.js';
import { Pyramid } from '../../lib/nn/multigrid/pyramid.js';
import { MultigridMemory } from '../../lib/models/index.js';
import { plan } from '../../lib/nn/multigrid/fused.js';
import { precisions, type Precision } from '../../lib/ops/network/network-spec.js';
import { device } from '../../lib/tensor/device.js';
import { Rng } from '../../lib/tensor/rng.js';
import { scope } from '../../lib/tensor/scope.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import { errorOf } from '../helpers/files.js';

/** Hidden grids of a window of three steps, one after the other. */
function windowIn(chosen: Precision): number[] {
  using _ = scope();
  const layer = new MultigridConvLSTM({
    input: [{ level: 0, channels: 5 }],
    output: [0, 1],
    channels: 6,
    side: 4,
    fused: 'required',
    precision: chosen,
    rng: new Rng(1),
  });
  const { y } = layer.forward(Pyramid.of({ 0: Tensor.normal([3, 2, 4, 4, 5], [0, 1], new Rng(2)) }));
  return y.tensors().flatMap((grid) => [...grid.dataSync()]);
}

const norm = (x: readonly number[]): number => Math.hypot(...x);

describe('precision', () => {
  it('belongs to a model: one may be rounded while another beside it is not, and only known names are taken', async () => {
    using _ = scope();
    const exact = new MultigridMemory('map9');
    for (const name of precisions) {
      const model = new MultigridMemory('map9', { precision: name });
      expect([exact.precision, model.precision]).toEqual(['float32', name]);
      model.precision = 'float32';
      expect(model.precision).toBe('float32');
      expect((await errorOf(() => void (model.precision = 'half' as Precision))).code).toBe('ERR_MG_ARGUMENT');
      expect(model.precision).toBe('float32');
      model.dispose();
    }
    exact.dispose();
  });

  it('is an option of layers, of plans and of models', async () => {
    const layer = { input: [{ level: 0, channels: 2 }], output: [0], channels: 2 };
    const half = { precision: 'half' as Precision };
    for (
      const make of [
        () => new MultigridConvLSTM({ ...layer, ...half }),
        () => plan({ layers: [layer], batch: 1, steps: 1, ...half }),
        () => new MultigridMemory('map9', half),
      ]
    ) {
      const { code, message } = await errorOf(make);
      expect([code, message.split(': ')[1]]).toEqual([
        'ERR_MG_ARGUMENT',
        'expected precision to be one of "float32", "tf32", "bfloat16", got "half"',
      ]);
    }
  });

  // Rounded factors keep 11 or 8 bits: 2^-11 and 2^-8 of relative error each, partly averaged out in the sums, then fed back.
  it.each(
    [
      ['tf32', 2e-3],
      ['bfloat16', 2e-2],
    ] as const,
  )('%s changes nothing on the CPU and on a GPU at most %d of the norm', (name, limit) => {
    const exact = windowIn('float32'), rounded = windowIn(name);
    const error = norm(rounded.map((x, i) => x - exact[i]!)) / norm(exact);
    expect(error).toBeLessThanOrEqual(device().type === 'cpu' ? 0 : limit);
    expect(error > 0).toBe(device().type !== 'cpu');
  });
});
