import { describe, expect, it } from 'vitest';
import { device, devices, noGrad, ops, Rng, scope, Tensor } from '../../lib/index.js';
import { naiveAccess, naiveStart } from '../../lib/proof/naive-dnc.js';
import { selfCheck } from '../../lib/cli/self-check.js';
import { zeroState } from '../helpers/dnc-state.js';
import { expectNear } from '../helpers/vectors.js';

it('the self-check finds nothing wrong on any device, and leaves the default device as it was', async () => {
  const before = device();
  const results = await selfCheck();
  expect(results.filter(({ ok }) => !ok)).toEqual([]);
  for (const { id } of devices()) {
    const names = results.filter((result) => result.device === id).map(({ name }) => name);
    expect(names).toEqual([
      'random numbers',
      'convolution',
      'gradients',
      'multigrid',
      'DNC',
      'NTM',
      'LSTM',
      'SAM',
      'SDNC',
      'DAM',
      'training',
    ]);
  }
  expect(device()).toBe(before);
});

describe('the DNC equals its definition in loops', () => {
  it.each([
    [1, 1, 1],
    [16, 4, 1],
    [33, 5, 2],
    [70, 8, 3],
  ])('%d slots, %d read heads, %d write heads', (slots, readHeads, writeHeads) => {
    using _ = scope();
    for (const paper of [false, true]) {
      const s: ops.DncSettings = {
        slots,
        readHeads,
        writeHeads,
        wordSize: 4,
        hidden: 0,
        oneplus: paper,
        usageGradient: paper,
        contentSecond: paper,
        forgetBias: 1,
        clip: 0,
        epsilon: paper ? 0 : 1e-6,
        linkBudgetBytes: 0,
      };
      const { size } = ops.dncInterface(s);
      const x = Tensor.normal([5, 1, size], [0, 1], new Rng(slots), { dtype: 'float64' });
      const run = noGrad(() => ops.dncWindow(x, null, zeroState(s, 1, 'float64'), s));
      const raw = x.dataSync();
      let naive = naiveStart(s);
      const words: number[] = [];
      for (let t = 0; t < 5; t++) {
        const step = naiveAccess([...raw.slice(t * size, (t + 1) * size)], naive, s);
        naive = step.state;
        words.push(...step.words.flat());
      }
      expectNear(run.words.dataSync(), words, 1e-11, 'words');
      for (const name of ['memory', 'usage', 'link', 'precedence', 'readWeights', 'writeWeights'] as const) {
        expectNear(run.state[name].dataSync(), naive[name], 1e-11, name);
      }
    }
  });
});
