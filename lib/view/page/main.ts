/** The page: puts a film on, plays it, and hands on what the reader does. */
import { bytesOf } from './bytes.js';
import type { Colors } from './canvas.js';
import { Controls } from './controls.js';
import { ChannelFigure, PanelFigure } from './figures.js';
import { make } from './make.js';
import { Reel } from './reel.js';
import type { FilmSent, FilmState, PaletteName, Panel } from './scene.js';
import { Gone, recorded, served, type Frame, type Source } from './source.js';

const find = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;

const MEANS = 'means';

interface Shown {
  readonly index: number;
  readonly panel: Panel;
  readonly figure: PanelFigure;
}

/** Figures one after the other, with a break before those that begin a row. */
const inRows = (shown: readonly Shown[]): HTMLElement[] =>
  shown.flatMap(({ panel, figure }, k) => (
    panel.begins === true && k > 0 ? [make('div', { class: 'break' }), figure.element] : [figure.element]
  ));

/** What is on the page now. */
class Page {
  readonly #source: Source;
  readonly #controls: Controls;
  #reel!: Reel;
  #figures: readonly Shown[] = [];
  #channels: { grid: number; figure: ChannelFigure } | null = null;
  #colors!: Readonly<Record<PaletteName, Colors>>;
  /** The frame that is wanted, from 0, and the one that is drawn. */
  #at = 0;
  #drawn = -1;
  #playing = false;
  #paused = false;
  #loading: Promise<void> | null = null;

  constructor(source: Source) {
    this.#source = source;
    this.#controls = new Controls({
      go: (at) => void this.#go(at, true),
      play: () => (this.#playing ? this.#pause() : this.#play()),
      move: (action) => void this.#act('move', { action }),
      begin: (what) => void this.#act('begin', what),
    });
    find('section').addEventListener('change', () => this.#showMemory());
    find('what').addEventListener('change', () => this.#showMemory());
  }

  async open(): Promise<void> {
    await this.#load();
    this.#source.listen((state) => void this.#hear(state));
    if (!matchMedia('(prefers-reduced-motion: reduce)').matches) this.#play();
  }

  /** Puts on the film that is on now. The place is kept where it is the same story, told anew. */
  async #load(): Promise<void> {
    this.#loading ??= this.#put().finally(() => (this.#loading = null));
    await this.#loading;
  }

  async #put(): Promise<void> {
    const film = await this.#source.film();
    const before = this.#reel?.film.scene;
    const { scene } = film;
    this.#reel = new Reel(this.#source, film);
    this.#colors = Object.fromEntries(Object.entries(film.palettes).map(([name, text]) => [name, bytesOf(text)])) as never;
    const isAnew = before !== undefined && before.seed === scene.seed && before.motion === scene.motion && scene.live;
    const isWalk = scene.steps === null;
    this.#at = isWalk && !isAnew ? Math.max(0, film.made - 1) : isAnew ? this.#at : 0;
    this.#drawn = -1;
    // The figures of a story told anew stay: what has the focus, and what is read under the pointer.
    if (JSON.stringify(before) !== JSON.stringify(scene)) this.#build(film);
    this.#controls.show(film);
    this.#tell(film);
    await this.#go(this.#at, false);
    if (before !== undefined && !isAnew && !isWalk && !this.#paused) this.#play();
  }

  #build(film: FilmSent): void {
    const { scene } = film;
    document.title = `${scene.title}: a memory at work`;
    find('title').textContent = scene.title;
    find('about').textContent = scene.about;
    find('line').textContent = scene.story;
    find('key').hidden = scene.side === undefined;
    const choose = scene.live
      ? (cell: number) => void this.#act('ask', { film: this.#reel.film.film, step: this.#at, cell })
      : null;
    this.#figures = scene.panels.map((panel, index) => (
      { index, panel, figure: new PanelFigure(panel, film, this.#colors[panel.palette], choose) }
    ));
    const world = this.#figures.filter(({ panel }) => panel.place === 'world');
    const lead = world.filter(({ panel }) => panel.asks === true);
    find('lead').replaceChildren(...lead.map(({ figure }) => figure.element));
    find('world').replaceChildren(...inRows(world.filter((each) => !lead.includes(each))));
    find('story').classList.toggle('led', lead.length > 0);
    const sections = [...new Set(scene.panels.filter(({ place }) => place === 'memory').map(({ section }) => section))];
    const select = find<HTMLSelectElement>('section');
    const chosen = sections.includes(select.value) ? select.value : sections.at(-1) ?? '';
    select.replaceChildren(...sections.map((name) => make('option', {}, name)));
    select.value = chosen;
    find('section-choice').hidden = sections.length < 2;
    find('memory').hidden = sections.length === 0;
    this.#showMemory();
  }

  /** The chosen part of the memory: its panels, or all channels of one grid. */
  #showMemory(): void {
    const section = find<HTMLSelectElement>('section').value;
    const what = find<HTMLSelectElement>('what');
    const { scene } = this.#reel.film;
    const grids = scene.grids.map((grid, index) => ({ grid, index })).filter(({ grid }) => grid.section === section);
    const chosen = grids.find(({ grid }) => grid.id === what.value);
    const options = grids.map(({ grid }) => make('option', { value: grid.id }, grid.title));
    what.replaceChildren(make('option', { value: MEANS }, 'Mean and variance over channels'), ...options);
    what.value = chosen?.grid.id ?? MEANS;
    find('what-choice').hidden = grids.length === 0;
    this.#channels = chosen === undefined
      ? null
      : { grid: chosen.index, figure: new ChannelFigure(chosen.grid, this.#colors[chosen.grid.palette]) };
    const shown = this.#figures.filter(({ panel }) => panel.place === 'memory' && panel.section === section);
    find('memory-panels').replaceChildren(...(this.#channels === null ? inRows(shown) : [this.#channels.figure.element]));
    if (this.#drawn >= 0) void this.#go(this.#at, false);
  }

  /** To frame `at`. `isSaid`: whoever hears the page is told what it shows. */
  async #go(at: number, isSaid: boolean): Promise<void> {
    const reel = this.#reel;
    this.#at = Math.min(Math.max(0, at), Math.max(0, reel.length - 1));
    const wanted = this.#at;
    try {
      const { frame, before } = await reel.at(wanted);
      if (reel !== this.#reel || wanted !== this.#at) return; // the reader has gone on
      reel.made = Math.max(reel.made, wanted + 1);
      this.#draw(frame, before);
      this.#controls.place(wanted, reel.length, frame.head);
      if (isSaid) find('sentence').textContent = frame.head.sentence;
      if (this.#channels !== null) {
        const { grid, figure } = this.#channels;
        const { bytes, high } = await reel.channels(wanted, grid);
        if (this.#channels?.figure === figure && wanted === this.#at) figure.draw(bytes, high);
      }
    } catch (error) {
      if (!(error instanceof Gone)) this.#lost();
      else if (reel === this.#reel) await this.#load();
    }
  }

  #draw(frame: Frame, before: readonly Frame[]): void {
    const section = find<HTMLSelectElement>('section').value;
    for (const { index, panel, figure } of this.#figures) {
      const isShown = panel.place === 'world' || (this.#channels === null && panel.section === section);
      if (isShown) figure.draw(index, frame, before);
    }
    this.#drawn = frame.head.step;
    document.body.dataset['step'] = String(frame.head.step);
  }

  #play(): void {
    if (this.#playing || this.#reel.film.scene.steps === null) return;
    if (this.#at >= this.#reel.length - 1) this.#at = -1;
    this.#playing = true;
    this.#paused = false;
    this.#controls.playing(true);
    void this.#run();
  }

  async #run(): Promise<void> {
    while (this.#playing && this.#at < this.#reel.length - 1) {
      const begun = performance.now();
      await this.#go(this.#at + 1, false);
      this.#reel.ahead(this.#at + 1);
      const rest = 1000 / this.#controls.speed - (performance.now() - begun);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, rest)));
      while (document.hidden && this.#playing) await new Promise((resolve) => setTimeout(resolve, 250));
    }
    this.#playing = false;
    this.#controls.playing(false);
  }

  #pause(): void {
    this.#playing = false;
    this.#paused = true;
    this.#controls.playing(false);
  }

  async #act(name: 'begin' | 'move' | 'ask', what: object): Promise<void> {
    if (!this.#reel.film.scene.live) return;
    if (name !== 'begin') this.#pause();
    try {
      const state = await this.#source.act(name, what);
      if (state.film !== this.#reel.film.film) await this.#load();
      else this.#grow(state);
      if (name === 'begin') {
        this.#paused = false;
        this.#play();
      } else await this.#go(name === 'move' ? state.made - 1 : this.#at, true);
    } catch (error) {
      if (error instanceof Gone) return await this.#load();
      this.#lost();
    }
  }

  /** A walk that has gone on; whoever stood at its end goes along. */
  #grow({ made }: FilmState): void {
    const reel = this.#reel;
    const wasAtEnd = this.#at >= reel.made - 1;
    if (made <= reel.made) return;
    reel.made = made;
    if (reel.film.scene.steps === null && wasAtEnd) void this.#go(made - 1, false);
  }

  async #hear(state: FilmState | null): Promise<void> {
    if (state === null) return this.#lost();
    find('connection').textContent = '';
    this.#tell(state);
    if (state.film !== this.#reel.film.film) await this.#load().catch(() => this.#lost());
    else this.#grow(state);
  }

  #lost(): void {
    find('connection').textContent = 'No connection. It comes back by itself when the command runs again at this address.';
  }

  #tell({ training, curve }: FilmState): void {
    find('training').hidden = training === '';
    find('progress').textContent = training;
    const address = this.#source.curve(curve);
    const image = find<HTMLImageElement>('curve');
    image.hidden = address === null;
    if (address !== null && image.getAttribute('src') !== address) image.src = address;
  }
}

void new Page(await recorded() ?? served).open();
