// Line charts as SVG: panels under each other over one axis, for learning curves.
import { fail } from '../check.js';
import { SERIES_COLORS } from './color.js';
import { curvePoints, isDrawable, type CurvePoint, type DrawnCurve, type Series } from './curve.js';
import { legend, LEGEND_ROW, legendRows } from './legend.js';
import { linearScale, logScale, tickLabel, type Scale } from './scale.js';
import { element, label, round, STYLE, svgDocument } from './svg.js';

export type { Series } from './curve.js';

/** One panel. `marks` are levels worth a thin line and a word, such as a result to be reached. */
export interface Panel {
  readonly title: string;
  /** Gives this panel an axis of its own; panels without one share that of the chart. */
  readonly xLabel?: string;
  readonly series: readonly Series[];
  readonly yScale?: 'linear' | 'log';
  readonly yRange?: readonly [number, number];
  readonly marks?: readonly { readonly y: number; readonly text: string }[];
  readonly height?: number;
}

/** A whole chart. Sizes are in px. */
export interface Chart {
  readonly title: string;
  readonly subtitle?: string;
  readonly xLabel: string;
  readonly panels: readonly Panel[];
  readonly xScale?: 'linear' | 'log';
  readonly width?: number;
}

const LEFT = 64;
const RIGHT = 28;
const PANEL_HEIGHT = 230;
const HEAD = 46;
const FOOT = 44;

/** The chart as an SVG document. ERR_MG_ARGUMENT without panels; curves without a drawable point give an empty panel. */
export function lineChart(chart: Chart): string {
  const { title, subtitle, xLabel, panels, width = 860 } = chart;
  if (panels.length === 0) fail('ERR_MG_ARGUMENT', 'lineChart', 'at least one panel', panels);
  const drawn = panels.map(drawSeries);
  const axis = (of: readonly DrawnCurve[]): Scale => xAxis(of, chart.xScale === 'log', LEFT, width - RIGHT);
  const shared = axis(drawn.filter((_, i) => panels[i]?.xLabel === undefined).flat());
  const content = [label(title, 24, 36, { 'font-size': 20, 'font-weight': 600 })];
  if (subtitle !== undefined) content.push(label(subtitle, 24, 58, { 'font-size': 13, fill: STYLE.muted }));
  let bottom = subtitle === undefined ? 50 : 70;
  panels.forEach((panel, i) => {
    const height = panel.height ?? PANEL_HEIGHT;
    const x = panel.xLabel === undefined ? shared : axis(drawn[i] ?? []);
    const head = HEAD + LEGEND_ROW * (legendRows(drawn[i] ?? [], panel.title, width - LEFT - RIGHT).length - 1);
    content.push(panelGroup(panel, drawn[i] ?? [], x, bottom + head, height, width));
    bottom += head + height;
    if (panel.xLabel !== undefined) {
      content.push(...axisTexts(x, panel.xLabel, bottom, width));
      bottom += FOOT;
    }
  });
  if (panels.some((panel) => panel.xLabel === undefined)) {
    content.push(...axisTexts(shared, xLabel, bottom, width));
    bottom += FOOT;
  }
  return svgDocument(width, bottom + 8, title, content);
}

function axisTexts(x: Scale, name: string, bottom: number, width: number): string[] {
  return [
    ...x.ticks.map((tick) => label(tickLabel(tick), x.at(tick), bottom + 18, { fill: STYLE.muted, 'text-anchor': 'middle' })),
    label(name, (LEFT + width - RIGHT) / 2, bottom + 38, { 'font-size': 13, 'text-anchor': 'middle' }),
  ];
}

function drawSeries(panel: Panel): DrawnCurve[] {
  return panel.series.map((series, i) => ({
    series,
    color: series.color ?? SERIES_COLORS[i % SERIES_COLORS.length] ?? STYLE.ink,
    points: curvePoints(series, panel.yScale === 'log'),
  }));
}

function xAxis(drawn: readonly DrawnCurve[], isLog: boolean, from: number, to: number): Scale {
  const values = drawn.flatMap(({ points }) => points.map(({ x }) => x)).filter((x) => isDrawable(x, isLog));
  const [low, high] = extent(values, isLog ? [1, 10] : [0, 1]);
  return isLog ? logScale(low, high, from, to) : linearScale(low > 0 && low < high / 4 ? 0 : low, high, from, to, 8, false);
}

function yAxis(panel: Panel, drawn: readonly DrawnCurve[], from: number, to: number): Scale {
  const isLog = panel.yScale === 'log';
  const marks = panel.marks?.map(({ y }) => y) ?? [];
  const values = drawn.flatMap(({ points }) => points.flatMap((point) => [point.y, point.low, point.high])).concat(marks);
  const [low, high] = panel.yRange ??
    extent(
      values.filter((y) => isDrawable(y, isLog)),
      isLog ? [0.1, 1] : [0, 1],
    );
  return isLog
    ? logScale(low, high, from, to)
    : linearScale(low, high, from, to, Math.max(2, (from - to) / 45), panel.yRange === undefined);
}

function extent(values: readonly number[], otherwise: [number, number]): [number, number] {
  if (values.length === 0) return otherwise;
  return values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
}

function panelGroup(panel: Panel, drawn: readonly DrawnCurve[], x: Scale, top: number, height: number, width: number): string {
  const bottom = top + height;
  const y = yAxis(panel, drawn, bottom, top);
  const parts = [
    label(panel.title, LEFT, top - 14, { 'font-size': 13, 'font-weight': 600 }),
    legend(legendRows(drawn, panel.title, width - LEFT - RIGHT), width - RIGHT, top - 14),
  ];
  for (const tick of x.ticks) parts.push(line(x.at(tick), top, x.at(tick), bottom, STYLE.faint));
  for (const tick of y.ticks) {
    parts.push(line(LEFT, y.at(tick), width - RIGHT, y.at(tick), STYLE.faint));
    parts.push(label(tickLabel(tick), LEFT - 9, y.at(tick) + 4, { fill: STYLE.muted, 'text-anchor': 'end' }));
  }
  const clip = `panel-${Math.round(top)}`;
  parts.push(
    element(
      'clipPath',
      { id: clip },
      element('rect', { x: LEFT - 4, y: top - 4, width: width - LEFT - RIGHT + 8, height: height + 8 }),
    ),
  );
  const curves = [...drawn.map((one) => band(one, x, y)), ...drawn.map((one) => curve(one, x, y))];
  parts.push(element('g', { 'clip-path': `url(#${clip})` }, ...curves, ''));
  for (const { y: value, text } of panel.marks ?? []) {
    parts.push(
      element('path', {
        d: `M${LEFT} ${round(y.at(value))}H${round(width - RIGHT)}`,
        stroke: STYLE.muted,
        'stroke-dasharray': '2 4',
        fill: 'none',
      }),
    );
    parts.push(label(text, LEFT + 6, y.at(value) - 5, { 'font-size': 11, fill: STYLE.muted }));
  }
  parts.push(line(LEFT, bottom, width - RIGHT, bottom, STYLE.frame));
  return element('g', {}, ...parts);
}

const line = (x1: number, y1: number, x2: number, y2: number, stroke: string): string =>
  element('line', { x1, y1, x2, y2, stroke });

// Runs of points that all have a place; a gap in the data is a gap in the drawing.
function runs(points: readonly CurvePoint[], x: Scale, y: Scale): CurvePoint[][] {
  const found: CurvePoint[][] = [[]];
  for (const point of points) {
    if (Number.isFinite(x.at(point.x)) && Number.isFinite(y.at(point.y))) found.at(-1)?.push(point);
    else found.push([]);
  }
  return found.filter((run) => run.length > 0);
}

function curve({ series, color, points }: DrawnCurve, x: Scale, y: Scale): string {
  const found = runs(points, x, y);
  const place = (point: CurvePoint): string => `${round(x.at(point.x))} ${round(y.at(point.y))}`;
  const d = found.map((run) => `M${run.map(place).join('L')}`).join('');
  const dash = series.isDashed === true ? '6 4' : undefined;
  const path = {
    d,
    fill: 'none',
    stroke: color,
    'stroke-width': 2,
    'stroke-linejoin': 'round',
    'stroke-linecap': 'round',
    'stroke-dasharray': dash,
  };
  // A point without neighbours has no line, so it is drawn as a dot, as markers are.
  const dotted = found.filter((run) => series.hasMarkers === true || run.length === 1).flat();
  const dot = (point: CurvePoint): string =>
    element('circle', { cx: x.at(point.x), cy: y.at(point.y), r: 3, fill: color, stroke: STYLE.ground, 'stroke-width': 1.2 });
  return element('g', {}, ...(d === '' ? [] : [element('path', path)]), ...dotted.map(dot), '');
}

function band({ color, points }: DrawnCurve, x: Scale, y: Scale): string {
  if (points.every(({ y: value, low, high }) => low === value && high === value)) return '';
  const edge = (point: CurvePoint, value: number): string =>
    `${round(x.at(point.x))} ${round(Number.isFinite(y.at(value)) ? y.at(value) : y.at(point.y))}`;
  const outline = (run: readonly CurvePoint[]): string =>
    `M${[...run.map((point) => edge(point, point.high)), ...run.toReversed().map((point) => edge(point, point.low))].join('L')}Z`;
  return element('path', { d: runs(points, x, y).map(outline).join(''), fill: color, 'fill-opacity': 0.16 });
}
