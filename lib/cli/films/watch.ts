/** The command `watch`: a page on this machine that shows a memory at work. */
import { once } from 'node:events';
import type { Command } from 'commander';
import { ViewServer, type ServeOptions } from '../../view/server.js';
import { Stage } from '../../view/stage.js';
import { DEVICE_OPTION, integer, useDevice } from '../arguments.js';
import { note, print, printJson } from '../output.js';
import { abortOnSignals } from '../signals.js';
import { watched } from '../watched.js';

interface WatchOptions extends ServeOptions {
  readonly seed: number;
  readonly device?: string;
  readonly data?: string;
  readonly json?: boolean;
}

/** `watch`: serves the page until it is stopped. */
export function addWatch(program: Command): Command {
  return program
    .command('watch')
    .description('see a memory at work on a page of this machine: walk through the maze, ask, look at every layer')
    .argument(
      '<name|run folder|checkpoint>',
      'shipped weights (map9), a trained run, or a name of `models`, which is not trained',
    )
    .option('--port <n>', 'port on 127.0.0.1 (default: one that is free)', integer(0))
    .option('--token <text>', 'secret part of the address, to keep it over restarts (default: random)')
    .option('--seed <n>', 'the maze or episode that it begins with', integer(0), 1)
    .option(...DEVICE_OPTION)
    .option('--data <folder>', 'where the data set is, if not where the run says')
    .option('--json', 'print the address as a JSON object')
    .action(watch);
}

async function watch(source: string, { seed, device, data, json, port, token }: WatchOptions): Promise<void> {
  useDevice(device);
  const subject = await watched(source, data);
  const stage = await Stage.of(subject, { seed });
  const server = await ViewServer.open(stage, {
    ...(port === undefined ? {} : { port }),
    ...(token === undefined ? {} : { token }),
  });
  const stop = abortOnSignals();
  if (json === true) printJson({ url: server.url });
  else print(`${subject.titles.title} at work: ${server.url}`);
  note('The address holds a secret: who has it may look. Ctrl-C ends.');
  stage.frames(stage.state.film, 0, 1).catch(() => {}); // while a browser opens, which asks again and hears of what is wrong
  await once(stop.signal, 'abort');
  await server.close();
  stage.dispose();
  await stage.settled();
  stop.close();
  process.exitCode = stop.received();
}
