#!/usr/bin/env node
/** The command line: multigrid-memory <command>. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../native.js';
import { addBench } from './commands/bench.js';
import { addBuild } from './commands/build.js';
import { addDoctor } from './commands/doctor.js';
import { addEstimate } from './commands/estimate.js';
import { addEval } from './commands/eval.js';
import { addInspect } from './commands/inspect.js';
import { addModels } from './commands/models.js';
import { EXIT, exitStatus, note } from './output.js';
import { addPlot } from './commands/plot.js';
import { addReproduce } from './commands/reproduce.js';
import { heedPipes } from './signals.js';
import { addTrain } from './commands/train.js';
import { addDemo } from './films/demo.js';
import { addReport } from './films/report.js';
import { addWatch } from './films/watch.js';

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };

const program = new Command('multigrid-memory')
  .description('Neural networks with large internal memory: train, evaluate and look inside.')
  .version(version)
  .exitOverride()
  .showHelpAfterError('(multigrid-memory --help lists the commands)');

const commands = [
  addTrain,
  addEval,
  addReproduce,
  addModels,
  addEstimate,
  addInspect,
  addPlot,
  addWatch,
  addDemo,
  addReport,
  addBench,
  addDoctor,
  addBuild,
];
for (const add of commands) add(program).exitOverride();

heedPipes();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  } else {
    note(error instanceof Error ? error.message : String(error));
    process.exitCode = exitStatus(error);
  }
}
