// Charts: points stand where the axes say, and no input makes a broken document.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { curvePoints } from '../../lib/plot/curve.js';
import { lineChart, type Chart, type Panel } from '../../lib/plot/line-chart.js';
import { linearScale, logScale, niceStep, tickLabel } from '../../lib/plot/scale.js';
import { errorOf } from '../helpers/files.js';
import { all, parseXml, texts, type Node } from './picture-reader.js';
import { cases } from '../helpers/promises.js';

const chart = (panel: Partial<Panel>, rest: Partial<Chart> = {}): Chart => ({
  title: 'a run',
  xLabel: 'time steps',
  panels: [{ title: 'loss', series: [], ...panel }],
  ...rest,
});
const numbers = (text: string): number[] => (text.match(/-?[0-9.]+/g) ?? []).map(Number);
/** Lines of the curves as lists of x, y, x, y, …: paths of the clipped group that are 2 wide. */
const curves = (svg: Node): string[] =>
  all(svg, 'path')
    .filter(({ attributes }) => attributes['stroke-width'] === '2')
    .map(({ attributes }) => attributes['d'] ?? '');

/** Where a tick's label stands: its center line in px. */
function tickAt(svg: Node, text: string, axis: 'x' | 'y'): number {
  const found = all(svg, 'text').find(
    (node) => node.text === text && node.attributes['text-anchor'] === (axis === 'x' ? 'middle' : 'end'),
  );
  return Number(found?.attributes[axis]) - (axis === 'y' ? 4 : 0);
}

describe('axes', () => {
  it('steps are 1, 2 or 5 times a power of ten', () => {
    expect([0.9, 1, 1.1, 2.5, 6, 10, 0.03, 1234].map(niceStep)).toEqual([1, 1, 2, 5, 10, 10, 0.05, 2000]);
  });

  it('linear ticks are round numbers within the domain, and positions are proportional', () => {
    const scale = linearScale(0.13, 0.87, 100, 0, 5, true);
    expect(scale.ticks).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect([0, 0.25, 1].map((value) => scale.at(value))).toEqual([100, 75, 0]);
    expect(linearScale(3, 97, 0, 940, 5, false).ticks).toEqual([20, 40, 60, 80]);
  });

  it('logarithmic ticks are 1, 2, 5 over few decades and powers over many', () => {
    expect(logScale(0.11, 9, 0, 1).ticks).toEqual([0.1, 0.2, 0.5, 1, 2, 5, 10]);
    expect(logScale(1e-5, 1e2, 0, 1).ticks).toEqual([1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100]);
    const scale = logScale(1, 100, 0, 100);
    expect(scale.at(10)).toBeCloseTo(50, 10);
    expect([0, -1, NaN].map((value) => scale.at(value))).toEqual([NaN, NaN, NaN]);
  });

  it('a domain of one value is widened', () => {
    for (const scale of [linearScale(3, 3, 0, 1, 5, true), linearScale(0, 0, 0, 1, 5, true), logScale(7, 7, 0, 1)]) {
      expect(scale.domain[0]).toBeLessThan(scale.domain[1]);
      expect(scale.ticks.length).toBeGreaterThan(0);
    }
  });

  it('labels are short', () => {
    expect([0, 0.05, 1, 2500, 10_000, 12_500, 1.5e6, 2e9, 1e-6, -20_000].map(tickLabel)).toEqual([
      '0',
      '0.05',
      '1',
      '2500',
      '10k',
      '12.5k',
      '1.5M',
      '2e9',
      '1e-6',
      '-20k',
    ]);
  });

  it('ticks rise, lie in the domain and are few, whatever the range', () => {
    const range = fc.tuple(fc.double({ min: -1e12, max: 1e12, noNaN: true }), fc.double({ min: 1e-9, max: 1e12, noNaN: true }));
    fc.assert(
      fc.property(range, fc.boolean(), ([low, size], isWidened) => {
        fc.pre(low + size > low + Math.abs(low) * 1e-9);
        const { ticks, domain } = linearScale(low, low + size, 0, 500, 5, isWidened);
        expect(ticks.length).toBeLessThan(13);
        ticks.forEach((tick, i) => {
          if (i > 0) expect(tick).toBeGreaterThan(ticks[i - 1] ?? NaN);
          expect(tick >= domain[0] - size * 1e-6 && tick <= domain[1] + size * 1e-6).toBe(true);
        });
      }),
      { numRuns: cases(1000) },
    );
  });
});

describe('curves', () => {
  it('a point stands where its ticks cross', () => {
    const svg = parseXml(lineChart(chart({ series: [{ name: 'a', x: [0, 10, 20], y: [0, 0.4, 1] }] })));
    const [x0, y0, x1, y1, x2, y2] = numbers(curves(svg)[0] ?? '');
    expect([x0, x1, x2]).toEqual([tickAt(svg, '0', 'x'), tickAt(svg, '10', 'x'), tickAt(svg, '20', 'x')]);
    expect([y0, y1, y2]).toEqual([tickAt(svg, '0', 'y'), tickAt(svg, '0.4', 'y'), tickAt(svg, '1', 'y')]);
  });

  it('on a logarithmic axis equal factors are equal distances', () => {
    const svg = parseXml(lineChart(chart({ yScale: 'log', series: [{ name: 'a', x: [0, 1, 2], y: [0.1, 1, 10] }] })));
    const [, y0 = 0, , y1 = 0, , y2 = 0] = numbers(curves(svg)[0] ?? '');
    expect(y0 - y1).toBeCloseTo(y1 - y2, 1);
    expect(y1).toBe(tickAt(svg, '1', 'y'));
  });

  it('NaN, infinities and, on a logarithmic axis, zero break the curve', () => {
    const series = [{ name: 'a', x: [0, 1, 2, 3, 4, 5, 6], y: [1, 2, NaN, 3, 4, 0, 5] }];
    expect(curves(parseXml(lineChart(chart({ series }))))[0]?.split('M')).toHaveLength(3);
    const log = parseXml(lineChart(chart({ series, yScale: 'log' })));
    expect(curves(log)[0]?.split('M')).toHaveLength(4);
    expect(all(log, 'circle')).toHaveLength(1); // the lone last point is a dot
  });

  it('smoothing is the mean of a centred window, with percentiles as its band', () => {
    const y = [5, 1, 3, 9, 2, 8, 7];
    const points = curvePoints({ name: 'a', x: [...y.keys()], y, smooth: 5 }, false);
    expect(points[3]).toEqual({ x: 3, y: (1 + 3 + 9 + 2 + 8) / 5, low: 1, high: 9 });
    const log = curvePoints({ name: 'a', x: [0, 1, 2], y: [1, 10, 100], smooth: 3 }, true);
    expect(log[1]?.y).toBeCloseTo(10, 10);
  });

  it('a constant stays constant and a line stays a line when smoothed', () => {
    const x = Array.from({ length: 2000 }, (_, i) => i);
    for (const { y } of curvePoints({ name: 'a', x, y: x.map(() => 4), smooth: 64 }, false)) expect(y).toBe(4);
    const line = curvePoints({ name: 'a', x, y: x.map((value) => 2 * value + 1), smooth: 64 }, false);
    expect([line[0]?.x, line.at(-1)?.x]).toEqual([0, 1999]);
    for (const point of line.filter((one) => one.x >= 8 && one.x < 1992)) expect(point.y).toBeCloseTo(2 * point.x + 1, 8);
  });

  it('a long curve is thinned, and keeps its highest and lowest point', () => {
    const x = Array.from({ length: 100_000 }, (_, i) => i);
    const y = x.map((value) => Math.sin(value / 1000));
    y[54_321] = 50;
    y[12_345] = -50;
    const points = curvePoints({ name: 'a', x, y }, false);
    expect(points.length).toBeLessThanOrEqual(1800);
    expect(points).toContainEqual({ x: 54_321, y: 50, low: 50, high: 50 });
    expect(points).toContainEqual({ x: 12_345, y: -50, low: -50, high: -50 });
  });

  it('a band runs along high and back along low', () => {
    const svg = parseXml(
      lineChart(chart({ yRange: [0, 10], series: [{ name: 'a', x: [0, 1], y: [5, 5], low: [4, 2], high: [6, 10] }] })),
    );
    const band = all(svg, 'path').find(({ attributes }) => attributes['fill-opacity'] !== undefined);
    const ys = numbers(band?.attributes['d'] ?? '').filter((_, i) => i % 2 === 1);
    expect(ys).toEqual(
      [6, 10, 2, 4].map((value) => tickAt(svg, '0', 'y') + ((tickAt(svg, '10', 'y') - tickAt(svg, '0', 'y')) * value) / 10),
    );
  });
});

describe('the document', () => {
  it('names title, axes, panels, marks and each curve with its last value', () => {
    const series = [
      { name: 'precision', x: [1, 2], y: [0.1, 0.95] },
      { name: 'recall', x: [1, 2], y: [0.1, 0.5], isDashed: true },
    ];
    const marks = [{ y: 0.9, text: 'aim' }];
    const found = texts(parseXml(lineChart(chart({ title: 'held out', series, marks }, { subtitle: 'seed 1' }))));
    for (const text of ['a run', 'seed 1', 'time steps', 'held out', 'precision', '0.95', 'recall', '0.5', 'aim'])
      expect(found).toContain(text);
  });

  it('text is data: marks, quotes, control characters and emoji stay text', () => {
    const title = `</svg><script>alert("1")</script>&amp;'\0\ud800 🧭`;
    const svg = parseXml(lineChart(chart({ title, series: [{ name: title, x: [1], y: [1] }] }, { title, subtitle: title })));
    expect(all(svg, 'script')).toEqual([]);
    expect(texts(svg)).toContain(`</svg><script>alert("1")</script>&amp;'\ufffd\ufffd 🧭`);
  });

  it('is well-formed for any numbers', () => {
    const values = fc.array(fc.double(), { maxLength: 12 });
    const scale = fc.constantFrom('linear' as const, 'log' as const);
    fc.assert(
      fc.property(values, values, scale, scale, fc.nat(4), (x, y, xScale, yScale, smooth) => {
        parseXml(lineChart(chart({ yScale, series: [{ name: 'a', x, y, smooth, hasMarkers: true }] }, { xScale })));
      }),
      { numRuns: cases(1000) },
    );
  });

  it('no panels are refused', async () => {
    expect((await errorOf(() => lineChart({ title: '', xLabel: '', panels: [] }))).code).toBe('ERR_MG_ARGUMENT');
  });
});

it('curves of one name share an entry of the legend, without a value', () => {
  const series = ([['dnc', 1.25], ['dnc', 1.75], ['lstm', 1.5]] as const).map(([name, y]) => ({ name, x: [0, 1], y: [2, y] }));
  const written = texts(parseXml(lineChart(chart({ series }))));
  expect(['dnc', 'lstm', '1.25', '1.75'].map((text) => written.filter((one) => one === text).length)).toEqual([1, 1, 0, 0]);
  expect(written).toContain('1.5');
});

it.each([[0, '0'], [2.2e-4, '2.2e-4'], [0.0954, '0.0954'], [123_456, '1.2e+5']])('ends at %d: the legend says %s', (y, text) => {
  expect(texts(parseXml(lineChart(chart({ series: [{ name: 'one', x: [0, 1], y: [2, y] }] }))))).toContain(text);
});

describe('legends', () => {
  const widths = (text: string, size: number): number => text.length * 0.92 * size; // no letter is wider
  it.each<[string, string[]]>([
    ['one', ['a']],
    ['three runs', ['runs of a long name, the first', 'runs of a long name, the second', 'runs of a long name, the third']],
    ['ten', Array.from({ length: 10 }, (_, i) => `preset-with-name-${i}`)],
    ['one without end', ['name '.repeat(100)]],
  ])('of %s neither leave the picture nor run over the title or each other', (_, names) => {
    const title = 'loss for each target value, in nats';
    const svg = parseXml(lineChart(chart({ title, series: names.map((name) => ({ name, x: [0, 1], y: [1, 2] })) })));
    const words = all(svg, 'text').map(({ text, attributes }) => ({
      text,
      x: Number(attributes['x']),
      y: Number(attributes['y']),
    }));
    const head = words.find(({ text }) => text === title)!;
    const shown = words.filter(({ text }) =>
      names.some((name) => name === text || (text.endsWith('…') && name.startsWith(text.slice(0, -1))))
    );
    expect(shown).toHaveLength(names.length);
    for (const { x, y } of shown) {
      expect(x).toBeGreaterThan(64);
      if (y === head.y) expect(x).toBeGreaterThan(head.x + widths(title, 13) * 0.6);
      expect(y).toBeLessThanOrEqual(head.y);
      expect(y).toBeGreaterThan(40); // below the title of the chart
    }
    const places = shown.map(({ x, y }) => `${x} ${y}`);
    expect(new Set(places).size).toBe(places.length);
  });
});
