/** The story of a walk through a maze: what is seen, asked, answered, and right. */
import { checkInteger, fail, words } from '../../check.js';
import { shownLocation, type ResolvedMapping } from '../../tasks/mapping/mapping-options.js';
import { CHANNELS, encodePatch, nearestRows, Numbering, pad, readPatch, UNKNOWN, type Padded } from '../../tasks/patch.js';
import { levelSide, type HostPyramid, type Window, type WindowOutput } from '../../tasks/task.js';
import { zeros } from '../../tasks/windows.js';
import { Rng } from '../../tensor/rng.js';
import type { Values } from '../sheet.js';
import { type Motion, type Panel, sigmoid, type Story, type Told } from '../story.js';
import { walkPanels, type Reader } from './walk-panels.js';
import type { Way } from './way.js';

/** Steps for which a question stays that nobody chose. */
const HOLD = 6;
/** The level on which a 9×9 question is put to a network that sees 3×3. */
const WIDE_LEVEL = 2;
const WIDE = 9;

interface Counts {
  readonly right: number;
  readonly wrong: number;
  readonly missed: number;
}

export interface WalkOptions {
  /** How the network sees mazes. */
  readonly mapping: ResolvedMapping;
  readonly way: Way;
  readonly seed: number;
  readonly motions: readonly Motion[];
  /** What else is to be known of this way. */
  readonly remark: string;
}

export class Walk implements Story {
  readonly form = 'stepwise';
  readonly panels: readonly Panel[];
  readonly seed: number;
  readonly side: number;
  readonly motions: readonly Motion[];
  readonly #mapping: ResolvedMapping;
  readonly #readers: readonly Reader[];
  readonly #padded: Padded;
  readonly #draws: Rng;
  /** Questions that were chosen, by the step from which they hold. */
  readonly #chosen = new Map<number, number>();
  readonly #counts: Counts[] = [];
  readonly #remark: string;
  readonly #numbers = new Map<number, Int32Array>();

  constructor(readonly way: Way, { mapping, seed, motions, remark }: Omit<WalkOptions, 'way'>) {
    this.#mapping = mapping;
    this.#remark = remark;
    this.seed = seed;
    this.motions = motions;
    this.side = mapping.size;
    const { view, query, inputLevels } = mapping;
    const own: Reader = { name: `${view}×${view}`, side: view, levels: inputLevels };
    this.#readers = query > view ? [own, { name: '9×9', side: WIDE, levels: [WIDE_LEVEL] }] : [own];
    this.#padded = pad(way.cells, WIDE >> 1);
    this.#draws = new Rng(seed).split('asked');
    this.panels = walkPanels(mapping, this.#readers, this.#shift());
  }

  get steps(): number | null {
    return this.way.steps;
  }

  get ready(): number {
    return this.way.path.length;
  }

  get motion(): string {
    return this.way.motion;
  }

  get line(): string {
    return this.#remark === '' ? this.way.line : `${this.way.line} ${this.#remark}`;
  }

  async prepare(step: number): Promise<void> {
    while (this.way.path.length <= step) await this.way.extend();
  }

  /** Asks about the patch around `cell` from `step` (from 0) on. ERR_MG_ARGUMENT for a cell outside the maze. */
  ask(step: number, cell: number): void {
    checkInteger('ask', 'step', step, 0, this.ready - 1);
    checkInteger('ask', 'cell', cell, 0, this.side ** 2 - 1);
    for (const later of this.#chosen.keys()) if (later >= step) this.#chosen.delete(later);
    this.#chosen.set(step, cell);
  }

  windowOf(step: number): Window {
    const { levels, view, outputSide } = this.#mapping;
    const location = shownLocation(this.#mapping, ...this.#placed(this.way.path[step]!));
    const patch = this.#patch(this.way.path[step]!, view);
    const asked = this.#askedAt(step);
    const input = pyramid(levels.map(({ level }) => level), patch, view, ...location);
    const outputs = this.#readers.map((reader): WindowOutput => {
      const target = { data: this.#answer(step, asked, reader.side), shape: [1, 1, outputSide, outputSide, 1] };
      return {
        name: reader.name,
        query: pyramid(reader.levels, this.#shown(step, asked, reader.side), reader.side, 0, 0),
        target,
      };
    });
    return { index: step, start: step, steps: 1, batch: 1, first: step === 0, last: false, input, outputs };
  }

  tell(step: number, window: Window, logits: readonly ArrayLike<number>[]): Told {
    const { view } = this.#mapping;
    const path = this.way.path.slice(0, step + 1);
    const asked = this.#askedAt(step);
    const answers = logits.map(probabilities);
    const targets = window.outputs.map(({ target }) => target.data);
    const values = new Map<string, Values>([
      ['maze', { data: this.way.cells, high: 1 }],
      ['view', { data: known(this.#patch(path.at(-1)!, view)), high: 1 }],
      ['map', { data: this.#known(path), high: 1 }],
      ...this.#readers.flatMap(({ side }, k): [string, Values][] => [
        [`question-${k}`, { data: known(this.#shown(step, asked, side)), high: 1 }],
        [`answer-${k}`, { data: answers[k]!, high: 1 }],
        [`chosen-${k}`, { data: answers[k]!.map((p) => (p >= 0.5 ? 1 : 0)), high: 1 }],
        [`target-${k}`, { data: targets[k]!, high: 1 }],
      ]),
    ]);
    this.#counts.length = step;
    const counts = count(answers[0]!, targets[0]!);
    this.#counts.push(counts);
    return { values, path, asked, facts: this.#facts(step), sentence: this.#sentence(step, counts) };
  }

  [Symbol.dispose](): void {
    this.way[Symbol.dispose]();
  }

  #facts(step: number): [string, string][] {
    const [right, wrong, missed] = (['right', 'wrong', 'missed'] as const).map((key) => (
      this.#counts.reduce((sum, each) => sum + each[key], 0)
    )) as [number, number, number];
    const f = (2 * right) / (2 * right + wrong + missed);
    return [['F so far', Number.isNaN(f) ? '–' : f.toFixed(2)], ...this.way.facts(step)];
  }

  #sentence(step: number, { right, wrong, missed }: Counts): string {
    const cell = this.way.path[step]!;
    const at = `row ${Math.floor(cell / this.side) + 1}, column ${(cell % this.side) + 1}`;
    const due = right + missed;
    return `Step ${step + 1}: at ${at}. Of ${due} ${
      due === 1 ? 'place that looks' : 'places that look'
    } like the question it names ${right}` +
      `${wrong === 0 ? '' : `, and ${wrong} that ${wrong === 1 ? 'does' : 'do'} not`}.`;
  }

  /** Row and column as the network is told them: the start lies at the center. */
  #placed(cell: number): [row: number, column: number] {
    const [rows, columns] = this.#shift();
    return [Math.floor(cell / this.side) + rows, (cell % this.side) + columns];
  }

  #shift(): [rows: number, columns: number] {
    const start = this.way.path[0]!;
    const { center } = this.#mapping;
    return [center - Math.floor(start / this.side), center - (start % this.side)];
  }

  #patch(cell: number, side: number): Uint8Array {
    return readPatch(this.#padded, Math.floor(cell / this.side), cell % this.side, side, new Uint8Array(side * side));
  }

  /** Equal numbers for cells whose patches of this side are equal. */
  #patchNumbers(side: number): Int32Array {
    const known = this.#numbers.get(side);
    if (known !== undefined) return known;
    const numbering = new Numbering();
    const numbers = Int32Array.from(this.way.cells, (_, cell) => numbering.of(this.#patch(cell, side), side));
    this.#numbers.set(side, numbers);
    return numbers;
  }

  #askedAt(step: number): number {
    for (let from = step; from >= 0; from--) if (this.#chosen.has(from)) return this.#chosen.get(from)!;
    const begun = step - (step % HOLD);
    return this.way.path[this.#draws.split(begun).integer(begun + 1)]!;
  }

  /** Cells that were in view until a step. */
  #seen(path: readonly number[]): Uint8Array {
    const [n, reach] = [this.side, this.#mapping.view >> 1];
    const seen = new Uint8Array(n * n);
    for (const cell of new Set(path)) {
      const [row, column] = [Math.floor(cell / n), cell % n];
      for (let y = Math.max(0, row - reach); y <= Math.min(n - 1, row + reach); y++) {
        for (let x = Math.max(0, column - reach); x <= Math.min(n - 1, column + reach); x++) seen[y * n + x] = 1;
      }
    }
    return seen;
  }

  /** The patch of a question; of one wider than the view, what was not seen yet is unknown. */
  #shown(step: number, cell: number, side: number): Uint8Array {
    const patch = this.#patch(cell, side);
    if (side <= this.#mapping.view) return patch;
    const [n, seen] = [this.side, this.#seen(this.way.path.slice(0, step + 1))];
    const [top, left] = [Math.floor(cell / n) - (side >> 1), (cell % n) - (side >> 1)];
    return patch.map((value, i) => {
      const [row, column] = [top + Math.floor(i / side), left + (i % side)];
      const isInside = row >= 0 && column >= 0 && row < n && column < n;
      return isInside && seen[row * n + column] === 0 ? UNKNOWN : value;
    });
  }

  /** 1 at each visited place whose patch equals that of the question; wider ones as far as they were seen whole. */
  #answer(step: number, asked: number, side: number): Float32Array {
    const { outputSide, view } = this.#mapping;
    const out = new Float32Array(outputSide * outputSide);
    const numbers = this.#patchNumbers(side);
    const isWhole = (cell: number): boolean =>
      side <= view || this.#shown(step, cell, side).join() === this.#patch(cell, side).join();
    if (!isWhole(asked)) return out;
    for (const cell of new Set(this.way.path.slice(0, step + 1))) {
      if (numbers[cell] !== numbers[asked] || !isWhole(cell)) continue;
      const [row, column] = this.#placed(cell);
      out[row * outputSide + column] = 1;
    }
    return out;
  }

  /** The part of the map that was seen, re-centered; nothing elsewhere. */
  #known(path: readonly number[]): Float32Array {
    const { outputSide } = this.#mapping;
    const out = new Float32Array(outputSide * outputSide).fill(NaN);
    this.#seen(path).forEach((isSeen, cell) => {
      const [row, column] = this.#placed(cell);
      const isInside = row >= 0 && column >= 0 && row < outputSide && column < outputSide;
      if (isSeen === 1 && isInside) out[row * outputSide + column] = this.way.cells[cell]!;
    });
    return out;
  }
}

function probabilities(logits: ArrayLike<number>): Float32Array {
  const out = new Float32Array(logits.length);
  for (let i = 0; i < out.length; i++) out[i] = sigmoid(logits[i]!);
  return out;
}

/** Cells with nothing where they are unknown. */
const known = (patch: Uint8Array): Float32Array => Float32Array.from(patch, (cell) => (cell === UNKNOWN ? NaN : cell));

/** A patch on grids of a pyramid, as a window of one step. */
function pyramid(levels: readonly number[], patch: Uint8Array, side: number, row: number, column: number): HostPyramid {
  return Object.fromEntries(levels.map((level) => {
    const grid = levelSide(level);
    const out = zeros(1, 1, grid, grid, CHANNELS);
    encodePatch(patch, side, nearestRows(side, grid), row, column, out.data as Float32Array, 0);
    return [level, out];
  }));
}

/** Places named rightly, wrongly, and not at all. */
function count(answer: ArrayLike<number>, target: ArrayLike<number>): Counts {
  if (answer.length !== target.length)
    fail('ERR_MG_SHAPE', 'watch', `answers of ${target.length} cells`, words(`answers of ${answer.length}`));
  let [right, wrong, missed] = [0, 0, 0];
  for (let i = 0; i < answer.length; i++) {
    if (answer[i]! >= 0.5) {
      if (target[i] === 1) right++;
      else wrong++;
    } else if (target[i] === 1) missed++;
  }
  return { right, wrong, missed };
}
