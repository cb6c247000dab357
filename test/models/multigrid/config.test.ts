import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MgError } from '../../../lib/errors.js';
import type { MultigridConfig } from '../../../lib/models/multigrid/config.js';
import { planModel } from '../../../lib/models/multigrid/plan.js';
import { presetConfig } from '../../../lib/models/multigrid/presets.js';
import { resolveConfig } from '../../../lib/models/multigrid/resolve-config.js';
import { cases } from '../../helpers/promises.js';

/** The error of building a configuration. */
function errorOf(config: unknown): MgError {
  try {
    planModel(config as MultigridConfig);
  } catch (error) {
    if (error instanceof MgError) return error;
    throw error;
  }
  throw new Error('expected a fault, but the configuration was built');
}

const map9 = (): Record<string, unknown> => structuredClone(presetConfig('map9')) as Record<string, unknown>;

/** Wrong configurations: what is put over map9, and how the message begins. */
const FAULTS: readonly (readonly [name: string, change: object, begins: string])[] = [
  ['an unknown key', { depth: 3 }, 'depth: '],
  ['no kind of network', { writer: undefined }, 'config: '],
  ['two kinds of network', { lstm: [[0, 0, 4]] }, 'config: '],
  ['a level of the wrong type', { writer: [[0, 0, 4], [0, 1, 4], [0, '1', 8]] }, 'writer[2][1]: '],
  ['channels that are no integer', { writer: [[0, 0, 4.5]] }, 'writer[0][2]: '],
  ['channels of zero', { front: [[0, 0, 0]] }, 'front[0][2]: '],
  ['a negative level', { writer: [[-1, 0, 4]] }, 'writer[0][0]: '],
  ['levels upside down', { writer: [[1, 0, 4]] }, 'writer[0][1]: '],
  ['a layer of two numbers', { writer: [[0, 4]] }, 'writer[0]: '],
  ['no layers', { writer: [] }, 'writer: '],
  ['a missing tail', { tail: undefined }, 'tail: '],
  ['a jump of two levels', { writer: [[0, 0, 4], [0, 1, 4], [0, 3, 8], [0, 2, 8], [0, 2, 8]] }, 'writer[2][1]: '],
  ['a drop of two levels', { shortcuts: undefined, tail: [[2, 2, 8], [0, 0, 8]] }, 'tail[1][0]: '],
  ['an input level that no grid sees', { input: { 0: 4, 3: 4 } }, 'input.3: '],
  ['an input that is no object', { input: [4] }, 'input: '],
  ['an empty input', { input: {} }, 'input: '],
  ['an input level that is no number', { input: { a: 4 } }, 'input.a: '],
  ['memory for too few layers', { mem: [1, 2] }, 'mem: '],
  ['memory of a layer that is not there', { mem: [1, 2, 3, 4, 6] }, 'mem[4]: '],
  ['a front longer than the writer', { writer: [[0, 0, 4]] }, 'mem: '],
  ['an output layer with two grids', { shortcuts: undefined, tail: [[1, 2, 1]] }, 'tail[0]: '],
  ['a head that does not fit', { fc: [90, 10] }, 'fc[0]: '],
  ['a shortcut to an earlier layer', { shortcuts: { tail: [[1, 3]] } }, 'shortcuts.tail[0][0]: '],
  ['a shortcut from a wider layer', { shortcuts: { tail: [[4, 3]] } }, 'shortcuts.tail[0]: '],
  ['two shortcuts to one layer', { shortcuts: { tail: [[3, 1], [3, 2]] } }, 'shortcuts.tail[1][0]: '],
  ['shortcuts of a part that is not there', { shortcuts: { encoder: [[3, 1]] } }, 'shortcuts.encoder: '],
  ['three dimensions', { dims: 3 }, 'dims: '],
  ['an unknown peephole', { peephole: 'position' }, 'peephole: '],
  ['a forget bias that is not a number', { forgetBias: Number.NaN }, 'forgetBias: '],
  ['an even kernel', { kernelSize: 2 }, 'kernelSize: '],
  ['a norm mode without norm', { bnMode: 'running' }, 'bnMode: '],
  ['other parameters than expected', { params: 84_822 }, 'params: '],
  ['other memory than expected', { memory: 3_601 }, 'memory: '],
  ['a decoder beside a writer', { decoder: 'same-as-encoder' }, 'decoder: '],
  [
    'a fault in the second reader',
    { secondReader: { input: { 0: 4 }, front: [[0, 9, 1]], tail: [[0, 0, 1]] } },
    'secondReader.front[0][1]: ',
  ],
  ['an unknown key of the second reader', { secondReader: { inputs: {} } }, 'secondReader.inputs: '],
  ['a task that is no string', { task: 3 }, 'task: '],
];

describe('a configuration', () => {
  for (const [name, change, begins] of FAULTS) {
    it(`with ${name} is refused, and the message begins with the place`, () => {
      const error = errorOf({ ...map9(), params: undefined, memory: undefined, ...change });
      expect(error.code).toBe('ERR_MG_CONFIG');
      expect(error.message.slice(0, begins.length)).toBe(begins);
      expect(error.message).toMatch(/expected .+, got /);
    });
  }

  it('that is no object is refused', () => {
    for (const config of [null, undefined, 3, [], true, () => 1]) expect(errorOf(config).code).toBe('ERR_MG_CONFIG');
  });

  it('that names an unknown preset is refused, also names that every object has', () => {
    for (const name of ['map99', '', 'constructor', '__proto__']) {
      expect(errorOf(name).code).toBe('ERR_MG_CONFIG');
      expect(errorOf({ extends: name }).message).toMatch(/^extends: /);
    }
  });

  it('read from JSON builds the same as the preset', () => {
    const text = JSON.stringify(presetConfig('map25-q9'));
    expect(planModel(JSON.parse(text) as MultigridConfig)).toEqual(planModel('map25-q9'));
  });

  it('can extend a preset: its keys win, the expected counts of the preset are dropped', () => {
    const config = { extends: 'map9', forgetBias: 0, peephole: 'channel' } as const;
    expect(resolveConfig(config)).not.toHaveProperty('params');
    expect(planModel(config).forgetBias).toBe(0);
    expect(planModel(config).counts.parameters).toBe(
      84_821 + planModel('map9').networks[0]!.layers
        .reduce((sum, layer) => sum + 3 * layer.channels * layer.grids.length, 0),
    );
  });

  it('whatever it holds, is built or refused with ERR_MG_CONFIG', () => {
    const level = fc.integer({ min: 0, max: 3 });
    const row = fc.oneof(fc.tuple(level, level, fc.integer({ min: 1, max: 3 })), fc.anything());
    const layers = fc.oneof(fc.array(row, { maxLength: 4 }), fc.anything());
    const config = fc.record({
      input: fc.oneof(fc.constant({ 0: 2 }), fc.anything()),
      writer: layers,
      front: layers,
      tail: layers,
      mem: fc.anything(),
      dims: fc.constantFrom(1, 2, 'x'),
      bn: fc.oneof(fc.boolean(), fc.anything()),
      fc: fc.anything(),
    }, { requiredKeys: [] });
    fc.assert(
      fc.property(config, (value) => {
        try {
          expect(planModel(value as MultigridConfig).counts.parameters).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(MgError);
          expect((error as MgError).code).toBe('ERR_MG_CONFIG');
        }
      }),
      { numRuns: cases(300), verbose: true },
    );
  });
});
