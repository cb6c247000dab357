// Random mazes as the published sample makes them: walls grown by short random walks over the even nodes.

import { types } from 'node:util';
import { checkInstance, checkInteger, checkNumber, checkOptions, checkString, fail } from '../../check.js';
import { Rng } from '../../tensor/rng.js';

/** One episode: a maze and the cells that the agent visits, one per time step. */
export interface Maze {
  readonly size: number;
  /** [n, n] row-major, 0 free, 1 wall. */
  readonly cells: Uint8Array;
  /** row·n + column. */
  readonly path: Int32Array;
}

export interface MazeShape {
  /** Side n of the square, odd, at least 5. */
  readonly size: number;
  /** Walk length per unit of perimeter: C = ⌊complexity·5·2n⌋ steps. Default 0.05. */
  readonly complexity?: number;
  /** Walks per even node: D = ⌊density·⌊n/2⌋²⌋. Default 0.2. */
  readonly density?: number;
}

/** Cells of one maze, [n, n] row-major: 0 free, 1 wall. The border is wall, odd–odd cells are free, and all free cells are
 *  connected. Each of D walks starts on an even node drawn uniformly (border included), makes it a wall, and C times picks
 *  one of the nodes two cells away: a free one becomes wall together with the cell between, and the walk moves there.
 *  Source: the mapping sample of Huynh, Maire, Walter 2020. */
export function makeMaze(shape: MazeShape, rng: Rng): Uint8Array {
  checkOptions('makeMaze', shape, ['size', 'complexity', 'density'], 'shape');
  const { size: n, complexity = 0.05, density = 0.2 } = shape;
  checkMazeShape('makeMaze', shape);
  checkInstance('makeMaze', 'rng', rng, Rng, 'an Rng, as new Rng(seed) makes it');
  const half = (n - 1) / 2;
  const walkSteps = Math.floor(complexity * (5 * (n + n)));
  const walks = Math.floor(density * (half * half));
  const cells = new Uint8Array(n * n);
  for (let i = 0; i < n; i++)
    cells[i] =
      cells[(n - 1) * n + i] =
      cells[i * n] =
      cells[i * n + n - 1] =
        1;

  const nodes = new Int32Array(4);
  for (let walk = 0; walk < walks; walk++) {
    let x = 2 * rng.integer(half + 1);
    let y = 2 * rng.integer(half + 1);
    cells[y * n + x] = 1;
    for (let step = 0; step < walkSteps; step++) {
      let count = 0;
      if (x > 1) nodes[count++] = y * n + x - 2;
      if (x < n - 2) nodes[count++] = y * n + x + 2;
      if (y > 1) nodes[count++] = (y - 2) * n + x;
      if (y < n - 2) nodes[count++] = (y + 2) * n + x;
      const node = nodes[rng.integer(count)]!;
      if (cells[node] === 1) continue;
      cells[node] = 1;
      cells[(node + y * n + x) / 2] = 1; // the cell between
      x = node % n;
      y = (node - x) / n;
    }
  }
  return cells;
}

/** ERR_MG_ARGUMENT unless size is odd and at least 5, complexity in 0…10 and density in 0…1. */
export function checkMazeShape(where: string, { size, complexity = 0.05, density = 0.2 }: MazeShape): void {
  checkInteger(where, 'size', size, 5, 255);
  if (size % 2 === 0) fail('ERR_MG_ARGUMENT', where, 'size to be odd', size, `take ${size - 1} or ${size + 1}`);
  checkNumber(where, 'complexity', complexity, 0, 10);
  checkNumber(where, 'density', density, 0, 1);
}

/** A maze as text, one line per row: `#` wall, `.` free. */
export function drawMaze(cells: Uint8Array): string[] {
  const n = Math.sqrt(types.isUint8Array(cells) ? cells.length : NaN);
  if (!Number.isInteger(n) || n === 0) fail('ERR_MG_ARGUMENT', 'drawMaze', 'the cells of a maze, a Uint8Array of n·n', cells);
  const text = Array.from(cells, (cell) => (cell === 1 ? '#' : '.')).join('');
  return Array.from({ length: n }, (_, row) => text.slice(row * n, (row + 1) * n));
}

/** The cells of a drawing made of `#` and `.`: a square of odd side with a closed border. */
export function parseMaze(rows: readonly string[]): Uint8Array {
  if (!Array.isArray(rows)) fail('ERR_MG_ARGUMENT', 'parseMaze', 'a list of rows', rows);
  const n = rows.length;
  checkMazeShape('parseMaze', { size: n });
  const cells = new Uint8Array(n * n);
  rows.forEach((text, row) => {
    if (checkString('parseMaze', `row ${row}`, text).length !== n || !/^[#.]*$/.test(text)) {
      fail('ERR_MG_ARGUMENT', 'parseMaze', `row ${row} to be ${n} cells # or .`, text);
    }
    for (let col = 0; col < n; col++) {
      const onBorder = row === 0 || col === 0 || row === n - 1 || col === n - 1;
      if (onBorder && text[col] !== '#') fail('ERR_MG_ARGUMENT', 'parseMaze', `a wall at row ${row}, column ${col}`, text[col]);
      cells[row * n + col] = text[col] === '#' ? 1 : 0;
    }
  });
  return cells;
}
