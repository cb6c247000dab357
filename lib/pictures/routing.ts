/** How far a signal gets through multigrid layers, measured and as proven, and the picture of both. */
import { noGrad } from '../autograd/tape.js';
import { checkInteger } from '../check.js';
import { MultigridConv } from '../nn/multigrid/multigrid-conv.js';
import { Pyramid } from '../nn/multigrid/pyramid.js';
import { probabilityRamp } from '../plot/color.js';
import { raster } from '../plot/raster.js';
import { element, label, STYLE, svgDocument } from '../plot/svg.js';
import { scope } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';

export interface RoutingOptions {
  /** Side of the coarsest grid; each further one is twice as wide. */
  readonly side: number;
  readonly grids: number;
  /** Layers, the one with the impulse included. */
  readonly layers: number;
}

/** One grid of one layer, both counted from 1, the grids from the coarsest. */
export interface Reach {
  readonly layer: number;
  readonly grid: number;
  readonly side: number;
  /** Cells [side, side] that the impulse has changed. */
  readonly changed: readonly boolean[];
  /** Side of the square from the corner that is proven to be reached; 0 where nothing is. */
  readonly proven: number;
}

/**
 * Layer m, n-th grid: cells (i, j) with i, j ≤ (m − n + 2)·2^(n−1) − 1 can be reached from cell (1, 1) of the coarsest grid of
 * layer 1, for m ≥ n. Source: Huynh, Maire, Walter 2020, appendix A.
 */
export const provenReach = (layer: number, grid: number): number => layer < grid ? 0 : (layer - grid + 2) * 2 ** (grid - 1) - 1;

/**
 * An impulse at the corner of the coarsest grid, sent through multigrid convolutions whose weights are all 1, so that what can
 * be reached is reached. Layer 1 is the impulse itself and is not among the results.
 */
export function routing(options: RoutingOptions): Reach[] {
  for (const [name, least] of [['side', 1], ['grids', 1], ['layers', 2]] as const) {
    checkInteger('routing', name, options[name], least);
  }
  const { side: coarsest, layers } = options;
  const levels = Array.from({ length: options.grids }, (_, level) => level);
  const sideOf = (level: number): number => coarsest * 2 ** level;
  using _ = scope();
  let x = Pyramid.of(Object.fromEntries(levels.map((level) => {
    const cells = new Float64Array(sideOf(level) ** 2);
    if (level === 0) cells[0] = 1;
    return [level, Tensor.from(cells, [1, sideOf(level), sideOf(level), 1])];
  })));
  const input = levels.map((level) => ({ level, channels: 1 }));
  const reached: Reach[] = [];
  for (let layer = 2; layer <= layers; layer++) {
    using conv = new MultigridConv({ input, output: levels, channels: 1, side: coarsest, activation: 'none', dtype: 'float64' });
    for (const [name, parameter] of conv.namedParameters()) {
      parameter.copyFrom(new Float64Array(parameter.size).fill(name.endsWith('bias') ? 0 : 1));
    }
    x = noGrad(() => conv.forward(x));
    reached.push(...levels.map((level): Reach => ({
      layer,
      grid: level + 1,
      side: sideOf(level),
      changed: Array.from(x.at(level).dataSync(), (value) => value > 0),
      proven: Math.min(sideOf(level), provenReach(layer, level + 1)),
    })));
  }
  return reached;
}

const [PANEL, GAP, LEFT, TOP] = [120, 22, 96, 110];

/** Grids below each other, layers side by side: cells that were reached are dark, the proven square is framed. */
export function routingPicture(options: RoutingOptions): string {
  const panels = routing(options).map(({ layer, grid, side, changed, proven }) => {
    const [x, y] = [LEFT + (layer - 2) * (PANEL + GAP), TOP + (grid - 1) * (PANEL + GAP)];
    const box = { x, y, width: PANEL, height: PANEL };
    const cells = raster(side, side, (row, column) => probabilityRamp(changed[row * side + column]! ? 0.55 : 0), box);
    const edge = (proven / side) * PANEL;
    const frame = { x, y, width: edge, height: edge, fill: 'none', stroke: STYLE.ink, 'stroke-width': 2.5 };
    return element('g', {}, cells, proven === 0 ? '' : element('rect', frame));
  });
  const heading = Array.from(
    { length: options.layers - 1 },
    (_, k) => label(`layer ${k + 2}`, LEFT + k * (PANEL + GAP), TOP - 12, { 'font-size': 13, 'font-weight': 600 }),
  );
  const names = Array.from({ length: options.grids }, (_, k) => {
    const side = options.side * 2 ** k;
    return label(`${side} × ${side}`, 24, TOP + k * (PANEL + GAP) + PANEL / 2, { 'font-size': 13, fill: STYLE.muted });
  });
  const title = 'How far a signal gets';
  const about = 'From the top left cell of the coarsest grid of layer 1: cells reached, and framed the square that is proven';
  const width = LEFT + (options.layers - 1) * (PANEL + GAP) + 10;
  return svgDocument(Math.max(width, 720), TOP + options.grids * (PANEL + GAP) + 8, title, [
    label(title, 24, 38, { 'font-size': 20, 'font-weight': 600 }),
    label(about, 24, 62, { 'font-size': 13, fill: STYLE.muted }),
    ...heading,
    ...names,
    ...panels,
  ]);
}
