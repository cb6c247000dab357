/** What the page is told: a scene of panels, and a frame of bytes for each step. Types alone, shared by server and page. */

/** Colors of the 256 bytes; byte 255 stands for a value that is not there. */
export type PaletteName = 'wall' | 'probability' | 'signed';

/**
 * A picture of numbers. A byte b below 255 is the value low + (b / 254)·(high − low); `high` is that of the frame, `low` is 0, or
 * −high where the panel is signed.
 *  `grid`: rows × columns, row by row.
 *  `strip`: one column of the frame's step, under those of the steps before; as many rows as there are bytes.
 *  `patches`: `count` grids of rows × columns, one after the other.
 */
export interface Panel {
  readonly id: string;
  readonly form: 'grid' | 'strip' | 'patches';
  readonly place: 'world' | 'memory';
  /** Panels of one section are shown together; the reader chooses a section of the memory. */
  readonly section: string;
  readonly title: string;
  readonly caption: string;
  readonly palette: PaletteName;
  readonly signed: boolean;
  readonly rows: number;
  readonly columns: number;
  readonly count: number;
  /** What stands under each patch. */
  readonly labels?: readonly string[];
  /** Relative size on the page, 1 to 3. */
  readonly size: number;
  /** What the values are called when one is read out; for two values alone, those of low and high. */
  readonly unit: string | readonly [string, string];
  /** Where cells of the maze lie on this panel, and what is marked there: the way so far, or the present place alone. */
  readonly shift?: readonly [rows: number, columns: number];
  readonly marks?: 'way' | 'place';
  /** Whether it begins a new row of panels. */
  readonly begins?: boolean;
  /** A cell that is chosen here is asked about. */
  readonly asks?: boolean;
}

/** A grid whose channels can be looked at one by one. */
export interface ChannelGrid {
  readonly id: string;
  readonly section: string;
  readonly title: string;
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  readonly palette: PaletteName;
}

export interface Motion {
  readonly name: string;
  readonly title: string;
}

export interface Scene {
  readonly title: string;
  /** What the network and the task are, in a line. */
  readonly about: string;
  /** What this film shows, in a line. */
  readonly story: string;
  /** Steps of the whole film; null: it grows as the reader walks. */
  readonly steps: number | null;
  /** Side of the maze; absent where there is none. */
  readonly side?: number;
  readonly panels: readonly Panel[];
  readonly grids: readonly ChannelGrid[];
  readonly seed: number;
  /** Ways through the maze that can be chosen; none where it is no maze, or one that nobody may walk. */
  readonly motions: readonly Motion[];
  readonly motion: string;
  /** Whether the film can be walked, asked and begun anew. */
  readonly live: boolean;
}

/** A frame but for its bytes. */
export interface FrameHead {
  /** From 1. */
  readonly step: number;
  /** Bytes and highest value of each panel, in their order. */
  readonly sizes: readonly number[];
  readonly highs: readonly number[];
  /** Numbers worth a word, as name and value. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** The frame in a sentence. */
  readonly sentence: string;
  /** Cells of the maze, row·side + column: the way so far, the present cell last. */
  readonly path?: readonly number[];
  /** The cell that is asked about. */
  readonly asked?: number;
  /** The patch of each list that is shown now. */
  readonly now?: number;
}

/** As it crosses the wire: base64. */
export interface SentFrame {
  readonly head: FrameHead;
  readonly bytes: string;
}

/** All channels of one grid, channel by channel. */
export interface SentChannels {
  readonly bytes: string;
  readonly high: number;
}

/** What the server says of the film that is on. */
export interface FilmState {
  /** Another number, another film. */
  readonly film: number;
  /** Frames there are so far. */
  readonly made: number;
  /** A line on how training goes; empty where nothing is trained. */
  readonly training: string;
  /** Goes up when the curves change; 0: there are none. */
  readonly curve: number;
}

export interface FilmSent extends FilmState {
  readonly scene: Scene;
  /** 256 colors as red, green, blue, in base64. */
  readonly palettes: Readonly<Record<PaletteName, string>>;
}
