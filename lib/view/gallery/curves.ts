/** Curves of several runs on common axes. */
import { SERIES_COLORS } from '../../plot/color.js';
import { lineChart, type Panel, type Series } from '../../plot/line-chart.js';
import { pointsOf, scoreNames, type Entry } from './entry.js';

const SMOOTHED_UPDATES = 25;
/** Panels are lower where they are many. */
const [HEIGHT, LOW, MANY] = [200, 130, 5];

/** The color of run k, the same in every panel and table. */
export const colorOf = (k: number): string => SERIES_COLORS[k % SERIES_COLORS.length]!;

function series(entries: readonly Entry[], field: string, heldOut: boolean): Series[] {
  return entries.flatMap((entry, k) => {
    const points = pointsOf(entry, field, heldOut);
    if (points.length === 0) return [];
    const [x, y] = [points.map(({ step }) => step), points.map(({ value }) => value)];
    const smooth = heldOut ? 1 : SMOOTHED_UPDATES;
    // Colors begin anew after the last: dashes tell those apart.
    return [{ name: entry.name, x, y, smooth, color: colorOf(k), hasMarkers: heldOut, isDashed: k >= SERIES_COLORS.length }];
  });
}

/** Loss and every score of runs of one task as SVG, a panel for each and a color for each run; null where nothing was logged. */
export function comparedCurves(task: string, entries: readonly Entry[]): string | null {
  const losses = series(entries, 'loss', false);
  const isPositive = losses.every(({ y }) => Array.from(y).every((value) => value > 0));
  const loss: Panel = { title: 'Loss in training', yScale: isPositive ? 'log' : 'linear', series: losses };
  const scores = scoreNames(entries).map((name): Panel => {
    const drawn = [...series(entries, name, false), ...series(entries, name, true)]; // some are told of training as well
    const isShare = drawn.every(({ y }) => Array.from(y).every((value) => value >= 0 && value <= 1));
    return { title: name, series: drawn, ...(isShare ? { yRange: [0, 1] } : {}) };
  });
  const panels = [loss, ...scores].filter((panel) => panel.series.length > 0);
  if (panels.length === 0) return null;
  const height = panels.length > MANY ? LOW : HEIGHT;
  const subtitle =
    'Lines: training, means of 25 updates with a band from the 10th to the 90th percentile. Dots: held-out episodes';
  return lineChart({ title: task, subtitle, xLabel: 'time steps', panels: panels.map((panel) => ({ ...panel, height })) });
}
