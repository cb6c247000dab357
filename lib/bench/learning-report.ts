// Learning curves as a table and as a picture.

import { isBetter } from '../tasks/task.js';
import { SERIES_COLORS } from '../plot/color.js';
import { lineChart, type Panel } from '../plot/line-chart.js';
import type { Curve, Score, Scored } from './learning.js';
import type { ComparedTask } from '../runs/comparisons.js';

export const LEARNING_HEADER = [
  'model',
  'seed',
  'parameters',
  'memory',
  'steps',
  'seconds',
  'CPU s',
  'last scores',
  'best',
] as const;

const headlineOf = (curves: readonly Curve[]): string => Object.keys(curves[0]?.scores[0]?.scores ?? { score: 0 })[0]!;

/** To four digits. */
const showScores = (scores: Readonly<Record<string, number>>): string => (
  Object.entries(scores).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`).join(', ')
);

/** A score in one line, for those who wait. */
export function scoredLine({ task, model, seed, step, seconds, scores }: Scored): string {
  return `${task} ${model} seed ${seed}: ${step} steps, ${seconds.toFixed(0)} s, ${showScores(scores)}`;
}

/** A run as cells under {@link LEARNING_HEADER}. */
export function learningRow(curve: Curve): string[] {
  const headline = headlineOf([curve]);
  const last = curve.scores.at(-1);
  const best = curve.scores.reduce<Score | undefined>((top, s) => (
    top === undefined || isBetter(curve.better, s.scores[headline]!, top.scores[headline]!) ? s : top
  ), undefined);
  return [
    curve.model,
    String(curve.seed),
    String(curve.parameters),
    String(curve.memory),
    String(last?.step ?? 0),
    (last?.seconds ?? 0).toFixed(0),
    (last?.cpuSeconds ?? 0).toFixed(0),
    last === undefined ? '–' : showScores(last.scores),
    best === undefined ? '–' : `${Number(best.scores[headline]!.toPrecision(4))} at ${best.step}`,
  ];
}

/** Loss and headline score of each run, in the color of its model; against time steps, then against CPU seconds, which other
 *  work on the machine changes little. */
export function learningChart(task: ComparedTask, curves: readonly Curve[]): string {
  const headline = headlineOf(curves);
  const models = [...new Set(curves.map(({ model }) => model))];
  const look = ({ model }: Curve): { name: string; color: string } => (
    { name: model, color: SERIES_COLORS[models.indexOf(model)]! }
  );
  const panels = (xLabel: string, ofLoss: (c: Curve) => readonly number[], ofScore: (s: Score) => number): Panel[] => [
    {
      title: `loss, nats a ${task === 'map9' ? 'step' : 'sequence'}`,
      xLabel,
      yScale: 'log',
      series: curves.map((c) => ({ ...look(c), x: ofLoss(c), y: c.loss })),
    },
    {
      title: headline,
      xLabel,
      series: curves.map((c) => (
        { ...look(c), x: c.scores.map(ofScore), y: c.scores.map((s) => s.scores[headline] ?? NaN), hasMarkers: true }
      )),
    },
  ];
  return lineChart({
    title: `Learning ${task}`,
    xLabel: '',
    panels: [
      ...panels('time steps', (c) => c.steps, (s) => s.step),
      ...panels('CPU seconds of training', (c) => c.cpuSeconds, (s) => s.cpuSeconds),
    ],
  });
}
