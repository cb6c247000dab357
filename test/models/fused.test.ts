/**
 * The fused networks against the layers they stand for: values and all gradients, for every published configuration.
 * MG_LONG, a list of names, says for which of them windows of 20 and 500 steps run too; default map9. Some take GB and hours.
 */
import { describe, expect, it } from 'vitest';
import { presetNames } from '../../lib/models/presets.js';
import { everything } from '../helpers/window.js';

/** Largest difference relative to the largest magnitude of each tensor. */
function worstDifference(a: Map<string, ArrayLike<number>>, b: Map<string, ArrayLike<number>>): { key: string; error: number } {
  let worst = { key: '', error: 0 };
  for (const [key, expected] of b) {
    const got = a.get(key)!;
    let [difference, magnitude] = [0, 1e-300];
    for (let i = 0; i < expected.length; i++) {
      difference = Math.max(difference, Math.abs(got[i]! - expected[i]!));
      magnitude = Math.max(magnitude, Math.abs(expected[i]!));
    }
    if (!(difference / magnitude <= worst.error)) worst = { key, error: difference / magnitude };
  }
  return worst;
}

const LONG = (process.env.MG_LONG ?? 'map9').split(',');
const BATCH_OF: Record<string, number> = { babi: 1 }; // it normalizes over one sequence

async function difference(
  name: string, dtype: 'float32' | 'float64', [steps, batch]: readonly [number, number], seed: number,
): Promise<{ key: string; error: number }> {
  const window = { name, dtype, steps, batch, seed };
  const [fused, layers] = [await everything({ ...window, fused: 'required' }), await everything({ ...window, fused: 'off' })];
  expect([...fused.keys()]).toEqual([...layers.keys()]);
  return worstDifference(fused, layers);
}

describe.each(presetNames)('%s, fused', (name) => {
  const isWide = /ablated|convlstm/.test(name);

  it('equals its layers in float64: all values and gradients to 1e-11', async () => {
    const { key, error } = await difference(name, 'float64', isWide ? [2, 1] : [3, BATCH_OF[name] ?? 2], 3);
    expect(error, key).toBeLessThanOrEqual(1e-11);
  }, 120_000);

  // Where a ReLU's input or two candidates of a pool agree but for the last bits, two orders of summation send a gradient
  // different ways. Such a sample says nothing, so others are drawn; a wrong kernel is wrong on all of them.
  it('equals its layers in float32: all values and gradients to 2e-5, on a sample without ties', async () => {
    const found: string[] = [];
    for (let seed = 3; seed < 11; seed++) {
      const { key, error } = await difference(name, 'float32', name === 'babi' ? [20, 1] : [2, 1], seed);
      if (error <= 2e-5) return;
      found.push(`seed ${seed}: ${key} ${error}`);
    }
    expect.fail(found.join('; '));
  }, 120_000);
});

describe.each(LONG)('%s, fused, over many steps', (name) => {
  it.each([20, 500])('equals its layers in float64 over %d steps: all values and gradients to 1e-11', async (steps) => {
    const { key, error } = await difference(name, 'float64', [steps, 1], 3);
    expect(error, key).toBeLessThanOrEqual(1e-11);
  }, 3_600_000);

  // Rounding errors add up along the steps, as the bound for 500 of them says.
  it.each([[20, 2e-5], [500, 1e-4]])('equals its layers in float32 over %d steps: all values and gradients to %d, on a sample without ties', async (steps, tolerance) => {
    const found: string[] = [];
    for (let seed = 3; seed < 13; seed++) {
      const { key, error } = await difference(name, 'float32', [steps, 1], seed);
      if (error <= tolerance) return;
      found.push(`seed ${seed}: ${key} ${error}`);
    }
    expect.fail(found.join('; '));
  }, 3_600_000);
});
