/** Precision of fused networks: the CPU is not touched by it; on a GPU it stays within the limits of its factors' bits. */
import { afterEach, describe, expect, it } from 'vitest';
import { MultigridConvLSTM } from '../../lib/nn/index.js';
import { Pyramid } from '../../lib/nn/pyramid.js';
import { precision, precisions, setPrecision, type Precision } from '../../lib/ops/network.js';
import { device } from '../../lib/tensor/device.js';
import { Rng } from '../../lib/tensor/rng.js';
import { scope } from '../../lib/tensor/scope.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import { errorOf } from '../helpers/files.js';

afterEach(() => setPrecision('float32'));

/** Hidden grids of a window of three steps, one after the other. */
function windowIn(chosen: Precision): number[] {
  using _ = scope();
  setPrecision(chosen);
  const layer = new MultigridConvLSTM({
    input: [{ level: 0, channels: 5 }],
    output: [0, 1],
    channels: 6,
    side: 4,
    fused: 'required',
    rng: new Rng(1),
  });
  const { y } = layer.forward(Pyramid.of({ 0: Tensor.normal([3, 2, 4, 4, 5], [0, 1], new Rng(2)) }));
  return y.tensors().flatMap((grid) => [...grid.dataSync()]);
}

const norm = (x: readonly number[]): number => Math.hypot(...x);

describe('setPrecision', () => {
  it('knows its names and gives back what was set', async () => {
    for (const name of precisions) {
      setPrecision(name);
      expect(precision()).toBe(name);
    }
    expect((await errorOf(() => setPrecision('half' as Precision))).code).toBe('ERR_MG_ARGUMENT');
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
