// The command `plot`: learning curves, or a memory at work.

import { writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { fail, words } from '../../check.js';
import { fileError } from '../../files/atomic-file.js';
import { explorationCurve, isOfExploration } from '../../pictures/exploration.js';
import { learningCurve } from '../../pictures/pictures.js';
import { runFiles } from '../../files/run-folder.js';
import { print, printJson } from '../output.js';
import { pictureOfRun } from '../pictured.js';

/** `plot`: the learning curves of one or several runs as one SVG, or the memory of one at work. */
export function addPlot(program: Command): Command {
  return program
    .command('plot')
    .description('draw the learning curves of one or several runs, or the memory of one')
    .argument('<run folder...>')
    .requiredOption('--out <file.svg>', 'where to write')
    .option(
      '--memory',
      'the memory of one run at work: hidden states in a maze, or where a DNC writes and reads, or the paths of an exploration',
    )
    .option('--json', 'one JSON object')
    .action(async (folders: string[], { out, memory, json }: { out: string; memory?: boolean; json?: boolean }) => {
      if (!/\.svg$/i.test(out)) {
        fail('ERR_MG_ARGUMENT', 'plot', 'a file that ends in .svg', out, 'browsers and rsvg-convert make other pictures of it');
      }
      if (memory === true) {
        write(out, await memoryOf(folders));
        if (json === true) printJson({ out });
        else print(out);
        return;
      }
      const logs = folders.map((folder) => ({ name: basename(resolve(folder)), records: runFiles.metrics(folder) }));
      const draw = logs.every(isOfExploration) ? explorationCurve : learningCurve;
      write(out, draw(logs.map(({ name }) => name).join(', '), logs));
      if (json === true) printJson({ out, runs: logs.map(({ name, records }) => ({ name, records: records.length })) });
      else print(out);
    });
}

async function memoryOf(folders: readonly string[]): Promise<string> {
  if (folders.length !== 1) fail('ERR_MG_ARGUMENT', 'plot', 'one run with --memory', words(`${folders.length} runs`));
  return await pictureOfRun(folders[0]!);
}

function write(out: string, svg: string): void {
  try {
    writeFileSync(out, svg);
  } catch (cause) {
    throw fileError(out, 'a file that can be written', cause);
  }
}
