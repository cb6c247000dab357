/** Published figures, a row each, beside the run of this package that is to reach them. */

/** A figure as printed; ± is the spread over runs. Null: the text at hand lacks it. */
export type Figure = number | readonly [mean: number, spread: number] | null;

export interface PublishedRow {
  /** As in `Table 1`, of another paper than the one this package is about as in `Rae et al. 2016, Figure 8`. */
  readonly table: string;
  /** Counted from 1 or by its name. */
  readonly row: string;
  readonly system: string;
  /** Name of the preset that is trained and scored for it; null: this package has no run for it yet. */
  readonly run: string | null;
  /** Of costs: the benchmark of `bench/train` that measures them. */
  readonly bench?: string;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly source: string;
}

const MULTIGRID = 'Huynh, Maire, Walter 2020, Multigrid Neural Memory';
const NTM = 'Graves et al. 2014, Neural Turing Machines';
const SAM = 'Rae et al. 2016, Scaling Memory-Augmented Neural Networks with Sparse Reads and Writes';

type Row = readonly [row: string, system: string, run: string | null, ...figures: Figure[]];

/** Rows of one table: the names of its columns, then the rows. */
function table(name: string, source: string, columns: readonly string[], rows: readonly Row[]): PublishedRow[] {
  const paper = source === MULTIGRID ? '' : `${source.slice(0, source.indexOf(','))}, `;
  return rows.map(([row, system, run, ...figures]) => (
    {
      table: paper + name,
      row,
      system,
      run,
      figures: Object.fromEntries(columns.map((column, k) => [column, figures[k]!])),
      source,
    }
  ));
}

/** Percent, on 5,000 mazes after 8·10⁶ time steps. */
const MAPPING = table('Table 1', MULTIGRID, ['precision', 'recall', 'f'], [
  ['1', 'multigrid, 15×15, spiral', 'map15-8k', 99.79, 99.88, 99.83],
  ['2', 'DNC, 15×15, spiral', 'map15-dnc', 91.09, 87.67, 89.35],
  ['3', 'multigrid, 25×25, spiral', 'map25-8k', 99.33, 99.02, 99.17],
  ['4', 'DNC, 25×25, spiral', 'map25-dnc', 77.63, 14.50, 24.44],
  ['5', 'multigrid, 25×25, spiral, large memory', 'map25', 99.99, 99.97, 99.98],
  ['6', 'ablated multigrid, 25×25, spiral', 'ablated', 77.57, 51.27, 61.73],
  ['7', 'ConvLSTM, deep, 25×25, spiral', 'convlstm-deep', 43.42, 3.52, 6.51],
  ['8', 'ConvLSTM, thick, 25×25, spiral', 'convlstm-thick', 47.68, 1.11, 2.16],
  ['9', 'multigrid, 25×25, spiral, query 9×9', 'map25-q9', 97.34, 99.50, 98.41],
  ['10', 'multigrid, 25×25, random walk of 500', 'map25-walk500', 96.83, 95.59, 96.20],
  ['11', 'multigrid, 25×25, random walk of 1500', 'map25-walk1500', 96.13, 91.08, 93.54],
  ['12', 'multigrid, 25×25, random walk of 500, view and query 9×9', 'map25-f9q9', 92.82, 87.60, 90.14],
  ['13', 'multigrid of row 10, 25×25, walk of 1000 by a policy', 'explore25-77k', 95.65, 90.22, 92.86],
]);

/** Share of errors on 5,000 sequences, mean and spread of 10 runs after 2·10⁶ time steps. */
const ALGORITHMS = table('Table 2', MULTIGRID, ['errorRate'], [
  ['1', 'multigrid, priority sort of 20', 'sort-8k', [0.0043, 0.0009]],
  ['2', 'DNC, priority sort of 20', 'sort-dnc', [0.0039, 0.0016]],
  ['3', 'multigrid, MNIST sort of 20', 'mnist-sort', [0.0864, 0.0016]],
  ['4', 'DNC, MNIST sort of 20', 'mnist-sort-dnc', [0.1659, 0.0188]],
  ['5', 'multigrid, recall of 10', 'recall-8k', [0.0030, 0.0002]],
  ['6', 'DNC, recall of 10', 'recall-dnc', [0.0044, 0.0001]],
  ['7', 'multigrid, MNIST recall of 10', 'mnist-recall', [0.0736, 0.0045]],
  ['8', 'DNC, MNIST recall of 10', 'mnist-recall-dnc', [0.2016, 0.0161]],
  ['9', 'multigrid, priority sort of 50', 'sort-50', [0.0067, 0.0001]],
  ['10', 'multigrid, recall of 20', 'recall-20', null],
]);

/** Percent of answers, and tasks with more than 5 % of errors, of the 20 tasks of bAbI. */
const BABI = table('Table 3', MULTIGRID, ['meanError', 'failedTasks'], [
  ['1', 'multigrid', 'babi', [12.4, 2.1], [8.6, 2.5]],
  ['2', 'DNC', 'babi-dnc', [16.7, 7.6], [11.2, 5.4]],
]);

/** Percent of answers by task of bAbI. */
const BABI_TASKS = table('Table 4', MULTIGRID, Array.from({ length: 20 }, (_, k) => `task${k + 1}`), [
  [
    '1',
    'multigrid',
    'babi',
    [0.0, 0.1],
    [34.2, 0.8],
    [56.9, 2.3],
    [0.0, 0.1],
    [5.0, 2.1],
    [1.8, 1.0],
    [5.4, 1.1],
    [4.7, 1.7],
    [0.8, 1.0],
    [7.4, 2.7],
    [0.4, 0.5],
    [0.1, 0.2],
    [0.1, 0.2],
    [24.3, 2.0],
    [14.9, 13.8],
    [51.9, 1.0],
    [25.1, 8.3],
    [3.8, 1.9],
    [10.4, 17.8],
    [0.3, 0.4],
  ],
  [
    '2',
    'DNC',
    'babi-dnc',
    [9.0, 12.6],
    [39.2, 20.5],
    [39.6, 16.4],
    [0.4, 0.7],
    [1.5, 1.0],
    [6.9, 7.5],
    [9.8, 7.0],
    [5.5, 5.9],
    [7.7, 8.3],
    [9.6, 11.4],
    [3.3, 5.7],
    [5.0, 6.3],
    [3.1, 3.6],
    [11.0, 7.5],
    [27.2, 20.1],
    [53.6, 1.9],
    [32.4, 8.0],
    [4.2, 1.8],
    [64.6, 37.4],
    [0.0, 0.1],
  ],
]);

/** Seconds of one inference step on 15×15 mazes, NVIDIA GTX Titan X. */
const RUNTIME = table('appendix D', MULTIGRID, ['seconds'], [
  ['1', 'multigrid, 8K memory', 'map15-8k', [0.018, 0.003]],
  ['2', 'DNC, 8K memory', 'map15-dnc', [0.017, 0.001]],
]);

/**
 * Loss of a training window (summed over 20 steps of 32 mazes, or over 32 lists) by thousand time steps, read off the
 * smoothed curves of the authors' page.
 */
const CURVES = [
  ...table('learning curve of mapping', MULTIGRID, ['0', '50', '100', '250', '300', '400', '500', '600', '700', '800'], [
    ['1', 'multigrid, 25×25', 'map25', 18_000, 17_200, 15_500, 13_300, 10_200, 6_300, 3_200, 1_300, 260, 105],
  ]),
  ...table('learning curve of MNIST recall', MULTIGRID, ['0', '50', '100', '150', '200', '250', '300', '500', '1000', '1950'], [
    ['1', 'multigrid', 'mnist-recall', 70, 66, 67, 57, 31, 20, 15, 12, 8, 5],
  ]),
];

/** Statements that are compared in kind, not in figures: what falls earlier and lower. */
const FIGURES = [
  ...table('Figure 6', MULTIGRID, [], [
    ['mapping', 'multigrid falls earlier and lower than DNC and ConvLSTM', 'map15-8k'],
    ['MNIST sort', 'multigrid falls earlier and lower than DNC and ConvLSTM', 'mnist-sort'],
    ['MNIST recall', 'multigrid falls earlier and lower than DNC and ConvLSTM', 'mnist-recall'],
  ]),
  ...table('Figure 4', MULTIGRID, [], [['1', 'hidden states of the deepest 48×48 grid look like the explored map', 'map25']]),
  ...table('Figure 5', MULTIGRID, [], [
    ['1', 'the loss of localisation on random walks falls', 'map25-walk'],
    ['2', 'it stays low on the walks of a policy that learns', 'explore25-77k'],
    ['3', 'the reward of that policy rises', 'explore25-77k'],
  ]),
  ...table('Figure 12', MULTIGRID, [], [['1', 'DNC: a fresh slot at each step, no map to be seen', 'map15-dnc']]),
];

/** Sparse memories beside dense ones: time and memory. */
const SPARSE_COSTS = [
  ...table('Figure 1a', SAM, ['denseMs', 'sparseMs', 'ratio'], [
    ['S1', 'NTM and SAM (k-d tree), forward and backward, N = 10⁶, W = 32, 4 heads, batch 8', null, 12_000, 7, 1600],
  ]),
  ...table('Figure 1b', SAM, ['denseMiB', 'sparseMiB', 'ratio'], [
    ['S2', 'NTM and SAM, training of 100 steps, N = 64,000, batch 1', null, 29 * 1024, 7.8, 3700],
  ]),
  ...table('supplement D.2', SAM, ['timesFaster', 'timesLessMemory'], [
    ['S3', 'SDNC (linear search) beside a plain DNC, N = 2048', null, 440, 240],
  ]).map((row) => ({ ...row, bench: 'sdnc-beside-dense' })),
  ...table('abstract', SAM, ['timesFaster', 'timesLessMemory'], [['S4', 'SAM beside NTM, S1 and S2 rounded', null, 1000, 3000]]),
  ...table('supplement D.1', SAM, ['microseconds'], [['S5', 'sparse links of 8, one CPU thread', null, 100]]),
].map((row) => ({ bench: 'sparse-cost', ...row }));

/** What sparse memories learn. */
const SPARSE = [
  ...table('Figure 8', SAM, ['trainedTo'], [
    ['S6', 'SAM, pairs recalled by curriculum, 2·10⁶ slots; works at 200,000, chance 48 bits', 'recall-levels-sam', 10_000],
  ]),
  ...table('section 4.5', SAM, ['errorRate'], [
    ['S7 SAM', 'SAM, Omniglot, 100 characters: below', 'omniglot-sam', 0.2],
    ['S7 DAM', 'dense memories, Omniglot, 100 characters: about', 'omniglot-dam', 0.4],
  ]),
  ...table('Figure 2', SAM, [], [
    ['S8 copy', 'SAM learns copy about as fast as DAM, NTM and LSTM', 'sam-copy-20'],
    ['S8 recall', 'SAM learns recall clearly faster than DAM, NTM and LSTM', 'sam-recall-pairs'],
    ['S8 sort', 'SAM learns sort clearly faster than DAM, NTM and LSTM', 'sam-sort-best'],
  ]),
];

/** Bits above the best possible prediction of a sequence, read off the figure. */
const N_GRAMS = table('Figure 13', NTM, ['excess'], [
  ['N3 NTM', 'NTM, dynamic N-grams', 'n-grams-ntm', 2],
  ['N3 LSTM', 'LSTM, dynamic N-grams', 'n-grams-lstm', 5.5],
  ['N3 SAM', 'SAM beside the figure of the NTM, dynamic N-grams', 'n-grams-sam', 2],
  ['N3 DAM', 'DAM beside the figure of the NTM, dynamic N-grams', 'n-grams-dam', 2],
]);

/** bAbI, all tasks together: percent of answers and failed tasks; the best of 15 runs, then their mean. */
const BABI_SPARSE = [
  ...table('Table 1', SAM, ['meanError', 'failedTasks'], [
    ['B3 LSTM', 'LSTM, best of 15', 'babi-lstm', 28.0, 17],
    ['B3 DNC', 'DNC, best of 15', 'babi-dnc', 5.2, 4],
    ['B3 SDNC', 'SDNC, best of 15', 'babi-sdnc', 2.9, 1],
    ['B3 DAM', 'DAM, best of 15', 'babi-dam', 3.3, 2],
    ['B3 SAM', 'SAM, best of 15', 'babi-sam', 4.1, 2],
    ['B3 NTM', 'NTM, best of 15', 'babi-ntm', 17.5, 13],
  ]),
  ...table('Table 2', SAM, ['meanError', 'failedTasks'], [
    ['B4 LSTM', 'LSTM, mean of 15', 'babi-lstm', [28.7, 0.5], 17.1],
    ['B4 DNC', 'DNC, mean of 15', 'babi-dnc', [12.8, 4.7], [8.2, 2.5]],
    ['B4 SDNC', 'SDNC, mean of 15', 'babi-sdnc', [6.4, 2.5], [4.1, 1.6]],
    ['B4 DAM', 'DAM, mean of 15', 'babi-dam', [8.7, 6.4], [5.4, 3.4]],
    ['B4 SAM', 'SAM, mean of 15', 'babi-sam', [11.5, 5.9], [7.1, 3.4]],
    ['B4 NTM', 'NTM, mean of 15', 'babi-ntm', [26.6, 3.7], [15.5, 1.7]],
  ]),
];

export const published: readonly PublishedRow[] = [
  ...MAPPING,
  ...ALGORITHMS,
  ...BABI,
  ...BABI_TASKS,
  ...RUNTIME,
  ...CURVES,
  ...FIGURES,
  ...SPARSE_COSTS,
  ...SPARSE,
  ...N_GRAMS,
  ...BABI_SPARSE,
];
