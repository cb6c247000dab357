// Mapping and localisation: walk through a maze, remember it, and point at every place that looked like the query.
// Huynh, Maire, Walter 2020, "Mapping & localization"; details as in the published sample.

import { fail, words } from '../../check.js';
import { Rng } from '../../tensor/rng.js';
import { checkWeights, drawLength, lessonOfLength } from '../lessons.js';
import { makeMaze, type Maze } from './maze.js';
import { resolveMapping, shownLocation, type MappingOptions, type ResolvedMapping } from './mapping-options.js';
import { spiralPath, walkPath } from './motion.js';
import { CHANNELS, encodePatch, nearestRows } from '../patch.js';
import { MapScorer } from '../scorers.js';
import { checkBatch, checkItemIndex, checkWindows, cuts, lazily, zeros, type Cut } from '../windows.js';
import { directions } from '../task.js';
import type { HostArray, HostPyramid, Task, TaskDescription, Window, WindowOptions, WindowOutput } from '../task.js';
import { Track } from './track.js';

const QUERY9_LEVEL = 2; // the grid that holds a 9×9 window: side 12
/** Time steps that are trained in one piece, and by which the paths of lessons grow. */
const WINDOW = 20;

/** The mapping task.
 *
 *  **Sees**, at each step: the view centred on the agent, channels free, wall, row, column. Row and column are re-centred:
 *  the start cell is (center, center). The query is a window seen earlier in the episode, without location.
 *
 *  **Answers**: a map [outputSide, outputSide], 1 at each position visited so far whose window equals the query.
 *
 *  **Queries**: at step t one of the t+1 steps so far, drawn uniformly; one draw for the whole batch. A 9×9 query with a 3×3
 *  view (`query9`) is drawn among the visited cells whose window has been seen in full; until there is one, it is the
 *  window around the agent with unseen cells zero, the agent's cell is the target, and the answer is not scored.
 *
 *  **Scored** by precision, recall and F over all cells of all answers. ERR_MG_ARGUMENT for options that do not fit. */
export function mapping(options: MappingOptions = {}): Task<Maze> & { readonly options: ResolvedMapping } {
  return new MappingTask(resolveMapping(options));
}

class MappingTask implements Task<Maze> {
  readonly name = 'mapping';
  readonly version = 1;
  readonly lessons: number;
  readonly options: ResolvedMapping;
  readonly #spiral: Int32Array;
  readonly #names: readonly string[];

  constructor(options: ResolvedMapping) {
    this.options = options;
    this.lessons = Math.ceil(options.pathLength / WINDOW);
    this.#spiral = spiralPath(options.size).slice(0, options.pathLength);
    this.#names = options.query > options.view ? ['query3', 'query9'] : [`query${options.query}`];
  }

  describe(): TaskDescription {
    const { levels, outputSide, pathLength } = this.options;
    const input = Object.fromEntries(levels.map(({ level, side }) => [level, [side, side, CHANNELS]]));
    const query9 = { [QUERY9_LEVEL]: [12, 12, CHANNELS] };
    const prefixes = this.#names.length > 1 ? ['query9.', 'query3.'] : [''];
    const metrics = prefixes.flatMap((prefix) => [`${prefix}f`, `${prefix}precision`, `${prefix}recall`]);
    return {
      form: 'stepwise',
      input,
      outputs: this.#names.map((name, k) => (
        { name, query: k === 0 ? input : query9, logits: [outputSide, outputSide, 1], loss: 'bceWithLogits' }
      )),
      metrics,
      better: directions('higher', metrics),
      steps: pathLength,
      window: WINDOW,
    };
  }

  generate(seed: number, index: number): Maze {
    checkItemIndex('mapping.generate', seed, index);
    const { size, complexity, density, motion, moveRule, pathLength, startCell } = this.options;
    const rng = new Rng(seed).split('mapping').split(index);
    const cells = makeMaze({ size, complexity, density }, rng.split('maze'));
    const rule = moveRule === 'mixed' ? (index % 2 === 0 ? 'free' : 'stay') : moveRule;
    const path = motion === 'spiral'
      ? this.#spiral.slice()
      : walkPath(cells, startCell[0] * size + startCell[1], pathLength, rule, rng.split('walk'));
    return { size, cells, path };
  }

  windows(items: readonly Maze[], options: WindowOptions): Iterable<Window> {
    const total = this.#steps(items);
    const { seed, batch } = checkWindows('mapping.windows', options);
    const parts = cuts('mapping.windows', total, options.length, options.from);
    const draws = new Rng(seed).split('query').split(batch);
    const tracks = items.map((item) => new Track(item, this.options));
    return lazily(parts, (cut) => this.#window(cut, tracks, draws));
  }

  /** Lesson k is the map of a path of k + 1 windows of 20 steps: the first ones of the paths given. */
  practice(items: readonly Maze[], weights: readonly number[], options: WindowOptions): Iterable<Window> {
    const where = 'mapping.practice';
    const total = this.#steps(items);
    checkWeights(where, weights, this.lessons);
    const { seed, batch } = checkWindows(where, options);
    const length = drawLength(new Rng(seed).split('practice').split(batch), weights);
    const steps = Math.min(WINDOW * length, total);
    const short = items.map((item) => ({ ...item, path: item.path.subarray(0, steps) }));
    return lazily(this.windows(short, options), (window) => ({
      ...window,
      outputs: window.outputs.map((output) => ({ ...output, lesson: lessonOfLength(length, window.steps, items.length) })),
    }));
  }

  scorer(): MapScorer {
    return new MapScorer(this.#names);
  }

  /** The time steps that all episodes of a batch have. */
  #steps(items: readonly Maze[]): number {
    checkBatch('mapping', items, ['cells', 'path']);
    const steps = items[0]!.path.length;
    for (const { size, cells, path } of items) {
      if (size !== this.options.size || cells.length !== size * size) {
        fail('ERR_MG_ARGUMENT', 'mapping', `mazes of size ${this.options.size}`, words(`one of size ${size}`));
      }
      if (path.length !== steps || steps === 0)
        fail('ERR_MG_ARGUMENT', 'mapping', `paths of ${steps} steps`, words(`one of ${path.length} steps`));
    }
    return steps;
  }

  #window(cut: Cut, tracks: readonly Track[], draws: Rng): Window {
    const ask = [this.#local, this.#wide];
    const outputs = this.#names.map((name, k) => ask[k]!.call(this, name, cut, tracks, draws));
    return { ...cut, batch: tracks.length, input: this.#input(cut, tracks), outputs };
  }

  #input({ start, steps }: Cut, tracks: readonly Track[]): HostPyramid {
    const { view } = this.options;
    return this.#pyramid(steps, tracks.length, (rows, out, t, b, offset) => {
      const track = tracks[b]!;
      const [row, col] = shownLocation(this.options, ...track.location(start + t));
      encodePatch(track.patch(start + t), view, rows, row, col, out, offset);
    });
  }

  /** The query of the view's own size. */
  #local(name: string, { start, steps }: Cut, tracks: readonly Track[], draws: Rng): WindowOutput {
    const { view, outputSide, targetTiming } = this.options;
    const asked = Int32Array.from({ length: steps }, (_, t) => draws.split(start + t).integer(start + t + 1));
    const query = this.#pyramid(steps, tracks.length, (rows, out, t, b, offset) => {
      encodePatch(tracks[b]!.patch(asked[t]!), view, rows, 0, 0, out, offset);
    });
    const target = zeros(steps, tracks.length, outputSide, outputSide, 1);
    const cells = outputSide * outputSide;
    const ahead = targetTiming === 'official' ? 1 : 0;
    for (let t = 0; t < steps; t++) {
      tracks.forEach((track, b) => {
        track.mark(asked[t]!, start + t + ahead, target.data, (t * tracks.length + b) * cells);
      });
    }
    return { name, query, target };
  }

  /** The 9×9 query of an agent that sees 3×3. */
  #wide(name: string, { start, steps }: Cut, tracks: readonly Track[], draws: Rng): WindowOutput {
    const { outputSide, targetTiming } = this.options;
    const batch = tracks.length;
    const rows = nearestRows(9, 12);
    const query = zeros(steps, batch, 12, 12, CHANNELS);
    const target = zeros(steps, batch, outputSide, outputSide, 1);
    const scored = zeros(steps, batch);
    const ahead = targetTiming === 'official' ? 1 : 0;
    for (let t = 0; t < steps; t++) {
      tracks.forEach((track, b) => {
        const at = t * batch + b;
        const draw = draws.split('wide').split(start + t); // mazes with as many candidates ask for the same one
        const { patch, isScored } = track.askWide(start + t, ahead, draw, target.data, at * outputSide * outputSide);
        encodePatch(patch, 9, rows, 0, 0, query.data, at * 144 * CHANNELS);
        scored.data[at] = isScored ? 1 : 0;
      });
    }
    return { name, query: { [QUERY9_LEVEL]: query }, target, scored };
  }

  /** A pyramid on the input levels, each window written by `write`. */
  #pyramid(
    steps: number,
    batch: number,
    write: (rows: Int32Array, out: Float32Array, t: number, b: number, offset: number) => void,
  ): HostPyramid {
    const grids: Record<number, HostArray> = {};
    for (const { level, side } of this.options.levels) {
      const grid = zeros(steps, batch, side, side, CHANNELS);
      const rows = nearestRows(this.options.view, side);
      const size = side * side * CHANNELS;
      for (let t = 0; t < steps; t++) {
        for (let b = 0; b < batch; b++) write(rows, grid.data, t, b, (t * batch + b) * size);
      }
      grids[level] = grid;
    }
    return grids;
  }
}
