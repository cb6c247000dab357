/** What a run looks like: its learning curve, and its memory at work. */
import { noGrad } from '../autograd/tape.js';
import { fail, words } from '../check.js';
import type { MemoryView } from '../models/memory-view.js';
import { lineChart, type Panel } from '../plot/line-chart.js';
import { memoryPicture, type HiddenStates, type MemoryMoment } from '../plot/memory-picture.js';
import { mapping } from '../tasks/mapping/mapping.js';
import type { MappingSpec } from '../tasks/registry.js';
import type { Window } from '../tasks/task.js';
import type { Maze } from '../tasks/mapping/maze.js';
import { scope } from '../tensor/scope.js';
import type { MetricsRecord } from '../files/metrics-log.js';
import type { View } from '../runs/kinds.js';
import { dtypeOf, type TrainableModel } from '../train/model.js';
import { uploadWindow } from '../train/window-loss.js';

/** A run's log under the name it is drawn with. */
export interface NamedLog {
  readonly name: string;
  readonly records: readonly MetricsRecord[];
}

/** The values of one field over the time steps at which it was logged. */
function curve({ name, records }: NamedLog, field: string, smooth: number) {
  const points = records.filter((record) => typeof record[field] === 'number');
  const [x, y] = [points.map(({ step }) => step), points.map((record) => record[field] as number)];
  return { name, x, y, smooth, hasMarkers: smooth === 1 };
}

const SMOOTHED_UPDATES = 25;
/** Panels of scores that share an axis: shares of a whole, one score of several tasks (`task1Error`, …), or one alone. */
function scorePanels(logs: readonly NamedLog[], scores: readonly string[]): Panel[] {
  const valuesOf = (field: string): number[] => logs.flatMap((log) => curve(log, field, 1).y);
  const isShare = (field: string): boolean => valuesOf(field).every((value) => value >= 0 && value <= 1);
  const shares = scores.filter(isShare);
  const stem = (field: string): string => field.replace(/\d+/, '');
  const others = scores.filter((field) => !isShare(field));
  const nameOf = (log: NamedLog, field: string): string => (logs.length > 1 ? `${log.name} ${field}` : field);
  const series = (fields: readonly string[]): Panel['series'] =>
    fields.flatMap((field) => logs.map((log) => ({ ...curve(log, field, 1), name: nameOf(log, field) })));
  return [
    ...(shares.length > 0 ? [{ title: 'Held-out scores', yRange: [0, 1], series: series(shares) } as const] : []),
    ...[...new Set(others.map(stem))].map((name) => ({
      title: `Held-out scores: ${name}`,
      series: series(others.filter((field) => stem(field) === name)),
    })),
  ];
}

/** Loss, scores and learning rate over time steps, one curve for each run. ERR_MG_ARGUMENT when nothing was logged. */
export function learningCurve(title: string, logs: readonly NamedLog[]): string {
  const fields = new Set(logs.flatMap(({ records }) => records.flatMap((record) => Object.keys(record))));
  if (!fields.has('loss')) fail('ERR_MG_ARGUMENT', 'plot', 'a log with at least one update', words('none'), 'train longer');
  const losses = logs.map((log) => curve(log, 'loss', SMOOTHED_UPDATES));
  const panels: Panel[] = [{ title: 'Loss of a training window (summed)', yScale: 'log', series: losses }];
  const scorings = logs.flatMap(({ records }) => records.filter((record) => !('loss' in record)));
  panels.push(...scorePanels(logs, [...new Set(scorings.flatMap(Object.keys))].filter((field) => field !== 'step')));
  const subtitle = 'Loss: mean of 25 updates, band from the 10th to the 90th percentile';
  return lineChart({ title, subtitle, xLabel: 'time steps', panels });
}

/** Moments of an episode that the picture shows. */
const MOMENTS = 4;
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

function lastAnswer(values: ArrayLike<number>, side: number): Float32Array {
  const cells = side * side;
  return Float32Array.from({ length: cells }, (_, i) => values[values.length - cells + i]!);
}

/** Wall channel of the last query of a window; cells outside the map carry neither class. */
function queryPatch(window: Window) {
  const grid = Object.values(window.outputs[0]!.query!)[0]!;
  const side = grid.shape[2]!;
  const channels = grid.shape[4]!;
  const first = grid.data.length - side * side * channels;
  const values = Float32Array.from({ length: side * side }, (_, i) => grid.data[first + i * channels + 1]!);
  return { height: side, width: side, values };
}

/** Of the deepest, finest grid. */
async function hiddenStates(view: MemoryView): Promise<HiddenStates> {
  if (view.form !== 'grids') fail('ERR_MG_ARGUMENT', 'plot', 'a memory of grids', words(`one of ${view.form}`));
  const grid = view.grids.at(-1)!.hidden;
  const [, height = 1, width = 1, channels = 1] = grid.shape;
  return { height, width, channels, values: await grid.data() };
}

/**
 * Runs one held-out episode and draws, for a few moments, the true map, the question, the prediction, the target and the
 * hidden states of the deepest, finest grid (as Figure 4 of Huynh, Maire, Walter 2020).
 */
export async function memoryAtWork(
  title: string,
  model: TrainableModel,
  view: View,
  spec: MappingSpec,
  seed: number,
): Promise<string> {
  const { name: _, ...options } = spec;
  const task = mapping(options);
  const maze: Maze = task.generate(seed, 0);
  const { size, outputSide } = task.options;
  const length = Math.ceil(maze.path.length / MOMENTS);
  const moments: MemoryMoment[] = [];
  const dtype = dtypeOf(model);
  let state = model.initialState(1);
  for (const window of task.windows([maze], { length, seed })) {
    using s = scope();
    const result = noGrad(() => model.forward(uploadWindow(window, 'stepwise', dtype), state));
    const next = result.state.detach();
    s.keep([...next.toTensors().values()]);
    const hidden = [await hiddenStates(view(next, state))];
    state[Symbol.dispose]();
    state = next;
    const logits = await result.logits[0]!.data();
    const seen = window.start + window.steps;
    moments.push({
      title: `step ${seen}`,
      map: { height: size, width: size, values: maze.cells },
      path: [...maze.path.slice(0, seen)].map((cell) => [Math.floor(cell / size), cell % size] as const),
      query: queryPatch(window),
      prediction: { height: outputSide, width: outputSide, values: lastAnswer(logits, outputSide).map(sigmoid) },
      target: { height: outputSide, width: outputSide, values: lastAnswer(window.outputs[0]!.target.data, outputSide) },
      hidden,
    });
  }
  state[Symbol.dispose]();
  const side = moments[0]!.hidden[0]!;
  return memoryPicture({
    title,
    subtitle: 'A maze the model never saw: what it knows after each part of the walk',
    hiddenTitles: [`deepest hidden states, ${side.height}×${side.width}`],
    moments,
  });
}
