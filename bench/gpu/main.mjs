#!/usr/bin/env node
// Runs the benchmarks: every measurement is a process of its own, ours and PyTorch's take turns, and a peer whose loss is not
// ours counts as failed. Prints a table and writes all numbers as JSON.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { memoryBandwidth } from '../../dist/bench/measure.js';
import { device, diagnostics, models, setDefaultDevice } from '../../dist/index.js';
import { dncs, networks, singleOps } from './plan.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: 'networks,ops,dnc' },
    match: { type: 'string', default: '' },
    modes: { type: 'string' },
    rounds: { type: 'string' },
    limit: { type: 'string', default: '1800' },
    device: { type: 'string', default: process.env.MULTIGRID_MEMORY_DEVICE ?? 'auto' },
    python: { type: 'string', default: 'python3' },
    note: { type: 'string' },
    out: { type: 'string' },
  },
});
const used = setDefaultDevice(device(options.device));
const onGpu = used.type !== 'cpu';
const budget = options.quick ?
  { warmups: 2, runs: 5, budgetMs: 3000, rounds: 1 }
  : onGpu
  ? { warmups: 10, runs: 30, budgetMs: 10_000, rounds: 3 }
  : { warmups: 3, runs: 20, budgetMs: 4000, rounds: 3 };
if (options.rounds !== undefined) budget.rounds = Number(options.rounds);

/** What a program prints as JSON, or why it did not. */
function measure(command, args, job, env = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    input: JSON.stringify(job),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: 1000 * Number(options.limit),
    cwd: root,
    env: { ...process.env, ...env },
  });
  const lines = (text) => (text ?? '').trim().split('\n');
  if (error !== undefined || status !== 0) return { failed: error?.message ?? lines(stderr).at(-1) };
  return JSON.parse(lines(stdout).at(-1));
}
const ours = (program, job) => measure(process.execPath, [join('bench/gpu', program)], { ...job, device: used.id });
// glibc keeps what is freed: else it gives the large blocks back after every operation, and PyTorch spends its
// time in page faults.
const KEEP_MEMORY = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: String(2 ** 40), MALLOC_TOP_PAD_: String(2 ** 28) };
const torch = (program, job) =>
  measure(
    options.python,
    [join('bench/peers/gpu', program)],
    { ...job, device: used.id, threads: diagnostics().binary.threads },
    KEEP_MEMORY,
  );

const probe = spawnSync(options.python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' });
const hasTorch = probe.status === 0;
if (!hasTorch) console.error(`no PyTorch for ${options.python}: ours alone (--python names another)`);

const middle = (results) => {
  const fine = results.filter((r) => r.failed === undefined);
  return fine.length === 0 ? results[0] : fine.sort((a, b) => a.ms.median - b.ms.median)[Math.floor(fine.length / 2)];
};

/** Ours and each mode of the peer, in turn, some rounds; the round with the middle median stands for each. */
function compare({ name, program, peer, modes, job, tolerance }) {
  const all = { ...job, ...budget };
  const peers = modes.filter((mode) => hasTorch && (options.modes === undefined || options.modes.split(',').includes(mode)));
  const results = new Map([['ours', []], ...peers.map((mode) => [mode, []])]);
  for (let round = 0; round < budget.rounds; round++) {
    for (const [who, list] of results) {
      if (round > 0 && list[0].failed !== undefined) continue;
      list.push(who === 'ours' ? ours(program, all) : torch(peer, { ...all, mode: who }));
    }
  }
  const row = { name, job, results: Object.fromEntries([...results].map(([who, list]) => [who, middle(list)])) };
  const { loss } = row.results.ours;
  for (const [who, result] of Object.entries(row.results)) {
    if (loss === undefined || result.loss === undefined) continue;
    result.lossDifference = Math.abs(result.loss / loss - 1);
    if (!(result.lossDifference <= tolerance)) result.failed = `another loss: ${result.loss} for ${loss}`;
    else if (who !== 'ours') row.speedup = { ...row.speedup, [who]: result.ms.median / row.results.ours.ms.median };
  }
  const spread = ({ median, low, high }) => `${median.toPrecision(4)} (${low.toPrecision(3)}–${high.toPrecision(3)}) ms`;
  const text = Object.entries(row.results).map(([who, r]) => (
    r.failed === undefined ? `${who} ${spread(r.ms)}` : `${who}: ${r.failed}`
  ));
  console.log([name, ...text, ...Object.entries(row.speedup ?? {}).map(([who, x]) => `${x.toFixed(1)}× ${who}`)].join('   '));
  return row;
}

/** Rates, and their share of what the device reached in the same run. */
function withRates(row, bandwidth) {
  const { ms, flop, bytes } = row.results.ours;
  if (ms === undefined) return row;
  const seconds = ms.median / 1000;
  return {
    ...row,
    gflops: flop / seconds / 1e9,
    gigabytesPerSecond: bytes / seconds / 1e9,
    shareOfBandwidth: bytes / seconds / bandwidth,
  };
}

const GPU_FIELDS = 'name,driver_version,memory.total,clocks.sm,clocks.max.sm,power.limit';

function describeMachine() {
  const query = (command, args) => {
    try {
      return execFileSync(command, args, { encoding: 'utf8', cwd: root, stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return null;
    }
  };
  return {
    device: used.id,
    name: used.name,
    node: process.version,
    torch: hasTorch ? probe.stdout.trim() : null,
    gpu: query('nvidia-smi', [`--query-gpu=${GPU_FIELDS}`, '--format=csv,noheader']),
    commit: query('git', ['rev-parse', 'HEAD']),
  };
}

const machine = describeMachine();
console.log(Object.values(machine).filter((part) => part !== null).join(', '));
const bandwidth = await memoryBandwidth(options.quick ? 2 ** 26 : 2 ** 30);
console.log(`memory: ${(bandwidth / 1e9).toFixed(0)} GB/s, two read for one written`);
const result = {
  date: new Date().toISOString(),
  machine,
  memoryBytesPerSecond: bandwidth,
  quick: options.quick,
  note: options.note,
};
const machineName = used.name.replaceAll(/[^A-Za-z0-9]+/g, '-').toLowerCase();
const file = options.out ?? join(root, 'bench/results', `${machineName}-${result.date.slice(0, 10)}.json`);
mkdirSync(dirname(file), { recursive: true });

/** A network's job carries its plan, by which the peer builds the same network. */
function compareNetwork(row) {
  return { ...compare({ ...row, job: { ...row.job, plan: models.planModel(row.job.preset) } }), job: row.job };
}
const sections = {
  networks: [networks(options.quick, onGpu), compareNetwork],
  ops: [singleOps(options.quick), (row) => withRates(compare(row), bandwidth)],
  dnc: [dncs(options.quick, onGpu), compare],
};
for (const name of options.only.split(',')) {
  const [rows, run] = sections[name];
  result[name] = [];
  for (const row of rows.filter((each) => each.name.includes(options.match))) {
    result[name].push(run(row));
    writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`); // after every row: who stops early keeps what there is
  }
}
console.log(file);
