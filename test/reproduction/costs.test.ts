// Costs that benchmarks measured, beside the published ones.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { costRows, costTable, readCosts } from '../../lib/reproduction/costs.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-costs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const write = (value: unknown): void => writeFileSync(join(folder, 'sparse-cost.json'), JSON.stringify(value));

it('stand beside the published figures, row by row', () => {
  expect(costTable(folder)).toBe('');
  expect(readCosts(folder, 'sparse-cost')).toBeNull();
  const rows = { S1: { denseMs: 120, sparseMs: 0.5, ratio: 240 }, S5: { microseconds: 12.34 } };
  write({ command: 'node bench/train/sparse-cost.mjs', machine: { cpu: 'a processor', threads: 1 }, rows });
  const lines = costTable(folder).split('\n');
  expect(lines).toHaveLength(2 + 3 + 1);
  expect(lines[4]).toMatch(
    /^\| Rae et al. 2016, Figure 1a \| S1: NTM and SAM .* \| ratio \| 1,600 \| 240 \| `bench\/train\/sparse-cost.mjs` \|$/,
  );
  expect(lines[5]).toContain('| microseconds | 100 | 12.3 |');
});

it('are of the five rows that are no trainings', () => {
  expect(costRows().map(({ row, run }) => [row, run])).toEqual(['S1', 'S2', 'S3', 'S4', 'S5'].map((row) => [row, null]));
});

it('of another form are refused', () => {
  const refused = expect.objectContaining({ code: 'ERR_MG_CONFIG' }) as Error;
  for (const value of [{}, null, { command: 'x', machine: {}, rows: {} }, { command: 'x', machine: { cpu: 'y' }, rows: null }]) {
    write(value);
    expect(() => readCosts(folder, 'sparse-cost')).toThrow(refused);
  }
  writeFileSync(join(folder, 'sparse-cost.json'), '{');
  expect(() => readCosts(folder, 'sparse-cost')).toThrow(refused);
});
