import { writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { fileError } from '../train/atomic-file.js';
import { learningCurve } from '../train/pictures.js';
import { runFiles } from '../train/run-folder.js';
import { print, printJson } from './output.js';

/** `plot`: the learning curves of one or several runs as one SVG. */
export function addPlot(program: Command): Command {
  return program
    .command('plot')
    .description('draw the learning curves of one or several runs')
    .argument('<run folder...>')
    .requiredOption('--out <file.svg>', 'where to write')
    .option('--json', 'one JSON object')
    .action((folders: string[], { out, json }: { out: string; json?: boolean }) => {
      const logs = folders.map((folder) => ({ name: basename(resolve(folder)), records: runFiles.metrics(folder) }));
      const svg = learningCurve(logs.map(({ name }) => name).join(', '), logs);
      try {
        writeFileSync(out, svg);
      } catch (cause) {
        throw fileError(out, 'a file that can be written', cause);
      }
      if (json === true) printJson({ out, runs: logs.map(({ name, records }) => ({ name, records: records.length })) });
      else print(out);
    });
}
