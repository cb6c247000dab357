/** Options, mazes and windows that the mapping task refuses. */
import { describe, expect, it } from 'vitest';
import { mapping } from '../../../lib/tasks/mapping/mapping.js';
import type { MappingOptions } from '../../../lib/tasks/mapping/mapping-options.js';

const argument = expect.objectContaining({ code: 'ERR_MG_ARGUMENT' });

describe('bad input', () => {
  it.each([
    [{ size: 24 }, 'size to be odd'],
    [{ size: 3 }, 'size'],
    [{ size: '9' }, 'size'],
    [{ siz: 9 }, 'options among'],
    [{ motion: 'circle' }, 'motion'],
    [{ moveRule: 'jump' }, 'moveRule'],
    [{ targetTiming: 'late' }, 'targetTiming'],
    [{ pathLength: 530 }, 'pathLength'],
    [{ pathLength: 0 }, 'pathLength'],
    [{ view: 5 }, 'view to be one of 3, 9'],
    [{ query: 7 }, 'query to be one of 3, 9'],
    [{ view: 9, query: 3 }, 'query to be 9'],
    [{ startCell: [13, 13] }, 'no startCell'],
    [{ motion: 'random', startCell: [12, 13] }, 'both odd'],
    [{ motion: 'random', startCell: [13] }, 'both odd'],
    [{ motion: 'random', startCell: [25, 25] }, 'both odd'],
    [{ outputSide: 24, center: 25 }, 'hold positions 14…36'],
    [{ center: 40 }, 'hold positions'],
    [{ outputSide: 12 }, 'hold positions'],
    [{ locationScale: NaN }, 'locationScale'],
    [{ locationOrigin: 'centre' }, 'locationOrigin to be one of "map", "start"'],
    [{ inputLevels: [] }, 'inputLevels'],
    [{ inputLevels: [0, 0] }, 'inputLevels'],
    [{ inputLevels: [7] }, 'inputLevels[0] to be'],
    [{ density: 2 }, 'density'],
    [{ complexity: NaN }, 'complexity'],
    [null, 'object'],
    [[], 'object'],
  ])('options %j are refused', (options, text) => {
    expect(() => mapping(options as MappingOptions)).toThrow(argument);
    expect(() => mapping(options as MappingOptions)).toThrow(text);
  });

  it('refuses wrong items, seeds and windows at the call', () => {
    const task = mapping({ size: 9 });
    const item = task.generate(1, 0);
    const bad: (() => unknown)[] = [
      () => task.generate(-1, 0),
      () => task.generate(1, 0.5),
      () => task.generate(NaN, 0),
      () => task.windows([], { seed: 1 }),
      () => task.windows([mapping({ size: 15 }).generate(1, 1)], { seed: 1 }),
      () => task.windows([item, { ...item, path: item.path.slice(1) }], { seed: 1 }),
      () => task.windows([{ ...item, path: Int32Array.of(0) }], { seed: 1 }),
      () => task.windows([{ ...item, path: Int32Array.of() }], { seed: 1 }),
      () => task.windows([item], { seed: -1 }),
      () => task.windows([item], { seed: 1, length: 0 }),
      () => task.windows([item], { seed: 1, length: 20, from: 4 }),
      () => task.windows([item], { seed: 1, batch: -1 }),
      () => task.windows([item], { seed: 1, size: 3 } as never),
      () => task.windows([item], undefined as never),
    ];
    bad.forEach((call) => expect(call).toThrow(argument));
  });
});
