/** A film: a story told by a model step by step, its memory beside it. Frames are made when they are asked for, and kept. */
import { fail, words } from '../check.js';
import type { Remembered } from '../pictures/remembered.js';
import type { View } from '../runs/kinds.js';
import type { TrainableModel } from '../train/model.js';
import type { FrameHead, Scene } from './page/scene.js';
import { memoryChannels, memoryGrids, memoryPanels, memoryValues } from './memory-panels.js';
import { Runner } from './runner.js';
import { Scales, sheet, type Sheet, type Values } from './sheet.js';
import type { Story } from './story.js';

/** Single channels of all frames take at most so many bytes: a walk ends there, a longer film goes without them. */
export const KEPT_BYTES = 256e6;
const MOST_STEPS = 5_000;

export interface Frame {
  readonly head: FrameHead;
  /** Of all panels, in their order. */
  readonly bytes: Uint8Array;
  /** All channels of each grid of the scene, position by position; null where there are none. */
  readonly channels: Sheet | null;
}

const NO_CHANNELS: Sheet = { sizes: [], highs: [], bytes: new Uint8Array(0) };

export interface Titles {
  readonly title: string;
  readonly about: string;
}

export class Film implements Disposable {
  readonly scene: Scene;
  readonly story: Story;
  /** Steps after which a walk ends. */
  readonly most: number;
  readonly #runner: Runner;
  readonly #scales = new Scales();
  readonly #grids: readonly { readonly id: string; readonly signed: boolean }[];
  #frames: Frame[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(story: Story, runner: Runner, first: Remembered | null, titles: Titles, live: boolean) {
    this.story = story;
    this.#runner = runner;
    const grids = first === null ? [] : memoryGrids(first);
    const each = grids.reduce((sum, { rows, columns, channels }) => sum + rows * columns * channels, 0);
    this.most = Math.min(MOST_STEPS, Math.floor(KEPT_BYTES / Math.max(1, each)));
    const { steps, seed, side, motions, motion, line } = story;
    this.scene = {
      ...titles,
      story: line,
      steps,
      ...(side === undefined ? {} : { side }),
      panels: [...story.panels, ...(first === null ? [] : memoryPanels(first))],
      grids: steps !== null && steps > this.most ? [] : grids,
      seed,
      motions: live ? motions : [],
      motion,
      live,
    };
    this.#grids = this.scene.grids.map(({ id }) => ({ id, signed: true }));
  }

  /** `live`: whether those who watch may walk, ask, and begin anew. `view`: null where nothing is known of the memory. */
  static async open(
    story: Story,
    model: TrainableModel,
    view: View | null,
    titles: Titles,
    live: boolean,
  ): Promise<Film> {
    const runner = new Runner(model, view, story.form);
    try {
      return new Film(story, runner, await runner.look(), titles, live);
    } catch (error) {
      runner.dispose();
      throw error;
    }
  }

  /** Frames there are. */
  get made(): number {
    return this.#frames.length;
  }

  /** Frames from … to (from 0, `to` not among them), as far as the story goes. */
  async frames(from: number, to: number): Promise<readonly Frame[]> {
    return await this.#inTurn(async () => {
      const end = Math.min(to, this.story.steps ?? this.story.ready);
      while (this.#frames.length < end) this.#frames.push(await this.#make(this.#frames.length));
      return this.#frames.slice(from, end);
    });
  }

  /** Grid `grid`, channel by channel, at step `step` (from 0) of a frame that was made. ERR_MG_ARGUMENT where there is none. */
  channels(step: number, grid: number): { readonly bytes: Uint8Array; readonly high: number } {
    const { sizes, highs, bytes } = this.#frames[step]?.channels ?? NO_CHANNELS;
    const size = sizes[grid] ??
      fail('ERR_MG_ARGUMENT', 'watch', 'a step and a grid of the film', words(`step ${step}, grid ${grid}`));
    const first = sizes.slice(0, grid).reduce((sum, each) => sum + each, 0);
    const { channels } = this.scene.grids[grid]!;
    const positions = size / channels;
    const turned = new Uint8Array(size);
    for (let i = 0; i < size; i++) turned[i] = bytes[first + (i % positions) * channels + Math.floor(i / positions)]!;
    return { bytes: turned, high: highs[grid]! };
  }

  /** Changes the story while no frame is being made. Frames from `from` on are made anew. */
  async change(from: number, work: () => void | Promise<void>): Promise<void> {
    await this.#inTurn(async () => {
      await work();
      this.#frames = this.#frames.slice(0, from);
    });
  }

  dispose(): void {
    this.#turn = this.#turn.then(() => {
      this.#runner.dispose();
      this.story[Symbol.dispose]();
    });
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** When everything that was begun is done. */
  async settled(): Promise<void> {
    await this.#turn;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #make(step: number): Promise<Frame> {
    const { story } = this;
    await story.prepare(step);
    await this.#runner.seek(step, (at) => story.windowOf(at));
    const window = story.windowOf(step);
    const { logits, memory } = await this.#runner.step(window);
    const { values, ...told } = story.tell(step, window, logits);
    const all = new Map<string, Values>([...values, ...(memory === null ? [] : memoryValues(memory))]);
    const { sizes, highs, bytes } = sheet(this.scene.panels, all, this.#scales);
    const channels = memory === null || this.#grids.length === 0
      ? null
      : sheet(this.#grids, memoryChannels(memory), this.#scales);
    return { head: { step: step + 1, sizes, highs, ...told }, bytes, channels };
  }
}
