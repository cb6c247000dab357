// Writes the table of reproduced rows into both pages that show it, from the committed records: node bench/report.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readRecords, reportTable } from '../dist/reproduction/report.js';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const [FROM, TO] = ['<!-- reproduced rows: node bench/report.mjs -->', '<!-- end of reproduced rows -->'];
const block = [FROM, reportTable(readRecords(path('results/reproduction'))), TO].join('\n');

for (const page of [path('../README.md'), path('README.md')]) {
  const text = readFileSync(page, 'utf8');
  const [first, last] = [text.indexOf(FROM), text.indexOf(TO)];
  if (first < 0 || last < first) throw new Error(`${page}: expected ${FROM} … ${TO}`);
  writeFileSync(page, text.slice(0, first) + block + text.slice(last + TO.length));
}
