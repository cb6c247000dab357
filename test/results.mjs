// Keeps what was shown of the promises of test/README.md in bench/results/reliability.json, with date and machine.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

const RESULTS = 'bench/results/reliability.json';

/** What ran beside it, and whether it was given way: on Linux the priority of all processes that were begun together. */
export function machine() {
  const group = '/proc/self/autogroup';
  const priority = existsSync(group) ? Number(readFileSync(group, 'utf8').split(' ').at(-1)) : 0;
  return [
    `${cpus().length} shared cores, ${process.platform} ${process.arch}, Node ${process.versions.node}`,
    `load ${loadavg()[1].toFixed(0)}`,
    ...(priority === 0 ? [] : [`priority ${priority}`]),
  ].join(', ');
}

/** Puts rows, each `[row, size, what was seen]`, in the place of earlier results of theirs. */
export function keepResults(command, rows, day = new Date()) {
  const results = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : {};
  const [date] = day.toISOString().split('T');
  for (const [row, size, result] of rows) results[row] = { size, result, command, date, machine: machine() };
  const sorted = Object.entries(results).sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
  writeFileSync(RESULTS, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
  console.log(`${RESULTS}: ${rows.map(([row]) => row).join(', ')}`);
}
