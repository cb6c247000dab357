/** What `train` says of any run while it goes on and when it ends, whatever it trains. */
import { join } from 'node:path';
import { tensorBoard, progress } from '../listeners/callbacks.js';
import type { Precision } from '../ops/network/network-spec.js';
import type { Callback, FitResult, Training } from '../train/events.js';
import { quoted } from './described-run.js';
import { EXIT, note, printJson } from './output.js';

export const DEFAULT_ITEMS = 256;

export interface TrainOptions {
  readonly steps?: number;
  readonly seed?: number;
  readonly weights?: string;
  readonly device?: string;
  readonly precision?: Precision;
  readonly out?: string;
  readonly resume?: boolean;
  readonly validateEvery?: number;
  readonly items: number;
  readonly keep?: number;
  readonly tensorboard?: boolean;
  readonly memory?: string;
  readonly live?: boolean;
  readonly port?: number;
  readonly json?: boolean;
}

/** A JSON object for each update and each validation. */
const jsonEvents = (): Callback<Training> => ({
  onStep: ({ elapsedMs: _, stepsPerSecond: _s, memoryBytes: _m, ...update }) => printJson({ event: 'update', ...update }),
  onValidate: (metrics, { trainer }) => printJson({ event: 'validation', step: trainer.step, ...metrics }),
});

/** What listens to a run in the folder `path`. */
export function listenersOf({ tensorboard, json }: TrainOptions, path: string): Callback<Training>[] {
  return [
    progress(),
    ...(tensorboard === true ? [tensorBoard(join(path, 'tensorboard'))] : []),
    ...(json === true ? [jsonEvents()] : []),
  ];
}

/** The command that goes on with a run, as a shell takes it. */
function resumeCommand(source: string, folder: string, options: TrainOptions): string {
  const { device, precision, items, keep, tensorboard, live: isLive, port, json } = options;
  const words = [
    ...['npx', 'multigrid-memory', 'train', source, '--out', folder, '--resume'],
    ...(device === undefined ? [] : ['--device', device]),
    ...(precision === undefined ? [] : ['--precision', precision]),
    ...(items === DEFAULT_ITEMS ? [] : ['--items', String(items)]),
    ...(keep === undefined ? [] : ['--keep', String(keep)]),
    ...(tensorboard === true ? ['--tensorboard'] : []),
    ...(isLive === true ? ['--live'] : []),
    ...(port === undefined ? [] : ['--port', String(port)]),
    ...(json === true ? ['--json'] : []),
  ];
  return words.map(quoted).join(' ');
}

/** The last words on a run that a signal ended, and its exit status. */
export function tellStopped(
  run: { readonly name: string; readonly step: number; readonly source: string; readonly folder: string },
  options: TrainOptions,
  status: number,
): void {
  const { name, step, source, folder } = run;
  note(`stopped at step ${step}; go on with: ${resumeCommand(source, folder, options)}`);
  if (options.json === true) tellEnd('aborted', { name, step, folder });
  process.exitCode = status || EXIT.interrupted;
}

/** The last line of `--json`. */
export function tellEnd(reason: FitResult['reason'], more: Readonly<Record<string, unknown>>): void {
  printJson({ event: 'end', reason, ...more });
}

/** Time steps between checkpoints: ten a run, at least every 100,000. */
export const checkpointEvery = (steps: number): number => Math.max(1, Math.min(100_000, Math.ceil(steps / 10)));
