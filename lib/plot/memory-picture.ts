// The picture of a memory at work, as Figure 4 of Huynh, Maire and Walter 2020: rows of panels, one row for each moment,
// that set the true map, the question, the answer, the right answer and the deepest hidden states side by side.
import { fail, words } from '../check.js';
import { probabilityRamp, signedRamp, wallRamp, type Ramp } from './color.js';
import { key, pathOverlay, ramps, raster, type Box, type Cell } from './raster.js';
import { element, label, STYLE, svgDocument, textWidth } from './svg.js';

/** A grid of numbers, row by row. NaN stands for a cell without a value. */
export interface Grid {
  readonly height: number;
  readonly width: number;
  readonly values: ArrayLike<number>;
}

/** Hidden states of one grid, [height, width, channels] with the channel running fastest. */
export interface HiddenStates extends Grid {
  readonly channels: number;
}

/** One moment. `map` has 1 for a wall and 0 for floor; `path` runs from the start to where the agent is now; `query` is a patch
 *  of such a map; `prediction` and `target` are probabilities. `asked` marks the cells of the map the query was cut around. */
export interface MemoryMoment {
  readonly title: string;
  readonly note?: string;
  readonly map: Grid;
  readonly path: readonly Cell[];
  readonly asked?: readonly Cell[];
  readonly query: Grid;
  readonly prediction: Grid;
  readonly target: Grid;
  readonly hidden: readonly HiddenStates[];
}

/** The whole picture. `hiddenTitles` names each entry of `hidden`, the same in every moment. */
export interface MemoryPicture {
  readonly title: string;
  readonly subtitle?: string;
  readonly hiddenTitles: readonly string[];
  readonly moments: readonly MemoryMoment[];
}

const PANEL = 136;
const QUERY = 84;
const GAP = 26;
const MARGIN = 28;
const TOP = 128;
const ROW = PANEL + 26;
const TILE_GAP = 5;

/** Where each column begins and how wide it is. */
interface Column {
  readonly x: number;
  readonly width: number;
  readonly title: string;
  readonly caption: string;
}

/** The picture as an SVG document with the grids embedded as PNG. ERR_MG_SHAPE for grids whose values do not fill them and for
 *  moments that differ in their hidden states; ERR_MG_ARGUMENT without moments. */
export function memoryPicture(picture: MemoryPicture): string {
  const first = picture.moments[0];
  if (first === undefined) fail('ERR_MG_ARGUMENT', 'memoryPicture', 'at least one moment', picture.moments);
  picture.moments.forEach((moment, i) => checkMoment(picture, moment, `memoryPicture moments[${i}]`));
  const columns = layOut(picture, first);
  const width = columns.reduce((end, { x, width: w, title }) => Math.max(end, x + w, x + textWidth(title, 15)), 0) + 28;
  const limits = picture.hiddenTitles.map((_, group) => largest(picture.moments.map(({ hidden }) => hidden[group])));
  const foot = TOP + picture.moments.length * ROW + 10;
  const content = [
    label(picture.title, 28, 38, { 'font-size': 20, 'font-weight': 600 }),
    label(picture.subtitle ?? '', 28, 60, { 'font-size': 13, fill: STYLE.muted }),
    ...columns.map(heading),
    ...picture.moments.map((moment, i) => momentRow(moment, columns, limits, TOP + i * ROW, width)),
    footer(
      columns,
      limits,
      picture.moments.some(({ asked }) => (asked ?? []).length > 0),
      foot,
    ),
  ];
  return svgDocument(width, foot + 62, picture.title, content);
}

function checkMoment(picture: MemoryPicture, moment: MemoryMoment, where: string): void {
  for (const name of ['map', 'query', 'prediction', 'target'] as const) checkGrid(`${where}.${name}`, moment[name], 1);
  const { hidden } = moment;
  if (hidden.length !== picture.hiddenTitles.length) {
    fail(
      'ERR_MG_SHAPE',
      `${where}.hidden`,
      `${picture.hiddenTitles.length} entries, one for each title`,
      words(`${hidden.length} entries`),
    );
  }
  hidden.forEach((states, i) => {
    checkGrid(`${where}.hidden[${i}]`, states, states.channels);
    const like = picture.moments[0]?.hidden[i];
    if (like?.channels !== states.channels)
      fail('ERR_MG_SHAPE', `${where}.hidden[${i}]`, `${like?.channels} channels`, states.channels);
  });
}

function checkGrid(where: string, { height, width, values }: Grid, channels: number): void {
  if (![height, width, channels].every((side) => Number.isInteger(side) && side > 0)) {
    fail('ERR_MG_SHAPE', where, 'a grid of at least one cell', [height, width, channels]);
  }
  if (values.length !== height * width * channels) {
    fail(
      'ERR_MG_SHAPE',
      where,
      `${height * width * channels} values for [${[height, width, channels].join(', ')}]`,
      words(`${values.length} values`),
    );
  }
}

function largest(groups: readonly (HiddenStates | undefined)[]): number {
  let limit = 0;
  for (const group of groups) {
    for (const value of Array.from(group?.values ?? [])) if (Number.isFinite(value)) limit = Math.max(limit, Math.abs(value));
  }
  return limit > 0 ? limit : 1;
}

// Rows of tiles of one group of hidden states: about twice as wide as high.
const tileRows = (channels: number): number => Math.max(1, Math.round(Math.sqrt(channels / 2)));

function tileSide(channels: number): number {
  const rows = tileRows(channels);
  return (PANEL - (rows - 1) * TILE_GAP) / rows;
}

function layOut({ hiddenTitles, moments }: MemoryPicture, first: MemoryMoment): Column[] {
  const size = ({ height, width }: Grid): string => `${height} × ${width}`;
  const parts: [string, string, number][] = [
    ['True map', `${size(first.map)}, path so far`, PANEL],
    ['Query', `${size(first.query)} patch`, QUERY],
    ['Prediction', `${size(first.prediction)}, probability`, PANEL],
    ['Target', 'where the patch fits', PANEL],
  ];
  first.hidden.forEach((states, i) => {
    const across = Math.ceil(states.channels / tileRows(states.channels));
    parts.push([
      hiddenTitles[i] ?? '',
      `${states.channels} channels of ${size(states)}`,
      across * (tileSide(states.channels) + TILE_GAP) - TILE_GAP,
    ]);
  });
  const names = moments.map(({ title, note = '' }) => Math.max(textWidth(title, 15), textWidth(note, 12)));
  let x = MARGIN + Math.max(50, ...names) + 14;
  return parts.map(([title, caption, width]) => {
    const column = { x, width, title, caption };
    x += Math.max(width, textWidth(title, 15), textWidth(caption, 12)) + GAP;
    return column;
  });
}

function heading({ x, title, caption }: Column): string {
  return (
    label(title, x, TOP - 32, { 'font-size': 14, 'font-weight': 600 }) +
    label(caption, x, TOP - 15, { 'font-size': 11.5, fill: STYLE.muted })
  );
}

function momentRow(
  moment: MemoryMoment,
  columns: readonly Column[],
  limits: readonly number[],
  top: number,
  width: number,
): string {
  const parts = [element('line', { x1: 28, x2: width - 28, y1: top - 8, y2: top - 8, stroke: STYLE.faint })];
  parts.push(label(moment.title, 28, top + PANEL / 2, { 'font-size': 14, 'font-weight': 600 }));
  if (moment.note !== undefined)
    parts.push(label(moment.note, 28, top + PANEL / 2 + 18, { 'font-size': 11.5, fill: STYLE.muted }));
  const box = (index: number): Box => ({ x: columns[index]?.x ?? 0, y: top, width: columns[index]?.width ?? 0, height: PANEL });
  const mapBox = fitted(box(0), moment.map);
  parts.push(panel(moment.map, mapBox, wallRamp), pathOverlay(moment.map, mapBox, moment.path, moment.asked ?? []));
  parts.push(panel(moment.query, fitted(box(1), moment.query), wallRamp));
  parts.push(panel(moment.prediction, fitted(box(2), moment.prediction), probabilityRamp));
  parts.push(panel(moment.target, fitted(box(3), moment.target), probabilityRamp));
  moment.hidden.forEach((states, i) => parts.push(hiddenTiles(states, box(4 + i), limits[i] ?? 1)));
  return element('g', {}, ...parts);
}

// The largest box of the grid's own proportions, centred.
function fitted(box: Box, { height, width }: Grid): Box {
  const cell = Math.min(box.width / width, box.height / height);
  const [w, h] = [cell * width, cell * height];
  return { x: box.x + (box.width - w) / 2, y: box.y + (box.height - h) / 2, width: w, height: h };
}

function panel(grid: Grid, box: Box, ramp: Ramp): string {
  return raster(grid.height, grid.width, (row, column) => ramp(grid.values[row * grid.width + column] ?? NaN), box);
}

function hiddenTiles({ height, width, channels, values }: HiddenStates, box: Box, limit: number): string {
  const across = Math.ceil(channels / tileRows(channels));
  const side = tileSide(channels);
  return Array.from({ length: channels }, (_, channel) => {
    const tile = {
      x: box.x + (channel % across) * (side + TILE_GAP),
      y: box.y + Math.floor(channel / across) * (side + TILE_GAP),
      width: side,
      height: side,
    };
    const at = (row: number, column: number): number => values[(row * width + column) * channels + channel] ?? NaN;
    return raster(
      height,
      width,
      (row, column) => signedRamp(0.5 + at(row, column) / (2 * limit)),
      fitted(tile, { height, width, values }),
    );
  }).join('');
}

function footer(columns: readonly Column[], limits: readonly number[], hasAsked: boolean, y: number): string {
  const parts = [key(columns[0]?.x ?? 0, y, hasAsked), ramps(probabilityRamp, ['0', '1'], 'probability', columns[2]?.x ?? 0, y)];
  limits.forEach((limit, i) => {
    const text = limit.toPrecision(2);
    parts.push(ramps(signedRamp, [`−${text}`, text], 'hidden state', columns[4 + i]?.x ?? 0, y));
  });
  return element('g', {}, ...parts);
}
