// The picture of the memory: every cell has the color of its value, in its place.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexColor, probabilityRamp, signedRamp, wallRamp } from '../../lib/plot/color.js';
import { memoryPicture, type MemoryMoment, type MemoryPicture } from '../../lib/plot/memory-picture.js';
import { encodePng } from '../../lib/plot/png.js';
import { errorOf } from '../helpers/files.js';
import { all, cellsOf, parseXml, readPng, texts } from './picture-reader.js';
import { cases } from '../helpers/promises.js';

const map = { height: 3, width: 4, values: [1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1] };
const query = { height: 1, width: 2, values: [0, 1] };
const prediction = { height: 2, width: 2, values: new Float32Array([0, 0.25, 0.5, 1]) };
const target = { height: 2, width: 2, values: Uint8Array.from([0, 0, 0, 1]) };
const hidden = { height: 2, width: 2, channels: 2, values: new Float32Array([-1, 0.5, 0, 0, 1, 0, NaN, -0.5]) };
const moment = (change: Partial<MemoryMoment> = {}): MemoryMoment => ({
  title: 'step 2',
  note: 'F 0.9',
  map,
  path: [
    [1, 1],
    [1, 2],
  ],
  asked: [[1, 1]],
  query,
  prediction,
  target,
  hidden: [hidden],
  ...change,
});
const picture = (...moments: MemoryMoment[]): MemoryPicture => ({
  title: 'memory',
  subtitle: 'map9',
  hiddenTitles: ['Hidden states, layer 5'],
  moments,
});
const paint = (values: ArrayLike<number>, ramp: (value: number) => readonly [number, number, number]): string[] =>
  Array.from(values, (value) => hexColor(ramp(value)));

describe('memoryPicture', () => {
  it('shows map, query, prediction, target and each channel, every cell in the color of its value', () => {
    const images = all(parseXml(memoryPicture(picture(moment()))), 'image');
    expect(images).toHaveLength(4 + 2 + 2); // four grids, two channels, two scales
    expect(cellsOf(images[0]!, 3, 4).flat()).toEqual(paint(map.values, wallRamp));
    expect(cellsOf(images[1]!, 1, 2).flat()).toEqual(paint(query.values, wallRamp));
    expect(cellsOf(images[2]!, 2, 2).flat()).toEqual(paint(prediction.values, probabilityRamp));
    expect(cellsOf(images[3]!, 2, 2).flat()).toEqual(paint(target.values, probabilityRamp));
    // the largest size of all hidden values is 1, so that -1, 0, 1 are the ends and the middle of the scale
    expect(cellsOf(images[4]!, 2, 2).flat()).toEqual(paint([0, 0.5, 1, NaN], signedRamp));
    expect(cellsOf(images[5]!, 2, 2).flat()).toEqual(paint([0.75, 0.5, 0.5, 0.25], signedRamp));
  });

  it('cells are square, panels do not overlap and nothing leaves the picture', () => {
    for (const channels of [1, 3, 8, 48]) {
      const states = { height: 6, width: 6, channels, values: new Float32Array(36 * channels) };
      const svg = parseXml(memoryPicture(picture(moment({ hidden: [states] }), moment({ hidden: [states] }))));
      const boxes = all(svg, 'image').map(({ attributes: a }) => [a['x'], a['y'], a['width'], a['height']].map(Number));
      for (const [i, [x = 0, y = 0, w = 0, h = 0]] of boxes.entries()) {
        expect(x >= 0 && y >= 0 && x + w <= Number(svg.attributes['width']) && y + h <= Number(svg.attributes['height'])).toBe(
          true,
        );
        for (const [x2 = 0, y2 = 0, w2 = 0, h2 = 0] of boxes.slice(i + 1)) {
          expect(x + w <= x2 || x2 + w2 <= x || y + h <= y2 || y2 + h2 <= y).toBe(true);
        }
      }
      expect((boxes[0]?.[2] ?? 0) / 4).toBeCloseTo((boxes[0]?.[3] ?? 0) / 3, 1);
    }
  });

  it('the path ends where the agent is, in the middle of its cell', () => {
    const svg = parseXml(memoryPicture(picture(moment())));
    const box = all(svg, 'image')[0]!.attributes;
    const cell = Number(box['width']) / 4;
    const [start, now] = all(svg, 'circle').map(({ attributes: a }) => [Number(a['cx']), Number(a['cy'])]);
    const center = (row: number, column: number): number[] => [
      Number(box['x']) + (column + 0.5) * cell,
      Number(box['y']) + (row + 0.5) * cell,
    ];
    for (
      const [found, expected] of [
        [start, center(1, 1)],
        [now, center(1, 2)],
      ] as const
    ) {
      expect(found?.[0]).toBeCloseTo(expected[0] ?? NaN, 1);
      expect(found?.[1]).toBeCloseTo(expected[1] ?? NaN, 1);
    }
  });

  it('says what is seen, and names the range of the hidden states', () => {
    const found = texts(
      parseXml(memoryPicture(picture(moment({ hidden: [{ ...hidden, values: hidden.values.map((v) => v * 0.82) }] })))),
    );
    for (
      const text of [
        'memory',
        'map9',
        'step 2',
        'F 0.9',
        'True map',
        'Query',
        'Prediction',
        'Target',
        'Hidden states, layer 5',
        '3 × 4, path so far',
        '2 channels of 2 × 2',
        '−0.82',
        '0.82',
        'probability',
        'wall',
        'now',
        'asked',
      ]
    ) {
      expect(found).toContain(text);
    }
    expect(texts(parseXml(memoryPicture(picture(moment({ asked: [] })))))).not.toContain('asked');
  });

  it('works without a path, without hidden states, with all-zero states and one cell', () => {
    const one = { height: 1, width: 1, values: [0] };
    parseXml(memoryPicture({ ...picture(moment({ path: [], hidden: [] })), hiddenTitles: [] }));
    parseXml(
      memoryPicture(
        picture(
          moment({ map: one, query: one, prediction: one, target: one, path: [[0, 0]], hidden: [{ ...one, channels: 1 }] }),
        ),
      ),
    );
  });

  it.each([
    ['no moments', picture(), 'ERR_MG_ARGUMENT'],
    ['a map of too few values', picture(moment({ map: { ...map, width: 5 } })), 'ERR_MG_SHAPE'],
    ['an empty target', picture(moment({ target: { height: 0, width: 0, values: [] } })), 'ERR_MG_SHAPE'],
    ['hidden states of another size', picture(moment({ hidden: [{ ...hidden, channels: 3 }] })), 'ERR_MG_SHAPE'],
    ['hidden states without a title', picture(moment({ hidden: [hidden, hidden] })), 'ERR_MG_SHAPE'],
    [
      'moments that differ',
      picture(moment(), moment({ hidden: [{ height: 1, width: 1, channels: 8, values: hidden.values }] })),
      'ERR_MG_SHAPE',
    ],
  ])('%s is refused', async (_, broken, code) => {
    expect((await errorOf(() => memoryPicture(broken))).code).toBe(code);
  });
});

describe('encodePng', () => {
  it('any image reads back pixel by pixel', () => {
    const image = fc.record({
      height: fc.integer({ min: 1, max: 9 }),
      width: fc.integer({ min: 1, max: 9 }),
      side: fc.integer({ min: 1, max: 4 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(image, ({ height, width, side, seed }) => {
        const color = (row: number, column: number): [number, number, number] => {
          const mixed = Math.imul(seed + row * 31 + column * 7, 0x9e3779b1) >>> 0;
          return [mixed & 255, (mixed >> 8) & 255, (mixed >> 16) & 255];
        };
        const pixels = readPng(encodePng(width, height, color, side));
        expect(pixels).toHaveLength(height * side);
        pixels.forEach((line, y) =>
          expect(line).toEqual(
            Array.from({ length: width * side }, (_, x) => hexColor(color(Math.floor(y / side), Math.floor(x / side)))),
          )
        );
      }),
      { numRuns: cases(200) },
    );
  });
});

describe('ramps', () => {
  it('probability darkens all the way; the signed ramp is lightest at zero', () => {
    const light = ([r, g, b]: readonly [number, number, number]): number => 0.2126 * r + 0.7152 * g + 0.0722 * b;
    const steps = Array.from({ length: 101 }, (_, i) => i / 100);
    steps
      .slice(1)
      .forEach((value, i) => expect(light(probabilityRamp(value))).toBeLessThan(light(probabilityRamp(steps[i] ?? 0))));
    steps.forEach((value) => expect(light(signedRamp(value))).toBeLessThanOrEqual(light(signedRamp(0.5))));
  });

  it('values outside take the end, NaN the color of nothing', () => {
    expect([probabilityRamp(-3), probabilityRamp(7)]).toEqual([probabilityRamp(0), probabilityRamp(1)]);
    expect(hexColor(signedRamp(NaN))).toBe('#d6dadf');
  });
});
