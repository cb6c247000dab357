import type { Command } from 'commander';
import { presets } from '../models/multigrid/estimate.js';
import { columns, print, printJson } from './output.js';

/** `models`: the configurations that can be built by name, with the counts of the paper. */
export function addModels(program: Command): Command {
  return program
    .command('models')
    .description('list the configurations that can be built by name')
    .option('--json', 'one JSON object per line')
    .action(({ json }: { json?: boolean }) => {
      const rows = presets().map(({ name, task, parameters, memory }) => ({ name, task, parameters, memory }));
      if (json === true) return rows.forEach(printJson);
      const cells = rows.map((r) => [r.name, r.task, String(r.parameters), String(r.memory)]);
      print(columns([['name', 'task', 'parameters', 'memory cells'], ...cells]));
    });
}
