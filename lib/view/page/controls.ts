/** Buttons, slider and keys. */
import { make } from './make.js';
import type { FilmSent, FrameHead } from './scene.js';

export interface Actions {
  go(at: number): void;
  play(): void;
  move(action: number): void;
  begin(what: { seed: number; motion?: string }): void;
}

const ACTIONS: Readonly<Record<string, number>> = { ArrowUp: 0, ArrowDown: 1, ArrowLeft: 2, ArrowRight: 3 };

const find = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;

/** Whether keys belong to what has the focus. */
const isBusy = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest('input, select, textarea, button, a, [role="group"]:not(#lead *)') !== null;

export class Controls {
  readonly #actions: Actions;
  #film: FilmSent | null = null;
  #at = 0;

  constructor(actions: Actions) {
    this.#actions = actions;
    find('play').addEventListener('click', () => actions.play());
    find('back').addEventListener('click', () => actions.go(this.#at - 1));
    find('on').addEventListener('click', () => actions.go(this.#at + 1));
    find<HTMLInputElement>('step').addEventListener('input', (event) => (
      actions.go(Number((event.target as HTMLInputElement).value) - 1)
    ));
    find('motion').addEventListener('change', () => this.#begin(0));
    find('seed').addEventListener('change', () => this.#begin(0));
    find('fresh').addEventListener('click', () => this.#begin(1));
    for (const button of find('pad').querySelectorAll('button')) {
      button.addEventListener('click', () => actions.move(Number(button.dataset['action'])));
    }
    document.addEventListener('keydown', (event) => this.#key(event));
  }

  /** Steps a second. */
  get speed(): number {
    return Number(find<HTMLSelectElement>('speed').value);
  }

  show(film: FilmSent): void {
    this.#film = film;
    const { motions, motion, seed, live } = film.scene;
    const isMaze = motions.length > 0;
    find('choices').hidden = !live;
    const select = find<HTMLSelectElement>('motion');
    select.replaceChildren(...motions.map(({ name, title }) => make('option', { value: name }, title)));
    select.value = motion;
    select.parentElement!.hidden = !isMaze;
    find('pad').hidden = !isMaze;
    find('seed-name').textContent = isMaze ? 'Maze' : 'Episode';
    find<HTMLInputElement>('seed').value = String(seed);
  }

  /** Where the film is, from 0. */
  place(at: number, length: number, { facts }: FrameHead): void {
    this.#at = at;
    const slider = find<HTMLInputElement>('step');
    slider.max = String(length);
    slider.value = String(at + 1);
    slider.setAttribute('aria-valuetext', `step ${at + 1} of ${length}`);
    find('place').textContent = `${at + 1} of ${length}`;
    find('facts').replaceChildren(...facts.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
    find<HTMLButtonElement>('back').disabled = at === 0;
    find<HTMLButtonElement>('on').disabled = at >= length - 1;
    find<HTMLButtonElement>('play').disabled = this.#film?.scene.steps === null;
  }

  playing(isPlaying: boolean): void {
    find('play').textContent = isPlaying ? 'Pause' : 'Play';
  }

  #begin(more: number): void {
    const seed = Math.trunc(Number(find<HTMLInputElement>('seed').value)) + more;
    const motion = find<HTMLSelectElement>('motion').value;
    if (seed >= 0 && seed <= 1e9) this.#actions.begin({ seed, ...(motion === '' ? {} : { motion }) });
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || isBusy(event.target)) return;
    const action = ACTIONS[event.key];
    if (action !== undefined && (this.#film?.scene.motions.length ?? 0) > 0) this.#actions.move(action);
    else if (event.key === ' ') this.#actions.play();
    else return;
    event.preventDefault();
  }
}
