/** The promises of test/README.md: how large a row is to be shown here and now, and that it was. */
import { appendFileSync, readFileSync } from 'node:fs';

export interface Row {
  readonly row: string;
  readonly shown: string;
  /** The promised number, and what is counted; `ci` of them are tried in each run of the tests. */
  readonly size: number;
  readonly unit: string;
  readonly ci: number;
  readonly command: string;
  /** `shown`, or what is still open. */
  readonly state: string;
}

const LINE = /^\| ([A-Z]\w+) \| (.+?) \| ([\d,]+) ([^|]+?) \| ([\d,]+) \| `(.+?)` \| (.+?) \|$/gm;
const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const numberOf = (text: string): number => Number(text.replaceAll(',', ''));

export const promises: ReadonlyMap<string, Row> = new Map(
  [...page.matchAll(LINE)].map(([, row, shown, size, unit, ci, command, state]) => [
    row!,
    { row: row!, shown: shown!, size: numberOf(size!), unit: unit!, ci: numberOf(ci!), command: command!, state: state! },
  ]),
);

/** Whether this run is one of test/promised.mjs. */
export const isPromised = process.env['MG_PROMISED'] !== undefined;

/** How many a row is to try: as many as the page promises where test/promised.mjs asks, else as many as it says for each run. */
export function promised(row: string): number {
  const { size, ci } = promises.get(row)!;
  return isPromised ? size : ci;
}

/** Notes that a row held for `size` of what it counts; for test/promised.mjs, which keeps the least of each row. */
export function shown(row: string, size: number, figure: string): void {
  const file = process.env['MG_PROMISED'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ row, size, figure })}\n`);
}

/** Cases of a property: as many as it takes in each run of the tests, or as many as row N6 promises. */
export function cases(count: number): number {
  const runs = isPromised ? Math.max(count, promised('N6')) : count;
  shown('N6', runs, 'a property');
  return runs;
}
