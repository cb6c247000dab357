/** Where the page has its film from: the server that it came from, or a recording inside the page itself. */
import { bytesOf, unpack } from './bytes.js';
import type { FilmSent, FilmState, FrameHead, SentChannels, SentFrame } from './scene.js';

/** A frame with the bytes of each panel. */
export interface Frame {
  readonly head: FrameHead;
  readonly parts: readonly Uint8Array[];
}

export interface Channels {
  readonly bytes: Uint8Array;
  readonly high: number;
}

/** The film that was asked for is not on any more. */
export class Gone extends Error {}

export interface Source {
  film(): Promise<FilmSent>;
  /** Frames from … to (from 0, `to` not among them), as far as there are. */
  frames(film: number, from: number, to: number): Promise<Frame[]>;
  channels(film: number, step: number, grid: number): Promise<Channels>;
  /** Of the curves; null where nothing is trained. */
  curve(version: number): string | null;
  /** Begins, moves or asks, where the film is live. */
  act(name: 'begin' | 'move' | 'ask', what: object): Promise<FilmState>;
  /** Calls with the state after each change, and with null while there is no connection. */
  listen(heard: (state: FilmState | null) => void): void;
}

/** The bytes of a frame by panel. */
export function partsOf(head: FrameHead, bytes: Uint8Array): Uint8Array[] {
  let at = 0;
  return head.sizes.map((size) => bytes.subarray(at, at += size));
}

async function ask<T>(address: string, init?: RequestInit): Promise<T> {
  const response = await fetch(address, init);
  if (response.status === 204) throw new Gone();
  if (!response.ok) throw new Error(`${address.split('?')[0]} gave ${response.status}`);
  return await response.json() as T;
}

const RETRY_MS = 1000;

/** The server. Addresses are relative, so that its token stays in them. */
export const served: Source = {
  film: () => ask<FilmSent>('film'),
  async frames(film, from, to) {
    const sent = await ask<SentFrame[]>(`frames?film=${film}&from=${from}&to=${to}`);
    return sent.map(({ head, bytes }) => ({ head, parts: partsOf(head, bytesOf(bytes)) }));
  },
  async channels(film, step, grid) {
    const { bytes, high } = await ask<SentChannels>(`channels?film=${film}&step=${step}&grid=${grid}`);
    return { bytes: bytesOf(bytes), high };
  },
  curve: (version) => (version === 0 ? null : `curve.svg?version=${version}`),
  act: (name, what) =>
    ask<FilmState>(name, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(what) }),
  listen(heard) {
    let events: EventSource | null = null;
    const open = (): void => {
      events?.close();
      const mine = events = new EventSource('events');
      mine.onmessage = ({ data }) => heard(JSON.parse(data as string) as FilmState);
      mine.onerror = () => {
        heard(null);
        // Browsers try again by themselves while nobody answers, but not after an answer that is no stream.
        if (mine.readyState === EventSource.CLOSED && mine === events) setTimeout(open, RETRY_MS);
      };
    };
    open();
    // A page that nobody sees listens to nothing.
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) events?.close();
      else open();
    });
  },
};

/** What an exported page carries. */
interface Recording {
  readonly film: FilmSent;
  readonly heads: readonly FrameHead[];
  /** Bytes of the channels of each grid, one frame after the other, and their highs by frame; absent where they were left out. */
  readonly channels?: readonly { readonly size: number; readonly highs: readonly number[] }[];
}

/** The recording in this page; null where there is none. */
export async function recorded(): Promise<Source | null> {
  const text = document.getElementById('recording')?.textContent;
  if (text === undefined) return null;
  const [about, pictures, channelBytes] = await Promise.all(text!.trim().split('\n').map((part) => unpack(bytesOf(part))));
  const { film, heads, channels } = JSON.parse(new TextDecoder().decode(about)) as Recording;
  let at = 0;
  let before = new Uint8Array(0);
  const frames = heads.map((head): Frame => {
    const size = head.sizes.reduce((sum, each) => sum + each, 0);
    const bytes = pictures!.slice(at, at += size);
    // Frames of one size are kept as differences.
    if (before.length === size) { for (let i = 0; i < size; i++) bytes[i]! += before[i]!; }
    before = bytes;
    return { head, parts: partsOf(head, bytes) };
  });
  const begins = (channels ?? []).map((_, grid) =>
    channels!.slice(0, grid).reduce((sum, { size }) => sum + size * heads.length, 0)
  );
  return {
    film: async () => film,
    frames: async (_, from, to) => frames.slice(from, to),
    async channels(_, step, grid) {
      const { size, highs } = channels![grid]!;
      const first = begins[grid]! + step * size;
      return { bytes: channelBytes!.subarray(first, first + size), high: highs[step]! };
    },
    curve: () => null,
    act: () => Promise.reject(new Error('a recording')),
    listen: () => {},
  };
}
