/**
 * Windows of 20 and 500 steps on the GPU, in every precision, against float64 on the CPU: outputs, states and gradients.
 * MG_LONG, a list of names, says which configurations; default map9 and map25, under emulation map9.
 */
import { describe, expect, it } from 'vitest';
import { devices } from '../../lib/tensor/device.js';
import { everything } from '../helpers/window.js';

const gpu = devices().find((each) => each.type === 'cuda');

const names = process.env.MG_LONG ?? (process.env.MG_SHIM ? 'map9' : 'map9,map25');

/** |got − want| / |want| over all tensors of `keys`. */
function relativeNorm(
  got: Map<string, ArrayLike<number>>,
  want: Map<string, ArrayLike<number>>,
  keys: readonly string[],
): number {
  let [error, size] = [0, 0];
  for (const key of keys) {
    const [a, b] = [got.get(key)!, want.get(key)!];
    for (let i = 0; i < b.length; i++) {
      error += (a[i]! - b[i]!) ** 2;
      size += b[i]! ** 2;
    }
  }
  return Math.sqrt(error / size);
}

describe.skipIf(gpu === undefined).each(names.split(','))('%s on a GPU (skipped where there is none)', (name) => {
  it.each([20, 500])('stays near float64 over %d steps, as far as its factors have bits', async (steps) => {
    const window = { name, fused: 'required', steps, batch: 1, seed: 3 } as const;
    const want = await everything({ ...window, dtype: 'float64', place: 'cpu' });
    const keys = [...want.keys()];
    // Values: factors keep 24, 11 or 8 bits; their errors are partly averaged out in the sums, then fed back. Gradients: about as
    // large a share of the ReLUs and pools lies so near its kink that it chooses otherwise, and each of these moves a gradient by
    // its whole size; the norm of what they move is the square root of that share.
    const limits = [['float32', 1e-5, 2 ** -24], ['tf32', 2e-3, 2 ** -11], ['bfloat16', 2e-2, 2 ** -8]] as const;
    for (const [precision, limit, share] of limits) {
      const got = await everything({ ...window, dtype: 'float32', place: gpu!, precision });
      const values = relativeNorm(got, want, keys.filter((key) => !key.startsWith('d ')));
      const gradients = relativeNorm(got, want, keys.filter((key) => key.startsWith('d ')));
      if (process.env.MG_VERBOSE) console.log(`${name}, ${steps} steps, ${precision}: values ${values}, gradients ${gradients}`);
      expect(values, `${precision}, values`).toBeLessThanOrEqual(limit);
      expect(gradients, `${precision}, gradients`).toBeLessThanOrEqual(Math.sqrt(share));
    }
  }, 3_600_000);
});
