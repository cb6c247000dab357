// npm run soak -- [hours] [minutes between kills]: trains a small memory twice, one run killed again and again and gone on with,
// the other never disturbed, and compares them; follows the resident memory of the latter all the time. Ends after 8 hours, at a
// signal, or where something is wrong; what it has reached by then is kept as row L1.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { keepResults } from './results.mjs';

const [hours, minutes] = [8, 10].map((otherwise, i) => Number(process.argv[2 + i] ?? otherwise));
if (!(hours > 0 && minutes > 0)) {
  console.error('expected hours and minutes between kills, both above 0');
  process.exit(2);
}
const root = mkdtempSync(join(tmpdir(), 'mg-soak-'));
const MB = 2 ** 20;
const SAMPLE_MS = Math.min(30_000, minutes * 60_000 / 8);
const trainee = resolve(import.meta.dirname, 'faults/soak-trainee.mjs');
const index = resolve(import.meta.dirname, '../dist/index.js');

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort());
let fault = null;
/** The first thing that is wrong ends the soak. */
const refuse = (what) => {
  fault ??= what;
  stop.abort();
};
const pause = (ms) => setTimeout(ms, null, { signal: stop.signal }).catch(() => {});

/** A life of a run; it has ended well only where we killed it. */
function live(name) {
  const child = spawn(process.execPath, [trainee, index, join(root, name)], { stdio: ['ignore', 'inherit', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (text) => (complaints += text));
  const ended = new Promise((done) => child.on('close', done));
  child.on('exit', (code, signal) => {
    if (signal !== 'SIGKILL') refuse(`${name} ended with ${signal ?? code}: ${/^.*Error: .*$/m.exec(complaints)?.[0] ?? ''}`);
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
const sample = (pid) => resident.push(Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024);

const began = Date.now();
const undisturbed = live('whole');
let kills = 0;
for (let disturbed = live('cut'), due = began; !stop.signal.aborted;) {
  due += minutes * 60_000;
  const moment = due + Math.random() * SAMPLE_MS;
  while (!stop.signal.aborted && (Date.now() < moment || !existsSync(join(cut, 'checkpoint.safetensors')))) {
    await pause(SAMPLE_MS);
    if (!stop.signal.aborted) sample(undisturbed.pid);
  }
  await disturbed.kill();
  if (fault !== null) break; // one of them has ended by itself
  kills += 1;
  compare();
  console.log(`${kills} kills, ${compared.lines} lines and ${compared.checkpoints.size} checkpoints alike`);
  if (stop.signal.aborted || Date.now() - began >= hours * 3_600_000) break;
  disturbed = live('cut');
}
await undisturbed.kill();

const bounds = [0, 1, 2, 3, 4].map((quarter) => Math.floor(quarter * resident.length / 4));
const most = bounds.slice(1).map((end, i) => Math.max(0, ...resident.slice(bounds[i], end)));
const isWarm = Date.now() - began >= 3_600_000; // a process of minutes still grows
if (isWarm && most[3] > most[0] + 8 * MB) fault ??= 'the resident memory has grown';
const lasted = `${((Date.now() - began) / 3_600_000).toFixed(2)} of ${hours} hours`;
const seen = `${lasted}; ${compared.lines} updates and ${compared.checkpoints.size} checkpoints alike byte for byte; ` +
  `most MB resident in each quarter: ${most.map((bytes) => (bytes / MB).toFixed(1)).join(', ')}`;
keepResults('npm run soak', [['L1', fault === null ? kills : 0, fault === null ? seen : `${seen}; WRONG: ${fault}`]]);
console.log(seen, fault ?? '');
process.exit(fault === null ? 0 : 1);
