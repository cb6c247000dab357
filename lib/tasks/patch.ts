// Windows of a maze as the network sees them: one-hot cells with a location, resized to the grids of a pyramid.

/** What lies outside the maze, or is unseen: neither free (0) nor wall (1). */
export const UNKNOWN = 2;
/** Free, wall, row, column. */
export const CHANNELS = 4;

/** A maze with a margin of UNKNOWN cells on each side, so that windows never leave the array. */
export interface Padded {
  readonly cells: Uint8Array;
  readonly width: number;
  readonly margin: number;
}

export function pad(maze: Uint8Array, margin: number): Padded {
  const n = Math.sqrt(maze.length);
  const width = n + 2 * margin;
  const cells = new Uint8Array(width * width).fill(UNKNOWN);
  for (let row = 0; row < n; row++) cells.set(maze.subarray(row * n, (row + 1) * n), (row + margin) * width + margin);
  return { cells, width, margin };
}

/** Copies the side×side window centred on (row, col) to `out`, row-major. Needs margin ≥ ⌊side/2⌋ for border cells. */
export function readPatch(maze: Padded, row: number, col: number, side: number, out: Uint8Array): Uint8Array {
  const corner = (row + maze.margin - (side >> 1)) * maze.width + col + maze.margin - (side >> 1);
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) out[i * side + j] = maze.cells[corner + i * maze.width + j]!;
  }
  return out;
}

/** Source rows of a nearest-neighbour resize from `from` to `to`, without half-pixel centres: ⌊i·from/to⌋ (TensorFlow 1). */
export function nearestRows(from: number, to: number): Int32Array {
  return Int32Array.from({ length: to }, (_, i) => Math.floor((i * from) / to));
}

/** Writes a window at `offset` as [S, S, 4]: one-hot free and wall (both 0 where UNKNOWN), then the row and the column of
 *  the agent, constant over the window. `rows` has S entries, from `nearestRows(side, S)`. `out` must be zero there. */
export function encodePatch(
  patch: Uint8Array,
  side: number,
  rows: Int32Array,
  row: number,
  col: number,
  out: Float32Array,
  offset: number,
): void {
  let at = offset;
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < rows.length; j++, at += CHANNELS) {
      const cell = patch[rows[i]! * side + rows[j]!]!;
      if (cell !== UNKNOWN) out[at + cell] = 1;
      out[at + 2] = row;
      out[at + 3] = col;
    }
  }
}

/** Numbers equal patches equally. One Numbering serves one maze and one side. */
export class Numbering {
  readonly #ids = new Map<string, number>();

  /** The number of a patch: the count of different patches before it. Exact, no hashing. */
  of(patch: Uint8Array, side: number): number {
    let key = '';
    for (let i = 0; i < side; i++) {
      let code = 0;
      for (let j = 0; j < side; j++) code = 3 * code + patch[i * side + j]!;
      key += String.fromCharCode(code); // 3^9 = 19683 codes: one character per row
    }
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#ids.set(key, this.#ids.size);
    return this.#ids.size - 1;
  }
}
