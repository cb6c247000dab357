/** A film shows what the model does: against its own windows, the task's, and definitions written out. */
import { describe, expect, it } from 'vitest';
import { noGrad, scope } from '../../lib/index.js';
import { pretrained } from '../../lib/models/pretrained.js';
import { viewOf } from '../../lib/runs/kinds.js';
import { presetRun } from '../../lib/runs/presets.js';
import { mapping } from '../../lib/tasks/mapping/mapping.js';
import { makeTask } from '../../lib/tasks/registry.js';
import type { Window } from '../../lib/tasks/task.js';
import { uploadWindow } from '../../lib/train/window-loss.js';
import type { Film, Frame } from '../../lib/view/film.js';
import { openFilm, type Subject } from '../../lib/view/subject.js';
import type { Walk } from '../../lib/view/stories/walk.js';
import { KIND_NAMES, ofKind, subjectOf, tinyMaze } from './subjects.js';
import { undisposedTensors } from '../../lib/tensor/tensor.js';

const map9 = async (): Promise<Subject> => ({
  model: await pretrained('map9'),
  task: makeTask(presetRun('map9').task),
  titles: { title: 'map9', about: '' },
});

/** Bytes of a panel of a frame. */
function panelOf({ scene }: Film, { head, bytes }: Frame, id: string): { bytes: number[]; high: number } {
  const index = scene.panels.findIndex((panel) => panel.id === id);
  const first = head.sizes.slice(0, index).reduce((sum, size) => sum + size, 0);
  return { bytes: [...bytes.subarray(first, first + head.sizes[index]!)], high: head.highs[index]! };
}

const everyFrame = async (film: Film): Promise<readonly Frame[]> => await film.frames(0, film.scene.steps!);
const byteOf = (x: number): number => Math.round(254 / (1 + Math.exp(-x)));

describe('a walk', () => {
  it('shows the network what the task shows it, asks what it could ask, and has the answers of one long window', async () => {
    const subject = await map9();
    using film = await openFilm(subject, { seed: 3 }, true);
    const frames = await everyFrame(film);
    const walk = film.story as Walk;
    const { size, outputSide } = mapping({ size: 9, locationScale: 0.05 }).options;
    const maze = { size, cells: walk.way.cells, path: Int32Array.from(walk.way.path) };
    const [whole] = [...subject.task.windows([maze], { seed: 1 })];
    expect(frames).toHaveLength(49);
    expect(whole!.steps).toBe(49);
    const queries: number[] = [];
    for (let t = 0; t < 49; t++) {
      const { input, outputs } = walk.windowOf(t);
      expect([...input[0]!.data]).toEqual([...whole!.input[0]!.data.slice(36 * t, 36 * (t + 1))]);
      queries.push(...outputs[0]!.query![0]!.data);
      // The places visited so far whose 3×3 cells are those around the cell that is asked about.
      const around = (cell: number): string => [-10, -9, -8, -1, 0, 1, 8, 9, 10].map((by) => maze.cells[cell + by]).join();
      const { asked } = frames[t]!.head;
      const expected = new Array<number>(outputSide ** 2).fill(0);
      for (const cell of maze.path.slice(0, t + 1)) {
        if (around(cell) !== around(asked!)) continue;
        expected[(Math.floor(cell / 9) - 4 + 6) * outputSide + (cell % 9) - 4 + 6] = 1;
      }
      expect(panelOf(film, frames[t]!, 'target-0').bytes).toEqual(expected.map((one) => 254 * one));
    }
    const asked = { data: Float32Array.from(queries), shape: [49, 1, 3, 3, 4] };
    const window: Window = { ...whole!, outputs: [{ ...whole!.outputs[0]!, query: { 0: asked } }] };
    using _ = scope();
    const { logits } = noGrad(() => subject.model.eval().forward(uploadWindow(window, 'stepwise', 'float32')));
    const answers = await logits[0]!.data();
    const cells = outputSide ** 2;
    frames.forEach((frame, t) => {
      const answer = panelOf(film, frame, 'answer-0').bytes;
      // A window and its steps may differ in rounding: at most one of 255 values.
      answer.forEach((byte, i) => expect(Math.abs(byte - byteOf(answers[t * cells + i]!))).toBeLessThanOrEqual(1));
    });
  });

  it('shows mean and variance over channels, and every channel, of the states there are', async () => {
    const subject = await map9();
    using film = await openFilm(subject, { seed: 1 }, true);
    const frames = await everyFrame(film);
    const walk = film.story as Walk;
    using _ = scope();
    let state = subject.model.initialState(1);
    for (let t = 0; t < 5; t++) {
      const window = uploadWindow(walk.windowOf(t), 'stepwise', 'float32');
      state = noGrad(() => subject.model.eval().forward(window, state)).state;
    }
    const view = viewOf(subject.model)!(state, null);
    if (view.form !== 'grids') throw new Error(view.form);
    expect(film.scene.grids).toHaveLength(2 * view.grids.length);
    for (const [k, { layer, level, hidden, cell }] of view.grids.entries()) {
      for (const [part, tensor, grid] of [['hidden', hidden, 2 * k], ['cell', cell, 2 * k + 1]] as const) {
        const [values, channels] = [await tensor.data(), tensor.shape.at(-1)!];
        const positions = values.length / channels;
        const mean = panelOf(film, frames[4]!, `${part}-${layer}-${level}-mean`);
        const variance = panelOf(film, frames[4]!, `${part}-${layer}-${level}-variance`);
        const shown = film.channels(4, grid);
        for (let at = 0; at < positions; at++) {
          const own = Array.from({ length: channels }, (_unused, c) => values[at * channels + c]!);
          const m = own.reduce((sum, x) => sum + x, 0) / channels;
          const v = own.reduce((sum, x) => sum + (x - m) ** 2, 0) / channels;
          // Half a step of the scale, and the rounding of float32 in sums of a few channels.
          expect(Math.abs(mean.high * (mean.bytes[at]! / 127 - 1) - m)).toBeLessThanOrEqual(mean.high * (0.5 / 127 + 1e-5));
          expect(Math.abs((variance.high * variance.bytes[at]!) / 254 - v)).toBeLessThanOrEqual(
            variance.high * (0.5 / 254 + 1e-5),
          );
          own.forEach((x, c) => {
            const read = shown.high * (shown.bytes[c * positions + at]! / 127 - 1);
            expect(Math.abs(read - x)).toBeLessThanOrEqual(shown.high * (0.5 / 127 + 1e-5));
          });
        }
      }
    }
  });

  it('is the same film again, whatever was asked for first', async () => {
    const subject = await map9();
    const picture = async (order: readonly number[]) => {
      using film = await openFilm(subject, { seed: 2, motion: 'random' }, true);
      for (const step of order) await film.frames(step, step + 1);
      return (await film.frames(0, 12)).map(({ head, bytes }) => [head, Buffer.from(bytes).toString('hex')]);
    };
    expect(await picture([11, 3, 0])).toEqual(await picture([0]));
  });

  it('asked anew at an earlier step, it has the memory of that step', async () => {
    const subject = await map9();
    const asked = async (steps: number, at: number) => {
      using film = await openFilm(subject, { seed: 1 }, true);
      await film.frames(0, steps);
      await film.change(at, () => (film.story as Walk).ask(at, 30));
      const [frame] = await film.frames(at, at + 1);
      expect(frame!.head.asked).toBe(30);
      return panelOf(film, frame!, 'answer-0').bytes;
    };
    expect(await asked(20, 9)).toEqual(await asked(10, 9)); // gone back to from far, and from one step on
  });

  it('says of a network that knows the spiral alone that another way is new to it', async () => {
    const subject = subjectOf(tinyMaze);
    using spiral = await openFilm(subject, { seed: 1 }, true);
    using random = await openFilm(subject, { seed: 1, motion: 'random' }, true);
    const other = subjectOf({ ...tinyMaze, task: { ...tinyMaze.task, motion: 'random', pathLength: 9 } });
    using known = await openFilm(other, { seed: 1 }, true);
    expect([spiral, random, known].map(({ scene }) => scene.story.includes('other ways are new to it'))).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('keeps within its scale: the policy covers the maze, bumps are counted', async () => {
    const subject = subjectOf(tinyMaze);
    using film = await openFilm(subject, { seed: 1, motion: 'policy' }, true);
    const last = (await everyFrame(film)).at(-1)!;
    expect(last.head.facts).toContainEqual(['Bumps', '0']);
    expect(last.head.facts).toContainEqual(['Free cells visited', '100 %']);
  });
});

describe.each(KIND_NAMES)('the memory of %s', (name) => {
  it('is shown by its row of the registry alone, and leaves no tensor', async () => {
    const subject = ofKind(name);
    const before = undisposedTensors();
    const film = await openFilm(subject, { seed: 1 }, true);
    const frames = await everyFrame(film);
    expect(frames).toHaveLength(film.scene.steps!);
    const shown = film.scene.panels.filter(({ place }) => place === 'memory');
    expect(shown.length).toBeGreaterThan(0);
    for (const { head, bytes } of frames) {
      expect(bytes.length).toBe(head.sizes.reduce((sum, size) => sum + size, 0));
      expect(head.highs.every((high) => high > 0)).toBe(true);
    }
    // Something of the memory is seen to change.
    const index = film.scene.panels.indexOf(shown[0]!);
    const part = (frame: Frame) => panelOf(film, frame, film.scene.panels[index]!.id);
    expect(part(frames.at(-1)!)).not.toEqual(part(frames[0]!));
    film.dispose();
    await film.settled();
    expect(undisposedTensors()).toBe(before);
  });
});

describe('lists', () => {
  it.each(['recall', 'sorting'] as const)('%s: items as they come, and what would come out after each', async (task) => {
    const recall = { model: 'recall-8k', name: 'r', task: { name: 'recall', items: 4 } };
    const sorting = { model: 'sort-8k', name: 's', task: { name: 'sorting', items: 4 } };
    const subject = subjectOf({ recall, sorting }[task]);
    using film = await openFilm(subject, { seed: 5 }, true);
    const frames = await everyFrame(film);
    const [window] = [...subject.task.windows([subject.task.generate(0x7001_c7ee, 5)], { seed: 1 })];
    const { data, shape } = window!.input[0]!;
    const items = panelOf(film, frames[2]!, 'items').bytes;
    const bit = (i: number): number => 254 * data[i * shape.at(-1)!]!;
    expect(items).toEqual(Array.from({ length: 36 }, (_, i) => (i < 27 ? bit(i) : 255)));
    expect(panelOf(film, frames[3]!, 'due').bytes).toEqual(Array.from(window!.outputs[0]!.target.data, (x) => 254 * x));
    const { labels } = film.scene.panels.find(({ id }) => id === 'items')!;
    expect(labels).toEqual(
      task === 'recall' ? ['1', '2', '3', '4'] : [0, 1, 2, 3].map((t) => data[t * 18 + 1]!.toFixed(2).replace('-', '−')),
    );
    // After the last item: what the model answers to the whole list.
    using _ = scope();
    const { form } = subject.task.describe();
    const { logits } = noGrad(() => subject.model.eval().forward(uploadWindow(window!, form, 'float32')));
    const answer = panelOf(film, frames[3]!, 'answer').bytes;
    const whole = await logits[0]!.data();
    answer.forEach((byte, i) => expect(Math.abs(byte - byteOf(whole[i]!))).toBeLessThanOrEqual(1)); // rounding, as above
  });
});

describe('slots', () => {
  it('show the write and read weights of every head', async () => {
    for (const name of ['sam', 'sdnc', 'dam'] as const) {
      using film = await openFilm(ofKind(name), { seed: 1 }, true);
      const titles = film.scene.panels.filter(({ place }) => place === 'memory').map(({ title }) => title);
      expect(titles).toEqual(['Written to, head 1', 'Written to, head 2', 'Read from, head 1', 'Read from, head 2', 'Contents']);
      // Both heads write something, at most 1 in sum, but for the rounding of bytes.
      for (const frame of await everyFrame(film)) {
        for (const id of ['write-0', 'write-1']) {
          const { bytes, high } = panelOf(film, frame, id);
          const sum = bytes.reduce((total, byte) => total + byte, 0);
          expect(high).toBe(1);
          expect(sum).toBeGreaterThan(0);
          expect(sum).toBeLessThanOrEqual(254 + bytes.length / 2);
        }
      }
    }
    using dnc = await openFilm(ofKind('dnc'), { seed: 1 }, true);
    for (const frame of await everyFrame(dnc)) {
      for (const id of ['write-0', 'read-0', 'read-1']) {
        const { bytes, high } = panelOf(dnc, frame, id);
        expect([bytes.length, high]).toEqual([6, 1]);
        // Weights over slots sum to at most 1, but for the rounding of six bytes.
        expect(bytes.reduce((sum, byte) => sum + byte, 0)).toBeLessThanOrEqual(254 + 3);
      }
    }
  });
});
