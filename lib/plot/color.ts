// Colors: a ramp for probabilities, one for signed values, and a handful of distinct ones for curves.

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number];
/** A ramp over [0, 1]; values outside take the color of the nearer end. */
export type Ramp = (value: number) => Rgb;

// From paper to dark violet, lightness falling evenly: 0 looks empty, 1 looks full, and it survives a gray print.
const PROBABILITY = ['#faf8f4', '#fde3ac', '#fbb26a', '#ec7561', '#b83a78', '#6d1f74', '#2a0f4a'].map(parseHex);
// Blue is negative, paper is zero, red is positive; both arms have the same lightness.
const SIGNED = ['#1b4b8f', '#4a8ac4', '#a9cde4', '#f6f5f3', '#f3bfa2', '#d3694f', '#941d2d'].map(parseHex);

/** Distinct in hue and in lightness, also for readers who see red and green alike (after Okabe and Ito). */
export const SERIES_COLORS = ['#1769aa', '#d95f0e', '#1b8a5a', '#8e4ca8', '#b8860b', '#c2346b', '#4a5663'] as const;

/** The ramp of probabilities: 0 paper, 1 dark violet. */
export const probabilityRamp: Ramp = (value) => mix(PROBABILITY, value);
/** The ramp of signed values: 0 dark blue (most negative), 0.5 paper (zero), 1 dark red (most positive). */
export const signedRamp: Ramp = (value) => mix(SIGNED, value);
/** The ramp of maps: 0 free floor, 1 wall. */
export const wallRamp: Ramp = (value) =>
  mix(
    [
      [246, 243, 236],
      [47, 57, 69],
    ],
    value,
  );
/** The ramp of ages along a path: 0 its start, pale, 1 the present. Opaque, so that it reads over floor and wall alike. */
export const pathRamp: Ramp = (value) =>
  mix(
    [
      [176, 208, 232],
      [23, 105, 170],
    ],
    value,
  );
/** What stands for a value that is not there (NaN). */
export const MISSING: Rgb = [214, 218, 223];

function mix(stops: readonly Rgb[], value: number): Rgb {
  if (Number.isNaN(value)) return MISSING;
  const place = Math.min(1, Math.max(0, value)) * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(place));
  const [a, b] = [stops[index] ?? MISSING, stops[index + 1] ?? MISSING];
  const part = place - index;
  return [0, 1, 2].map((i) => Math.round((a[i] ?? 0) * (1 - part) + (b[i] ?? 0) * part)) as unknown as Rgb;
}

function parseHex(text: string): Rgb {
  return [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16)) as unknown as Rgb;
}

/** #rrggbb. */
export const hexColor = (color: Rgb): string => `#${color.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
