/** What is on: the film that all viewers see, and what they may do to it. */
import { checkChoice, checkInteger, fail, words } from '../check.js';
import type { Film, Frame } from './film.js';
import type { FilmSent, FilmState, SentChannels, SentFrame } from './page/scene.js';
import { sentPalettes } from './palette.js';
import { openFilm, type Beginning, type Subject } from './subject.js';
import { Walk } from './stories/walk.js';
import { MOTIONS, Walked } from './stories/way.js';

/** Frames of one answer. */
export const MOST_FRAMES = 64;
const MOST_SEED = 1e9;
const ACTIONS = 4;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
const sent = ({ head, bytes }: Frame): SentFrame => ({ head, bytes: base64(bytes) });

/** A film that is not on any more. */
export class StaleFilm extends Error {}

export class Stage implements Disposable {
  /** Null: whoever shows films decides, and viewers only look. */
  readonly #subject: Subject | null;
  readonly #listeners = new Set<() => void>();
  #film: Film;
  #number = 1;
  #training = '';
  #curve: { version: number; draw: () => string } | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(film: Film, subject: Subject | null = null) {
    this.#film = film;
    this.#subject = subject;
  }

  /** A subject's first film on a stage of its own. */
  static async of(subject: Subject, beginning: Beginning): Promise<Stage> {
    return new Stage(await openFilm(subject, beginning, true), subject);
  }

  get state(): FilmState {
    const { made } = this.#film;
    return { film: this.#number, made, training: this.#training, curve: this.#curve?.version ?? 0 };
  }

  get sent(): FilmSent {
    return { ...this.state, scene: this.#film.scene, palettes: sentPalettes };
  }

  /** Calls `heard` after each change, until what it returns is called. */
  listen(heard: () => void): () => void {
    this.#listeners.add(heard);
    return () => this.#listeners.delete(heard);
  }

  /** Puts on another film. */
  show(film: Film): void {
    this.#film.dispose();
    this.#film = film;
    this.#number += 1;
    this.#tell();
  }

  /** How training goes, and its curves. */
  report(training: string, draw?: () => string): void {
    this.#training = training;
    if (draw !== undefined) this.#curve = { version: (this.#curve?.version ?? 0) + 1, draw };
    this.#tell();
  }

  /** The curves as SVG; null where there are none. */
  curve(): string | null {
    return this.#curve?.draw() ?? null;
  }

  async frames(film: number, from: number, to: number): Promise<readonly SentFrame[]> {
    checkInteger('frames', 'to', to, from, from + MOST_FRAMES);
    return (await this.#of(film).frames(from, to)).map(sent);
  }

  channels(film: number, step: number, grid: number): SentChannels {
    const { bytes, high } = this.#of(film).channels(step, grid);
    return { bytes: base64(bytes), high };
  }

  /** Begins another maze or episode, or another way through the maze. */
  async begin(seed: number, motion?: string): Promise<FilmState> {
    checkInteger('begin', 'seed', seed, 0, MOST_SEED);
    const subject = this.#live();
    const named = motion === undefined ? {} : { motion: checkChoice('begin', 'motion', motion, MOTIONS) };
    return await this.#inTurn(async () => {
      this.show(await openFilm(subject, { seed, ...named }, true));
      return this.state;
    });
  }

  /** A step of one's own: 0 up, 1 down, 2 left, 3 right. What was another walk becomes one's own, in the same maze. */
  async move(action: number): Promise<FilmState> {
    checkInteger('move', 'action', action, 0, ACTIONS - 1);
    const subject = this.#live();
    return await this.#inTurn(async () => {
      const { story } = this.#film;
      if (!(story instanceof Walk)) fail('ERR_MG_ARGUMENT', 'move', 'a maze', words('no maze'));
      if (!(story.way instanceof Walked) || story.motion !== 'own') {
        this.show(await openFilm(subject, { seed: story.seed, motion: 'own' }, true));
      }
      const film = this.#film;
      const { way } = film.story as Walk;
      if (way.path.length >= film.most)
        fail('ERR_MG_ARGUMENT', 'move', `a walk of at most ${film.most} steps`, words(`one of ${way.path.length} steps`));
      await film.frames(0, way.path.length); // what was walked is told before it goes on
      await film.change(film.made, () => (way as Walked).move(action));
      await film.frames(film.made, film.made + 1);
      this.#tell();
      return this.state;
    });
  }

  /** Asks about the patch around a cell, from `step` (from 0) on. */
  async ask(film: number, step: number, cell: number): Promise<FilmState> {
    this.#live();
    return await this.#inTurn(async () => {
      const on = this.#of(film);
      const { story } = on;
      if (!(story instanceof Walk)) fail('ERR_MG_ARGUMENT', 'ask', 'a maze', words('no maze'));
      checkInteger('ask', 'step', step, 0, on.made - 1);
      const again = Math.min(on.made, step + 1);
      await on.change(step, () => story.ask(step, cell));
      await on.frames(step, again);
      this.#number += 1; // frames that viewers hold are others now
      this.#tell();
      return this.state;
    });
  }

  dispose(): void {
    this.#film.dispose();
    this.#listeners.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** When the film that is on has done what was begun. */
  async settled(): Promise<void> {
    await this.#turn;
    await this.#film.settled();
  }

  #of(number: number): Film {
    if (number !== this.#number) throw new StaleFilm();
    return this.#film;
  }

  #live(): Subject {
    return this.#subject ?? fail('ERR_MG_ARGUMENT', 'watch', 'a run that is not in training', words('one in training'));
  }

  #tell(): void {
    for (const heard of this.#listeners) heard();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}
