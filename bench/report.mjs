// Writes the tables that pages show, from what is committed: rows that were reproduced, costs. node bench/report.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { costTable } from '../dist/reproduction/costs.js';
import { readRecords, reportTable, taskTable } from '../dist/reproduction/report.js';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Puts a table between the marks of its name. */
function put(page, name, table) {
  const [from, to] = [`<!-- ${name}: node bench/report.mjs -->`, `<!-- end of ${name} -->`];
  const text = readFileSync(page, 'utf8');
  const [first, last] = [text.indexOf(from), text.indexOf(to)];
  if (first < 0 || last < first) throw new Error(`${page}: expected ${from} … ${to}`);
  writeFileSync(page, text.slice(0, first) + [from, table, to].join('\n') + text.slice(last + to.length));
}

const [readme, measured, records] = ['../README.md', 'README.md', 'results/reproduction'].map(path);
for (const page of [readme, measured]) put(page, 'reproduced rows', reportTable(readRecords(records)));
put(measured, 'tasks of bAbI', taskTable(readRecords(records)));
put(measured, 'costs', costTable(records));
