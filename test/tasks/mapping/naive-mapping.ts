// The mapping task once more, straight from its definition: windows as strings, places as sets.

import type { Maze } from '../../../lib/tasks/mapping/maze.js';
import type { HostArray } from '../../../lib/tasks/task.js';

/** The side×side window around a cell as text: '.' free, '#' wall, '?' outside the maze or not yet seen. */
export function windowText({ size, cells }: Maze, cell: number, side: number, seen?: ReadonlySet<number>): string {
  const row = Math.floor(cell / size);
  const col = cell % size;
  const reach = (side - 1) / 2;
  let text = '';
  for (let y = row - reach; y <= row + reach; y++) {
    for (let x = col - reach; x <= col + reach; x++) {
      const inside = y >= 0 && x >= 0 && y < size && x < size;
      if (!inside || (seen !== undefined && !seen.has(y * size + x))) text += '?';
      else text += cells[y * size + x] === 1 ? '#' : '.';
    }
  }
  return text;
}

/** Maze cells that lie in a 3×3 view at one of the steps 0…last. */
export function seenUntil({ size, path }: Maze, last: number): Set<number> {
  const seen = new Set<number>();
  for (const cell of path.subarray(0, last + 1)) {
    for (const dy of [-1, 0, 1]) for (const dx of [-1, 0, 1]) seen.add(cell + dy * size + dx);
  }
  return seen;
}

/** Visited cells (each once, in order) whose whole 9×9 window has been seen at step `last`, as far as it is in the maze. */
export function wideCandidates(maze: Maze, last: number): number[] {
  const seen = seenUntil(maze, last);
  return [...new Set(maze.path.subarray(0, last + 1))]
    .filter((cell) => windowText(maze, cell, 9) === windowText(maze, cell, 9, seen));
}

/** Output cells of the given maze cells, when the first cell of the path lies at (center, center). */
export function onMap({ size, path }: Maze, cells: Iterable<number>, center: number, side: number): number[] {
  const startRow = Math.floor(path[0]! / size);
  const startCol = path[0]! % size;
  const spots = [...cells].map((cell) => (
    (Math.floor(cell / size) - startRow + center) * side + (cell % size) - startCol + center
  ));
  return [...new Set(spots)].sort((a, b) => a - b);
}

/** Text and location channels of the window stored at [t, b] of a [T, B, S, S, 4] array. */
export function readWindow({ data, shape }: HostArray, t: number, b: number): { text: string; rows: number[]; cols: number[] } {
  const side = shape[2]!;
  const size = side * side * 4;
  const at = (t * shape[1]! + b) * size;
  let text = '';
  const rows = new Set<number>();
  const cols = new Set<number>();
  for (let k = at; k < at + size; k += 4) {
    const pair = `${data[k]}${data[k + 1]}`;
    text += pair === '10' ? '.' : pair === '01' ? '#' : pair === '00' ? '?' : 'X';
    rows.add(data[k + 2]!);
    cols.add(data[k + 3]!);
  }
  return { text, rows: [...rows], cols: [...cols] };
}

/** Indices of the ones in the map at [t, b] of a [T, B, S, S, 1] array. */
export function readMap({ data, shape }: HostArray, t: number, b: number): number[] {
  const size = shape[2]! * shape[3]!;
  const at = (t * shape[1]! + b) * size;
  const ones: number[] = [];
  for (let k = 0; k < size; k++) {
    if (data[at + k] === 1) ones.push(k);
    else if (data[at + k] !== 0) throw new Error(`a target of ${data[at + k]}`);
  }
  return ones;
}

/** Text of a window of side `from` after nearest resizing to side `to`: source row ⌊i·from/to⌋. */
export function resizeText(text: string, from: number, to: number): string {
  let out = '';
  for (let i = 0; i < to; i++) {
    for (let j = 0; j < to; j++) out += text[Math.floor((i * from) / to) * from + Math.floor((j * from) / to)];
  }
  return out;
}
