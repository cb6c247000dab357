// Nothing is forgotten: every op has its row, and every export of the other rooms a suite that names it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as models from '../lib/models/index.js';
import * as nn from '../lib/nn/index.js';
import * as ops from '../lib/ops/index.js';
import * as optim from '../lib/optim/index.js';
import * as tasks from '../lib/tasks/index.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const read = (folder: string): string => {
  const files = readdirSync(join(here, folder), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.test.ts')
  );
  return files.map((file) => readFileSync(join(here, folder, file), 'utf8')).join('\n');
};
const everywhere = ['models', 'nn', 'ops', 'optim', 'tasks', 'train', 'golden', 'autograd'].map(read).join('\n');

/** Ops without a row of their own, and where they are checked. */
const WITHOUT_ROW: Readonly<Record<string, string>> = {
  networkWindow: 'a description and results by name: test/ops/network.test.ts',
  dncWindow: 'a state by name: test/models/dnc.test.ts, against golden vectors',
  dncInterface: 'sizes, not an op',
  dncStateShapes: 'sizes, not an op',
  samWindow: 'a state by name: test/models',
  damWindow: 'a state by name: test/models/sparse/dam.test.ts, against a golden vector',
  damStart: 'a state, not an op',
  damStateShapes: 'sizes, not an op',
  samInterface: 'sizes, not an op',
  samStateShapes: 'sizes, not an op',
  samIndices: 'names, not an op',
  samZeros: 'a state, not an op',
};

describe('every op', () => {
  // Named where the row stands, or in a list of rows: `['exp', ops.exp, …]`.
  const named = [...read('ops').matchAll(/opTable\(\s*'(\w+)|\[\s*'(\w+)', ops\.\w+,/g)];
  const rows = new Set(named.map(([, alone, listed]) => alone ?? listed!));
  it.each(Object.keys(ops).filter((name) => typeof ops[name as keyof typeof ops] === 'function'))('%s has a row', (name) => {
    expect(rows.has(name) || name in WITHOUT_ROW).toBe(true);
  });

  it('that has no row is there, and has none', () => {
    for (const name of Object.keys(WITHOUT_ROW)) {
      if (rows.has(name)) expect.fail(`${name} has a row`);
    }
  });
});

/** Exports that no suite names, and what shows them. */
const UNNAMED: Readonly<Record<string, string>> = {
  MultigridNetwork: 'each network of a MultigridMemory is one: test/models/multigrid',
  SequenceModel: 'the base of DNC, NTM and LSTM: test/models/sequence-models.test.ts',
  SparseAccess: 'the base of SAM and SDNC: test/models',
  TensorState: 'the base of their states: test/models/sequence-models.test.ts',
  LSTMNetworkState: 'what an LSTMNetwork gives: test/models/sequence-models.test.ts',
  SequenceTask: 'the base of copy, repeat copy and associative recall: test/tasks/sequences.test.ts',
  levelSide: '3·2^l, in the shapes of every task of grids: test/tasks/mapping',
};

describe.each(Object.entries({ models, nn, optim, tasks }))('every export of %s', (_, room) => {
  it.each(Object.keys(room))('%s is named by a suite', (name) => {
    expect(new RegExp(`\\b${name}\\b`).test(everywhere) || name in UNNAMED).toBe(true);
  });
});
