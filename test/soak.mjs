// npm run soak -- [hours] [minutes between kills]: trains a small memory twice, one run killed again and again and gone on with,
// the other never disturbed, and compares them; follows the resident memory of the latter all the time. Ends after 8 hours, at a
// signal, or where something is wrong. Each such part, of a seed of its own, is kept in bench/results/soak.json, and what all
// parts add up to as row L1: hours need not be in one piece, but each part begins anew. The hours that count are the processor
// time of the undisturbed run, as an hour on a busy machine may hold a minute of work.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { keepResults, machine } from './results.mjs';

const [hours, minutes] = [8, 10].map((otherwise, i) => Number(process.argv[2 + i] ?? otherwise));
if (!(hours > 0 && minutes > 0)) {
  console.error('expected hours and minutes between kills, both above 0');
  process.exit(2);
}
const root = mkdtempSync(join(tmpdir(), 'mg-soak-'));
const MB = 2 ** 20;
const PARTS = 'bench/results/soak.json';
const HOURS = 8; // promised
const keptParts = () => existsSync(PARTS) ? JSON.parse(readFileSync(PARTS, 'utf8')) : [];
const seed = keptParts().length + 1;
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const SAMPLE_MS = Math.min(30_000, minutes * 60_000 / 8);
const trainee = resolve(import.meta.dirname, 'faults/soak-trainee.mjs');
const index = resolve(import.meta.dirname, '../dist/index.js');

const stop = new AbortController();
const ASKED = ['SIGINT', 'SIGTERM', 'SIGHUP']; // the trainees, too, where they have not yet begun
for (const signal of ASKED) process.on(signal, () => stop.abort());
let fault = null;
/** The first thing that is wrong ends the soak. */
const refuse = (what) => {
  fault ??= what;
  stop.abort();
};
const pause = (ms) => setTimeout(ms, null, { signal: stop.signal }).catch(() => {});

/** A life of a run; it has ended well only where it was told to. */
function live(name) {
  const child = spawn(process.execPath, [trainee, index, join(root, name), String(seed)], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (text) => (complaints += text));
  const ended = new Promise((done) => child.on('close', done));
  child.on('exit', (code, signal) => {
    if (!['SIGKILL', ...ASKED].includes(signal))
      refuse(`${name} ended with ${signal ?? code}: ${/^.*Error: .*$/m.exec(complaints)?.[0] ?? ''}`);
  });
  return {
    pid: child.pid,
    kill: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

const whole = join(root, 'whole'), cut = join(root, 'cut');
const checkpointsOf = (folder) => readdirSync(folder).filter((name) => /^checkpoint-\d+\.safetensors$/.test(name));
const hash = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
const compared = { lines: 0, checkpoints: new Set() };

/** What both runs have done is the same, byte for byte: lines of the logs, and checkpoints of the same step. */
function compare() {
  for (const name of ['metrics.jsonl', 'log.csv']) {
    const [right, tried] = [whole, cut].map((folder) => readFileSync(join(folder, name)));
    const common = tried.subarray(0, right.length);
    if (!right.subarray(0, tried.length).equals(common)) return refuse(`${name} differs`);
    compared.lines = common.reduce((lines, byte) => lines + Number(byte === 10), 0);
  }
  const theirs = new Set(checkpointsOf(whole));
  for (const name of checkpointsOf(cut)) {
    if (!theirs.has(name) || compared.checkpoints.has(name)) continue;
    if (hash(join(whole, name)) !== hash(join(cut, name))) return refuse(`${name} differs`);
    compared.checkpoints.add(name);
  }
}

const resident = []; // bytes of the undisturbed run, at equal distances in time
let worked = 0; // its seconds of processor time
function sample(pid) {
  const { status, stdout } = spawnSync('ps', ['-o', 'rss=,cputimes=', '-p', String(pid)], { encoding: 'utf8' });
  if (status !== 0) return; // a signal that was for all of us
  const [kilobytes, seconds] = stdout.trim().split(/\s+/);
  resident.push(Number(kilobytes) * 1024);
  worked = Number(seconds);
}

const began = Date.now();
const undisturbed = live('whole');
let kills = 0;
for (let disturbed = live('cut'); !stop.signal.aborted;) {
  const moment = Date.now() + minutes * 60_000 - Math.random() * SAMPLE_MS;
  while (!stop.signal.aborted && (Date.now() < moment || !existsSync(join(cut, 'checkpoint.safetensors')))) {
    await pause(SAMPLE_MS);
    if (!stop.signal.aborted) sample(undisturbed.pid);
  }
  await disturbed.kill();
  if (fault !== null) break; // one of them has ended by itself
  if (!existsSync(join(cut, 'checkpoint.safetensors'))) break; // a signal came before anything was saved
  kills += 1;
  compare();
  console.log(`${kills} kills, ${compared.lines} lines and ${compared.checkpoints.size} checkpoints alike`);
  if (stop.signal.aborted || Date.now() - began >= hours * 3_600_000) break;
  disturbed = live('cut');
}
await undisturbed.kill();

const bounds = [0, 1, 2, 3, 4].map((quarter) => Math.floor(quarter * resident.length / 4));
const most = bounds.slice(1).map((end, i) => Math.max(0, ...resident.slice(bounds[i], end)));
// That of minutes of work still grows.
if (worked >= 3_600 && most[3] > most[0] + 8 * MB) fault ??= 'the resident memory has grown';

if (kills === 0 && fault === null) {
  console.log('ended before the first kill: nothing is kept');
  process.exit(0);
}
const parts = keptParts();
parts.push({
  date: new Date(began).toISOString().split('T')[0],
  machine: machine(),
  commit,
  hours: Number((worked / 3_600).toFixed(2)),
  kills,
  updates: compared.lines,
  checkpoints: compared.checkpoints.size,
  megabytes: most.map((bytes) => Number((bytes / MB).toFixed(1))), // the most that was resident in each quarter
  fault,
});
writeFileSync(PARTS, `${JSON.stringify(parts, null, 2)}\n`);
const total = (what) => parts.reduce((sum, part) => sum + part[what], 0);
const wrong = parts.filter((part) => part.fault !== null).map((part) => part.fault);
const longest = Math.max(...parts.map((part) => part.hours));
const seen = [
  `${total('hours').toFixed(2)} of ${HOURS} hours in ${parts.length} parts, the longest ${longest}`,
  `${total('updates')} updates and ${total('checkpoints')} checkpoints alike byte for byte`,
  `most MB resident in each quarter: ${parts.map((part) => part.megabytes.join(', ')).join(' | ')}`,
].join('; ');
keepResults('npm run soak', [['L1', wrong.length === 0 ? total('kills') : 0, [seen, ...wrong].join('; WRONG: ')]]);
console.log(parts.at(-1));
process.exit(fault === null ? 0 : 1);
