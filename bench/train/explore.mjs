// Exploration of mazes: what agents of several seeds have learned, beside reference policies and beside themselves without their
// memory. Trains what is not in the run folders yet, then scores.
//   node bench/train/explore.mjs explore9|explore25 RUNS [SEEDS] > bench/results/explore9.json
// RUNS holds a folder for each seed (1, 2, …), as `train explore9 --seed N --out RUNS/N` leaves it.
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { A2C } from '../../dist/rl/a2c/a2c.js';
import { explore } from '../../dist/rl/mazes/exploration.js';
import * as policies from '../../dist/rl/mazes/policies.js';
import { buildExploration, explorationMazes, explorationRun } from '../../dist/runs/exploration.js';
import { coverageScores, explorationScores } from '../../dist/runs/exploration-scores.js';
import { RUN_FILES, runFiles } from '../../dist/files/run-folder.js';
import { readTensors } from '../../dist/files/safetensors.js';
import { loadWeights } from '../../dist/train/checkpoint.js';

const SEED = 9_000_001;
/** Mazes and steps of the scores; in how many of the mazes the frozen reader is asked as well. */
const SIZES = {
  explore9: { mazes: 500, steps: 100, located: 500, long: { items: 100, steps: 1000 } },
  explore25: { mazes: 200, steps: 1000, located: 32, long: null },
};
const [name, runs, seeds = '3'] = process.argv.slice(2);
const { mazes, steps, located, long } = SIZES[name];
const { memory } = explorationRun(name);
const MEMORY = fileURLToPath(new URL(`../results/weights/${memory}.safetensors`, import.meta.url));
const note = (text) => process.stderr.write(`${text}\n`);

/** A trained agent, its log, and the CPU seconds of its training when it was trained here. */
async function agentOf(seed) {
  const run = { ...explorationRun(name), seed };
  const [folder, { tensors }] = [join(runs, String(seed)), await readTensors(MEMORY)];
  const file = join(folder, RUN_FILES.checkpoint);
  let cpuSeconds = null;
  if (!existsSync(file)) {
    const before = process.cpuUsage();
    const training = new A2C(buildExploration(run, tensors, 'model'));
    await training.fit({ steps: run.steps, validate: run.validate, checkpoint: { folder, every: run.steps } });
    const { user, system } = process.cpuUsage(before);
    cpuSeconds = (user + system) / 1e6;
  }
  const { agent } = buildExploration(run, tensors, 'model');
  loadWeights(agent, 'model', (await readTensors(file)).tensors);
  return { run, agent, cpuSeconds, log: runFiles.metrics(folder) };
}

/** Every 20th update of a log, and all held-out scores. */
function curveOf(log) {
  const round = (value) => Number(value.toPrecision(4));
  const row = (
    { step, reward, coverage, entropy },
  ) => [step, round(reward), round(coverage), ...(entropy === undefined ? [] : [round(entropy)])];
  const updates = log.filter((record) => 'gradNorm' in record && 'coverage' in record);
  const every = Math.max(1, Math.floor(updates.length / 125));
  return {
    training: updates.filter((_, k) => k % every === every - 1).map(row),
    heldOut: log.filter((record) => !('gradNorm' in record)).map(row),
  };
}

const reference = {};
for (const policy of ['uniform', 'free', 'noUturn', 'leastVisited', 'depthFirst', 'frontier']) {
  const env = explorationMazes(explorationRun(name), { episodes: mazes, steps, seed: SEED, staggered: false });
  reference[policy] = (await explore({ env, policy: policies[policy]({ seed: SEED }) })).scores;
  note(`${policy} ${JSON.stringify(reference[policy])}`);
}

const agents = [];
for (let seed = 1; seed <= Number(seeds); seed++) {
  const { run, agent, cpuSeconds, log } = await agentOf(seed);
  const scored = async (options) => (await coverageScores({ agent, run, items: mazes, steps, seed: SEED, ...options })).scores;
  const row = {
    seed,
    steps: log.at(-1).step,
    ...(cpuSeconds === null ? {} : { cpuSeconds }),
    sampled: await scored({}),
    greedy: await scored({ greedy: true }),
    memoryZeroed: await scored({ ablation: 'zero' }),
    memoryOfAnotherMaze: await scored({ ablation: 'other' }),
    localisation: await explorationScores({ agent, run, items: located, steps, seed: SEED }),
    ...(long === null ? {} : { long: await explorationScores({ agent, run, ...long, seed: SEED }) }),
    curve: curveOf(log),
  };
  agents.push(row);
  note(JSON.stringify({ ...row, curve: undefined }));
}

const machine = `${cpus()[0].model}, ${cpus().length} cores`;
process.stdout.write(
  `${JSON.stringify({ machine, node: process.version, mazes, seed: SEED, long, reference, agents }, null, 1)}\n`,
);
