// Curves before they are drawn: smoothing with a band, and thinning of long ones.

/** One curve. `low` and `high` bound a band around it; `smooth` makes both curve and band from a window of that many points. */
export interface Series {
  readonly name: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly low?: ArrayLike<number>;
  readonly high?: ArrayLike<number>;
  readonly smooth?: number;
  readonly color?: string;
  readonly isDashed?: boolean;
  readonly hasMarkers?: boolean;
}

/** A point to draw; `low` and `high` equal `y` where there is no band. NaN in `y` breaks the curve. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/** A curve with all it is drawn by. */
export interface DrawnCurve {
  readonly series: Series;
  readonly color: string;
  readonly points: readonly CurvePoint[];
}

const MOST_POINTS = 600;
const LARGEST = 1e300;

/** Whether an axis can hold the value: finite, short of the ends of the number range and, on a logarithmic axis, positive. */
export function isDrawable(value: number, isLog: boolean): boolean {
  return Math.abs(value) <= LARGEST && (!isLog || value >= 1 / LARGEST);
}

/** The points to draw. Smoothing takes, at up to 600 places, the mean of a centred window (the geometric mean on a logarithmic
 *  axis) and its 10th and 90th percentile; a value that the axis cannot hold is left out of its window. */
export function curvePoints(series: Series, isLog: boolean): CurvePoint[] {
  const { x, y, low = y, high = y, smooth = 1 } = series;
  const points = Array.from({ length: Math.min(x.length, y.length) }, (_, i): CurvePoint => ({
    x: x[i] ?? NaN,
    y: y[i] ?? NaN,
    low: low[i] ?? NaN,
    high: high[i] ?? NaN,
  }));
  const placed = points.filter((point) => isDrawable(point.x, false));
  const fits = (point: CurvePoint): boolean => isDrawable(point.y, isLog);
  if (smooth > 1) return smoothed(placed.filter(fits), Math.round(smooth), isLog);
  return thinned(placed.map((point) => (fits(point) ? point : { ...point, y: NaN })));
}

function smoothed(points: readonly CurvePoint[], window: number, isLog: boolean): CurvePoint[] {
  const count = Math.min(points.length, MOST_POINTS);
  return Array.from({ length: count }, (_, i) => {
    const center = count === 1 ? 0 : Math.round((i * (points.length - 1)) / (count - 1));
    // Near an end the window shrinks on both sides, so that the curve does not lean; its last eighth stays, against noise.
    const reach = Math.min(
      Math.floor(window / 2),
      Math.max(Math.min(center, points.length - 1 - center), Math.floor(window / 8)),
    );
    const part = points.slice(Math.max(0, center - reach), center + reach + 1).map((point) => point.y);
    const values = part.toSorted((a, b) => a - b);
    const quantile = (share: number): number => values[Math.round(share * (values.length - 1))] ?? NaN;
    const sum = values.reduce((total, value) => total + (isLog ? Math.log(value) : value), 0);
    const mean = isLog ? Math.exp(sum / values.length) : sum / values.length;
    return { x: points[center]?.x ?? NaN, y: mean, low: Math.min(mean, quantile(0.1)), high: Math.max(mean, quantile(0.9)) };
  });
}

// Keeps the lowest and the highest of each run of neighbours, so that no spike is lost.
function thinned(points: CurvePoint[]): CurvePoint[] {
  if (points.length <= 2 * MOST_POINTS) return points;
  const size = points.length / MOST_POINTS;
  const kept: CurvePoint[] = [];
  for (let i = 0; i < MOST_POINTS; i += 1) {
    const run = points.slice(Math.floor(i * size), Math.floor((i + 1) * size));
    const finite = run.filter(({ y }) => !Number.isNaN(y));
    const gap = run.find(({ y }) => Number.isNaN(y));
    const lowest = finite.reduce((best, point) => (point.y < best.y ? point : best), finite[0] ?? (run[0] as CurvePoint));
    const highest = finite.reduce((best, point) => (point.y > best.y ? point : best), lowest);
    kept.push(...[...new Set(gap === undefined ? [lowest, highest] : [lowest, highest, gap])].toSorted((a, b) => a.x - b.x));
  }
  return kept;
}
