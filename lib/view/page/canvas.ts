/** Bytes as colored cells, and the marks over them. */

/** Colors of the 256 bytes, as red, green, blue. */
export type Colors = Uint8Array;

/** Cells row by row, one pixel each; those beyond the bytes stay clear. */
export function drawCells(
  canvas: HTMLCanvasElement,
  columns: number,
  rows: number,
  colors: Colors,
  byteAt: (i: number) => number,
): void {
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== rows) canvas.height = rows;
  const image = new ImageData(columns, rows);
  for (let i = 0; i < columns * rows; i++) {
    const byte = byteAt(i);
    if (byte < 0) continue;
    image.data[4 * i] = colors[3 * byte]!;
    image.data[4 * i + 1] = colors[3 * byte + 1]!;
    image.data[4 * i + 2] = colors[3 * byte + 2]!;
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}

/** The scale of a palette, from the byte of low to that of high. */
export function drawScale(canvas: HTMLCanvasElement, colors: Colors): void {
  drawCells(canvas, 255, 1, colors, (i) => i);
}

/** What is marked on a map, in its own cells as [row, column]. */
export interface Marks {
  readonly path: readonly (readonly [row: number, column: number])[];
  /** Whether the way is drawn, not the present place alone. */
  readonly isWay: boolean;
  readonly asked: readonly [row: number, column: number] | null;
  /** Side of what is seen around the present cell; 0: not shown. */
  readonly view: number;
}

const WAY = ['#b0d0e8', '#1769aa'] as const;
const NOW = '#e8590c';
const ASKED = '#c2346b';
const GROUND = '#ffffff';
const PIXELS = 720;

const mix = (share: number): string => {
  const part = (color: string, at: number): number => Number.parseInt(color.slice(at, at + 2), 16);
  return `rgb(${[1, 3, 5].map((at) => Math.round(part(WAY[0], at) * (1 - share) + part(WAY[1], at) * share)).join(' ')})`;
};

/** The way, fading towards its start, where it is now, and what is asked. */
export function drawMarks(canvas: HTMLCanvasElement, rows: number, columns: number, { path, isWay, asked, view }: Marks): void {
  const side = Math.max(4, Math.floor(PIXELS / Math.max(rows, columns)));
  if (canvas.width !== side * columns) canvas.width = side * columns;
  if (canvas.height !== side * rows) canvas.height = side * rows;
  const ink = canvas.getContext('2d')!;
  ink.clearRect(0, 0, canvas.width, canvas.height);
  const center = ([row, column]: readonly [number, number]): [number, number] => [(column + 0.5) * side, (row + 0.5) * side];
  ink.lineCap = 'round';
  ink.lineWidth = Math.max(1.5, 0.2 * side);
  for (let i = 1; i < path.length; i++) {
    ink.strokeStyle = mix(i / (path.length - 1));
    ink.beginPath();
    ink.moveTo(...center(path[i - 1]!));
    ink.lineTo(...center(path[i]!));
    ink.stroke();
  }
  const square = ([row, column]: readonly [number, number], reach: number): void => {
    const width = (2 * reach + 1) * side;
    ink.strokeRect((column - reach) * side, (row - reach) * side, width, width);
  };
  const circle = (at: readonly [number, number], radius: number, fill: string, stroke: string, width: number): void => {
    ink.beginPath();
    ink.arc(...center(at), radius * side, 0, 2 * Math.PI);
    ink.fillStyle = fill;
    ink.fill();
    ink.strokeStyle = stroke;
    ink.lineWidth = Math.max(1.5, width * side);
    ink.stroke();
  };
  const [start, now] = [path[0], path.at(-1)];
  if (isWay && start !== undefined) circle(start, 0.3, GROUND, WAY[1], 0.14);
  if (asked !== null) {
    ink.strokeStyle = ASKED;
    ink.lineWidth = Math.max(2, 0.13 * side);
    square(asked, 0);
  }
  if (now !== undefined) {
    if (view > 0) {
      ink.strokeStyle = NOW;
      ink.lineWidth = Math.max(1.5, 0.06 * side);
      square(now, (view - 1) / 2);
    }
    circle(now, isWay ? 0.36 : 0.26, NOW, GROUND, 0.1);
  }
}
