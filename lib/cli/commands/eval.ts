// The command `eval`: scores of a saved model.

import type { Command } from 'commander';
import type { Precision } from '../../ops/network/network-spec.js';
import type { Split } from '../../tasks/task.js';
import { savedPrecision } from '../../train/checkpoint.js';
import { Trainer } from '../../train/trainer.js';
import { DEVICE_OPTION, integer, precisionOption, splitOption, useDevice, usePrecision } from '../arguments.js';
import { evalExploration, savedExploration } from './eval-exploration.js';
import { note, print, printJson } from '../output.js';
import { openSaved } from '../saved-run.js';
import { episodesOf, lastSplit, scoreLine } from '../scores.js';

interface EvalOptions {
  items: number;
  steps?: number;
  seed?: number;
  split?: Split;
  device?: string;
  precision?: Precision;
  data?: string;
  json?: boolean;
}

/** `eval`: scores a saved model. */
export function addEval(program: Command): Command {
  return program
    .command('eval')
    .description('score a saved model: on a test set where the run names one, else on what training never draws')
    .argument('<checkpoint|run folder>')
    .option('--items <n>', 'episodes', integer(1), 500)
    .option('--steps <n>', 'steps in each maze, of an exploration (default: 1000)', integer(1))
    .option('--seed <n>', 'stream of the episodes', integer(0))
    .addOption(splitOption())
    .option(...DEVICE_OPTION)
    .addOption(precisionOption())
    .option('--data <folder>', 'where the data set is, if not where the run says')
    .option('--json', 'one JSON object')
    .action(async (path: string, options: EvalOptions) => {
      const { device, why } = useDevice(options.device);
      const exploration = await savedExploration(path);
      if (exploration !== null) return await evalExploration(exploration, options);
      const { file, run, setup } = await openSaved(path, options.data);
      const trained = await savedPrecision(file);
      usePrecision(setup.model, options.precision, device, trained);
      if (trained !== (options.precision ?? trained)) note(`trained in ${trained}, scored in ${options.precision}`);
      const split = options.split ?? lastSplit(setup.task);
      const episodes = episodesOf(setup.task, split, options.items);
      note(`${run.name} from ${file}, ${episodes} on ${device.id} (${why})`);
      const started = performance.now();
      const { seed } = options;
      const metrics = await new Trainer(setup).evaluate({ items: options.items, split, ...(seed === undefined ? {} : { seed }) });
      const seconds = (performance.now() - started) / 1000;
      if (options.json === true) return printJson({ name: run.name, items: options.items, seconds, ...metrics });
      print(`${scoreLine(metrics)}   on ${episodes} in ${seconds.toFixed(1)} s`);
    });
}
