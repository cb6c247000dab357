import { expect, it } from 'vitest';
import { optim } from '../../lib/index.js';
import { MgError } from '../../lib/errors.js';

const { after, cosine, linear, warmup } = optim;

it('cosine: half a wave from one rate to the other, then the second', () => {
  const rate = cosine(9, 1, 120);
  // cos 0 = 1, cos 60° = 1/2, cos 90° = 0, cos 120° = −1/2
  for (const [t, expected] of [[0, 9], [40, 7], [60, 5], [80, 3], [120, 1], [1e9, 1]] as const) {
    expect(rate(t)).toBeCloseTo(expected, 12);
  }
  expect(cosine(1, 0, 0)(0)).toBe(0);
  expect(rate.unit).toBe('timeStep');
  expect(cosine(1, 0, 5, { unit: 'update' }).unit).toBe('update');
});

it('warmup: reaches the schedule at its last unit and follows it from there', () => {
  const rate = warmup(linear(8, 0, 8), 4);
  expect([0, 1, 2, 3, 4, 7, 8].map(rate)).toEqual([8 / 4, (7 * 2) / 4, (6 * 3) / 4, 5, 4, 1, 0]);
  expect(warmup(2, 0)(0)).toBe(2);
  expect(warmup(3, 10, { unit: 'update' }).unit).toBe('update');
});

it('after: the second clock starts when the first has run', () => {
  const rate = after(4, 10, linear(4, 0, 4));
  expect([0, 9, 10, 11, 13, 14, 99].map(rate)).toEqual([4, 4, 4, 3, 1, 0, 0]);
  const nested = after(linear(0, 2, 2), 2, after(2, 3, 1));
  expect([0, 1, 2, 4, 5].map(nested)).toEqual([0, 1, 2, 2, 1]);
});

it('units agree, or the schedules are refused', () => {
  const updates = linear(1, 0, 10, { unit: 'update' });
  expect(warmup(updates, 3).unit).toBe('update');
  expect(after(1, 5, updates).unit).toBe('update');
  for (const make of [() => after(linear(1, 0, 10), 5, updates), () => warmup(updates, 3, { unit: 'timeStep' })]) {
    expect(make).toThrow(MgError);
  }
  expect(() => cosine(-1, 0, 10)).toThrow(/cosine: expected from/);
  expect(() => after('fast' as never, 1, 1)).toThrow(/after/);
  expect(() => warmup(1, 1, { steps: 3 } as never)).toThrow(/warmup/);
});
