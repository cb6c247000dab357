// The progress line, on an invented stream and clock.
import { describe, expect, it } from 'vitest';
import { compact, duration, Progress, type ProgressOptions } from '../../lib/listeners/progress.js';

const ESCAPE = '\x1b';

function setup(options: Partial<ProgressOptions> & { isTTY?: boolean; columns?: number } = {}) {
  const written: string[] = [];
  const time = { now: 0 };
  const { isTTY = true, columns = 120, ...rest } = options;
  const stream = { write: (text: string) => written.push(text), isTTY, columns };
  const progress = new Progress({ total: 1000, stream, clock: () => time.now, env: { NO_COLOR: '1' }, ...rest });
  return { progress, written, time };
}

describe('on a terminal', () => {
  it('one line is rewritten, at most ten times a second, and ended once', () => {
    const { progress, written, time } = setup({ label: 'map9' });
    for (let step = 1; step <= 1000; step += 1) {
      time.now += 10;
      progress.update({ step, loss: 0.5, lr: 2e-3 });
    }
    progress.done();
    expect(written.filter((text) => text.startsWith('\r\x1b[2K'))).toHaveLength(101);
    expect(written.at(-1)).toBe('\n');
    expect(written.at(-2)).toBe(`\r\x1b[2K${'━'.repeat(24)}  map9  100%  step 1000/1000  loss 0.5000  lr 2.0e-3  100.0 steps/s`);
  });

  it('shows speed and remaining time of the steps done here, also after a resume', () => {
    const { progress, written, time } = setup({ start: 400 });
    time.now = 2000;
    progress.update({ step: 500, loss: 12.345, lr: 1e-4, metrics: { F: 0.913 } });
    expect(written[0]).toContain(' 50%  step 500/1000  loss 12.35  F 0.9130  lr 1.0e-4  50.00 steps/s  ETA 00:10');
  });

  it('speed is that of the last 15 seconds', () => {
    const { progress, written, time } = setup({ total: 100_000 });
    for (let second = 1; second <= 60; second += 1) {
      time.now = second * 1000;
      progress.update({ step: second < 40 ? second * 10 : 400 + (second - 40) * 100 });
    }
    expect(written.at(-1)).toContain('100.0 steps/s');
  });

  it('a narrow terminal gets whole words on one line', () => {
    for (const columns of [1, 10, 30, 60, 80]) {
      const { progress, written, time } = setup({ columns });
      time.now = 1000;
      progress.update({ step: 10, loss: 1, lr: 1 });
      const line = (written[0] ?? '').replace('\r\x1b[2K', '');
      expect(line.length).toBeLessThan(columns);
      expect('━─'.split('').some((cell) => line.includes(cell))).toBe(columns === 80);
    }
  });

  it('colors are there, and NO_COLOR takes them away and nothing else', () => {
    const lines = [{}, { NO_COLOR: '' }, { NO_COLOR: '1' }].map((env) => {
      const { progress, written, time } = setup({ env });
      time.now = 500;
      progress.update({ step: 5, loss: 1 });
      return written[0] ?? '';
    });
    const [colored, empty, plain] = lines as [string, string, string];
    expect(colored).toContain('\x1b[33mloss 1.000\x1b[0m');
    expect(empty).toBe(colored);
    expect(colored.replaceAll(new RegExp(ESCAPE + '\\[\\d+m', 'g'), '')).toBe(plain);
  });

  it('a note stands on a line of its own', () => {
    const { progress, written, time } = setup();
    time.now = 1000;
    progress.update({ step: 10 });
    progress.note('saved');
    expect(written[1]).toBe('\r\x1b[2Ksaved\n');
    expect(written[2]?.startsWith('\r\x1b[2K')).toBe(true);
  });
});

describe('elsewhere', () => {
  it('a plain line comes every ten seconds and at the end, without control characters', () => {
    for (
      const options of [
        { isTTY: false, env: {} },
        { isTTY: true, env: { TERM: 'dumb' } },
      ]
    ) {
      const { progress, written, time } = setup(options);
      for (let step = 1; step <= 1000; step += 1) {
        time.now += 30;
        progress.update({ step, loss: 0.25 });
      }
      progress.note('saved');
      progress.done();
      expect(written).toHaveLength(4); // after 10.02 s and 20.04 s, the note, the end
      expect(written[0]).toBe(' 33%  step 334/1000  loss 0.2500  33.33 steps/s  ETA 00:20\n');
      expect(written[2]).toBe('saved\n');
      for (const control of ['\r', ESCAPE]) expect(written.join('')).not.toContain(control);
    }
  });

  it('an unknown speed is not guessed, and a run of no steps is complete', () => {
    const { progress, written } = setup({ isTTY: false });
    progress.done();
    expect(written[0]).toBe('  0%  step 0/1000  0.0000 steps/s  ETA --:--\n');
    const empty = setup({ isTTY: false, total: 0 });
    empty.progress.done();
    expect(empty.written[0]).toContain('100%  step 0/0');
  });
});

it('numbers are short', () => {
  expect([0, 0.69314, 1.2345, 12.345, 123.45, 18360.2, 4e-5, -0.5, NaN, Infinity].map(compact)).toEqual([
    '0.0000',
    '0.6931',
    '1.234',
    '12.35',
    '123.5',
    '18360',
    '4.0e-5',
    '-0.5000',
    'NaN',
    'Infinity',
  ]);
  expect([0, 0.2, 65, 3599.5, 3725, 360_000].map(duration)).toEqual([
    '00:00',
    '00:01',
    '01:05',
    '1:00:00',
    '1:02:05',
    '100:00:00',
  ]);
});
