/** A panel as a figure: its cells, its marks, its scale, and the value under the pointer or the cursor. */
import { drawScale, type Colors, type Marks } from './canvas.js';
import { make } from './make.js';
import { NOTHING, Raster, short, TOP, type Cells, type Look } from './raster.js';
import type { ChannelGrid, FilmSent, FrameHead, Panel } from './scene.js';
import type { Frame } from './source.js';

/** Title, rasters, scale, and a line that says what it is or what is under the pointer. */
class Figure {
  readonly element: HTMLElement;
  readonly #caption: HTMLElement;
  readonly #ends: readonly [HTMLElement, HTMLElement] | null;
  readonly #signed: boolean;

  constructor(look: Look, classes: string, body: HTMLElement, colors: Colors) {
    this.#signed = look.signed;
    this.#caption = make('span', { class: 'caption' }, look.caption);
    const isMeasured = typeof look.unit === 'string' && look.palette !== 'wall';
    this.#ends = isMeasured ? [make('span'), make('span')] : null;
    const scale = make('canvas', { 'aria-hidden': 'true' });
    drawScale(scale, colors);
    this.element = make(
      'figure',
      { class: classes },
      make('figcaption', {}, make('strong', {}, look.title)),
      body,
      ...(this.#ends === null ? [] : [make('div', { class: 'scale' }, this.#ends[0], scale, this.#ends[1])]),
      this.#caption,
    );
  }

  /** The line under the cells; null: what they are. */
  say(text: string): void {
    this.#caption.textContent = text;
  }

  scale(high: number): void {
    if (this.#ends === null) return;
    this.#ends[0].textContent = this.#signed ? `−${short(high)}` : '0';
    this.#ends[1].textContent = short(high);
  }
}

export type Choose = (cell: number) => void;

/** One panel of a film. */
export class PanelFigure {
  readonly element: HTMLElement;
  readonly #panel: Panel;
  readonly #colors: Colors;
  readonly #figure: Figure;
  readonly #rasters: readonly Raster[];
  readonly #items: readonly HTMLElement[] = [];
  readonly #steps: number | null;
  readonly #side: number;
  readonly #view: number;

  constructor(panel: Panel, { scene }: FilmSent, colors: Colors, choose: Choose | null) {
    this.#panel = panel;
    this.#colors = colors;
    this.#steps = scene.steps;
    this.#side = scene.side ?? 0;
    this.#view = panel.asks === true ? scene.panels.find(({ id }) => id === 'view')?.rows ?? 0 : 0;
    const asks = panel.asks === true && choose !== null
      ? (row: number, column: number) => choose(row * panel.columns + column)
      : null;
    const read = (text: string | null): void => this.#figure.say(text ?? panel.caption);
    const count = panel.form === 'patches' ? panel.count : 1;
    this.#rasters = Array.from({ length: count }, (_, k) => {
      const look = count === 1 ? panel : { ...panel, title: `${panel.title} ${panel.labels?.[k] ?? k + 1}` };
      return new Raster(look, count === 1 ? panel.id : `${panel.id}-${k}`, read, asks);
    });
    let body = this.#rasters[0]!.element;
    if (panel.form === 'patches') {
      this.#items = this.#rasters.map(({ element }, k) => make('li', {}, element, make('span', {}, panel.labels?.[k] ?? '')));
      body = make('ol', { class: 'patches' }, ...this.#items);
    }
    this.#figure = new Figure(panel, `${panel.form} size-${panel.size}`, body, colors);
    this.element = this.#figure.element;
  }

  /** `index`: of the panel in its film; `before`: frames up to this one, where a strip needs them. */
  draw(index: number, frame: Frame, before: readonly Frame[]): void {
    const { form, rows, columns } = this.#panel;
    const high = frame.head.highs[index]!;
    this.#figure.scale(high);
    if (form === 'strip') return this.#rasters[0]!.draw(this.#strip(index, before), this.#colors, high, null);
    const bytes = frame.parts[index]!;
    this.#rasters.forEach((raster, k) => {
      const first = k * rows * columns;
      raster.draw({ rows, columns, byteAt: (i) => bytes[first + i]! }, this.#colors, high, this.#marks(frame.head));
    });
    this.#items.forEach((item, k) => item.toggleAttribute('data-now', this.#panel.id === 'items' && k === frame.head.now));
  }

  /** A column for each step, as high as the highest of them. Bytes are brought to the scale of the last. */
  #strip(index: number, before: readonly Frame[]): Cells {
    const columns = this.#steps ?? before.length;
    const rows = Math.max(1, ...before.map(({ parts }) => parts[index]!.length));
    const last = before.at(-1)!.head.highs[index]!;
    const zero = this.#panel.signed ? TOP / 2 : 0;
    const byteAt = (i: number): number => {
      const frame = before[i % columns];
      if (frame === undefined) return -1;
      const byte = frame.parts[index]![Math.floor(i / columns)];
      if (byte === undefined || byte === NOTHING) return NOTHING;
      return Math.round(zero + (byte - zero) * (frame.head.highs[index]! / last));
    };
    return { rows, columns, byteAt };
  }

  #marks({ path, asked }: FrameHead): Marks | null {
    const { shift, marks, asks } = this.#panel;
    if (shift === undefined || path === undefined) return null;
    const placed = (cell: number): [number, number] => [Math.floor(cell / this.#side) + shift[0], (cell % this.#side) + shift[1]];
    return {
      path: (marks === 'way' ? path : path.slice(-1)).map(placed),
      isWay: marks === 'way',
      asked: asks === true && asked !== undefined ? placed(asked) : null,
      view: this.#view,
    };
  }
}

/** All channels of one grid. */
export class ChannelFigure {
  readonly element: HTMLElement;
  readonly #grid: ChannelGrid;
  readonly #colors: Colors;
  readonly #figure: Figure;
  readonly #rasters: readonly Raster[];

  constructor(grid: ChannelGrid, colors: Colors) {
    this.#grid = grid;
    this.#colors = colors;
    const look = { title: grid.title, caption: `${grid.channels} channels`, palette: grid.palette, signed: true, unit: 'value' };
    const read = (text: string | null): void => this.#figure.say(text ?? look.caption);
    this.#rasters = Array.from(
      { length: grid.channels },
      (_, c) =>
        new Raster({ ...look, title: `Channel ${c + 1}`, caption: grid.title }, `channel-${c}`, (text) => (
          read(text === null ? null : `channel ${c + 1}, ${text}`)
        ), null),
    );
    const items = this.#rasters.map(({ element }, c) => make('li', {}, element, make('span', {}, String(c + 1))));
    this.#figure = new Figure(look, 'patches channels size-3', make('ol', { class: 'patches' }, ...items), colors);
    this.element = this.#figure.element;
  }

  draw(bytes: Uint8Array, high: number): void {
    const { rows, columns } = this.#grid;
    this.#figure.scale(high);
    this.#rasters.forEach((raster, c) => {
      const first = c * rows * columns;
      raster.draw({ rows, columns, byteAt: (i) => bytes[first + i]! }, this.#colors, high, null);
    });
  }
}
