// The legend of a panel: the name of each curve in its color, and its last value.
import type { DrawnCurve, Series } from './curve.js';
import { element, label, round, STYLE, textWidth } from './svg.js';

export interface LegendEntry {
  readonly series: Series;
  readonly color: string;
  readonly name: string;
  readonly value: string;
  readonly width: number;
}

export const LEGEND_ROW = 18;

/** Width of bold letters. */
const boldWidth = (text: string, size: number): number => 1.1 * textWidth(text, size);

/** A name, which is bold, cut so that it is at most `width` px wide. */
function cut(text: string, width: number): string {
  if (boldWidth(text, 12) <= width) return text;
  let kept = text;
  while (kept !== '' && boldWidth(`${kept}…`, 12) > width) kept = kept.slice(0, -1);
  return `${kept}…`;
}

/**
 * Name and last value of each curve, in rows from the bottom up; curves of one name share an entry without a value. The first row
 * stands beside the title and has what room that leaves; what does not fit goes above it. `room`: px of a row.
 */
export function legendRows(drawn: readonly DrawnCurve[], title: string, room: number): LegendEntry[][] {
  const beside = room - boldWidth(title, 13) - 24;
  const named = (name: string): DrawnCurve[] => drawn.filter(({ series }) => series.name === name);
  const entries = drawn.filter((one) => named(one.series.name)[0] === one).map(({ series, color, points }): LegendEntry => {
    const last = points.findLast((point) => Number.isFinite(point.y))?.y;
    const value = last === undefined || named(series.name).length > 1 ? '' : lastLabel(last);
    const name = cut(series.name, room - textWidth(value, 12) - 51);
    return { series, color, name, value, width: textWidth(value, 12) + boldWidth(name, 12) + 51 };
  });
  const rows: LegendEntry[][] = [[]];
  let left = beside;
  for (const entry of entries.toReversed()) {
    if (entry.width > left) {
      rows.push([]);
      left = room;
    }
    rows.at(-1)!.push(entry);
    left -= entry.width;
  }
  return rows;
}

export function legend(rows: readonly (readonly LegendEntry[])[], right: number, bottom: number): string {
  const parts: string[] = [];
  rows.forEach((row, above) => {
    const y = bottom - above * LEGEND_ROW;
    let x = right;
    for (const { series, color, name, value } of row) {
      x -= textWidth(value, 12);
      parts.push(label(value, x, y, { fill: STYLE.muted }));
      x -= boldWidth(name, 12) + 7;
      parts.push(label(name, x, y, { 'font-weight': 600, fill: color }));
      x -= 26;
      const dash = series.isDashed === true ? '5 3' : undefined;
      parts.push(
        element('path', { d: `M${round(x)} ${round(y - 4)}h20`, stroke: color, 'stroke-width': 2.5, 'stroke-dasharray': dash }),
      );
      x -= 18;
    }
  });
  return element('g', {}, ...parts, '');
}

function lastLabel(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) >= 0.001 && Math.abs(value) < 1e5 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
}
