// Ways through mazes: walls in their places, each way from its start to its end.
import { describe, expect, it } from 'vitest';
import { hexColor, wallRamp } from '../../lib/plot/color.js';
import { pathPicture, type PathPicture } from '../../lib/plot/path-picture.js';
import { errorOf } from '../helpers/files.js';
import { all, cellsOf, parseXml, texts } from './picture-reader.js';

const cells = [1, 1, 1, 1, 0, 1, 1, 0, 1];
const picture = (change: Partial<PathPicture> = {}): PathPicture => ({
  title: 'ways',
  subtitle: 'two',
  columns: ['agent', 'frontier'],
  mazes: [{ size: 3, cells, paths: [{ path: [[1, 1], [2, 1]], note: '50 %' }, { path: [[1, 1]], note: '25 %' }] }],
  ...change,
});

describe('pathPicture', () => {
  it('shows each maze once for each who walked it, with the way from start to end and what is noted', () => {
    const svg = parseXml(pathPicture(picture()));
    const images = all(svg, 'image');
    const walls = cells.map((cell) => hexColor(wallRamp(cell)));
    expect([cellsOf(images[0]!, 3, 3).flat(), cellsOf(images[1]!, 3, 3).flat()]).toEqual([walls, walls]);
    const [x, y, side] = ['x', 'y', 'width'].map((name) => Number(images[0]!.attributes[name])) as [number, number, number];
    const [line] = all(svg, 'line');
    const middle = (index: number): number => Math.round((index + 0.5) * (side / 3));
    expect(['x1', 'y1', 'x2', 'y2'].map((name) => Math.round(Number(line!.attributes[name])))).toEqual(
      [x + middle(1), y + middle(1), x + middle(1), y + middle(2)],
    );
    expect(texts(svg)).toEqual(expect.arrayContaining(['ways', 'two', 'agent', 'frontier', '50 %', '25 %']));
    for (const image of images) {
      expect(Number(image.attributes['x']) + side).toBeLessThanOrEqual(Number(svg.attributes['width']));
      expect(Number(image.attributes['y']) + side).toBeLessThanOrEqual(Number(svg.attributes['height']));
    }
  });

  it.each([
    ['no mazes', picture({ mazes: [] }), 'ERR_MG_ARGUMENT'],
    ['no columns', picture({ columns: [] }), 'ERR_MG_ARGUMENT'],
    ['too few cells', picture({ mazes: [{ size: 4, cells, paths: picture().mazes[0]!.paths }] }), 'ERR_MG_SHAPE'],
    ['too few paths', picture({ mazes: [{ size: 3, cells, paths: [] }] }), 'ERR_MG_SHAPE'],
  ])('%s are refused', async (_, broken, code) => {
    expect((await errorOf(() => pathPicture(broken))).code).toBe(code);
  });
});
