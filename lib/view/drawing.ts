/** Frames of a film as images, for animated pictures and videos: its panels without words. */
import type { Rgb } from '../plot/color.js';
import type { Image } from '../plot/apng.js';
import type { Film, Frame } from './film.js';
import type { FrameHead, Panel } from './page/scene.js';
import { NOTHING, palettes } from './palette.js';

const GROUND: Rgb = [255, 255, 255];
const LINE: Rgb = [184, 193, 203];
const WAY: Rgb = [23, 105, 170];
const OLD: Rgb = [176, 208, 232];
const NOW: Rgb = [232, 89, 12];
const ASKED: Rgb = [194, 52, 107];

const MARGIN = 14;
const GAP = 12;
const WIDTH = 764;
/** Width of panels by their size; strips are as wide as the picture. */
const SIZES: readonly number[] = [0, 80, 124, 264];
const MEMORY_SIZE = 81;
const STRIP_HEIGHT = 84;
const PATCH = 30;
const BAR = 5;

/** A place for a panel; its cells lie inside. */
interface Place {
  readonly index: number;
  readonly panel: Panel;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

class Canvas implements Image {
  readonly data: Uint8Array;

  constructor(readonly width: number, readonly height: number) {
    this.data = new Uint8Array(3 * width * height);
    this.fill(0, 0, width, height, GROUND);
  }

  fill(x: number, y: number, width: number, height: number, color: Rgb): void {
    const [left, right] = [Math.max(0, Math.round(x)), Math.min(this.width, Math.round(x + width))];
    for (let row = Math.max(0, Math.round(y)); row < Math.min(this.height, Math.round(y + height)); row++) {
      for (let column = left; column < right; column++) this.data.set(color, 3 * (row * this.width + column));
    }
  }

  frame(x: number, y: number, width: number, height: number, thickness: number, color: Rgb): void {
    this.fill(x, y, width, thickness, color);
    this.fill(x, y + height - thickness, width, thickness, color);
    this.fill(x, y, thickness, height, color);
    this.fill(x + width - thickness, y, thickness, height, color);
  }

  disc(x: number, y: number, radius: number, color: Rgb): void {
    for (let row = Math.floor(y - radius); row <= y + radius; row++) {
      const half = Math.sqrt(Math.max(0, radius ** 2 - (row + 0.5 - y) ** 2));
      this.fill(x - half, row, 2 * half, 1, color);
    }
  }
}

/** Where everything stands: the first panel that is asked at the left, the others in rows beside it, the memory below. */
function layOut({ scene }: Film): { places: readonly Place[]; height: number } {
  const indexed = scene.panels.map((panel, index) => ({ panel, index }));
  const world = indexed.filter(({ panel }) => panel.place === 'world');
  const last = scene.panels.at(-1)!;
  const memory = indexed.filter(({ panel }) => panel.place === 'memory' && panel.section === last.section);
  const places: Place[] = [];
  const heightOf = (panel: Panel, width: number): number => (
    panel.form === 'strip' ? STRIP_HEIGHT : panel.form === 'patches' ? PATCH : Math.round((width * panel.rows) / panel.columns)
  );
  /** Rows of panels from `top` on, between `left` and the right edge; gives where they end. */
  const flow = (panels: typeof world, left: number, top: number, widthOf: (panel: Panel) => number): number => {
    let [x, y, tallest] = [left, top, 0];
    for (const { panel, index } of panels) {
      const width = Math.min(WIDTH - MARGIN - left, widthOf(panel));
      if (x > left && (panel.begins === true || x + width > WIDTH - MARGIN)) [x, y, tallest] = [left, y + tallest + GAP, 0];
      const height = heightOf(panel, width);
      places.push({ index, panel, x, y, width, height });
      [x, tallest] = [x + width + GAP, Math.max(tallest, height)];
    }
    return y + tallest;
  };
  const whole = WIDTH - 2 * MARGIN;
  const widthOf = (panel: Panel): number => (
    panel.form === 'strip' ? whole : panel.form === 'patches' ? panel.count * (PATCH + 4) - 4 : SIZES[panel.size]!
  );
  const lead = world.filter(({ panel }) => panel.asks === true);
  const rest = world.filter(({ panel }) => panel.asks !== true);
  let bottom = flow(lead, MARGIN, MARGIN, widthOf);
  bottom = Math.max(bottom, flow(rest, lead.length === 0 ? MARGIN : MARGIN + SIZES[3]! + 2 * GAP, MARGIN, widthOf));
  bottom = flow(memory, MARGIN, bottom + 2 * GAP, (panel) => (panel.form === 'strip' ? whole : MEMORY_SIZE));
  const height = bottom + GAP + BAR + MARGIN;
  return { places, height: height + (height % 2) };
}

/** Cells of a panel over a place; what no byte stands for stays as it is. */
function cells(canvas: Canvas, place: Omit<Place, 'index'>, rows: number, columns: number, byteAt: (i: number) => number): void {
  const colors = palettes[place.panel.palette];
  const { x, y, width, height } = place;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const byte = byteAt(row * columns + column);
      if (byte < 0) continue;
      const [left, top] = [Math.round((column * width) / columns), Math.round((row * height) / rows)];
      const [right, bottom] = [Math.round(((column + 1) * width) / columns), Math.round(((row + 1) * height) / rows)];
      canvas.fill(x + left, y + top, right - left, bottom - top, [...colors.subarray(3 * byte, 3 * byte + 3)] as unknown as Rgb);
    }
  }
}

function marks(canvas: Canvas, { panel, x, y, width }: Place, { path, asked }: FrameHead, side: number): void {
  const { shift, marks: kind } = panel;
  if (shift === undefined || path === undefined) return;
  const cell = width / panel.columns;
  const center = (at: number): [number, number] => [
    x + ((at % side) + shift[1] + 0.5) * cell,
    y + (Math.floor(at / side) + shift[0] + 0.5) * cell,
  ];
  const [now, start] = [path.at(-1)!, path[0]!];
  if (kind === 'way') {
    const thick = Math.max(2, 0.2 * cell);
    for (let i = 1; i < path.length; i++) {
      const [[x1, y1], [x2, y2]] = [center(path[i - 1]!), center(path[i]!)];
      const share = i / (path.length - 1);
      const color = OLD.map((part, k) => Math.round(part * (1 - share) + WAY[k]! * share)) as unknown as Rgb;
      const [left, top] = [Math.min(x1, x2) - thick / 2, Math.min(y1, y2) - thick / 2];
      canvas.fill(left, top, Math.abs(x2 - x1) + thick, Math.abs(y2 - y1) + thick, color);
    }
    canvas.disc(...center(start), Math.max(3, 0.34 * cell), WAY);
    canvas.disc(...center(start), Math.max(2, 0.2 * cell), GROUND);
  }
  if (panel.asks === true && asked !== undefined) {
    const [cx, cy] = center(asked);
    canvas.frame(cx - cell / 2, cy - cell / 2, cell, cell, Math.max(2, Math.round(0.12 * cell)), ASKED);
  }
  const radius = kind === 'way' ? Math.max(4, 0.4 * cell) : Math.max(2, 0.3 * cell);
  canvas.disc(...center(now), radius, GROUND);
  canvas.disc(...center(now), 0.8 * radius, NOW);
}

/** The bytes of a panel in a frame. */
function partOf({ head, bytes }: Frame, index: number): Uint8Array {
  const first = head.sizes.slice(0, index).reduce((sum, size) => sum + size, 0);
  return bytes.subarray(first, first + head.sizes[index]!);
}

/** Draws frames of a film one after the other; strips show all those before. All images are of one even size. */
export class Drawing {
  readonly width = WIDTH;
  readonly height: number;
  readonly #film: Film;
  readonly #places: readonly Place[];

  constructor(film: Film) {
    this.#film = film;
    const { places, height } = layOut(film);
    this.#places = places;
    this.height = height;
  }

  /** The last of `frames`, which are all up to it. */
  draw(frames: readonly Frame[]): Image {
    const frame = frames.at(-1)!;
    const { steps, side = 0 } = this.#film.scene;
    const canvas = new Canvas(this.width, this.height);
    for (const place of this.#places) {
      const { index, panel, x, y, width, height } = place;
      const bytes = partOf(frame, index);
      if (panel.form === 'patches') this.#patches(canvas, place, bytes);
      else {
        canvas.frame(x - 1, y - 1, width + 2, height + 2, 1, LINE);
        if (panel.form === 'strip') this.#strip(canvas, place, frames);
        else cells(canvas, place, panel.rows, panel.columns, (i) => bytes[i]!);
      }
      marks(canvas, place, frame.head, side);
    }
    const whole = WIDTH - 2 * MARGIN;
    canvas.fill(MARGIN, this.height - MARGIN - BAR, whole, BAR, [231, 234, 238]);
    canvas.fill(MARGIN, this.height - MARGIN - BAR, (whole * frame.head.step) / steps!, BAR, WAY);
    return canvas;
  }

  #patches(canvas: Canvas, { panel, x, y }: Place, bytes: Uint8Array): void {
    for (let k = 0; k < panel.count; k++) {
      const place = { panel, x: x + k * (PATCH + 4), y, width: PATCH, height: PATCH };
      const first = k * panel.rows * panel.columns;
      cells(canvas, place, panel.rows, panel.columns, (i) => bytes[first + i]!);
      canvas.frame(place.x - 1, y - 1, PATCH + 2, PATCH + 2, 1, LINE);
    }
  }

  #strip(canvas: Canvas, place: Place, frames: readonly Frame[]): void {
    const columns = this.#film.scene.steps!;
    const parts = frames.map((frame) => partOf(frame, place.index));
    const rows = Math.max(1, ...parts.map(({ length }) => length));
    const last = frames.at(-1)!.head.highs[place.index]!;
    const zero = place.panel.signed ? 127 : 0;
    cells(canvas, place, rows, columns, (i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      if (column >= frames.length) return -1;
      const byte = parts[column]![row] ?? NOTHING;
      return byte === NOTHING ? NOTHING : Math.round(zero + (byte - zero) * (frames[column]!.head.highs[place.index]! / last));
    });
  }
}
