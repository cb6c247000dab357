// A memory of slots over time, as Figure 12 of Huynh, Maire and Walter 2020: where each head writes and reads at every step,
// under what the network sees and answers. Time runs to the right, one row for each slot or bit.
import { fail, words } from '../check.js';
import { probabilityRamp } from './color.js';
import { ramps, raster } from './raster.js';
import { label, STYLE, svgDocument } from './svg.js';

/** Values in [0, 1], [rows, steps] with time running fastest; NaN where there is none. */
export interface SlotPanel {
  readonly title: string;
  readonly caption?: string;
  readonly rows: number;
  readonly values: ArrayLike<number>;
}

export interface SlotPicture {
  readonly title: string;
  readonly subtitle?: string;
  readonly steps: number;
  readonly panels: readonly SlotPanel[];
}

const MARGIN = 28;
const TOP = 78;
const HEAD = 30;
const WIDTH = 780;
const GAP = 14;

/** Rows of few slots are high enough to be seen, of many thin enough for the page. */
const rowHeight = (rows: number): number => Math.max(2, Math.min(14, 320 / rows));

/** The picture as an SVG document with the panels embedded as PNG. ERR_MG_SHAPE for panels whose values do not fill them,
 *  ERR_MG_ARGUMENT without panels or steps. */
export function slotPicture({ title, subtitle = '', steps, panels }: SlotPicture): string {
  if (panels.length === 0) fail('ERR_MG_ARGUMENT', 'slotPicture', 'at least one panel', panels);
  if (!Number.isInteger(steps) || steps < 1) fail('ERR_MG_ARGUMENT', 'slotPicture', 'at least one step', steps);
  const column = Math.min(24, WIDTH / steps);
  const width = 2 * MARGIN + WIDTH;
  const content = [
    label(title, MARGIN, 38, { 'font-size': 20, 'font-weight': 600 }),
    label(subtitle, MARGIN, 60, { 'font-size': 13, fill: STYLE.muted }),
  ];
  let y = TOP;
  panels.forEach((panel, i) => {
    if (!Number.isInteger(panel.rows) || panel.rows < 1 || panel.values.length !== panel.rows * steps) {
      fail('ERR_MG_SHAPE', `slotPicture panels[${i}]`, `${panel.rows} × ${steps} values`, words(`${panel.values.length} values`));
    }
    const box = { x: MARGIN, y: y + HEAD, width: steps * column, height: panel.rows * rowHeight(panel.rows) };
    content.push(
      label(panel.title, MARGIN, y + HEAD - 8, { 'font-size': 13, 'font-weight': 600 }),
      label(panel.caption ?? '', MARGIN + WIDTH, y + HEAD - 8, { 'font-size': 11.5, fill: STYLE.muted, 'text-anchor': 'end' }),
      raster(panel.rows, steps, (row, step) => probabilityRamp(panel.values[row * steps + step] ?? NaN), box),
    );
    y = box.y + box.height + GAP;
  });
  content.push(
    label(`time, ${steps} steps`, MARGIN, y + 8, { 'font-size': 12, fill: STYLE.muted }),
    ramps(probabilityRamp, ['0', '1'], 'weight', MARGIN + WIDTH - 220, y),
  );
  return svgDocument(width, y + 52, title, content);
}
