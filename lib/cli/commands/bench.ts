// The command `bench`: options, table and files of a sweep or of learning curves.

import { accessSync, constants, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import { Option, type Command } from 'commander';
import { runLearning } from '../../bench/learning.js';
import { LEARNING_HEADER, learningChart, learningRow, scoredLine } from '../../bench/learning-report.js';
import { COMPARED_TASKS, comparedRun, comparisons, type ComparedTask } from '../../runs/comparisons.js';
import { KIND_NAMES, kindOf, VECTOR_NAMES, type KindName, type VectorName } from '../../runs/kinds.js';
import { networkShares, peakFlops, SHARE_HEADER, shareRow, type NetworkShare } from '../../bench/kernels.js';
import { PRECISIONS, type Measured, type Precision } from '../../bench/against.js';
import { HEADER, machine, row, sixDigits, sweepChart } from '../../bench/report.js';
import { runSweep } from '../../bench/run-sweep.js';
import { fail, words } from '../../check.js';
import { fileError } from '../../files/atomic-file.js';
import { diagnostics } from '../../tensor/device.js';
import { DEVICE_OPTION, integer, useDevice } from '../arguments.js';
import { table } from '../../table.js';
import { note, print, printJson } from '../output.js';
import { presetNames } from '../../models/multigrid/presets.js';
import { resolveConfig } from '../../models/multigrid/resolve-config.js';

/** Seconds of each run of `--learning` with `--quick`. */
const QUICK_SECONDS = 40;

const SIDES: Readonly<Record<string, readonly KindName[]>> = { both: ['multigrid', 'dnc'], all: KIND_NAMES };

/** The tasks and the length of their runs, for the command's help. */
const LEARNING_HELP = [
  'Tasks of --learning, and the time steps of a run:',
  ...COMPARED_TASKS.map((task) => {
    const steps = comparedRun(task, 'multigrid').steps.toLocaleString('en');
    return `  ${task.padEnd(19)} ${steps.padStart(7)}  ${comparisons[task].about}`;
  }),
].join('\n');

interface BenchOptions {
  readonly against?: VectorName;
  readonly learning?: boolean;
  readonly kernels?: true | readonly string[];
  readonly quick?: boolean;
  readonly device?: string;
  readonly precision: Precision;
  readonly task: ComparedTask;
  readonly model: 'both' | 'all' | KindName;
  readonly seeds: number;
  readonly seed: number;
  readonly steps?: number;
  readonly seconds?: number;
  readonly json?: boolean;
  readonly out?: string;
}

/** `bench`: what memory costs, and how fast it learns, next to a differentiable neural computer. */
export function addBench(program: Command): Command {
  return program
    .command('bench')
    .description(
      'multigrid memory beside other memories: what a larger memory costs, or how fast they learn; and what share of the '
        + 'processor networks use',
    )
    .addOption(
      new Option('--against <model>', 'time a step and a training window over the size of the memory').choices(VECTOR_NAMES),
    )
    .option('--learning', 'train models on the same task, seeds and budget, and score them on sequences they never saw')
    .option(
      '--kernels [presets...]',
      'time each network of the presets named, or of all, at its training batch, and say what share of the peak it reaches',
    )
    .option(
      '--quick',
      `with --against: fewer points, under two minutes on two cores; with --learning: ${QUICK_SECONDS} seconds a run; with `
        + '--kernels: three runs of each pass',
    )
    .addOption(new Option('--task <name>', 'with --learning: what is learned').choices([...COMPARED_TASKS]).default('copy'))
    .addOption(
      new Option('--model <name>', 'with --learning: who learns; both: multigrid and dnc')
        .choices(['both', 'all', ...KIND_NAMES]).default('both'),
    )
    .option('--seeds <n>', 'with --learning: runs of each model, one per seed', integer(1), 1)
    .option('--seed <n>', 'with --learning: the first seed', integer(0), 1)
    .option(
      '--steps <n>',
      'with --learning: time steps of a run, over which the learning rate falls; each task has its own default',
      integer(1),
    )
    .option('--seconds <n>', 'with --learning: most seconds of training of a run', integer(1))
    .option(...DEVICE_OPTION)
    .addOption(
      new Option('--precision <name>', 'with --against: type of all numbers; models learn in float32')
        .choices([...PRECISIONS]).default('float32'),
    )
    .option('--json', 'one JSON object')
    .option('--out <file>', 'write all numbers as FILE.json and, but for --kernels, the picture as FILE.svg')
    .addHelpText('after', `\n${LEARNING_HELP}`)
    .action(async (options: BenchOptions) => {
      const asked = (['against', 'learning', 'kernels'] as const).filter((name) => options[name] !== undefined);
      if (asked.length !== 1) {
        const got = words(asked.length === 0 ? 'none of them' : asked.map((name) => `--${name}`).join(' and '));
        fail('ERR_MG_ARGUMENT', 'bench', 'one of --against <model>, --learning and --kernels', got);
      }
      if (options.kernels !== undefined) {
        refuseElsewhere(options);
        if (options.out !== undefined) checkPlace(options.out);
        return kernels(options);
      }
      if (options.learning === true && options.precision !== 'float32') {
        fail('ERR_MG_ARGUMENT', 'bench', '--precision float32 with --learning', options.precision);
      }
      if (options.out !== undefined) checkPlace(options.out);
      const { device: used, why } = useDevice(options.device);
      note(`${used.id} (${why}): ${used.name}, ${options.precision}`);
      if (options.learning === true) await learning(options);
      else await against(options, options.against!, used.id);
    });
}

async function against({ quick, precision, json, out }: BenchOptions, other: VectorName, place: string): Promise<void> {
  const show = (point: Measured): void => note(row(point).filter((cell) => cell !== '').join('  '));
  const sweep = await runSweep({ against: other, isQuick: quick === true, device: place, precision }, show);
  write(out, sweep, sweepChart(sweep));
  if (json === true) return printJson(sweep);
  print(table([HEADER, ...sweep.points.map(row)]));
  for (const [name, { exponent, error, points }] of Object.entries(sweep.exponents)) {
    print(`exponent of ${name}: ${exponent.toFixed(2)} ± ${error.toFixed(2)} (${points} points)`);
  }
  const inference = Object.entries(sweep.inference).map(([side, { median }]) => (
    `${kindOf(side as KindName).title} ${median.toPrecision(3)} ms`
  ));
  print(`one step, one sample, 8K memory: ${inference.join(', ')}`);
}

async function learning({ task, model, seeds, seed, steps, seconds, quick, json, out }: BenchOptions): Promise<void> {
  const most = quick === true ? Math.min(seconds ?? QUICK_SECONDS, QUICK_SECONDS) : seconds;
  const curves = await runLearning({
    task,
    sides: SIDES[model] ?? [model as KindName],
    seeds: Array.from({ length: seeds }, (_, k) => seed + k),
    steps: steps ?? null,
    seconds: most ?? null,
  }, (scored) => note(scoredLine(scored)));
  const { simd, threads } = diagnostics().binary;
  const result = { date: new Date().toISOString(), task, machine: machine(simd, threads), curves };
  write(out, result, learningChart(task, curves));
  if (json === true) return printJson(result);
  print(table([LEARNING_HEADER, ...curves.map(learningRow)]));
}

/** Shares of the peak are those of the processor, in float32. */
function refuseElsewhere({ device = 'cpu', precision }: BenchOptions): void {
  if (device !== 'cpu') fail('ERR_MG_ARGUMENT', 'bench', '--device cpu with --kernels', device);
  if (precision !== 'float32') fail('ERR_MG_ARGUMENT', 'bench', '--precision float32 with --kernels', precision);
}

async function kernels({ kernels: named, quick, json, out }: BenchOptions): Promise<void> {
  const names = named === true || named === undefined ? presetNames : named;
  for (const name of names) resolveConfig(name);
  useDevice('cpu');
  const { simd, threads } = diagnostics().binary;
  const peakGflops = peakFlops() / 1e9;
  note(`${simd}, ${threads} thread${threads === 1 ? '' : 's'}, float32, peak ${peakGflops.toFixed(0)} GFLOP/s`);
  const rows: NetworkShare[] = [];
  const budget = quick === true ? { runs: 3, budgetMs: 500 } : { runs: 25, budgetMs: 5000 };
  for (const name of names) {
    for await (const share of networkShares(name, { ...budget, threads, limitBytes: 0.7 * totalmem() })) {
      rows.push(share);
      note(shareRow(share).join('  '));
    }
  }
  const result = { date: new Date().toISOString(), machine: machine(simd, threads), peakGflops, rows };
  if (out !== undefined) writeJson(baseOf(out), result);
  if (json === true) return printJson(result);
  print(table([SHARE_HEADER, ...rows.map(shareRow)], 2));
}

/** Before the hour of work whose results go there. */
function checkPlace(out: string): void {
  try {
    accessSync(dirname(out), constants.W_OK);
  } catch (cause) {
    throw fileError(out, 'a file in a folder that can be written', cause);
  }
}

function write(out: string | undefined, numbers: unknown, svg: string): void {
  if (out === undefined) return;
  const base = baseOf(out);
  writeJson(base, numbers);
  save(`${base}.svg`, svg);
}

const baseOf = (out: string): string => out.replace(/\.(svg|json)$/, '');
const writeJson = (base: string, numbers: unknown): void => save(`${base}.json`, `${JSON.stringify(numbers, sixDigits)}\n`);

function save(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    throw fileError(path, 'a file that can be written', cause);
  }
}
