// One episode of the mapping task, prepared for cutting: what is seen, where, and which places look alike.

import { fail } from '../../check.js';
import type { Rng } from '../../tensor/rng.js';
import type { ResolvedMapping } from './mapping-options.js';
import type { Maze } from './maze.js';
import { Numbering, pad, readPatch, UNKNOWN, type Padded } from '../patch.js';

const WIDE = 9;

/** A centre whose 9×9 window has been seen in full. */
interface Candidate {
  readonly time: number; // first step at which it is complete
  readonly row: number;
  readonly col: number;
  readonly spot: number;
  id: number; // number of the window, −1 until it is needed
}

export class Track {
  readonly #maze: Maze;
  readonly #view: number;
  readonly #padded: Padded;
  readonly #patch: Uint8Array;
  readonly #rows: Int32Array; // of the agent in the maze, per step
  readonly #cols: Int32Array;
  readonly #rowShift: number; // maze coordinate + shift = re-centred coordinate
  readonly #colShift: number;
  readonly #side: number;
  readonly #spots: Int32Array; // cell of the output map, per step
  readonly #ids: Int32Array; // number of the window seen, per step
  readonly #seenAt: Int32Array | null; // first step at which a maze cell was in view
  readonly #candidates: readonly Candidate[];
  readonly #numbering = new Numbering(); // of 9×9 windows
  readonly #wide = new Uint8Array(WIDE * WIDE);

  constructor(maze: Maze, { view, query, outputSide, center }: ResolvedMapping) {
    const { size: n, path } = maze;
    this.#maze = maze;
    this.#view = view;
    this.#side = outputSide;
    this.#padded = pad(maze.cells, WIDE >> 1);
    this.#patch = new Uint8Array(view * view);
    this.#rows = path.map((cell) => Math.floor(cell / n));
    this.#cols = path.map((cell) => cell % n);
    for (const cell of path) {
      const row = Math.floor(cell / n);
      const col = cell % n;
      if (!(row >= 1 && col >= 1 && row <= n - 2 && col <= n - 2)) {
        fail('ERR_MG_ARGUMENT', 'mapping', `a path inside rows and columns 1…${n - 2}`, [row, col]);
      }
    }
    this.#rowShift = center - this.#rows[0]!;
    this.#colShift = center - this.#cols[0]!;
    this.#spots = path.map((_, t) => this.#spot(this.#rows[t]!, this.#cols[t]!));
    this.#ids = this.#number(view);
    this.#seenAt = query > view ? this.#firstSeen() : null;
    this.#candidates = query > view ? this.#findCandidates() : [];
  }

  /** The window seen at a step. Valid until the next call. */
  patch(step: number): Uint8Array {
    return readPatch(this.#padded, this.#rows[step]!, this.#cols[step]!, this.#view, this.#patch);
  }

  /** Re-centred row and column at a step. */
  location(step: number): [row: number, col: number] {
    return [this.#rows[step]! + this.#rowShift, this.#cols[step]! + this.#colShift];
  }

  /** Marks the positions of steps 0…until (at most the whole path) that look like the one of step `asked`. */
  mark(asked: number, until: number, map: Float32Array, offset: number): void {
    const id = this.#ids[asked]!;
    const end = Math.min(until, this.#ids.length - 1);
    for (let step = 0; step <= end; step++) if (this.#ids[step] === id) map[offset + this.#spots[step]!] = 1;
  }

  /** The 9×9 query at a step, with its answer marked on the map. Not scored while no window is complete. */
  askWide(step: number, ahead: number, draw: Rng, map: Float32Array, offset: number): { patch: Uint8Array; isScored: boolean } {
    const count = this.#complete(step);
    if (count === 0) {
      map[offset + this.#spots[step]!] = 1;
      return { patch: this.#seenSoFar(step), isScored: false };
    }
    const asked = this.#candidates[draw.integer(count)]!;
    const until = this.#complete(step + ahead);
    const id = this.#wideId(asked);
    for (let k = 0; k < until; k++) {
      if (this.#wideId(this.#candidates[k]!) === id) map[offset + this.#candidates[k]!.spot] = 1;
    }
    return { patch: readPatch(this.#padded, asked.row, asked.col, WIDE, this.#wide), isScored: true };
  }

  #spot(row: number, col: number): number {
    const y = row + this.#rowShift;
    const x = col + this.#colShift;
    if (y < 0 || x < 0 || y >= this.#side || x >= this.#side) {
      fail('ERR_MG_ARGUMENT', 'mapping', `positions on a map of side ${this.#side}`, [y, x], 'take a larger outputSide');
    }
    return y * this.#side + x;
  }

  #number(side: number): Int32Array {
    const numbering = new Numbering();
    const known = new Int32Array(this.#maze.cells.length).fill(-1);
    const patch = new Uint8Array(side * side);
    return this.#maze.path.map((cell, t) => {
      if (known[cell] === -1) {
        known[cell] = numbering.of(readPatch(this.#padded, this.#rows[t]!, this.#cols[t]!, side, patch), side);
      }
      return known[cell]!;
    });
  }

  #firstSeen(): Int32Array {
    const { size: n, cells, path } = this.#maze;
    const seenAt = new Int32Array(cells.length).fill(path.length);
    path.forEach((cell, t) => {
      for (const row of [-n, 0, n]) {
        for (const col of [-1, 0, 1]) seenAt[cell + row + col] = Math.min(seenAt[cell + row + col]!, t);
      }
    });
    return seenAt;
  }

  /** First step at which all cells of the 9×9 window around a cell have been seen: a sliding maximum, rows then columns. */
  #firstWhole(): Int32Array {
    const { size: n } = this.#maze;
    const slide = (from: Int32Array, step: number, across: number): Int32Array => {
      const out = new Int32Array(n * n);
      for (let line = 0; line < n; line++) {
        for (let i = 0; i < n; i++) {
          let latest = 0;
          for (let k = Math.max(0, i - 4); k <= Math.min(n - 1, i + 4); k++) {
            latest = Math.max(latest, from[line * across + k * step]!);
          }
          out[line * across + i * step] = latest;
        }
      }
      return out;
    };
    return slide(slide(this.#seenAt!, 1, n), n, 1);
  }

  /** Complete centres in order of time, then of their first visit. */
  #findCandidates(): Candidate[] {
    const { path } = this.#maze;
    const wholeAt = this.#firstWhole();
    const visited = new Set<number>();
    const found: Candidate[] = [];
    path.forEach((cell, t) => {
      if (visited.has(cell)) return;
      visited.add(cell);
      const row = this.#rows[t]!;
      const col = this.#cols[t]!;
      const time = Math.max(t, wholeAt[cell]!);
      if (time >= path.length) return;
      found.push({ time, row, col, spot: this.#spot(row, col), id: -1 });
    });
    return found.sort((a, b) => a.time - b.time);
  }

  #wideId(candidate: Candidate): number {
    if (candidate.id === -1) {
      candidate.id = this.#numbering.of(readPatch(this.#padded, candidate.row, candidate.col, WIDE, this.#wide), WIDE);
    }
    return candidate.id;
  }

  /** How many candidates are complete at a step. */
  #complete(step: number): number {
    let count = 0;
    while (count < this.#candidates.length && this.#candidates[count]!.time <= step) count++;
    return count;
  }

  /** The 9×9 window around the agent, with the cells not seen yet as UNKNOWN. */
  #seenSoFar(step: number): Uint8Array {
    const { size: n } = this.#maze;
    const row = this.#rows[step]!;
    const col = this.#cols[step]!;
    const patch = readPatch(this.#padded, row, col, WIDE, this.#wide);
    for (let i = 0; i < WIDE * WIDE; i++) {
      const y = row - 4 + Math.floor(i / WIDE);
      const x = col - 4 + (i % WIDE);
      const inside = y >= 0 && x >= 0 && y < n && x < n;
      if (inside && this.#seenAt![y * n + x]! > step) patch[i] = UNKNOWN;
    }
    return patch;
  }
}
