/** What a film is of: a walk through a maze, or an episode of a list or a sequence. */
import type { FrameHead, Motion, Panel } from './page/scene.js';
import type { Values } from './sheet.js';
import type { TaskForm, Window } from '../tasks/task.js';

export type { Motion, Panel } from './page/scene.js';

/** What there is to see of one step beside the memory. */
export interface Told extends Pick<FrameHead, 'facts' | 'sentence' | 'path' | 'asked' | 'now'> {
  /** Of every panel of the story. */
  readonly values: ReadonlyMap<string, Values>;
}

export interface Story extends Disposable {
  readonly form: TaskForm;
  readonly panels: readonly Panel[];
  /** Steps of the whole; null: as many as are walked. */
  readonly steps: number | null;
  readonly seed: number;
  readonly side?: number;
  readonly motions: readonly Motion[];
  readonly motion: string;
  /** What it shows, in a line. */
  readonly line: string;
  /** Steps that can be told now. Those of a story of a known length can always. */
  readonly ready: number;
  /** Called before a step (from 0) is told for the first time. */
  prepare(step: number): Promise<void>;
  windowOf(step: number): Window;
  tell(step: number, window: Window, logits: readonly ArrayLike<number>[]): Told;
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** A panel of the world; what is left out is that of a small grid of probabilities. */
export function panel(given: Pick<Panel, 'id' | 'title' | 'caption' | 'rows' | 'columns'> & Partial<Panel>): Panel {
  return {
    form: 'grid',
    place: 'world',
    section: '',
    palette: 'probability',
    signed: false,
    count: 1,
    size: 1,
    unit: 'probability',
    ...given,
  };
}
