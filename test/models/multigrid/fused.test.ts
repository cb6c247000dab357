/**
 * The fused networks against the layers they stand for: values and all gradients, for every published configuration.
 * MG_LONG, a list of names, says for which of them windows of 20 and 500 steps run too; default map9. The largest take up to an
 * hour and 12 GB.
 */
import { describe, expect, it } from 'vitest';
import { presetConfig, presetNames } from '../../../lib/models/multigrid/presets.js';
import { device } from '../../../lib/tensor/device.js';
import { everything, type Window } from '../../helpers/window.js';

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
/** Readers that decide so often in 500 steps that each sample has ties: the loss hears the answers of so many steps. */
const HEARD: Record<string, number> = {
  'map15-8k': 8,
  'map25-8k': 8,
  'map25': 8,
  'map25-f9q9': 8,
  'map25-q9': 8,
  'ablated': 2,
  'convlstm-thick': 2,
  'convlstm-deep': 2,
};
/** Without input a decoder settles, some within 150 steps: then all cells of a pool's windows agree but for the last bits. */
const OUTPUT_STEPS: Record<string, number> = { 'sort-50': 50, 'mnist-sort': 50 };
const BATCH_OF: Record<string, number> = { babi: 1 }; // it normalizes over one sequence

async function difference(window: Omit<Window, 'fused'>): Promise<{ key: string; error: number }> {
  const { segment: _, ...whole } = window;
  const { memoryBudget: __, ...unfused } = window; // which layers one by one cannot keep
  const fused = await everything({ ...whole, fused: 'required' });
  device().emptyCache(); // blocks of other sizes than those of the layers
  const layers = await everything({ ...unfused, fused: 'off' });
  expect([...fused.keys()]).toEqual([...layers.keys()]);
  return worstDifference(fused, layers);
}

describe.each(presetNames)('%s, fused', (name) => {
  const isWide = /ablated|convlstm/.test(name);

  it('equals its layers in float64: all values and gradients to 1e-11', async () => {
    const size = isWide ? { steps: 2, batch: 1 } : { steps: 3, batch: BATCH_OF[name] ?? 2 };
    const { key, error } = await difference({ name, dtype: 'float64', seed: 3, ...size });
    expect(error, key).toBeLessThanOrEqual(1e-11);
  }, 120_000);

  // Where a ReLU's input or two candidates of a pool agree but for the last bits, two orders of summation send a gradient
  // different ways. Such a sample says nothing, so others are drawn; a wrong kernel is wrong on all of them.
  it('equals its layers in float32: all values and gradients to 2e-5, on a sample without ties', async () => {
    const found: string[] = [];
    for (let seed = 3; seed < 11; seed++) {
      const { key, error } = await difference({ name, dtype: 'float32', steps: name === 'babi' ? 20 : 2, batch: 1, seed });
      if (error <= 2e-5) return;
      found.push(`seed ${seed}: ${key} ${error}`);
    }
    expect.fail(found.join('; '));
  }, 120_000);
});

describe.each(LONG)('%s, fused, over many steps', (name) => {
  const { writer, bn = false, read } = presetConfig(name);
  // What keeps both sides within some GB.
  const most = OUTPUT_STEPS[name];
  const outputSteps = (steps: number): object => (most === undefined ? {} : { outputSteps: Math.min(steps, most) });
  const small = { memoryBudget: 3e9, ...(writer !== undefined && bn === false && read !== 'last' ? { segment: 25 } : {}) };

  it.each([20, 500])('equals its layers in float64 over %d steps: all values and gradients to 1e-11', async (steps) => {
    const size = { steps, batch: 1, ...small, ...outputSteps(steps) };
    const { key, error } = await difference({ name, dtype: 'float64', seed: 3, ...size });
    expect(error, key).toBeLessThanOrEqual(1e-11);
  }, 3_600_000);

  // Rounding errors add up along the steps, as the bound for 500 of them says. The writer's gradients go on from the steps heard
  // through all before.
  it.each([
    [20, 2e-5],
    [500, 1e-4],
  ])('equals its layers in float32 over %d steps: all values and gradients to %d, on a sample without ties', async (
    steps,
    tolerance,
  ) => {
    const size = { steps, batch: 1, heard: HEARD[name] ?? steps, ...small, ...outputSteps(steps) };
    const found: string[] = [];
    for (let seed = 3; seed < 13; seed++) {
      const { key, error } = await difference({ name, dtype: 'float32', seed, ...size });
      if (error <= tolerance) return;
      found.push(`seed ${seed}: ${key} ${error}`);
    }
    expect.fail(found.join('; '));
  }, 3_600_000);
});
