#!/usr/bin/env node
/** The command line: multigrid-memory <command>. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../native.js';
import { EXIT, exitStatus, note } from './output.js';
import { heedPipes } from './signals.js';

type Add = (program: Command) => Command;

/** The commands by name, in the order of the help. Only the one that is called is loaded, so that it answers sooner. */
const COMMANDS: Readonly<Record<string, () => Promise<Add>>> = {
  train: async () => (await import('./commands/train.js')).addTrain,
  eval: async () => (await import('./commands/eval.js')).addEval,
  reproduce: async () => (await import('./commands/reproduce.js')).addReproduce,
  models: async () => (await import('./commands/models.js')).addModels,
  estimate: async () => (await import('./commands/estimate.js')).addEstimate,
  inspect: async () => (await import('./commands/inspect.js')).addInspect,
  plot: async () => (await import('./commands/plot.js')).addPlot,
  watch: async () => (await import('./films/watch.js')).addWatch,
  demo: async () => (await import('./films/demo.js')).addDemo,
  report: async () => (await import('./films/report.js')).addReport,
  bench: async () => (await import('./commands/bench.js')).addBench,
  doctor: async () => (await import('./commands/doctor.js')).addDoctor,
  build: async () => (await import('./commands/build.js')).addBuild,
};

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };

const program = new Command('multigrid-memory')
  .description('Neural networks with large internal memory: train, evaluate and look inside.')
  .version(version)
  .exitOverride()
  .showHelpAfterError('(multigrid-memory --help lists the commands)');

heedPipes();

try {
  const [, , called = ''] = process.argv;
  const names = Object.hasOwn(COMMANDS, called) ? [called] : Object.keys(COMMANDS);
  for (const name of names) (await COMMANDS[name]!())(program).exitOverride();
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  } else {
    note(error instanceof Error ? error.message : String(error));
    process.exitCode = exitStatus(error);
  }
}
