// The command `estimate`: what a run costs before it is started.

import type { Command } from 'commander';
import { estimateRun } from '../../runs/run-model.js';
import { integer, loadRun } from '../arguments.js';
import { table } from '../../table.js';
import { print, printJson } from '../output.js';

/** `estimate`: what a configuration costs before it is run. */
export function addEstimate(program: Command): Command {
  return program
    .command('estimate')
    .description('count parameters, memory cells, arithmetic and bytes of a configuration')
    .argument('<preset|config.json>')
    .option('--batch <n>', 'episodes side by side', integer(1), 32)
    .option('--steps <n>', 'time steps per window', integer(1), 20)
    .option('--json', 'one JSON object')
    .action((source: string, { batch, steps, json }: { batch: number; steps: number; json?: boolean }) => {
      const cost = estimateRun(loadRun(source), { batch, steps });
      if (json === true) return printJson(cost);
      print(table([
        ['parameters', String(cost.parameters)],
        ['memory cells', String(cost.memoryCells)],
        ['GFLOP per time step, forward and backward', (cost.flopsPerStep / 1e9).toFixed(3)],
        ['MB for a training window', (cost.bytesTraining / 1e6).toFixed(1)],
        ['MB for inference', (cost.bytesInference / 1e6).toFixed(1)],
      ]));
    });
}
