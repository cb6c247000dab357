// How a run shows that it lives: one rewritten line on a terminal, a plain line every ten seconds elsewhere.

/** What is shown; fields that are absent are left out. `loss`, `lr` and `metrics` are shown as they are given. */
export interface ProgressState {
  readonly step: number;
  readonly loss?: number;
  readonly lr?: number;
  readonly metrics?: Readonly<Record<string, number>>;
}

/** The part of a stream that is used. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Where to write and when it is; standard error, the clock and the environment of the process by default. */
export interface ProgressOptions {
  readonly total: number;
  readonly start?: number;
  readonly label?: string;
  readonly stream?: ProgressStream;
  readonly clock?: () => number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const TERMINAL_EVERY_MS = 100;
const PLAIN_EVERY_MS = 10_000;
const RATE_WINDOW_MS = 15_000;
const BAR_CELLS = 20;

/** Shows steps done of `total`. Speed is the mean over the last 15 s; the remaining time follows from it. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #stream: ProgressStream;
  readonly #clock: () => number;
  readonly #isTerminal: boolean;
  readonly #hasColor: boolean;
  readonly #marks: { time: number; step: number }[];
  #state: ProgressState;
  #shownAt: number;
  #isLineOpen = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#stream = options.stream ?? process.stderr;
    this.#clock = options.clock ?? (() => performance.now());
    const env = options.env ?? process.env;
    this.#isTerminal = this.#stream.isTTY === true && env['TERM'] !== 'dumb';
    this.#hasColor = this.#isTerminal && (env['NO_COLOR'] ?? '') === '';
    this.#state = { step: options.start ?? 0 };
    this.#marks = [{ time: this.#clock(), step: this.#state.step }];
    this.#shownAt = this.#isTerminal ? -Infinity : this.#clock();
  }

  /** Tells of progress; draws only when it is time to. Loss, rate and metrics stay until they are given anew. */
  update(state: ProgressState): void {
    this.#state = { ...this.#state, ...state };
    const now = this.#clock();
    this.#mark(now, state.step);
    const every = this.#isTerminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS;
    if (now - this.#shownAt >= every) this.#show(now);
  }

  /** Writes a line of its own above the progress line. */
  note(text: string): void {
    this.#stream.write(this.#isLineOpen ? `\r\x1b[2K${text}\n` : `${text}\n`);
    this.#isLineOpen = false;
    if (this.#isTerminal && this.#marks.length > 1) this.#show(this.#clock());
  }

  /** Shows the last state and ends the line. */
  done(): void {
    this.#show(this.#clock());
    if (this.#isLineOpen) this.#stream.write('\n');
    this.#isLineOpen = false;
  }

  #mark(now: number, step: number): void {
    this.#marks.push({ time: now, step });
    while (this.#marks.length > 2 && (this.#marks[1]?.time ?? now) <= now - RATE_WINDOW_MS) this.#marks.shift();
  }

  #rate(): number {
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    if (first === undefined || last === undefined || last.time <= first.time) return 0;
    return ((last.step - first.step) * 1000) / (last.time - first.time);
  }

  #show(now: number): void {
    this.#shownAt = now;
    if (!this.#isTerminal) {
      this.#stream.write(`${this.#words(false).join('  ')}\n`);
      return;
    }
    this.#stream.write(`\r\x1b[2K${fit(this.#words(this.#hasColor), (this.#stream.columns ?? 80) - 1)}`);
    this.#isLineOpen = true;
  }

  #words(hasColor: boolean): string[] {
    const { total, label } = this.#options;
    const { step, loss, lr, metrics } = this.#state;
    const paint = (text: string, code: number): string => (hasColor ? `\x1b[${code}m${text}\x1b[0m` : text);
    const share = total > 0 ? Math.min(1, step / total) : 1;
    const rate = this.#rate();
    const words = label === undefined ? [] : [paint(label, 1)];
    if (this.#isTerminal) {
      const full = Math.round(share * BAR_CELLS);
      words.push(paint('━'.repeat(full), 36) + paint('─'.repeat(BAR_CELLS - full), 90));
    }
    words.push(`${paint(`${Math.floor(share * 100)}%`.padStart(4), 1)}`, `step ${step}/${total}`);
    if (loss !== undefined) words.push(`loss ${paint(compact(loss), 33)}`);
    for (const [name, value] of Object.entries(metrics ?? {})) words.push(`${name} ${paint(compact(value), 32)}`);
    if (lr !== undefined) words.push(`lr ${lr.toExponential(1)}`);
    words.push(`${compact(rate)} steps/s`);
    if (step < total) words.push(`ETA ${rate > 0 ? duration((total - step) / rate) : '--:--'}`);
    return words;
  }
}

/** Four significant digits at most: 0.6931, 12.35, 18360. */
export function compact(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1000) return value.toFixed(0);
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  return value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4);
}

/** 65 → 01:05, 3725 → 1:02:05. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${two(minutes)}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

// Leaves out whole words from the end until the line fits, since a wrapped line cannot be rewritten.
function fit(words: readonly string[], columns: number): string {
  const kept: string[] = [];
  let width = 0;
  for (const word of words) {
    width += visibleLength(word) + (kept.length > 0 ? 2 : 0);
    if (width > columns) break;
    kept.push(word);
  }
  return kept.join('  ');
}

const visibleLength = (text: string): number => text.replace(/\x1b\[[0-9;]*m/g, '').length;
