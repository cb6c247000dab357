// Committed records: their weights score on the whole test set what they say, and so do the answers without memory.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { weightsOf } from '../../lib/reproduction/explore.js';
import { readRecords } from '../../lib/reproduction/report.js';
import { scoreWeights } from '../../lib/reproduction/reproduce.js';
import { answersWithout } from '../../lib/reproduction/test-set.js';
import type { RunConfig } from '../../lib/runs/run.js';
import { makeTask } from '../../lib/tasks/registry.js';
import { loadTensors } from '../../lib/tensor/tensor-file.js';

const FOLDER = fileURLToPath(new URL('../../bench/results/reproduction', import.meta.url));
/** Lists are scored within seconds; mazes of 169 steps are not, and data sets are not here. */
const quick = readRecords(FOLDER).filter(({ row, recipe, seed }) =>
  /^(recall|sort)-8k$/.test(row) && existsSync(weightsOf(FOLDER, row, recipe, seed))
);

it.each(quick.map((record) => [`${record.row}, ${record.recipe} ${record.seed}`, record] as const))('%s', async (_, record) => {
  const { row, recipe, seed, test, baselines } = record;
  const run = record.run as RunConfig;
  const { tensors } = await loadTensors(weightsOf(FOLDER, row, recipe, seed));
  const load = async (model: { loadStateDict(state: typeof tensors): unknown }): Promise<void> =>
    void model.loadStateDict(tensors);
  // counts of wrong bits: no bit of these hangs on how a sum was rounded
  expect(await scoreWeights(run, load as never, { items: test.items })).toEqual({
    scores: test.scores,
    sha256: test.sha256,
  });
  expect(answersWithout(makeTask(run.task), test.items)).toEqual(baselines);
});

it('some are committed', () => expect(quick.length).toBeGreaterThan(0));
