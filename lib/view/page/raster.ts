/** Cells that can be read out: by the pointer, and by the arrow keys. */
import { drawCells, drawMarks, type Colors, type Marks } from './canvas.js';
import { make } from './make.js';
import type { Panel } from './scene.js';

export const NOTHING = 255;
export const TOP = 254;

/** A number as people read it. */
export const short = (value: number): string => String(Number(value.toPrecision(3)));

/** What is drawn: a panel, or one channel. */
export type Look = Pick<Panel, 'title' | 'caption' | 'palette' | 'signed' | 'unit' | 'shift' | 'asks'>;

export interface Cells {
  readonly rows: number;
  readonly columns: number;
  /** −1: nothing is drawn there. */
  byteAt(i: number): number;
}

const KEYS: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** A canvas of cells that can be read out: by the pointer, and by the arrow keys where it has the focus. */
export class Raster {
  readonly element: HTMLElement;
  readonly #cells = make('canvas', { class: 'cells' });
  readonly #marks: HTMLCanvasElement | null;
  readonly #read: (text: string | null) => void;
  readonly #look: Look;
  #shown: Cells = { rows: 1, columns: 1, byteAt: () => -1 };
  #high = 1;
  #cursor: [row: number, column: number] | null = null;

  constructor(
    look: Look,
    id: string,
    read: (text: string | null) => void,
    choose: ((row: number, column: number) => void) | null,
  ) {
    this.#look = look;
    this.#read = read;
    this.#marks = look.shift === undefined ? null : make('canvas', { class: 'marks', 'aria-hidden': 'true' });
    this.#cells.setAttribute('role', 'img');
    this.#cells.setAttribute('aria-label', `${look.title}: ${look.caption}`);
    this.#cells.id = `cells-${id}`;
    const label = `${look.title}, cell by cell${choose === null ? '' : ', Enter asks about it'}`;
    this.element = make('div', { class: 'raster', tabindex: '0', role: 'group', 'aria-label': label }, this.#cells);
    if (this.#marks !== null) this.element.append(this.#marks);
    this.element.addEventListener('pointermove', (event) => this.#tell(this.#at(event)));
    this.element.addEventListener('pointerleave', () => this.#tell(null));
    this.element.addEventListener('blur', () => this.#tell(null));
    if (choose !== null) this.element.addEventListener('click', (event) => choose(...this.#at(event)));
    this.element.addEventListener('keydown', (event) => {
      // Where a walk goes on by the arrow keys, the cursor takes the shift key.
      if (event.key in KEYS && (choose === null || event.shiftKey)) {
        const [rows, columns] = KEYS[event.key]!;
        const [row, column] = this.#cursor ?? [0, -columns];
        const { rows: most, columns: widest } = this.#shown;
        this.#tell([Math.min(most - 1, Math.max(0, row + rows)), Math.min(widest - 1, Math.max(0, column + columns))]);
      } else if (event.key === 'Enter' && choose !== null && this.#cursor !== null) choose(...this.#cursor);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  draw(cells: Cells, colors: Colors, high: number, marks: Marks | null): void {
    this.#shown = cells;
    this.#high = high;
    drawCells(this.#cells, cells.columns, cells.rows, colors, (i) => cells.byteAt(i));
    if (this.#marks !== null && marks !== null) drawMarks(this.#marks, cells.rows, cells.columns, marks);
    if (this.#cursor !== null) this.#tell(this.#cursor);
  }

  #at(event: MouseEvent): [row: number, column: number] {
    const { left, top, width, height } = this.#cells.getBoundingClientRect();
    const { rows, columns } = this.#shown;
    const place = (part: number, count: number): number => Math.min(count - 1, Math.max(0, Math.floor(part * count)));
    return [place((event.clientY - top) / height, rows), place((event.clientX - left) / width, columns)];
  }

  #tell(cell: [row: number, column: number] | null): void {
    this.#cursor = cell;
    if (cell === null) return this.#read(null);
    const [row, column] = cell;
    const byte = this.#shown.byteAt(row * this.#shown.columns + column);
    this.#read(`row ${row + 1}, column ${column + 1}: ${valueOf(byte, this.#look, this.#high)}`);
  }
}

/** A byte in words. */
export function valueOf(byte: number, { signed, unit }: Pick<Panel, 'signed' | 'unit'>, high: number): string {
  if (byte < 0 || byte === NOTHING) return 'nothing';
  if (typeof unit !== 'string') return unit[byte === 0 ? 0 : 1];
  const low = signed ? -high : 0;
  return `${unit} ${short(low + (byte / TOP) * (high - low))}`;
}
