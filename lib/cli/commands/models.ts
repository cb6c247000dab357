/** `models`: the runs that can be trained by name. */
import type { Command } from 'commander';
import { countExploration, EXPLORATION_RUNS, explorationRun } from '../../runs/exploration.js';
import { PRESET_RUNS, presetRun } from '../../runs/presets.js';
import { countRun } from '../../runs/run-model.js';
import { table } from '../../table.js';
import { print, printJson } from '../output.js';

/** `models`: what can be trained by name, with parameters and memory cells as the paper counts them. */
export function addModels(program: Command): Command {
  return program
    .command('models')
    .description('list the runs that can be trained by name')
    .option('--json', 'one JSON object per line')
    .action(({ json }: { json?: boolean }) => {
      const trained = PRESET_RUNS.map((name) => {
        const run = presetRun(name);
        return { name, task: run.task.name, ...countRun(run) };
      });
      const explored = EXPLORATION_RUNS.map((name) => ({ name, task: 'exploration', ...countExploration(explorationRun(name)) }));
      const rows = [...trained, ...explored];
      if (json === true) return rows.forEach(printJson);
      const cells = rows.map((r) => [r.name, r.task, String(r.parameters), String(r.memory)]);
      print(table([['name', 'task', 'parameters', 'memory cells'], ...cells]));
    });
}
