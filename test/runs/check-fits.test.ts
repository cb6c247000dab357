/** A run is tried on one step before it begins, or on one episode where windows are whole episodes. */
import { describe, expect, it } from 'vitest';
import { buildRun, checkRunConfig } from '../../lib/runs/run-config.js';
import { checkFits } from '../../lib/runs/check-fits.js';

const tiny = { hidden: 4 };
const models = {
  dnc: { kind: 'dnc', slots: 8, wordSize: 4, readHeads: 1, ...tiny },
  ntm: { kind: 'ntm', slots: 8, wordSize: 4, ...tiny },
  lstm: { kind: 'lstm', ...tiny },
} as const;
const tasks = [
  { name: 'recall', items: 4 },
  { name: 'sorting', items: 3 },
  { name: 'copy', lengths: [1, 3] },
  { name: 'mapping', size: 9 },
] as const;

describe.each(Object.entries(models))('a run of %s', (_, model) => {
  it.each(tasks)('takes $name', (task) => {
    const setup = buildRun(checkRunConfig({ model, task }));
    using _ = setup.model;
    checkFits(setup);
  });
});

it('of a model for another task is refused before it begins', () => {
  const setup = buildRun(checkRunConfig({ model: 'recall-8k', task: { name: 'sorting', items: 3 } }));
  using _ = setup.model;
  expect(() => checkFits(setup)).toThrow(expect.objectContaining({ code: 'ERR_MG_CONFIG' }));
});
