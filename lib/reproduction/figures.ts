/** What the paper shows beside its tables, each as a command: pictures of memories, curves, routing, times of a step. */
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { oneStep, type StepTimes } from '../bench/one-step.js';
import { fail, words } from '../check.js';
import { pretrained } from '../models/pretrained.js';
import { pictureOfMemory } from '../pictures/memory-at-work.js';
import { routingPicture } from '../pictures/routing.js';
import { lineChart, type Panel, type Series } from '../plot/line-chart.js';
import { published } from '../runs/published.js';
import { presetRun } from '../runs/presets.js';
import { buildRun } from '../runs/run-config.js';
import { isVectorModel, type RunConfig } from '../runs/run.js';
import type { Task } from '../tasks/task.js';
import { device, diagnostics } from '../tensor/device.js';
import { loadTensors } from '../tensor/tensor-file.js';
import { weightsOf } from './explore.js';
import type { SeedRecord } from './record.js';
import { readRecords } from './report.js';
import { isExplored, showFigure } from './rows.js';

export interface Drawn {
  readonly file: string;
  readonly content: string;
}

export interface FigureOptions {
  /** Folders of records and weights. */
  readonly folders: readonly string[];
  /** Times of a step: runs to tell mean and deviation of. Default 10. */
  readonly runs?: number;
}

interface FigureRow {
  readonly name: string;
  readonly shows: string;
  draw(options: FigureOptions): Promise<Drawn[]>;
}

/** Records of folders, the first of those that are found twice. */
function recordsIn(folders: readonly string[]): (SeedRecord & { readonly folder: string })[] {
  const all = folders.flatMap((folder) => readRecords(folder).map((record) => ({ ...record, folder })));
  const nameOf = ({ row, recipe, seed }: SeedRecord): string => `${row} ${recipe} ${seed}`;
  return all.filter((record, k) => all.findIndex((other) => nameOf(other) === nameOf(record)) === k);
}

/** Pictures of the memories of trained runs on their task. */
async function memories({ folders }: FigureOptions, under: string, isWanted: (run: RunConfig) => boolean): Promise<Drawn[]> {
  const drawn: Drawn[] = [];
  for (const { row, recipe, seed, folder, run } of recordsIn(folders)) {
    const weights = weightsOf(folder, row, recipe, seed);
    if (isExplored(row) || !isWanted(run as RunConfig) || !existsSync(weights)) continue;
    const setup = buildRun(run as RunConfig);
    using model = setup.model;
    const { tensors } = await loadTensors(weights);
    model.loadStateDict(tensors);
    for (const tensor of tensors.values()) tensor.dispose();
    const content = await pictureOfMemory(
      `${row}, ${recipe}, seed ${seed}`,
      model,
      run as RunConfig,
      setup.task as Task<unknown>,
    );
    drawn.push({ file: join(under, `${row}-${recipe}-${seed}.svg`), content });
  }
  return drawn;
}

async function mazeMemories(options: FigureOptions): Promise<Drawn[]> {
  const run = presetRun('map9');
  using model = await pretrained('map9');
  const content = await pictureOfMemory('map9', model, run, buildTask(run));
  const trained = await memories(
    options,
    'figure-4',
    ({ model: named, task }) => !isVectorModel(named) && task.name === 'mapping',
  );
  return [{ file: join('figure-4', 'map9.svg'), content }, ...trained];
}

function buildTask(run: RunConfig): Task<unknown> {
  const { model, task } = buildRun(run);
  model[Symbol.dispose]();
  return task as Task<unknown>;
}

async function slotMemories(options: FigureOptions): Promise<Drawn[]> {
  const isInBits = ({ model, task }: RunConfig): boolean =>
    isVectorModel(model) && ['mapping', 'recall', 'sorting'].includes(task.name);
  const drawn = await memories(options, 'figure-12', isInBits);
  if (drawn.length > 0) return drawn;
  fail(
    'ERR_MG_ARGUMENT',
    'figure-12',
    `weights of a DNC in ${options.folders.join(', ')}`,
    words('none'),
    'reproduce map15-dnc first',
  );
}

/** One line of a chart: a score of a record over time steps. */
const seriesOf = (record: SeedRecord, metric: string): Series => {
  const points = record.curve.filter((point) => typeof point[metric] === 'number');
  return {
    name: `${record.row}, ${record.recipe} ${record.seed}`,
    x: points.map(({ step }) => step),
    y: points.map((point) => point[metric] as number),
    smooth: 1,
    hasMarkers: true,
  };
};

/** Tasks of Figure 6 and of Table 2: the rows that are trained on them, and the score that tells them apart. */
const RIVALS: readonly { readonly title: string; readonly rows: readonly string[]; readonly metric: string }[] = [
  { title: 'Mapping of 15×15, F', rows: ['map15-8k', 'map15-dnc'], metric: 'f' },
  {
    title: 'Mapping of 25×25, F',
    rows: ['map25', 'map25-8k', 'map25-dnc', 'ablated', 'convlstm-deep', 'convlstm-thick'],
    metric: 'f',
  },
  { title: 'MNIST sort, wrong classes', rows: ['mnist-sort', 'mnist-sort-dnc'], metric: 'errorRate' },
  { title: 'MNIST recall, wrong classes', rows: ['mnist-recall', 'mnist-recall-dnc'], metric: 'errorRate' },
  { title: 'Sort of 20, wrong bits', rows: ['sort-8k', 'sort-dnc'], metric: 'errorRate' },
  { title: 'Recall of 10, wrong bits', rows: ['recall-8k', 'recall-dnc'], metric: 'errorRate' },
];

async function rivals({ folders }: FigureOptions): Promise<Drawn[]> {
  const records = recordsIn(folders);
  const panels = RIVALS.flatMap(({ title, rows, metric }): Panel[] => {
    const series = records.filter(({ row }) => rows.includes(row)).map((record) => seriesOf(record, metric))
      .filter(({ x }) => x.length > 0); // one that ended before it was scored on the way has no curve
    return series.length === 0 ? [] : [{ title, series, xLabel: 'time steps' }];
  });
  if (panels.length === 0)
    fail('ERR_MG_ARGUMENT', 'figure-6', `records in ${folders.join(', ')}`, words('none'), 'train rows first');
  const about = 'Scores on episodes that training never draws, of every record';
  return [{ file: 'figure-6.svg', content: lineChart({ title: 'Who learns what', subtitle: about, xLabel: '', panels }) }];
}

async function exploring({ folders }: FigureOptions): Promise<Drawn[]> {
  const records = recordsIn(folders);
  const walks = records.filter(({ row }) => row.endsWith('-walk')).map((record) => seriesOf(record, 'f'));
  const policies = records.filter(({ row }) => isExplored(row));
  const panels: Panel[] = [
    { title: 'F of localisation on random walks, before', series: walks, xLabel: 'time steps of the memory' },
    {
      title: 'Reward of an episode',
      series: policies.map((record) => seriesOf(record, 'reward')),
      xLabel: 'steps of the policy',
    },
    {
      title: 'Share of the free cells visited',
      series: policies.map((record) => seriesOf(record, 'coverage')),
      xLabel: 'steps of the policy',
    },
  ];
  const shown = panels.filter(({ series }) => series.length > 0);
  if (shown.length === 0) {
    fail('ERR_MG_ARGUMENT', 'figure-5', `records in ${folders.join(', ')}`, words('none'), 'reproduce explore25-77k first');
  }
  const about = 'Scores in mazes that training never draws, of every record';
  return [{ file: 'figure-5.svg', content: lineChart({ title: 'Exploring', subtitle: about, xLabel: '', panels: shown }) }];
}

/** Appendix D as a file: what was published, and what this machine takes. */
export interface StepRecord {
  readonly machine: {
    readonly processor: string;
    readonly device: string;
    readonly simd: string;
    readonly threads: number;
    readonly cores: number;
  };
  readonly rows: readonly (StepTimes & { readonly row: string })[];
}

async function stepTimes({ runs }: FigureOptions): Promise<Drawn[]> {
  const rows: StepRecord['rows'][number][] = [];
  for (const { run } of published.filter(({ table }) => table === 'appendix D')) {
    for (const batch of [1, 32]) rows.push({ row: run!, ...(await oneStep(run!, batch, runs)) });
  }
  const { binary } = diagnostics();
  const record: StepRecord = {
    machine: {
      processor: cpus()[0]?.model ?? 'unknown',
      device: device().id,
      simd: binary.simd,
      threads: binary.threads,
      cores: cpus().length,
    },
    rows,
  };
  return [{ file: 'appendix-d.json', content: `${JSON.stringify(record, null, 1)}\n` }];
}

/** Markdown: seconds of a step as published, and milliseconds here. */
export function stepTable({ rows }: StepRecord): string {
  const head = ['row', 'published, s', '1 episode, ms', '32 episodes, ms'];
  const names = [...new Set(rows.map(({ row }) => row))];
  const cells = names.map((name) => {
    const { figures } = published.find(({ table, run }) => table === 'appendix D' && run === name)!;
    const times = [1, 32].map((batch) => {
      const { mean, deviation } = rows.find(({ row, batch: of }) => row === name && of === batch)!;
      return `${(1000 * mean).toFixed(2)} ± ${(1000 * deviation).toFixed(2)}`;
    });
    return [`\`${name}\``, showFigure(figures['seconds']!), ...times];
  });
  return [head, ['---', '---:', '---:', '---:'], ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

export const readSteps = (folder: string): StepRecord =>
  JSON.parse(readFileSync(join(folder, 'appendix-d.json'), 'utf8')) as StepRecord;

/** In the order of the paper. */
export const FIGURES: readonly FigureRow[] = [
  {
    name: 'figure-4',
    shows: 'hidden states of memories that map mazes: map9, and every mapping row with weights',
    draw: mazeMemories,
  },
  { name: 'figure-5', shows: 'how policies explore: curves of the records of a walk and of an exploration', draw: exploring },
  { name: 'figure-6', shows: 'learning curves of multigrid memory beside DNC and ConvLSTM, of all records', draw: rivals },
  {
    name: 'figure-8',
    shows: 'appendix A: how far a signal gets through multigrid layers, beside the proven square',
    draw: async () => [{ file: 'figure-8.svg', content: routingPicture({ side: 12, grids: 3, layers: 7 }) }],
  },
  { name: 'figure-12', shows: 'where a DNC writes and reads: every DNC row with weights, of tasks in bits', draw: slotMemories },
  { name: 'appendix-d', shows: 'time of one step, multigrid and DNC of 8K, one episode and 32', draw: stepTimes },
];
