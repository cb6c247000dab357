/** Random multigrid networks for property tests: fast-check chooses, and shrinks, what a layer list may be. */
import fc from 'fast-check';
import type { NetworkLayer, NetworkSpec } from '../../lib/ops/network/network-spec.js';

const channels = fc.constantFrom(1, 2, 3, 4, 5, 8, 16);

const layerChoice = fc.record({
  isMemory: fc.boolean(),
  lower: fc.constantFrom(0, 0, -1),
  higher: fc.constantFrom(0, 0, 1),
  channels,
  relu: fc.boolean(),
  norm: fc.boolean(),
  shortcut: fc.nat(3),
  joins: fc.constantFrom(0, 0, 1),
  isOutput: fc.boolean(),
});

export interface RandomNetwork {
  readonly spec: NetworkSpec;
  readonly batch: number;
  readonly seed: number;
}

/** Networks of 1 to 4 layers on up to `levels` levels; fields on every input level and wherever a layer joins memory. */
export function randomNetwork(levels: number): fc.Arbitrary<RandomNetwork> {
  return fc.record({
    dimensions: fc.constantFrom<1 | 2>(1, 2, 2),
    kernelSize: fc.constantFrom(1, 3, 3, 5),
    side: fc.constantFrom(1, 2, 3),
    count: fc.integer({ min: 1, max: levels }),
    low: fc.nat(levels - 1),
    hasPeephole: fc.boolean(),
    hasNorm: fc.constantFrom(false, false, true),
    inputs: fc.tuple(channels, channels),
    isWide: fc.boolean(),
    choices: fc.array(layerChoice, { minLength: 1, maxLength: 4 }),
    forgetBias: fc.constantFrom(0, 1),
    batch: fc.integer({ min: 1, max: 3 }),
    seed: fc.nat(0xffff),
  }).map(({ choices, count, batch, seed, hasNorm, inputs, isWide, side, ...rest }) => {
    let low = Math.min(rest.low, count - 1);
    let high = isWide ? Math.min(low + 1, count - 1) : low;
    const fields = [];
    for (let level = low; level <= high; level++) fields.push({ level, channels: inputs[level - low]! });
    const input = fields.map((_, i) => i);
    const layers = choices.map((choice, l): NetworkLayer => {
      low = Math.max(0, low + choice.lower);
      high = Math.min(count - 1, high + choice.higher);
      const memory = choice.joins === 0 ? [] : [fields.push({ level: low, channels: 3 }) - 1];
      return {
        kind: choice.isMemory ? 'convLstm' : 'conv',
        low,
        high,
        channels: choice.channels,
        relu: choice.relu,
        norm: hasNorm && choice.norm,
        shortcut: choice.shortcut < l ? choice.shortcut : -1,
        memory,
        isOutput: choice.isOutput || l === choices.length - 1,
      };
    });
    const sides = Array.from({ length: count }, (_, level) => side * 2 ** level);
    const { dimensions, kernelSize, hasPeephole, forgetBias } = rest;
    // ε keeps a channel that ReLU silenced from multiplying rounding errors by thirty.
    const options = { forgetBias, hasPeephole, epsilon: 0.1, budgetBytes: 0 };
    return { spec: { dimensions, kernelSize, sides, fields, input, layers, ...options }, batch, seed };
  });
}
