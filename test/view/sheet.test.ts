/** Numbers as bytes: a byte below 255 is the value low + b/254·(high − low), 255 is none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MISSING, probabilityRamp, signedRamp, wallRamp } from '../../lib/plot/color.js';
import { palettes } from '../../lib/view/palette.js';
import { roundUp, Scales, sheet, type Values } from '../../lib/view/sheet.js';

/** The bytes of one picture, and the end of its scale. */
function one(values: Values, signed: boolean, scales = new Scales()): { bytes: Uint8Array; high: number } {
  const { bytes, highs } = sheet([{ id: 'a', signed }], new Map([['a', values]]), scales);
  return { bytes, high: highs[0]! };
}
const bytesOf = (data: number[], high: number, signed: boolean): Uint8Array => one({ data, high }, signed).bytes;
const finite = fc.double({ min: -50, max: 50, noNaN: true });

describe('bytes', () => {
  it('are the nearest of 255 values of the scale, or none', () => {
    fc.assert(
      fc.property(fc.array(finite), fc.double({ min: 0.01, max: 50, noNaN: true }), fc.boolean(), (data, high, signed) => {
        const low = signed ? -high : 0;
        const step = (high - low) / 254;
        bytesOf(data, high, signed).forEach((byte, i) => {
          const nearest = Math.min(high, Math.max(low, data[i]!));
          expect(byte).toBeLessThan(255);
          expect(Math.abs(low + byte * step - nearest)).toBeLessThanOrEqual(0.5 * step * (1 + 1e-9)); // half a step
        });
      }),
    );
    expect([...bytesOf([NaN, 0, 1], 1, false)]).toEqual([255, 0, 254]);
    expect([...bytesOf([-2, 0, 2], 2, true)]).toEqual([0, 127, 254]);
  });

  it('have scales that end in 1, 2 or 5 times a power of ten and never shrink', () => {
    expect([0, 0.004, 0.011, 0.2, 0.21, 1, 3, 5.1, 99, 1e4].map(roundUp)).toEqual([
      0.01,
      0.01,
      0.02,
      0.2,
      0.5,
      1,
      5,
      10,
      100,
      10_000,
    ]);
    const scales = new Scales();
    const high = (data: number[]) => one({ data }, true, scales).high;
    expect([high([0.3]), high([-1.5]), high([0.1]), one({ data: [9], high: 1 }, true, scales).high]).toEqual([
      0.5,
      2,
      2,
      1,
    ]);
  });

  it('have the colors of the pictures', () => {
    const ramps = { wall: wallRamp, probability: probabilityRamp, signed: signedRamp };
    for (const [name, ramp] of Object.entries(ramps)) {
      const colors = palettes[name as keyof typeof ramps];
      for (const byte of [0, 1, 100, 254]) expect([...colors.slice(3 * byte, 3 * byte + 3)]).toEqual(ramp(byte / 254));
      expect([...colors.slice(3 * 255)]).toEqual(MISSING);
    }
  });
});
