import type { Command } from 'commander';
import { fail } from '../check.js';
import { estimate } from '../models/multigrid/estimate.js';
import { isVectorModel } from '../runs/run-model.js';
import { integer, loadRun } from './arguments.js';
import { columns, print, printJson } from './output.js';

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
      const { model } = loadRun(source);
      if (isVectorModel(model)) fail('ERR_MG_CONFIG', 'estimate', 'a multigrid configuration', model.kind);
      const cost = estimate(model, { batch, steps });
      if (json === true) return printJson(cost);
      print(columns([
        ['parameters', String(cost.parameters)],
        ['memory cells', String(cost.memoryCells)],
        ['GFLOP per time step, forward and backward', (cost.flopsPerStep / 1e9).toFixed(3)],
        ['MB for a training window', (cost.bytesTraining / 1e6).toFixed(1)],
        ['MB for inference', (cost.bytesInference / 1e6).toFixed(1)],
      ]));
    });
}
