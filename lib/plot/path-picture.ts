// Ways through the same mazes side by side: a row for each maze, a column for each who walked it.
import { fail, words } from '../check.js';
import { wallRamp } from './color.js';
import { key, pathOverlay, raster, type Cell } from './raster.js';
import { element, label, STYLE, svgDocument, textWidth } from './svg.js';

/** One way. `note` stands below it. */
export interface DrawnPath {
  readonly path: readonly Cell[];
  readonly note: string;
}

/** One maze, row by row with 1 for a wall, and a way through it for each column. */
export interface DrawnMaze {
  readonly size: number;
  readonly cells: ArrayLike<number>;
  readonly paths: readonly DrawnPath[];
}

export interface PathPicture {
  readonly title: string;
  readonly subtitle: string;
  /** Who walked. */
  readonly columns: readonly string[];
  readonly mazes: readonly DrawnMaze[];
}

const SIDE = 168;
const GAP = 22;
const MARGIN = 28;
const TOP = 112;
const ROW = SIDE + 40;

/** The picture as an SVG document. ERR_MG_ARGUMENT without mazes or columns, ERR_MG_SHAPE where the numbers do not fit. */
export function pathPicture({ title, subtitle, columns, mazes }: PathPicture): string {
  const where = 'pathPicture';
  if (mazes.length === 0 || columns.length === 0) fail('ERR_MG_ARGUMENT', where, 'at least one maze and one column', mazes);
  mazes.forEach(({ size, cells, paths }, i) => {
    if (cells.length !== size * size)
      fail('ERR_MG_SHAPE', `${where} mazes[${i}]`, `${size * size} cells`, words(`${cells.length} cells`));
    if (paths.length !== columns.length)
      fail('ERR_MG_SHAPE', `${where} mazes[${i}]`, `${columns.length} paths`, words(`${paths.length} paths`));
  });
  const left = (column: number): number => MARGIN + column * (SIDE + GAP);
  const headings = columns.map((name, k) => label(name, left(k), TOP - 16, { 'font-size': 14, 'font-weight': 600 }));
  const rows = mazes.flatMap((maze, row) => maze.paths.map((way, k) => panel(maze, way, left(k), TOP + row * ROW)));
  const foot = TOP + mazes.length * ROW;
  const width = Math.max(left(columns.length) - GAP + MARGIN, textWidth(subtitle, 13) + 2 * MARGIN);
  return svgDocument(width, foot + 62, title, [
    label(title, MARGIN, 38, { 'font-size': 20, 'font-weight': 600 }),
    label(subtitle, MARGIN, 60, { 'font-size': 13, fill: STYLE.muted }),
    ...headings,
    ...rows,
    key(MARGIN, foot, false),
  ]);
}

function panel({ size, cells }: DrawnMaze, { path, note }: DrawnPath, x: number, y: number): string {
  const box = { x, y, width: SIDE, height: SIDE };
  const grid = raster(size, size, (row, column) => wallRamp(cells[row * size + column] ?? NaN), box);
  const way = pathOverlay({ height: size, width: size }, box, path, []);
  return element('g', {}, grid, way, label(note, x, y + SIDE + 18, { 'font-size': 11.5, fill: STYLE.muted }));
}
