/** The frames of the film that is on, fetched when they are needed and kept. */
import type { FilmSent } from './scene.js';
import type { Channels, Frame, Source } from './source.js';

/** Frames that are fetched beyond the one that is wanted, while the film plays. */
const AHEAD = 4;
const MOST = 64;

export class Reel {
  /** Frames that there are to be seen. */
  made: number;
  readonly film: FilmSent;
  readonly #source: Source;
  readonly #frames: (Frame | undefined)[] = [];
  readonly #needsAll: boolean;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(source: Source, film: FilmSent) {
    this.#source = source;
    this.film = film;
    this.made = film.made;
    this.#needsAll = film.scene.panels.some(({ form }) => form === 'strip');
  }

  /** Steps that can be gone to. */
  get length(): number {
    return this.film.scene.steps ?? this.made;
  }

  /** Frame `at` (from 0), and where strips are drawn all frames up to it. */
  async at(at: number): Promise<{ frame: Frame; before: readonly Frame[] }> {
    await this.#fetch(this.#needsAll ? 0 : at, at + 1);
    return { frame: this.#frames[at]!, before: this.#needsAll ? this.#frames.slice(0, at + 1) as Frame[] : [] };
  }

  /** Fetches the frames that come next, for a film that plays. */
  ahead(at: number): void {
    if (this.film.scene.steps === null) return;
    this.#fetch(at, Math.min(this.length, at + AHEAD)).catch(() => {}); // asked again when due
  }

  async channels(at: number, grid: number): Promise<Channels> {
    return await this.#source.channels(this.film.film, at, grid);
  }

  #fetch(from: number, to: number): Promise<void> {
    const done = this.#turn.then(async () => {
      let first = from;
      while (first < to && this.#frames[first] !== undefined) first += 1;
      while (first < to) {
        const last = Math.min(to, first + MOST);
        const frames = await this.#source.frames(this.film.film, first, last);
        if (frames.length === 0) throw new Error(`there is no frame ${first + 1}`);
        for (const frame of frames) this.#frames[first++] = frame;
      }
    });
    this.#turn = done.catch(() => {});
    return done;
  }
}
