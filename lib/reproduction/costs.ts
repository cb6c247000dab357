/** Published costs beside what a benchmark of this package measured. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../check.js';
import { MgError } from '../errors.js';
import { published, type Figure, type PublishedRow } from '../runs/published.js';
import { compare, showFigure } from './rows.js';

/** What `bench/train/<name>.mjs` writes, as far as it is shown. */
export interface Costs {
  readonly command: string;
  readonly machine: { readonly cpu: string; readonly threads: number };
  /** By the name of a published row: its figures. */
  readonly rows: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The rows that are measured, not trained. */
export const costRows = (): PublishedRow[] => published.filter(({ bench }) => bench !== undefined);

/** The costs in `<folder>/<name>.json`; null where they were not measured. Throws ERR_MG_CONFIG for other JSON. */
export function readCosts(folder: string, name: string): Costs | null {
  const file = join(folder, `${name}.json`);
  if (!existsSync(file)) return null;
  let costs: Partial<Costs>;
  try {
    costs = JSON.parse(readFileSync(file, 'utf8')) as Partial<Costs>;
  } catch (cause) {
    throw new MgError('ERR_MG_CONFIG', `${file}: expected costs as JSON`, { op: file, cause });
  }
  const { command, machine, rows } = costs ?? {};
  if (typeof command !== 'string' || typeof machine?.cpu !== 'string' || typeof rows !== 'object' || rows === null) {
    fail('ERR_MG_CONFIG', file, 'costs with command, machine and rows', Object.keys(costs ?? {}));
  }
  return costs as Costs;
}

/** As printed, in groups of three digits. */
const showCost = (figure: Figure): string => (typeof figure === 'number' ? figure.toLocaleString('en') : showFigure(figure));

/** Markdown: every figure of the rows that were measured, beside the published one; nothing where none was. */
export function costTable(folder: string): string {
  const lines = costRows().flatMap((row) => {
    const costs = readCosts(folder, row.bench!);
    const measured = costs?.rows[row.row];
    if (costs === null || measured === undefined) return [];
    return compare(row, measured).map(({ figure, published: value, ours }) => [
      row.table,
      `${row.row}: ${row.system}`,
      figure,
      showCost(value),
      ours === null ? '–' : ours.toLocaleString('en', { maximumSignificantDigits: 3 }),
      `\`bench/train/${row.bench}.mjs\``,
    ]);
  });
  if (lines.length === 0) return '';
  const head = ['table', 'row', 'figure', 'published', 'measured', 'by'];
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
