// Training with the page and one viewer beside training without, in turn (without, with, with, without, …, so that a machine that
// grows slower favors neither): CPU and wall seconds of the training process.
//   node bench/view/live.mjs [ROUNDS] [STEPS]
// The viewer is another process: it listens, fetches each film whole and each curve, as the page does.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { callbacks, Trainer } from '../../dist/index.js';
import { presetRun } from '../../dist/runs/presets.js';
import { buildRun } from '../../dist/runs/run-config.js';
import { cpuSince, machine, print } from './measure.mjs';

const self = fileURLToPath(import.meta.url);
const [mode, ...words] = /^(train|look)$/.test(process.argv[2] ?? '') ? process.argv.slice(2) : ['all', ...process.argv.slice(2)];

/** Trains map9 as its preset does, scored as often, for so many steps; says what that took. */
async function train(steps, isLive) {
  const run = presetRun('map9');
  const setup = buildRun({ ...run, steps });
  let [viewer, seen] = [null, {}];
  const announce = (url) => {
    viewer = spawn(process.execPath, [self, 'look', url], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    viewer.on('message', (counts) => (seen = counts));
  };
  const trainer = new Trainer({ ...setup, callbacks: isLive ? [callbacks.live({ announce })] : [] });
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  await trainer.fit({ steps, validate: run.validate });
  print({ isLive, cpuSeconds: cpuSince(cpu) / 1000, wallSeconds: (performance.now() - wall) / 1000, ...seen });
  viewer?.kill();
}

async function look(url) {
  let [film, curve] = [0, 0];
  const seen = { states: 0, frames: 0, curves: 0 };
  const { body } = await fetch(`${url}events`);
  for await (const part of body) {
    for (const [, text] of Buffer.from(part).toString().matchAll(/data: (.*)\n/g)) {
      const state = JSON.parse(text);
      seen.states += 1;
      if (state.film !== film) {
        film = state.film;
        const { scene } = await (await fetch(`${url}film`)).json();
        for (let from = 0; from < scene.steps; from += 1) {
          await (await fetch(`${url}frames?film=${film}&from=${from}&to=${from + 1}`)).text();
          seen.frames += 1;
        }
      }
      if (state.curve !== curve) {
        await (await fetch(`${url}curve.svg?version=${(curve = state.curve)}`)).text();
        seen.curves += 1;
      }
      process.send(seen);
    }
  }
}

async function all(rounds, steps) {
  const runs = [];
  for (let k = 0; k < 2 * rounds; k++) {
    const child = spawn(process.execPath, [self, 'train', String(steps), k % 4 === 0 || k % 4 === 3 ? 'alone' : 'live'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (part) => (text += part));
    await once(child, 'close');
    process.stderr.write(text); // each run as it ends
    runs.push(JSON.parse(text));
  }
  const total = (isLive, key) => runs.filter((run) => run.isLive === isLive).reduce((sum, run) => sum + run[key], 0);
  const ratio = (key) => total(false, key) / total(true, key);
  print({
    what: 'live',
    preset: 'map9',
    steps,
    runs,
    speed: { byCpu: ratio('cpuSeconds'), byWall: ratio('wallSeconds') },
    machine: machine(),
  });
}

if (mode === 'train') await train(Number(words[0]), words[1] === 'live');
else if (mode === 'look') await look(words[0]).catch(() => {}); // it ends with the run
else await all(Number(words[0] ?? 3), Number(words[1] ?? 10_000));
