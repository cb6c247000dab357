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
  on?(event: 'error', listener: (error: Error) => void): unknown;
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
const LONGEST_BAR = 24;
const SHORTEST_BAR = 6;

interface Word {
  readonly text: string;
  readonly code?: number;
}

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
    ignoreClosed(this.#stream);
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
      this.#stream.write(
        `${
          this.#words()
            .map(({ text }) => text)
            .join('  ')
        }\n`,
      );
      return;
    }
    const words = fit(this.#words(), (this.#stream.columns || 80) - 1, this.#share());
    const paint = ({ text, code }: Word): string => (this.#hasColor && code !== undefined ? `\x1b[${code}m${text}\x1b[0m` : text);
    this.#stream.write(`\r\x1b[2K${words.map(paint).join('  ')}`);
    this.#isLineOpen = true;
  }

  #share(): number {
    return this.#options.total > 0 ? Math.min(1, this.#state.step / this.#options.total) : 1;
  }

  #words(): Word[] {
    const { total, label } = this.#options;
    const { step, loss, lr, metrics } = this.#state;
    const rate = this.#rate();
    const words: Word[] = label === undefined ? [] : [{ text: label, code: 1 }];
    words.push({ text: `${Math.floor(this.#share() * 100)}%`.padStart(4), code: 1 }, { text: `step ${step}/${total}` });
    if (loss !== undefined) words.push({ text: `loss ${compact(loss)}`, code: 33 });
    for (const [name, value] of Object.entries(metrics ?? {})) words.push({ text: `${name} ${compact(value)}`, code: 32 });
    if (lr !== undefined) words.push({ text: `lr ${lr.toExponential(1)}` });
    words.push({ text: `${compact(rate)} steps/s` });
    if (step < total) words.push({ text: `ETA ${rate > 0 ? duration((total - step) / rate) : '--:--'}`, code: 36 });
    return words;
  }
}

const heeded = new WeakSet<ProgressStream>();

/** A reader that goes away (`| head`, a terminal that closes) is no reason to end a run: what nobody reads is dropped. */
export function ignoreClosed(stream: ProgressStream): void {
  if (heeded.has(stream)) return;
  heeded.add(stream);
  stream.on?.('error', (error) => {
    if (!['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
  });
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

// A wrapped line cannot be rewritten: whole words go from the end until the rest fits, and the bar takes what room is left.
function fit(words: readonly Word[], columns: number, share: number): Word[] {
  const kept: Word[] = [];
  let width = 0;
  for (const word of words) {
    const next = width + word.text.length + (width > 0 ? 2 : 0);
    if (next > columns) break;
    kept.push(word);
    width = next;
  }
  const cells = Math.min(LONGEST_BAR, columns - width - 2);
  if (kept.length < words.length || cells < SHORTEST_BAR) return kept;
  const full = Math.round(share * cells);
  return [{ text: '━'.repeat(full) + '─'.repeat(cells - full), code: 36 }, ...kept];
}
