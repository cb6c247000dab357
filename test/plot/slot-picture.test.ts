// The picture of a memory of slots: every weight in its place, time to the right.
import { describe, expect, it } from 'vitest';
import { randomize } from '../helpers/modules.js';
import { scope, Tensor } from '../../lib/index.js';
import { hexColor, probabilityRamp } from '../../lib/plot/color.js';
import { slotPicture, type SlotPicture } from '../../lib/plot/slot-picture.js';
import { viewOf } from '../../lib/runs/kinds.js';
import { buildRun, checkRunConfig } from '../../lib/runs/run-config.js';
import { slotsAtWork } from '../../lib/pictures/slots-at-work.js';
import type { DNC } from '../../lib/models/dnc.js';
import type { Task } from '../../lib/tasks/task.js';
import { errorOf } from '../helpers/files.js';
import { all, cellsOf, parseXml, texts } from './picture-reader.js';

const writes = { title: 'Written to', caption: '2 slots', rows: 2, values: Float32Array.of(0, 1, 0.5, 0.25, NaN, 1) };
const reads = { title: 'Read from', rows: 1, values: [0, 0.5, 1] };
const picture = (change: Partial<SlotPicture> = {}): SlotPicture => ({
  title: 'copy',
  steps: 3,
  panels: [writes, reads],
  ...change,
});
const paint = (values: ArrayLike<number>): string[] => Array.from(values, (value) => hexColor(probabilityRamp(value)));

describe('slotPicture', () => {
  it('shows each weight in the row of its slot and the column of its step', () => {
    const images = all(parseXml(slotPicture(picture())), 'image');
    expect(cellsOf(images[0]!, 2, 3).flat()).toEqual(paint(writes.values));
    expect(cellsOf(images[1]!, 1, 3).flat()).toEqual(paint(reads.values));
  });

  it('panels stand under each other, share the axis of time and stay within the picture', () => {
    for (const [rows, steps] of [[1, 1], [16, 21], [500, 1000]] as const) {
      const panel = { title: 'weights', rows, values: new Float32Array(rows * steps) };
      const svg = parseXml(slotPicture(picture({ steps, panels: [panel, panel, panel] })));
      const boxes = all(svg, 'image').slice(0, 3)
        .map(({ attributes: a }) => [a['x'], a['y'], a['width'], a['height']].map(Number));
      for (const [i, [x = 0, y = 0, width = 0, height = 0]] of boxes.entries()) {
        expect([x, width]).toEqual([boxes[0]![0], boxes[0]![2]]);
        expect(x + width).toBeLessThanOrEqual(Number(svg.attributes['width']));
        expect(y + height).toBeLessThan(boxes[i + 1]?.[1] ?? Number(svg.attributes['height']));
      }
    }
  });

  it.each([
    ['no panels', picture({ panels: [] }), 'ERR_MG_ARGUMENT'],
    ['no steps', picture({ steps: 0 }), 'ERR_MG_ARGUMENT'],
    ['too few values', picture({ steps: 4 }), 'ERR_MG_SHAPE'],
  ])('%s is refused', async (_, broken, code) => {
    expect((await errorOf(() => slotPicture(broken))).code).toBe(code);
  });
});

it('a DNC at work: with allocation and write gates open it fills one slot after the other', async () => {
  const { model, task } = buildRun(checkRunConfig({
    model: { kind: 'dnc', variant: 'paper', slots: 5, wordSize: 3, readHeads: 2, hidden: 4 },
    task: { name: 'copy', bits: 3, lengths: [4, 4] },
  }));
  using dnc = model as DNC;
  const parameters = dnc.stateDict();
  // Interface biases alone decide: allocation and write gates open, free gates closed (W(3V+R)+3V+R(3+2V) = 33
  // numbers; see dncInterface).
  parameters.get('interface.weight')!.copyFrom(new Float32Array(parameters.get('interface.weight')!.size));
  const bias = new Float32Array(parameters.get('interface.bias')!.size);
  bias.fill(-30, 6, 8);
  bias.fill(30, 8, 10);
  parameters.get('interface.bias')!.copyFrom(bias);
  const svg = parseXml(await slotsAtWork('copy', dnc, viewOf(dnc)!, task as Task<unknown>, 1));
  const titles = ['Input', 'Answer due', 'Answer', 'Written to', 'Read from, head 1', 'Read from, head 2'];
  expect(texts(svg)).toEqual(expect.arrayContaining(titles));
  const written = cellsOf(all(svg, 'image')[3]!, 5, 9);
  // A fresh slot at every step until all are full: one dark cell in each of the first five columns, on the diagonal. (The paper's
  // form: with the 1e-6 of the released code a step leaves a trace in the next slot, which then counts as used.)
  const dark = hexColor(probabilityRamp(1));
  for (let step = 0; step < 5; step++) {
    expect(written.map((row) => row[step] === dark)).toEqual([0, 1, 2, 3, 4].map((slot) => slot === step));
  }
});

it.each([
  [1, 1],
  [3, 2],
])('a DNC at work: every panel shows its own numbers, step by step (%d read, %d write heads)', async (readHeads, writeHeads) => {
  using _ = scope();
  const { model, task } = buildRun(checkRunConfig({
    model: { kind: 'dnc', slots: 4, wordSize: 3, readHeads, writeHeads, hidden: 6 },
    task: { name: 'copy', bits: 3, lengths: [3, 3] },
  }));
  using dnc = model as DNC;
  randomize(dnc, 2, 2);
  const [window] = (task as Task<unknown>).windows([(task as Task<unknown>).generate(9, 0)], { seed: 9 });
  const { steps, input, outputs: [output] } = window!;
  // Steps in the columns: the numbers of the window, and those of the model run one step after the other.
  const columns: Record<string, number[][]> = {};
  const add = (name: string, values: ArrayLike<number>): void => {
    (columns[name] ??= []).push(Array.from(values));
  };
  let state = dnc.initialState(1);
  for (let t = 0; t < steps; t++) {
    const frame = input[0]!.data.slice(4 * t, 4 * t + 4);
    const next = dnc.step(Tensor.from(Float32Array.from(frame), [1, 4]), state);
    state = next.state;
    const isDue = t > steps / 2; // three vectors, a delimiter, three answers
    add('Input', frame);
    add('Answer due', output!.target.data.slice(3 * t, 3 * t + 3).map((bit) => (isDue ? bit : NaN)));
    add('Answer', next.y.dataSync().map((x) => (isDue ? 1 / (1 + Math.exp(-x)) : NaN)));
    for (const [name, count] of [['writeWeights', writeHeads], ['readWeights', readHeads]] as const) {
      for (let k = 0; k < count; k++) add(`${name} ${k}`, state.at(name).dataSync().slice(4 * k, 4 * k + 4));
    }
  }
  const order = [
    'Input',
    'Answer due',
    'Answer',
    ...Array.from({ length: writeHeads }, (_head, k) => `writeWeights ${k}`),
    ...Array.from({ length: readHeads }, (_head, k) => `readWeights ${k}`),
  ];
  const svg = parseXml(await slotsAtWork('copy', dnc, viewOf(dnc)!, task as Task<unknown>, 9));
  order.forEach((name, place) => {
    const rows = columns[name]![0]!.map((_value, row) => paint(columns[name]!.map((column) => column[row]!)));
    expect(cellsOf(all(svg, 'image')[place]!, rows.length, steps), name).toEqual(rows);
  });
});
