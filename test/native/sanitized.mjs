// Keeps what a sanitizer has shown: node sanitized.mjs S1|S2 WORKLOAD [TESTS…], the lines of the workload and reports of tests.
// Called by sanitize.sh.
import { existsSync, readFileSync } from 'node:fs';
import { keepResults } from '../results.mjs';

const [, , row, ...files] = process.argv;
const missing = files.filter((file) => !existsSync(file));
if (missing.length > 0) console.error(`${row}: not whole, missing ${missing.join(', ')}`);
else {
  const [workload, ...reports] = files.map((file) => readFileSync(file, 'utf8'));
  const [ops, ...kinds] = workload.trim().split('\n');
  const tests = reports.map((report) => JSON.parse(report).numPassedTests).reduce((sum, passed) => sum + passed, 0);
  const worked = `${ops}, ${kinds.length} kinds of model trained: ${kinds.join(', ')}`;
  const seen = reports.length > 0 ? [tests, `${tests} tests; ${worked}`] : [kinds.length, worked];
  keepResults('npm run test:sanitize', [[row, seen[0], `no report; ${seen[1]}`]]);
}
