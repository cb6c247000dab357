// Pictures at another size: every cell is the mean of the area that it covers.

/** For each cell of a line, the first cell of the source that it covers, and how much of it and of those behind it. */
type Cover = readonly { readonly first: number; readonly weights: readonly number[] }[];

/**
 * How `to` cells cover `from` cells that are drawn `stretch` times as wide about the middle: cell i covers
 * from/2 + (i − to/2)·from/(to·stretch) up to the same with i + 1. Weights are shares of a cell's own width; what lies outside
 * has none.
 */
export function cover(from: number, to: number, stretch = 1): Cover {
  const width = from / (to * stretch);
  return Array.from({ length: to }, (_, i) => {
    const begin = from / 2 + (i - to / 2) * width;
    const [first, last] = [Math.max(0, Math.floor(begin)), Math.min(from, Math.ceil(begin + width))];
    const weights = Array.from({ length: Math.max(0, last - first) }, (__, k) => {
      const cell = first + k;
      return (Math.min(begin + width, cell + 1) - Math.max(begin, cell)) / width;
    });
    return { first, weights };
  });
}

/** A picture of rows of `width` cells as `rows.length` × `columns.length` cells, each the mean of what it covers. */
export function resample(source: ArrayLike<number>, width: number, rows: Cover, columns: Cover): Float64Array {
  const out = new Float64Array(rows.length * columns.length);
  rows.forEach(({ first: top, weights: down }, i) => {
    columns.forEach(({ first: left, weights: across }, j) => {
      let sum = 0;
      for (let r = 0; r < down.length; r++) {
        let line = 0;
        for (let c = 0; c < across.length; c++) line += across[c]! * source[(top + r) * width + left + c]!;
        sum += down[r]! * line;
      }
      out[i * columns.length + j] = sum;
    });
  });
  return out;
}

/** A square picture turned anticlockwise by `turns` quarters. */
export function turned(source: Uint8Array, side: number, turns: number): Uint8Array {
  if (turns === 0) return source;
  const out = new Uint8Array(side * side);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [r, c] = turns === 1
        ? [column, side - 1 - row]
        : turns === 2
        ? [side - 1 - row, side - 1 - column]
        : [side - 1 - column, row];
      out[row * side + column] = source[r * side + c]!;
    }
  }
  return out;
}
