// Grids of colored cells, what lies over them, and the keys that explain them.
import { hexColor, pathRamp, wallRamp, type Ramp, type Rgb } from './color.js';
import { encodePng, pngAddress } from './png.js';
import { element, label, round, STYLE } from './svg.js';

/** A rectangle in px. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
/** A cell as [row, column], counted from the top left. */
export type Cell = readonly [number, number];

const PATH_COLOR = hexColor(pathRamp(1));
const NOW_COLOR = '#e8590c';
const ASKED_COLOR = '#c2346b';
const SHARPNESS = 3; // pixels of the image for each px of the picture

/** Cells as one embedded image with a thin frame. */
export function raster(height: number, width: number, cell: (row: number, column: number) => Rgb, box: Box): string {
  const side = Math.max(1, Math.ceil((SHARPNESS * box.width) / width));
  const href = pngAddress(encodePng(width, height, cell, side));
  const place = { x: box.x, y: box.y, width: box.width, height: box.height };
  const image = element('image', { ...place, href, preserveAspectRatio: 'none', style: 'image-rendering:pixelated' });
  return image + element('rect', { ...place, fill: 'none', stroke: STYLE.frame });
}

/** The way taken, fading towards its start, a ring at the start and a dot where the agent is now; rings of their own color
 *  around cells that were asked for. */
export function pathOverlay(
  grid: { height: number; width: number },
  box: Box,
  path: readonly Cell[],
  asked: readonly Cell[],
): string {
  const side = box.width / grid.width;
  const at = ([row, column]: Cell): [number, number] => [box.x + (column + 0.5) * side, box.y + (row + 0.5) * side];
  const parts: string[] = [];
  for (let i = 1; i < path.length; i += 1) {
    const [[x1, y1], [x2, y2]] = [at(path[i - 1] as Cell), at(path[i] as Cell)];
    const stroke = hexColor(pathRamp(i / (path.length - 1)));
    parts.push(element('line', { x1, y1, x2, y2, stroke, 'stroke-width': Math.max(1, side * 0.2), 'stroke-linecap': 'round' }));
  }
  for (const cell of asked) {
    const [cx, cy] = at(cell);
    const half = side * 0.46;
    parts.push(
      element('rect', {
        x: cx - half,
        y: cy - half,
        width: 2 * half,
        height: 2 * half,
        rx: side * 0.12,
        fill: 'none',
        stroke: ASKED_COLOR,
        'stroke-width': Math.max(1.2, side * 0.13),
      }),
    );
  }
  const [start, now] = [path[0], path.at(-1)];
  if (start !== undefined) parts.push(ring(at(start), side));
  if (now !== undefined) parts.push(dot(at(now), side));
  return parts.join('');
}

const ring = ([cx, cy]: [number, number], side: number): string =>
  element('circle', { cx, cy, r: side * 0.3, fill: STYLE.ground, stroke: PATH_COLOR, 'stroke-width': Math.max(1, side * 0.14) });
const dot = ([cx, cy]: [number, number], side: number): string =>
  element('circle', { cx, cy, r: side * 0.36, fill: NOW_COLOR, stroke: STYLE.ground, 'stroke-width': Math.max(0.8, side * 0.1) });

/** What the marks on a map mean, in two lines; the last entry only where cells were asked for. */
export function key(x: number, y: number, hasAsked: boolean): string {
  const [second, third] = [x + 54, x + 112];
  const below = y + 22;
  const square = (left: number, fill: string): string =>
    element('rect', { x: left, y: y + 1, width: 12, height: 12, fill, stroke: STYLE.frame });
  const word = (text: string, left: number, top: number): string =>
    label(text, left, top + 11, { 'font-size': 11.5, fill: STYLE.muted });
  const frame = {
    x: third + 2,
    y: below + 1,
    width: 12,
    height: 12,
    rx: 2,
    fill: 'none',
    stroke: ASKED_COLOR,
    'stroke-width': 2,
  };
  return [
    square(x, hexColor(wallRamp(1))),
    word('wall', x + 18, y),
    square(second, hexColor(wallRamp(0))),
    word('floor', second + 18, y),
    element('path', {
      d: `M${round(third)} ${round(y + 7)}h16`,
      stroke: PATH_COLOR,
      'stroke-width': 3,
      'stroke-linecap': 'round',
    }),
    word('path', third + 22, y),
    ring([x + 6, below + 7], 15),
    word('start', x + 18, below),
    dot([second + 6, below + 7], 15),
    word('now', second + 18, below),
    ...(hasAsked ? [element('rect', frame), word('asked', third + 22, below)] : []),
  ].join('');
}

/** A color scale with its ends and its meaning. */
export function ramps(ramp: Ramp, ends: readonly [string, string], meaning: string, x: number, y: number): string {
  const bar = { x, y, width: 120, height: 12 };
  const small = { 'font-size': 11.5, fill: STYLE.muted };
  return (
    raster(1, 60, (_, column) => ramp(column / 59), bar) +
    label(ends[0], x, y + 28, small) +
    label(ends[1], x + bar.width, y + 28, { ...small, 'text-anchor': 'end' }) +
    label(meaning, x + bar.width + 8, y + 10, small)
  );
}
