// What the measurements of the page share.
import { cpus, loadavg } from 'node:os';

/** CPU milliseconds of this process since `before`. */
export function cpuSince(before) {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Where it was measured, and how busy that was. */
export const machine = () => ({ processor: cpus()[0].model, cores: cpus().length, load: loadavg()[0], node: process.version });

const round = (_key, value) => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value);
export const print = (result) => process.stdout.write(`${JSON.stringify(result, round)}\n`);
