// How the agent moves through a maze. A path is the list of its cells (row·n + column), one per time step.

import { types } from 'node:util';
import { checkInstance, checkInteger, fail } from '../../check.js';
import { checkMazeShape } from './maze.js';
import { Rng } from '../../tensor/rng.js';

/** `free`: choose uniformly among the free neighbours, so that every step is a move.
 *  `stay`: choose uniformly among the four directions and stay when a wall is there. */
export type MoveRule = 'free' | 'stay';

/** The outward spiral from the centre, which ignores walls: right, down, left twice as far, up, and so on.
 *  It ends when the next cell would leave the interior 1…n−2, after visiting each of its (n−2)² cells once.
 *  With (dr, dc) the offset from the start: dc ≥ 0: right when dr < 1−dc, else down when dr ≤ dc−1, else left;
 *  dc < 0: right when dr < 1+dc, else up when dr ≤ −dc, else left. Source: the mapping sample of Huynh et al. 2020. */
export function spiralPath(size: number): Int32Array {
  checkMazeShape('spiralPath', { size });
  const center = (size - 1) / 2;
  const path: number[] = [];
  let dr = 0;
  let dc = 0;
  while (Math.max(Math.abs(dr), Math.abs(dc)) < center) {
    path.push((center + dr) * size + center + dc);
    const reach = dc >= 0 ? dc - 1 : -dc; // last row of the vertical stretch at this column
    if (dr < 1 - Math.abs(dc)) dc += 1;
    else if (dr <= reach) dr += dc >= 0 ? 1 : -1;
    else dc -= 1;
  }
  return Int32Array.from(path);
}

/** The odd–odd cell 2⌊n/4⌋+1 on both axes, never a wall: where walks begin, near the centre. */
export function walkStart(size: number): number {
  checkInteger('walkStart', 'size', size, 1);
  return 2 * Math.floor(size / 4) + 1;
}

/** A random walk of `length` cells over the free cells, from `start` (row·n + column), which counts as the first step.
 *  Directions are drawn in the order up, down, left, right; one draw per move. ERR_MG_ARGUMENT when the start is a wall. */
export function walkPath(cells: Uint8Array, start: number, length: number, rule: MoveRule, rng: Rng): Int32Array {
  const n = Math.sqrt(types.isUint8Array(cells) ? cells.length : NaN);
  if (!Number.isInteger(n) || n === 0) fail('ERR_MG_ARGUMENT', 'walkPath', 'the cells of a maze, a Uint8Array of n·n', cells);
  checkInteger('walkPath', 'start', start, 0);
  checkInteger('walkPath', 'length', length, 1);
  checkInstance('walkPath', 'rng', rng, Rng, 'an Rng, as new Rng(seed) makes it');
  if (cells[start] !== 0) fail('ERR_MG_ARGUMENT', 'walkPath', 'a free start cell', start, 'odd–odd cells are always free');
  const moves = [-n, n, -1, 1];
  const path = new Int32Array(length);
  const open = new Int32Array(4);
  let at = start;
  path[0] = at;
  for (let step = 1; step < length; step++) {
    if (rule === 'stay') {
      const next = at + moves[rng.integer(4)]!;
      if (cells[next] === 0) at = next;
    } else {
      let count = 0;
      for (const move of moves) if (cells[at + move] === 0) open[count++] = at + move;
      if (count > 0) at = open[rng.integer(count)]!;
    }
    path[step] = at;
  }
  return path;
}
